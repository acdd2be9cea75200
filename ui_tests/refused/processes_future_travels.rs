//! A future is a handle of this process; wait for it before the call.
use concurrent_futures::*;

fn program(pool: &ProcessPoolExecutor) {
    let first = pool.submit(call!(u32::max(1, 2)));
    pool.submit(task!([first] => first.done())); //~ cannot cross a process boundary
}

fn main() {}
