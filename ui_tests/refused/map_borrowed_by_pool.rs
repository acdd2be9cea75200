//! A pool's own map owns its items; a scope's may borrow.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) {
    let numbers = vec![1];
    pool.map(|n: &i32| n + 1, &numbers); //~ `numbers` does not live long enough
}

fn main() {}
