//! A scoped future may borrow what outlives the scope, not what lives in the scope's closure.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) {
    pool.scope(|s| {
        let inside = vec![1];
        let spawned = s.spawn(async { inside.len() }); //~ async block may outlive the current function
        drop(spawned);
    });
}

fn main() {}
