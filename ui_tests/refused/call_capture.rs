//! A closure in `call!` must not capture, not even a number.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    let extra = 3;
    executor.submit(call!((move |n: i32| n + extra)(4))); //~ `extra` captured here
}

fn main() {}
