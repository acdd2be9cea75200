//! A future stays in the process in which it is polled.
use concurrent_futures::*;

fn program(pool: &ProcessPoolExecutor) {
    let _ = pool.spawn(async { 3 }); //~ no method named `spawn`
}

fn main() {}
