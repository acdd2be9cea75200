//! A pool that is shut down ends after its futures, and sees to those that would not end by themselves.

use crate::support::{Gate, eventually, watchdog};
use crate::tools::{SEVEN, Strings, assert_cancelled, builder, pool, settle};
use crate::torture::{Blast, LONG, LastGate, Ledger, scaled};
use concurrent_futures::{Future, RejectReason, SharedFuture, Shutdown, TaskError, ThreadPoolExecutor, promise, task};
use futures::task::Spawn;
use std::future::{Future as _, pending};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// A shutdown on a thread of its own that is seen to wait.
fn shut_down_meanwhile(pool: &ThreadPoolExecutor, how: Shutdown) -> thread::JoinHandle<()> {
    let (same, began) = (pool.clone(), Gate::new());
    let tell = began.clone();
    let closing = thread::spawn(move || {
        tell.open();
        let report = same.shutdown(how);
        assert_eq!(report.abandoned, 0, "{report:?}");
    });
    began.wait();
    eventually("no more tasks are taken", || pool.status().is_err());
    closing
}

#[test]
fn it_waits_for_futures_that_wait() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        let pool = pool(workers);
        let all: Vec<_> = (0..20).map(|_| Strings::new()).collect();
        let futures: Vec<_> = all.iter().map(|strings| pool.spawn(strings.puppet())).collect();
        all.iter().for_each(|strings| strings.wait_for_polls(1));
        let closing = shut_down_meanwhile(&pool, Shutdown::wait());
        for (strings, future) in all.iter().zip(futures) {
            assert!(!closing.is_finished());
            strings.finish();
            assert_eq!(future.result(LONG).unwrap(), SEVEN);
        }
        closing.join().unwrap();
        eventually("no thread is left", || pool.workers().is_empty());
    }
}

#[test]
fn closed_is_ready_after_the_last_future() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_until_idle(&pool);
    pool.shutdown(Shutdown::no_wait());
    let mut closed = Box::pin(pool.closed());
    let noop = std::task::Waker::noop();
    let mut cx = std::task::Context::from_waker(noop);
    assert!(closed.as_mut().poll(&mut cx).is_pending());
    strings.finish();
    let report = futures::executor::block_on(closed);
    assert_eq!((report.finished, report.cancelled), (1, 0));
    assert_eq!(future.try_result().unwrap().unwrap(), SEVEN);
}

/// async-executor's drop test.
#[test]
fn cancelling_ends_all_that_wait() {
    let _watchdog = watchdog();
    for workers in [1, 2, 4] {
        let (pool, ledger) = (pool(workers), Ledger::new());
        let futures: Vec<_> = (0..100)
            .map(|_| {
                let capture = ledger.capture(Blast::Dud);
                pool.spawn(async move {
                    let _capture = capture;
                    pending::<()>().await;
                })
            })
            .collect();
        eventually("all wait", || futures.iter().all(Future::running));
        let report = pool.shutdown(Shutdown::wait().cancel_pending());
        assert_eq!((report.cancelled + report.finished, report.abandoned), (100, 0), "{report:?}");
        assert!(futures.iter().all(Future::cancelled));
        assert_eq!(ledger.captures_dropped(), 100);
    }
}

/// Whatever each is at when it comes: all are in the report, once.
#[test]
fn the_report_counts_each_future_once() {
    let _watchdog = watchdog();
    for round in 0..scaled(300) {
        let pool = pool(2);
        let futures: Vec<_> = (0..20)
            .map(|number| {
                pool.spawn(async move {
                    (0..number % 3).for_each(|_| std::hint::spin_loop());
                    task::yield_now().await;
                    pending::<()>().await;
                })
            })
            .collect();
        if round % 2 == 0 {
            eventually("some wait", || futures[round % 20].running());
        }
        let report = pool.shutdown(Shutdown::wait().cancel_pending());
        assert_eq!((report.cancelled, report.finished, report.abandoned), (20, 0, 0), "round {round}");
        assert!(futures.iter().all(Future::cancelled));
    }
}

/// The one that is being polled ends at its next await.
#[test]
fn cancelling_ends_one_that_is_polled_after_the_poll() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (strings, goes_on) = (Strings::new(), LastGate::new());
    let closed = goes_on.clone();
    let future = pool.spawn(strings.acting(move |_, _| closed.wait()));
    strings.wait_for_polls(1);
    let same = pool.clone();
    let closing = thread::spawn(move || same.shutdown(Shutdown::wait().cancel_pending()));
    eventually("no more tasks are taken", || pool.status().is_err());
    assert!(!future.done());
    goes_on.open();
    assert_cancelled(future.result(LONG));
    let report = closing.join().unwrap();
    assert_eq!((report.cancelled, report.finished, report.abandoned), (1, 0, 0));
    assert_eq!((strings.polls(), strings.drops()), (1, 1));
}

/// One that never waits but yields comes to an await, and so to an end.
#[test]
fn cancelling_ends_those_that_yield_for_ever() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        let pool = pool(workers);
        let futures: Vec<Future<()>> = (0..4)
            .map(|_| {
                pool.spawn(async {
                    loop {
                        task::yield_now().await;
                    }
                })
            })
            .collect();
        eventually("all have begun", || futures.iter().all(Future::running));
        assert_eq!(pool.shutdown(Shutdown::wait().cancel_pending()).abandoned, 0);
        assert!(futures.iter().all(Future::cancelled));
    }
}

/// Those that are left when the time is up are told as abandoned, and can still end.
#[test]
fn a_deadline_reports_those_that_wait_as_abandoned() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let all: Vec<_> = (0..10).map(|_| Strings::new()).collect();
    let futures: Vec<_> = all.iter().map(|strings| pool.spawn(strings.puppet())).collect();
    all.iter().for_each(|strings| strings.wait_for_polls(1));
    eventually("the workers are idle", || pool.stats().running == 0);
    let report = pool.shutdown(Shutdown::wait().deadline(Duration::from_millis(5)));
    assert_eq!((report.abandoned, report.finished, report.cancelled), (10, 0, 0));
    all.iter().for_each(Strings::finish);
    for future in futures {
        assert_eq!(future.result(LONG).unwrap(), SEVEN);
    }
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}

/// First a shutdown that leaves them, then one that does not.
#[test]
fn a_second_shutdown_can_cancel() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_until_idle(&pool);
    assert_eq!(pool.shutdown(Shutdown::no_wait()).abandoned, 1);
    assert!(!future.done());
    let report = pool.shutdown(Shutdown::wait().cancel_pending());
    assert_eq!((report.cancelled, report.abandoned), (1, 0));
    assert_cancelled(future.result(LONG));
}

#[test]
fn the_last_handle_is_dropped_while_futures_wait() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_until_idle(&pool);
    let dropping = thread::spawn(move || drop(pool));
    assert!(!dropping.is_finished());
    strings.finish();
    dropping.join().unwrap();
    assert_eq!(future.try_result().unwrap().unwrap(), SEVEN);

    let pool = pool_that_cancels();
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_until_idle(&pool);
    drop(pool);
    assert_cancelled(future.result(None));
    assert_eq!(strings.drops(), 1);
}

fn pool_that_cancels() -> ThreadPoolExecutor {
    pool(1)
}

/// All threads leave a pool whose futures wait; a wake starts one again.
#[test]
fn threads_leave_while_futures_wait() {
    let _watchdog = watchdog();
    for closed in [false, true] {
        let pool = builder(2).idle_timeout(Duration::from_millis(1)).build().unwrap();
        let all: Vec<_> = (0..10).map(|_| Strings::new()).collect();
        let futures: Vec<_> = all.iter().map(|strings| pool.spawn(strings.puppet())).collect();
        all.iter().for_each(|strings| strings.wait_for_polls(1));
        if closed {
            pool.shutdown(Shutdown::no_wait());
        }
        eventually("all threads have left", || pool.workers().is_empty());
        assert!(futures.iter().all(|future| future.running() && !future.done()));
        all.iter().for_each(Strings::finish);
        for future in futures {
            assert_eq!(future.result(LONG).unwrap(), SEVEN);
        }
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    }
}

/// Nobody is left in the pool to see the last of its futures end: the shutdown is told all the same.
#[test]
fn the_last_future_is_cancelled_when_all_threads_have_left() {
    let _watchdog = watchdog();
    let pool = builder(1).idle_timeout(Duration::from_millis(1)).build().unwrap();
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_for_polls(1);
    eventually("all threads have left", || pool.workers().is_empty());
    let closing = shut_down_meanwhile(&pool, Shutdown::wait());
    assert!(future.cancel());
    closing.join().unwrap();
    strings.assert_dropped_here();
}

#[test]
fn a_future_that_comes_too_late_is_rejected() {
    let _watchdog = watchdog();
    let pool = pool(1);
    pool.shutdown(Shutdown::wait());
    let strings = Strings::new();
    let late = pool.spawn(strings.puppet());
    assert!(matches!(late.result(LONG), Err(TaskError::Rejected(RejectReason::ShutDown))));
    assert_eq!((strings.polls(), strings.drops()), (0, 1));
    assert!(!late.cancelled());
}

/// What was accepted goes on to its end, and is told that the pool takes nothing new.
#[test]
fn a_future_spawns_while_its_pool_is_shut_down() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (same, strings) = (pool.clone(), Strings::new());
    let inner = strings.puppet();
    let future = pool.spawn(async move {
        inner.await;
        let rejected = same.spawn(async {}).await.unwrap_err();
        task::yield_now().await;
        (rejected.is_rejected(), same.submit(|| ()).await.unwrap_err().is_rejected())
    });
    strings.wait_until_idle(&pool);
    let closing = shut_down_meanwhile(&pool, Shutdown::wait());
    strings.finish();
    assert_eq!(future.result(LONG).unwrap(), (true, true));
    closing.join().unwrap();
}

/// The pool ends while the futures of it wake each other: each of them comes to its end first.
#[test]
fn a_chain_goes_on_through_the_shutdown() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        for _ in 0..scaled(50) {
            let pool = pool(workers);
            let (promise, mut last) = promise::<u32>();
            for _ in 0..50 {
                let before = last;
                last = pool.spawn(async move { before.await.unwrap() + 1 });
            }
            let setting = thread::spawn(move || promise.set_result(0).unwrap());
            assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
            assert_eq!(last.try_result().unwrap().unwrap(), 50);
            setting.join().unwrap();
        }
    }
}

/// A detached future whose last waker goes while the pool ends is dropped, and the pool does not wait for ever.
#[test]
fn one_that_nobody_can_wake_does_not_hold_up_the_shutdown() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    drop(pool.spawn(strings.puppet()));
    strings.wait_until_idle(&pool);
    let closing = shut_down_meanwhile(&pool, Shutdown::wait());
    drop(strings.take_waker());
    closing.join().unwrap();
    assert_eq!(strings.drops(), 1);
}

/// A pool that ends with the scope of a guard.
#[test]
fn a_guard_that_cancels() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let future = {
        let _guard = pool.guard().on_drop(Shutdown::wait().cancel_pending());
        let future = pool.spawn(strings.puppet());
        strings.wait_until_idle(&pool);
        future
    };
    assert_cancelled(future.result(None));
    assert_eq!(strings.drops(), 1);
}

/// In another pool's future a shutdown lends the worker's place.
#[test]
fn in_a_future_of_another_pool() {
    let _watchdog = watchdog();
    let (pool, other) = (pool(1), pool(1));
    let strings = Strings::new();
    let waited = Arc::new(other.spawn(strings.puppet()));
    strings.wait_until_idle(&other);
    let closing = pool.spawn(async move { other.shutdown(Shutdown::wait()).abandoned });
    let waking = strings.clone();
    pool.spawn(async move { waking.finish() }).result(LONG).unwrap();
    assert_eq!(closing.result(LONG).unwrap(), 0);
    assert_eq!(waited.try_result().unwrap().unwrap(), SEVEN);
    settle(&pool);
}

/// It would wait for ever, and so would the pool; both end where the pool is told to cancel what is left.
#[test]
fn a_future_that_awaits_itself_is_cancelled_with_its_pool() {
    let _watchdog = watchdog();
    let pool = builder(1).on_last_drop(Shutdown::wait().cancel_pending()).build().unwrap();
    let (hand_over, own) = promise::<SharedFuture<()>>();
    let future = pool.spawn(async move { own.await.unwrap().await.unwrap_or_default() }).shared();
    hand_over.set_result(future.clone()).unwrap();
    eventually("it waits for itself", || future.running() && pool.stats().suspended == 1 && pool.stats().queued == 0);
    drop(pool);
    assert!(future.cancelled());
}
