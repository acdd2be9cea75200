//! Deep nesting, and every kind of wait in a task, on a single worker.

use crate::torture::LastGate;
use crate::{LIMIT, lending_pool, pool, support};
use concurrent_futures::{
    ReturnWhen, Stats, TaskError, ThreadPoolExecutor, WorkerState, as_completed, futures, task, wait,
};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// What was seen at the bottom.
#[derive(Default)]
struct Bottom {
    slots: Mutex<HashSet<usize>>,
    stats: Mutex<Option<Stats>>,
    states: Mutex<Vec<WorkerState>>,
}

fn nest(
    pool: &ThreadPoolExecutor,
    depth: usize,
    limit: Option<std::time::Duration>,
    bottom: &Arc<Bottom>,
) -> Result<usize, TaskError> {
    bottom.slots.lock().unwrap().extend(task::slot());
    if depth == 0 {
        *bottom.stats.lock().unwrap() = Some(pool.stats());
        *bottom.states.lock().unwrap() = pool.workers().iter().map(|worker| worker.state).collect();
        return Ok(0);
    }
    let (same, below) = (pool.clone(), Arc::clone(bottom));
    let deeper = pool.submit(move || nest(&same, depth - 1, limit, &below));
    Ok(deeper.result(limit)?? + 1)
}

fn run(pool: &ThreadPoolExecutor, depth: usize, limit: Option<std::time::Duration>) -> (usize, Arc<Bottom>) {
    let bottom = Arc::new(Bottom::default());
    let (same, below) = (pool.clone(), Arc::clone(&bottom));
    let reached = pool.submit(move || nest(&same, depth, limit, &below)).result(None).unwrap();
    (reached.unwrap(), bottom)
}

#[test]
fn a_thousand_deep_on_one_worker() {
    let _watchdog = support::watchdog();
    let (reached, bottom) = run(&pool(1), 1_000, None);
    assert_eq!(reached, 1_000);
    assert!(bottom.slots.lock().unwrap().contains(&0));
}

#[test]
fn a_thousand_deep_on_small_stacks_uses_a_thousand_spare_threads() {
    let _watchdog = support::watchdog();
    let depth = if cfg!(miri) { 10 } else { 1_000 };
    let pool = lending_pool(1, depth);
    let (reached, bottom) = run(&pool, depth, None);
    assert_eq!(reached, depth);
    assert_eq!(bottom.slots.lock().unwrap().len(), depth + 1, "each level is on a thread of its own");
    let stats = bottom.stats.lock().unwrap().take().unwrap();
    assert_eq!((stats.blocked, stats.running), (depth, depth + 1), "{stats:?}");
    let states = bottom.states.lock().unwrap();
    assert_eq!(states.iter().filter(|state| **state == WorkerState::Blocked).count(), depth);
    support::eventually("nobody is blocked any more", || pool.stats().blocked == 0);
}

#[test]
fn waits_with_a_limit_lend_their_places() {
    let _watchdog = support::watchdog();
    let (reached, bottom) = run(&pool(1), 20, Some(LIMIT));
    assert_eq!(reached, 20);
    let stats = bottom.stats.lock().unwrap().take().unwrap();
    assert_eq!(stats.blocked, 20, "{stats:?}");
}

#[test]
fn several_wide_trees_on_few_workers() {
    fn sum(pool: &ThreadPoolExecutor, depth: u32) -> u64 {
        if depth == 0 {
            return 1;
        }
        let branch = || {
            let same = pool.clone();
            pool.submit(move || sum(&same, depth - 1))
        };
        let branches = [branch(), branch(), branch()];
        branches.iter().map(|branch| branch.result(None).unwrap()).sum()
    }
    let _watchdog = support::watchdog();
    for workers in 1..=3 {
        for pool in [pool(workers), lending_pool(workers, 2_000)] {
            let same = pool.clone();
            assert_eq!(pool.submit(move || sum(&same, 5)).result(None).unwrap(), 3_u64.pow(5));
        }
    }
}

type Way = fn(&ThreadPoolExecutor) -> u64;

/// Every way to wait for tasks from within one.
const WAYS: [(&str, Way); 12] = [
    ("result", |pool| pool.submit(|| 10).result(None).unwrap()),
    ("result with a limit", |pool| pool.submit(|| 10).result(LIMIT).unwrap()),
    ("exception", |pool| pool.submit(|| 0).exception(None).unwrap().map_or(10, |_| 0)),
    ("shared", |pool| *pool.submit(|| 10).shared().result(None).unwrap()),
    ("fallible", |pool| pool.submit(|| Ok::<_, std::fmt::Error>(10)).fallible().result(None).unwrap()),
    ("all", |pool| {
        let fours = [pool.submit(|| 4), pool.submit(|| 6)];
        let ended = wait(&fours, None, ReturnWhen::AllCompleted);
        assert_eq!(ended.not_done.len(), 0);
        ended.done.iter().map(|one| one.result(None).unwrap()).sum()
    }),
    ("the first", |pool| {
        let tens = [pool.submit(|| 10), pool.submit(|| 10)];
        let ended = wait(&tens, None, ReturnWhen::FirstCompleted);
        ended.done[0].result(None).unwrap()
    }),
    ("the first of different types, with a limit", |pool| {
        let (number, text) = (pool.submit(|| 10), pool.submit(|| "ten"));
        let ended = wait(futures![number, text], LIMIT, ReturnWhen::FirstError);
        ended.done.len() as u64 * 5
    }),
    ("as they complete", |pool| {
        let fours = [pool.submit(|| 4), pool.submit(|| 6)];
        as_completed(fours, None).map(|one| one.unwrap().result(None).unwrap()).sum()
    }),
    ("map", |pool| pool.map(|n: u64| n, 0..5).sum::<Result<u64, TaskError>>().unwrap()),
    ("an unordered map with a limit", |pool| {
        let map = pool.map(|n: u64| n, 0..5).unordered().chunksize(2).timeout(LIMIT);
        map.sum::<Result<u64, TaskError>>().unwrap()
    }),
    ("scope", |pool| {
        let (mut four, mut six) = (0, 0);
        pool.scope(|s| {
            drop(s.submit(|| four = 4));
            drop(s.submit(|| six = 6));
        });
        four + six
    }),
];

#[test]
fn every_way_of_waiting_in_a_task_ends_with_one_worker() {
    let _watchdog = support::watchdog();
    for (way, wait) in WAYS {
        for (kind, pool) in [("inline", pool(1)), ("lending", lending_pool(1, 8))] {
            // Two levels, so that the waiting task is itself waited for by a worker.
            let (outer, inner) = (pool.clone(), pool.clone());
            let ten = pool.submit(move || outer.submit(move || wait(&inner)).result(None));
            assert_eq!(ten.result(None).unwrap().unwrap(), 10, "{way}, {kind}");
            support::eventually("idle", || pool.stats().blocked == 0);
        }
    }
}

#[test]
fn every_way_of_waiting_ends_with_the_other_workers_busy() {
    let _watchdog = support::watchdog();
    for (way, wait) in WAYS {
        let pool = pool(2);
        let gate = LastGate::new();
        let closed = gate.clone();
        let busy = pool.submit(move || closed.wait());
        let same = pool.clone();
        assert_eq!(pool.submit(move || wait(&same)).result(None).unwrap(), 10, "{way}");
        gate.open();
        busy.result(None).unwrap();
    }
}
