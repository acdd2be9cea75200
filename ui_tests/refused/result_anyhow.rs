//! The result of a portable job must be portable; `PortableError` stands for any error.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    executor.submit(task!([] => anyhow::Ok(3))); //~ anyhow::Error>` cannot cross a process boundary
}

fn main() {}
