//! A portable map lends nothing: its function takes items by value.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    let numbers = vec![1];
    executor.map(|n: &i32| n + 1, numbers); //~ closure has signature: `for<'a> fn(&'a i32) -> i32`
}

fn main() {}
