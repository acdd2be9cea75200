//! Closures are no portable jobs: this one borrows.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    let text = String::new();
    executor.submit(|| text.len()); //~ this job cannot leave the process
}

fn main() {}
