//! What `task!` lists must be owned.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    let numbers = vec![1];
    executor.submit(task!([all = &numbers] => all.len())); //~ `&Vec<{integer}>` cannot cross a process boundary
}

fn main() {}
