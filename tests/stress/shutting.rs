//! Submits that race a shutdown: what was accepted runs, or is cancelled; the rest is rejected, and comes back unrun.

use crate::Tally;
use crate::support;
use crate::torture::{Blast, Chance, Ledger, scaled};
use concurrent_futures::{Executor, RejectReason, Shutdown, TaskError, ThreadPoolExecutor};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const SUBMITTERS: u64 = 3;

fn some_pool(chance: &mut Chance) -> ThreadPoolExecutor {
    let mut builder = ThreadPoolExecutor::builder().max_workers(1 + chance.below(3));
    if chance.coin() {
        builder = builder.max_spares(0);
    }
    if chance.below(3) == 0 {
        builder = builder.queue_bound(1 + chance.below(8));
    }
    if chance.below(3) == 0 {
        builder = builder.idle_timeout(Duration::from_micros(chance.below(300) as u64));
    }
    builder.build().unwrap()
}

fn some_shutdown(chance: &mut Chance) -> Shutdown {
    let how = if chance.coin() { Shutdown::wait() } else { Shutdown::no_wait() };
    let how = if chance.coin() { how.cancel_pending() } else { how };
    if chance.below(4) == 0 { how.deadline(Duration::from_micros(chance.below(500) as u64)) } else { how }
}

/// Submits until the pool is closed; says how many there were.
fn submit_until_rejected(pool: &ThreadPoolExecutor, tally: &Arc<Tally>, ledger: &Ledger, mut chance: Chance) -> usize {
    let mut submitted = 0;
    loop {
        chance.dither();
        submitted += 1;
        let (ran, capture) = (Arc::clone(tally), ledger.capture(Blast::Dud));
        let job = move || {
            let _capture = &capture;
            ran.ran();
        };
        let future = match chance.below(3) {
            0 => match pool.try_submit(job) {
                Ok(future) => future,
                Err(rejected) => {
                    tally.count::<()>(&Err(TaskError::Rejected(rejected.reason)));
                    if rejected.reason == RejectReason::ShutDown {
                        return submitted;
                    }
                    continue;
                }
            },
            _ => pool.submit(job),
        };
        let outcome = future.result(None);
        let closed = matches!(outcome, Err(TaskError::Rejected(RejectReason::ShutDown)));
        tally.count(&outcome);
        if closed {
            return submitted;
        }
    }
}

/// Submits without looking, so that queues fill; takes the results afterwards.
fn submit_in_bulk(pool: &ThreadPoolExecutor, tally: &Arc<Tally>, ledger: &Ledger, mut chance: Chance) -> usize {
    let mut futures = Vec::new();
    for _ in 0..60 {
        chance.dither();
        let (ran, capture) = (Arc::clone(tally), ledger.capture(Blast::Dud));
        futures.push(pool.submit(move || {
            let _capture = &capture;
            ran.ran();
        }));
    }
    futures.iter().for_each(|future| tally.count(&future.result(None)));
    futures.len()
}

#[test]
fn submits_race_a_shutdown() {
    let _watchdog = support::watchdog();
    for seed in 0..scaled(1_500) as u64 {
        let mut chance = Chance::new(seed);
        let pool = some_pool(&mut chance);
        let (tally, ledger, submitted) = (Arc::new(Tally::default()), Ledger::new(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for number in 0..SUBMITTERS {
                let (pool, tally, ledger, submitted) = (&pool, &tally, &ledger, &submitted);
                let chance = Chance::new(seed * 1_000 + number);
                scope.spawn(move || {
                    let submit = if number == 0 { submit_in_bulk } else { submit_until_rejected };
                    submitted.fetch_add(submit(pool, tally, ledger, chance), Ordering::Relaxed);
                });
            }
            (0..chance.below(2_000)).for_each(|_| std::hint::spin_loop());
            // Twice, and on two threads at once: it is idempotent.
            let (first, second) = (some_shutdown(&mut chance), some_shutdown(&mut chance));
            scope.spawn(|| pool.shutdown(first));
            pool.shutdown(second);
        });
        let report = pool.shutdown(Shutdown::wait());
        assert_eq!(report.abandoned, 0, "seed {seed}");
        let submitted = submitted.load(Ordering::Relaxed);
        tally.check(submitted);
        let stats = Executor::stats(&pool);
        let expected = (tally.values() as u64, 0, 0, 0);
        assert_eq!((stats.completed, stats.queued, stats.running, stats.blocked), expected, "seed {seed}: {stats:?}");
        assert_eq!(ledger.captures_dropped(), submitted, "seed {seed}");
        assert!(pool.workers().is_empty(), "seed {seed}");
    }
}

/// What a shutdown reports is what happened.
#[test]
fn a_report_adds_up() {
    let _watchdog = support::watchdog();
    for seed in 0..scaled(500) as u64 {
        let mut chance = Chance::new(seed);
        let pool = ThreadPoolExecutor::new(1 + chance.below(2)).unwrap();
        let futures: Vec<_> = (0..50).map(|number| pool.submit(move || number)).collect();
        (0..chance.below(3_000)).for_each(|_| std::hint::spin_loop());
        let report = pool.shutdown(Shutdown::wait().cancel_pending());
        let cancelled = futures.iter().filter(|future| future.cancelled()).count();
        assert_eq!((report.cancelled, report.abandoned, report.killed), (cancelled, 0, 0), "seed {seed}");
        assert!(futures.iter().all(|future| future.done()), "seed {seed}");
        assert!(report.finished <= 50 - cancelled, "seed {seed}: {report:?}");
    }
}

/// `closed()` is ready when the last thread has gone, whoever shut the pool down and however late one asks.
#[test]
fn closed_is_ready_in_the_end() {
    let _watchdog = support::watchdog();
    for seed in 0..scaled(500) as u64 {
        let mut chance = Chance::new(seed);
        let pool = some_pool(&mut chance);
        let futures: Vec<_> = (0..5).map(|_| pool.submit(|| ())).collect();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| futures::executor::block_on(pool.closed()));
            }
            chance.dither();
            pool.shutdown(some_shutdown(&mut chance));
        });
        assert!(futures.iter().all(|future| future.done()), "seed {seed}");
    }
}

/// What ended before the shutdown is not part of its report, also not where a worker is quicker to leave than the
/// closing thread is to count.
#[test]
fn closed_counts_from_the_shutdown_on() {
    const BEFORE: usize = 5;
    let _watchdog = support::watchdog();
    for seed in 0..scaled(2_000) as u64 {
        let mut chance = Chance::new(seed);
        let pool = ThreadPoolExecutor::new(1).unwrap();
        (0..BEFORE).for_each(|_| pool.submit(|| ()).result(None).unwrap());
        let finished = thread::scope(|scope| {
            let awaits = scope.spawn(|| futures::executor::block_on(pool.closed()).finished);
            // Its end, and the worker's look for the next one, come at about the time of the shutdown.
            drop(pool.submit(|| ()));
            (0..chance.below(1_000)).for_each(|_| std::hint::spin_loop());
            pool.shutdown(Shutdown::no_wait());
            awaits.join().unwrap()
        });
        assert!(
            finished < BEFORE,
            "seed {seed}: {finished} tasks ended after the shutdown, and only the last can have"
        );
    }
}

/// After pending tasks were cancelled each worker may have one in its hand, and begins none after that: also of those
/// that were on their way from one queue to another.
#[test]
fn no_task_is_overlooked_that_is_to_be_cancelled() {
    const WORKERS: usize = 4;
    let _watchdog = support::watchdog();
    for seed in 0..scaled(500) as u64 {
        let mut chance = Chance::new(seed);
        let pool = ThreadPoolExecutor::new(WORKERS).unwrap();
        let (over, late) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (same, seen, count) = (pool.clone(), Arc::clone(&over), Arc::clone(&late));
        // On one worker's queue, from which the others steal.
        let filled = pool.submit(move || {
            for _ in 0..300 {
                let (seen, count) = (Arc::clone(&seen), Arc::clone(&count));
                drop(same.submit(move || count.fetch_add(usize::from(seen.load(Ordering::SeqCst)), Ordering::SeqCst)));
            }
        });
        (0..chance.below(4_000)).for_each(|_| std::hint::spin_loop());
        pool.shutdown(Shutdown::no_wait().cancel_pending());
        over.store(true, Ordering::SeqCst);
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
        assert!(filled.done());
        let late = late.load(Ordering::SeqCst);
        assert!(late <= WORKERS, "seed {seed}: {late} tasks began after those that were pending had been cancelled");
    }
}
