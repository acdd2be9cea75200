//! The function of a map over worker processes must not capture.
use concurrent_futures::*;

fn program(pool: &ProcessPoolExecutor) {
    let extra = String::new();
    pool.map(move |n: usize| n + extra.len(), vec![1]); //~ `extra` captured here
}

fn main() {}
