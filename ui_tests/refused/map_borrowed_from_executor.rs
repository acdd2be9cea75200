//! A map of `&dyn Executor` borrows the executor, and cannot outlive it.
use concurrent_futures::*;

fn main() {
    let kept = {
        let pool = InlineExecutor::new();
        let executor = &pool as &dyn Executor; //~ `pool` does not live long enough
        executor.map(|n| n, 0..3)
    };
    kept.count();
}
