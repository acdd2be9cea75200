//! Options end where the work begins.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) {
    pool.map(|n: i32| n, vec![1]).eager().timeout(std::time::Duration::ZERO); //~ no method named `timeout` found
}

fn main() {}
