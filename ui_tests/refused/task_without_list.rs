//! `task!` without its list is answered with how to write it.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    let number = 1;
    executor.submit(task!(move || number)); //~ task! lists the names that travel
}

fn main() {}
