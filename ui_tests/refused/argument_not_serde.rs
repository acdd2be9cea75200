//! An argument of `call!` must be one that serde can carry; its element type is named.
use concurrent_futures::*;

struct Opaque;

fn count(all: Vec<Opaque>) -> usize {
    all.len()
}

fn program(executor: &dyn Executor) {
    executor.submit(call!(count(vec![Opaque]))); //~ `Vec<Opaque>` cannot cross a process boundary
}

fn main() {}
