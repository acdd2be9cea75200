//! Not even a closure that captures nothing: its kind cannot be told from one that does.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    executor.submit(|| 3); //~ this job cannot leave the process
}

fn main() {}
