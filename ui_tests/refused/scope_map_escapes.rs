//! A scope's map must not leave the scope.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) {
    let numbers = vec![1];
    let mut kept = None;
    pool.scope(|s| {
        kept = Some(s.map(|n| *n, &numbers)); //~ borrowed data escapes
    });
}

fn main() {}
