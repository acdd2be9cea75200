//! With every trait imported a pool's own methods still win, behind references and clones too.
#![forbid(unsafe_code)]
#![deny(unused)]

use concurrent_futures::prelude::*;
use concurrent_futures::*;

fn everything(pool: &ThreadPoolExecutor, twice: &&ThreadPoolExecutor) -> Result<(), Box<dyn std::error::Error>> {
    let text = String::from("k");
    let second = text.clone();
    let third = text.clone();
    assert_eq!(pool.submit(move || text.len()).result(None)?, 1);
    assert_eq!(twice.submit(move || second.len()).result(None)?, 1);
    assert_eq!(pool.clone().submit(move || third.len()).result(None)?, 1);
    assert_eq!(pool.map(|n| n, 0..2).count(), 2);
    pool.guard().on_drop(Shutdown::no_wait()).disarm();

    let executor: &dyn Executor = pool;
    assert_eq!(executor.submit(task!([] => 1)).result(None)?, 1);
    executor.guard().disarm();
    let executor: &dyn InProcessExecutor = pool;
    let moved = String::from("z");
    assert_eq!(executor.submit(move || moved).result(None)?, "z");
    // An executor of closures is one of portable jobs.
    let upcast: &dyn Executor = executor;
    assert_eq!(upcast.max_workers(), 2);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPoolExecutor::new(2)?;
    everything(&pool, &&pool)
}
