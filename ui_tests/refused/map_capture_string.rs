//! The function of a portable map must not capture: a `String`.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    let extra = String::new();
    executor.map(move |n: usize| n + extra.len(), vec![1]); //~ `extra` captured here
}

fn main() {}
