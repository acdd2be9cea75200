//! A future that is spawned outlives the function that spawns it; a scope is for what borrows.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) -> usize {
    let words = vec!["borrowed"];
    let spawned = pool.spawn(async { words.len() }); //~ async block may outlive the current function
    spawned.result(None).unwrap_or(0)
}

fn main() {}
