//! A `&str` where the function takes a `String` is reported as for any call.
use concurrent_futures::*;

fn count(text: String) -> usize {
    text.len()
}

fn program(executor: &dyn Executor) {
    executor.submit(call!(count("x"))); //~ expected `String`, found `&str`
}

fn main() {}
