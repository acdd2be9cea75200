//! A pool of processes takes portable jobs only, so it is no `InProcessExecutor`.
use concurrent_futures::*;

fn program(pool: &ProcessPoolExecutor) {
    let _: &dyn InProcessExecutor = pool; //~ InProcessExecutor` is not satisfied
}

fn main() {}
