//! An argument of `call!` must be owned: a reference would point into another process.
use concurrent_futures::*;

fn count(bytes: &Vec<u8>) -> usize {
    bytes.len()
}

fn program(executor: &dyn Executor) {
    let bytes = vec![1];
    executor.submit(call!(count(&bytes))); //~ `&Vec<u8>` cannot cross a process boundary
}

fn main() {}
