//! Many readers at once need a value that may be looked at from many threads.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) {
    let shared = pool.submit(|| std::cell::Cell::new(1)).shared(); //~ cannot be shared between threads safely
}

fn main() {}
