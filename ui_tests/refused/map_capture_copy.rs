//! The function of a portable map must not capture, not even a number.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    let extra = 3;
    executor.map(move |n| n + extra, vec![1]); //~ `extra` captured here
}

fn main() {}
