//! The result of a portable job must be owned.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    executor.submit(task!([] => "x")); //~ `&str` cannot cross a process boundary
}

fn main() {}
