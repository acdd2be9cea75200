//! A `&str` argument is refused, with the advice to own it.
use concurrent_futures::*;

fn count(text: &str) -> usize {
    text.len()
}

fn program(executor: &dyn Executor) {
    executor.submit(call!(count("x"))); //~ `&str` cannot cross a process boundary
}

fn main() {}
