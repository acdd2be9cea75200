//! Closures are no portable jobs: this one captures a `String`.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    let text = String::new();
    executor.submit(move || text.len()); //~ this job cannot leave the process
}

fn main() {}
