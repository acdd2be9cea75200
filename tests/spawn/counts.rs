//! What a pool tells of its futures, how many threads they cost, and what room they take in a bounded queue.

use crate::support::{Gate, eventually, watchdog};
use crate::tools::{SEVEN, Strings, builder, hold, pool, settle};
use crate::torture::{LONG, LastGate, scaled};
use concurrent_futures::{RejectReason, Shutdown, SubmitOptions, TaskError, ThreadPoolExecutor, task};
use std::sync::mpsc::channel;
use std::time::Duration;

#[test]
fn an_unused_pool_has_no_thread_and_a_future_starts_one() {
    let _watchdog = watchdog();
    let pool = pool(8);
    assert!(pool.workers().is_empty());
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_for_polls(1);
    assert_eq!(pool.workers().len(), 1);
    // One after another they need no second one: the worker looks for the next before the end is seen.
    for _ in 0..50 {
        assert_eq!(pool.spawn(async { SEVEN }).result(LONG).unwrap(), SEVEN);
    }
    strings.finish();
    assert_eq!(future.result(LONG).unwrap(), SEVEN);
    assert!(pool.workers().len() <= 2, "{:?}", pool.workers());
}

/// As many as there are polls at once, and no more than allowed.
#[test]
fn threads_for_futures_that_are_polled_at_once() {
    let _watchdog = watchdog();
    let pool = pool(3);
    let goes_on = LastGate::new();
    let all: Vec<_> = (0..6).map(|_| Strings::new()).collect();
    let futures: Vec<_> = all
        .iter()
        .map(|strings| {
            let closed = goes_on.clone();
            strings.make_ready();
            pool.spawn(strings.acting(move |_, _| closed.wait()))
        })
        .collect();
    let polled = || all.iter().map(Strings::polls).sum::<usize>();
    eventually("three are polled", || polled() == 3);
    assert_eq!((pool.workers().len(), pool.stats().running, pool.stats().queued), (3, 3, 3));
    goes_on.open();
    futures.into_iter().for_each(|future| assert_eq!(future.result(LONG).unwrap(), SEVEN));
    assert_eq!(polled(), 6);
}

/// At rest the figures are exact: whatever became of them, nothing is queued, nothing runs, and each end was counted
/// that was one.
#[test]
fn the_figures_add_up_at_rest() {
    let _watchdog = watchdog();
    for workers in [1, 2, 4] {
        let pool = pool(workers);
        let count = scaled(500);
        let mut expected = 0;
        let mut futures = Vec::new();
        for number in 0..count {
            let strings = Strings::new();
            let inner = strings.puppet();
            let future = pool.spawn(async move {
                task::yield_now().await;
                inner.await
            });
            if number % 5 != 0 {
                strings.wait_for_polls(1);
            }
            match number % 5 {
                // Ends by itself, after several wakes.
                1 | 2 => {
                    (0..number % 7).for_each(|_| strings.wake());
                    strings.finish();
                    expected += 1;
                }
                // Cancelled while it waits, or just after it was woken.
                3 => {
                    strings.wake();
                    assert!(future.cancel());
                }
                4 => assert!(future.cancel()),
                // Cancelled at any point, or nobody can wake it.
                _ => assert!(future.cancel()),
            }
            futures.push(future);
        }
        futures.iter().for_each(|future| drop(future.exception(LONG).unwrap()));
        eventually("all is counted", || {
            let stats = pool.stats();
            (stats.queued, stats.running, stats.blocked, stats.completed) == (0, 0, 0, expected)
        });
        let by_workers: u64 = pool.workers().iter().map(|worker| worker.completed).sum();
        assert_eq!(by_workers, expected);
        let report = pool.shutdown(Shutdown::wait());
        assert_eq!((report.finished, report.cancelled, report.abandoned), (0, 0, 0));
    }
}

/// One that was cancelled while it was queued again leaves something dead in the queue, which is not counted.
#[test]
fn what_is_dead_in_the_queue_is_not_counted() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let all: Vec<_> = (0..20).map(|_| Strings::new()).collect();
    let futures: Vec<_> = all.iter().map(|strings| pool.spawn(strings.puppet())).collect();
    all.iter().for_each(|strings| strings.wait_until_idle(&pool));
    eventually("nothing is queued", || pool.stats().queued == 0);
    let held = hold(&pool);
    all.iter().for_each(Strings::wake);
    assert!(futures.iter().all(|future| future.cancel()));
    let waiting = pool.submit(|| ());
    assert_eq!(pool.stats().queued, 1);
    drop(held);
    waiting.result(LONG).unwrap();
    assert_eq!(pool.stats().queued, 0);
}

/// A future that waits is not queued, and does not run.
#[test]
fn one_that_waits_is_neither_queued_nor_running() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_until_idle(&pool);
    eventually("the worker is idle", || pool.stats().idle == 1);
    let stats = pool.stats();
    assert_eq!((stats.queued, stats.running, stats.completed), (0, 0, 1));
    assert!(future.running());
    assert!(future.cancel());
    assert_eq!(pool.stats().completed, 1);
}

/// As long as they wait, however they come to an end.
#[test]
fn those_that_wait_to_be_woken_are_counted() {
    let _watchdog = watchdog();
    let pool = pool(2);
    assert_eq!(pool.spawn(async { SEVEN }).result(LONG).unwrap(), SEVEN);
    assert_eq!(pool.stats().suspended, 0, "one that never had to wait");
    let all: Vec<_> = (0..20).map(|_| Strings::new()).collect();
    let futures: Vec<_> = all.iter().map(|strings| pool.spawn(strings.puppet())).collect();
    eventually("all wait", || pool.stats().suspended == 20);
    assert_eq!(pool.stats().running, 0, "and none has a worker");
    assert!(futures[0].cancel() && futures[1].cancel());
    assert_eq!(pool.stats().suspended, 18, "without those that were cancelled");
    all[2].finish();
    assert_eq!(futures[2].result(LONG).unwrap(), SEVEN);
    eventually("without the one that is ready", || pool.stats().suspended == 17);
    let held = [hold(&pool), hold(&pool)];
    all[3].wake();
    assert_eq!((pool.stats().suspended, pool.stats().queued), (16, 1), "without the one that is to be polled");
    drop(held);
    eventually("it waits again", || pool.stats().suspended == 17);
    eventually("a shutdown leaves them", || pool.shutdown(Shutdown::no_wait()).abandoned == 17);
    assert_eq!(pool.shutdown(Shutdown::wait().cancel_pending()).cancelled, 17);
    assert_eq!(pool.stats().suspended, 0);
}

// ---------------------------------------------------------------------------------------------- bounded queues

fn bounded(bound: usize) -> ThreadPoolExecutor {
    builder(1).queue_bound(bound).build().unwrap()
}

/// The bound is for what nobody has begun: those that wait, or were woken, take no room.
#[test]
fn futures_that_have_begun_take_no_room() {
    let _watchdog = watchdog();
    let pool = bounded(2);
    let all: Vec<_> = (0..20).map(|_| Strings::new()).collect();
    let futures: Vec<_> = all.iter().map(|strings| pool.spawn(strings.puppet())).collect();
    all.iter().for_each(|strings| strings.wait_for_polls(1));
    let held = hold(&pool);
    all.iter().for_each(Strings::finish);
    let (one, two) = (pool.try_submit(|| SEVEN).unwrap(), pool.spawn(async { SEVEN }));
    assert!(pool.try_submit(|| SEVEN).is_err_and(|refused| refused.reason == RejectReason::QueueFull));
    drop(held);
    for future in futures.iter().chain([&one, &two]) {
        assert_eq!(future.result(LONG).unwrap(), SEVEN);
    }
    // And each has given its room back once: there are two places, not one and not three.
    let _held = hold(&pool);
    let (_one, _two) = (pool.try_submit(|| ()).unwrap(), pool.try_submit(|| ()).unwrap());
    assert!(pool.try_submit(|| ()).is_err());
}

/// Room is given back once, whatever happens to the future in the queue and after it.
#[test]
fn room_is_given_back_once() {
    let _watchdog = watchdog();
    let pool = bounded(3);
    for _ in 0..20 {
        let held = hold(&pool);
        let strings = Strings::new();
        let cancelled = pool.spawn(strings.puppet());
        let expired = pool.spawn_with(SubmitOptions::new().queue_timeout(Duration::ZERO), strings.puppet());
        assert!(cancelled.cancel());
        assert!(expired.result(LONG).unwrap_err().is_deadline_exceeded());
        let (one, two, three) = (
            pool.spawn(async { task::yield_now().await }),
            pool.spawn(async { task::yield_now().await }),
            pool.try_submit(|| ()).unwrap(),
        );
        assert!(pool.try_submit(|| ()).is_err());
        drop(held);
        one.result(LONG).unwrap();
        two.result(LONG).unwrap();
        three.result(LONG).unwrap();
        settle(&pool);
    }
}

/// A spawn waits for room, as a submit does; with a limit on that wait it is rejected.
#[test]
fn a_spawn_waits_for_room() {
    let _watchdog = watchdog();
    let pool = bounded(1);
    let held = hold(&pool);
    let first = pool.spawn(async { SEVEN });
    let limited = pool.spawn_with(SubmitOptions::new().room_timeout(Duration::from_millis(5)), async { SEVEN });
    assert!(matches!(limited.result(LONG), Err(TaskError::Rejected(RejectReason::QueueFull))));
    let (same, spawning) = (pool.clone(), Gate::new());
    let tell = spawning.clone();
    let waiting = std::thread::spawn(move || {
        tell.open();
        same.spawn(async { SEVEN }).result(LONG)
    });
    spawning.wait();
    assert!(!waiting.is_finished());
    drop(held);
    assert_eq!(waiting.join().unwrap().unwrap(), SEVEN);
    assert_eq!(first.result(LONG).unwrap(), SEVEN);
}

/// A future that spawns into a full queue lends its place until there is room.
#[test]
fn a_future_that_spawns_into_a_full_queue() {
    let _watchdog = watchdog();
    let pool = bounded(1);
    let (same, (tx, rx)) = (pool.clone(), channel());
    let spawning = pool.spawn(async move {
        for number in 0..50_u32 {
            tx.send(same.spawn(async move { number })).unwrap();
        }
    });
    spawning.result(LONG).unwrap();
    let sum: u32 = rx.into_iter().map(|future| future.result(LONG).unwrap()).sum();
    assert_eq!(sum, 1_225);
}

/// By the trait of the `futures` crate, too.
#[test]
fn spawning_by_trait_into_a_full_queue_waits() {
    use futures::task::SpawnExt;
    let _watchdog = watchdog();
    let pool = bounded(1);
    let (tx, rx) = channel();
    for number in 0..50_u32 {
        let tx = tx.clone();
        SpawnExt::spawn(&pool, async move { tx.send(number).unwrap() }).unwrap();
    }
    drop(tx);
    assert_eq!(rx.into_iter().collect::<Vec<_>>(), (0..50).collect::<Vec<_>>());
}
