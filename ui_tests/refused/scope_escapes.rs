//! A scope must not leave its closure.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) {
    let mut kept = None;
    pool.scope(|s| {
        kept = Some(s); //~ borrowed data escapes
    });
}

fn main() {}
