//! Nothing that is borrowed can be lent to another process, so there is no scope.
use concurrent_futures::*;

fn program(pool: &ProcessPoolExecutor) {
    pool.scope(|_| ()); //~ the method `scope` exists
}

fn main() {}
