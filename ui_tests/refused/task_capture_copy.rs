//! What `task!` uses, it must list: a number.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    let extra = 3;
    let listed = 4;
    executor.submit(task!([listed] => listed + extra)); //~ `extra` captured here
}

fn main() {}
