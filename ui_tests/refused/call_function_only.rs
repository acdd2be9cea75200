//! `call!` takes a call, not a function.
use concurrent_futures::*;

fn twice(n: u8) -> u8 {
    2 * n
}

fn program(executor: &dyn Executor) {
    executor.submit(call!(twice)); //~ call! takes one function call
}

fn main() {}
