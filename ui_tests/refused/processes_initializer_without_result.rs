//! An initializer may fail, so it returns a `Result`.
use concurrent_futures::*;

fn program() {
    let _ = ProcessPoolExecutor::builder().initializer(call!(u32::max(1, 2))); //~ expected `Result
}

fn main() {}
