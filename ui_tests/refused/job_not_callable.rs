//! A number is no job.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) {
    pool.submit(3); //~ expected a `FnOnce()` closure, found `{integer}`
}

fn main() {}
