//! Random trees of tasks that wait for each other in every way, on few workers, with few spares and small stacks.

use crate::support;
use crate::torture::{Chance, scaled};
use concurrent_futures::{ReturnWhen, Shutdown, TaskError, ThreadPoolExecutor, as_completed, blocking, wait};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

struct Forest {
    pool: ThreadPoolExecutor,
    /// Tasks begun.
    grown: AtomicUsize,
    /// Waits that were refused.
    refused: AtomicUsize,
}

/// A tree of tasks; says how large it was, as far as it could be waited for.
fn grow(forest: &Arc<Forest>, depth: usize, mut chance: Chance) -> usize {
    forest.grown.fetch_add(1, Ordering::Relaxed);
    if depth == 0 {
        return 1;
    }
    let branches: Vec<_> = (0..=chance.below(3))
        .map(|_| {
            let (same, seed) = (Arc::clone(forest), chance.next());
            forest.pool.submit(move || grow(&same, depth - 1, Chance::new(seed)))
        })
        .collect();
    let value = |outcome: Result<usize, TaskError>| match outcome {
        Ok(size) => size,
        Err(TaskError::Deadlock(_) | TaskError::TimedOut | TaskError::Rejected(_)) => {
            forest.refused.fetch_add(1, Ordering::Relaxed);
            0
        }
        Err(other) => panic!("neither a value nor a refusal: {other}"),
    };
    let below: usize = match chance.below(6) {
        0 => branches.iter().map(|branch| value(branch.result(None))).sum(),
        1 => branches.iter().map(|branch| value(branch.result(Duration::from_micros(300)))).sum(),
        2 => {
            let ended = wait(branches, None, ReturnWhen::AllCompleted);
            ended.done.iter().map(|branch| value(branch.result(None))).sum()
        }
        3 => {
            let ended = wait(branches, None, ReturnWhen::FirstCompleted);
            ended.done.iter().map(|branch| value(branch.result(None))).sum()
        }
        4 => {
            let ended = as_completed(branches, None).filter_map(Result::ok);
            ended.map(|branch| value(branch.result(None))).sum()
        }
        _ => blocking(|| branches.iter().map(|branch| value(branch.result(None))).sum()),
    };
    1 + below
}

#[test]
fn random_trees_of_tasks() {
    let _watchdog = support::watchdog();
    let mut totals = (0, 0);
    for seed in 0..scaled(250) as u64 {
        let mut chance = Chance::new(seed);
        let mut builder = ThreadPoolExecutor::builder().max_workers(1 + chance.below(3));
        builder = builder.max_spares([0, 1, 4, 256][chance.below(4)]);
        if chance.coin() {
            builder = builder.stack_size(256 * 1024);
        }
        if chance.below(3) == 0 {
            builder = builder.idle_timeout(Duration::from_micros(100));
        }
        let pool = builder.build().unwrap();
        let forest = Arc::new(Forest { pool: pool.clone(), grown: AtomicUsize::new(0), refused: AtomicUsize::new(0) });
        thread::scope(|scope| {
            for number in 0..2 {
                let (same, seed) = (Arc::clone(&forest), seed * 10 + number);
                let tree = pool.submit(move || grow(&same, 5, Chance::new(seed)));
                scope.spawn(move || assert!(tree.result(None).unwrap() > 0));
            }
        });
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
        let (grown, stats) = (forest.grown.load(Ordering::Relaxed), pool.stats());
        // A shutdown refuses the branches of what runs late; those are rejected, and never begun.
        assert_eq!((stats.completed as usize, stats.blocked, stats.queued), (grown, 0, 0), "seed {seed}: {stats:?}");
        totals = (totals.0 + grown, totals.1 + forest.refused.load(Ordering::Relaxed));
    }
    println!("{} tasks, {} waits refused or timed out", totals.0, totals.1);
}
