//! What `task!` uses, it must list: a `String`.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    let extra = String::new();
    let listed = 4;
    executor.submit(task!([listed] => listed + extra.len())); //~ `extra` captured here
}

fn main() {}
