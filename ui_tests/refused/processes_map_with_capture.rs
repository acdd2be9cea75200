//! What `map_with` shares is its first argument, not a capture.
use concurrent_futures::*;

fn program(pool: &ProcessPoolExecutor) {
    let extra = 3;
    pool.map_with(1, move |shared, n: u64| shared + n + extra, vec![1]); //~ `extra` captured here
}

fn main() {}
