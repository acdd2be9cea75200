//! A map over worker processes lends nothing.
use concurrent_futures::*;

fn program(pool: &ProcessPoolExecutor) {
    let numbers = vec![1];
    pool.map(|n: &i32| n + 1, &numbers); //~ cannot cross a process boundary
}

fn main() {}
