//! The items of a portable map must be owned.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    let numbers = vec![1];
    executor.map(|n: &i32| n + 1, &numbers); //~ cannot cross a process boundary
}

fn main() {}
