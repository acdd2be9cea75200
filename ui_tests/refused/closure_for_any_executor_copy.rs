//! Closures are no portable jobs: this one captures a number.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    let number = 3;
    executor.submit(move || number); //~ this job cannot leave the process
}

fn main() {}
