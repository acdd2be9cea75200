//! A job takes no argument.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) {
    pool.submit(|n: i32| n); //~ takes 1 argument
}

fn main() {}
