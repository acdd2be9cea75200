//! The result of a portable job must be portable: `io::Error` is not.
use concurrent_futures::*;

fn read(n: u8) -> Result<u8, std::io::Error> {
    Ok(n)
}

fn program(executor: &dyn Executor) {
    executor.submit(call!(read(1))); //~ `Result<u8, std::io::Error>` cannot cross a process boundary
}

fn main() {}
