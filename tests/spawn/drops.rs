//! Who drops a future and its output, when, and how often: once.

use crate::support::{Gate, eventually, watchdog};
use crate::tools::{SEVEN, Strings, assert_cancelled, assert_works, hold, pool, settle};
use crate::torture::{Blast, LONG, LastGate, Ledger};
use concurrent_futures::{Shutdown, promise};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

/// Says when its drop begins, and ends it when it is told to. Ready if it was made so.
struct Slow {
    ready: bool,
    dropping: Gate,
    goes_on: Gate,
}

impl Future for Slow {
    type Output = u32;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        // Kept by nobody but the handle, if it is not ready.
        let _ = cx;
        if self.ready { Poll::Ready(SEVEN) } else { Poll::Pending }
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.dropping.open();
        self.goes_on.wait();
    }
}

/// What it has captured is gone when its end is seen.
#[test]
fn a_future_that_is_ready_is_dropped_before_its_end_is_seen() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (dropping, goes_on) = (Gate::new(), LastGate::new());
    let future = pool.spawn(Slow { ready: true, dropping: dropping.clone(), goes_on: goes_on.clone() });
    dropping.wait();
    assert!(!future.done());
    goes_on.open();
    assert_eq!(future.result(LONG).unwrap(), SEVEN);
}

#[test]
fn a_future_that_waits_is_dropped_before_its_cancellation_is_seen() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (dropping, goes_on) = (Gate::new(), LastGate::new());
    let future = Arc::new(pool.spawn(Slow { ready: false, dropping: dropping.clone(), goes_on: goes_on.clone() }));
    eventually("it was polled", || future.running());
    settle(&pool);
    let cancelled = Arc::clone(&future);
    let cancelling = thread::spawn(move || cancelled.cancel());
    dropping.wait();
    assert!(!future.done());
    // Whoever asks again is promised the same, while the first is still at it.
    assert!(future.cancel());
    goes_on.open();
    assert!(cancelling.join().unwrap());
    assert_cancelled(future.result(LONG));
}

/// async-task's drop tests: where a future ends, and who sees to it.
#[test]
fn on_which_thread() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let here = thread::current().id();
    let worker = pool.submit(|| thread::current().id()).result(LONG).unwrap();

    let ready = Strings::new();
    ready.make_ready();
    drop(pool.spawn(ready.puppet()));
    assert_eq!(ready.wait_for_drop(), worker);

    let cancelled = Strings::new();
    let future = pool.spawn(cancelled.puppet());
    cancelled.wait_until_idle(&pool);
    let canceller = thread::spawn(move || {
        future.cancel();
        thread::current().id()
    });
    assert_eq!(canceller.join().unwrap(), cancelled.wait_for_drop());
    assert_ne!(cancelled.wait_for_drop(), worker);

    let refused = Strings::new();
    let closed = crate::tools::pool(1);
    closed.shutdown(Shutdown::wait());
    drop(closed.spawn(refused.puppet()));
    assert_eq!(refused.wait_for_drop(), here);
}

/// A value that captures its drop.
struct Told(Arc<Mutex<Vec<ThreadId>>>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(thread::current().id());
    }
}

#[test]
fn the_output_of_a_detached_future_is_dropped_by_the_worker() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let worker = pool.submit(|| thread::current().id()).result(LONG).unwrap();
    let drops: Arc<Mutex<Vec<ThreadId>>> = Arc::default();
    let told = Told(Arc::clone(&drops));
    let (promise, awaited) = promise::<()>();
    drop(pool.spawn(async move {
        let _ = awaited.await;
        told
    }));
    settle(&pool);
    promise.set_result(()).unwrap();
    eventually("the output is dropped", || !drops.lock().unwrap().is_empty());
    assert_works(&pool);
    assert_eq!(*drops.lock().unwrap(), [worker]);
}

#[test]
fn the_output_that_nobody_takes_is_dropped_with_the_handle() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let ledger = Ledger::new();
    let value = ledger.value(Blast::Dud);
    let future = pool.spawn(async move { value });
    assert!(future.exception(LONG).unwrap().is_none());
    settle(&pool);
    assert_eq!(ledger.values_dropped(), 0);
    drop(future);
    assert_eq!(ledger.values_dropped(), 1);

    let value = ledger.value(Blast::Dud);
    let taken = pool.spawn(async move { value });
    let value = taken.result(LONG).unwrap();
    drop(taken);
    settle(&pool);
    assert_eq!(ledger.values_dropped(), 1);
    drop(value);
    assert_eq!(ledger.values_dropped(), 2);
}

/// Nobody can ever wake it, and nobody can see how it ends: a worker drops it.
#[test]
fn with_the_last_waker_a_detached_future_is_dropped_by_a_worker() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let worker = pool.submit(|| thread::current().id()).result(LONG).unwrap();
    let strings = Strings::new();
    drop(pool.spawn(strings.puppet()));
    strings.wait_until_idle(&pool);
    let first = strings.take_waker();
    let second = first.clone();
    drop(first);
    settle(&pool);
    assert_eq!(strings.drops(), 0);
    drop(second);
    assert_eq!(strings.wait_for_drop(), worker);
    assert_eq!(strings.polls(), 1);
}

/// Whoever lets go of a waker may hold a lock that the future wants when it is dropped.
#[test]
fn the_last_waker_can_be_dropped_under_a_lock_that_the_future_wants() {
    struct Locks(Arc<Mutex<Vec<Waker>>>, Gate);
    impl Future for Locks {
        type Output = ();
        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            self.0.lock().unwrap().push(cx.waker().clone());
            Poll::Pending
        }
    }
    impl Drop for Locks {
        fn drop(&mut self) {
            self.0.lock().unwrap().clear();
            self.1.open();
        }
    }
    let _watchdog = watchdog();
    let pool = pool(1);
    let (wakers, dropped): (Arc<Mutex<Vec<Waker>>>, _) = (Arc::default(), Gate::new());
    drop(pool.spawn(Locks(Arc::clone(&wakers), dropped.clone())));
    eventually("it was polled", || !wakers.lock().unwrap().is_empty());
    settle(&pool);
    wakers.lock().unwrap().clear();
    dropped.wait();
}

/// As long as there is a handle, it may be cancelled, and so it stays, though nobody can wake it.
#[test]
fn a_handle_keeps_a_future_that_nobody_can_wake() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_until_idle(&pool);
    drop(strings.take_waker());
    settle(&pool);
    assert!(future.running() && !future.done());
    assert_eq!(strings.drops(), 0);
    assert!(future.cancel());
    strings.assert_dropped_here();
}

#[test]
fn with_its_handle_goes_a_future_that_nobody_can_wake() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let worker = pool.submit(|| thread::current().id()).result(LONG).unwrap();
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_until_idle(&pool);
    drop(strings.take_waker());
    drop(future);
    assert_eq!(strings.wait_for_drop(), worker);
}

/// The same for one that its own first poll lets go of: the worker itself has the last reference.
#[test]
fn one_that_nobody_could_ever_wake_is_dropped() {
    let _watchdog = watchdog();
    let many = if cfg!(miri) { 10 } else { 100 };
    let ledger = Ledger::new();
    let pool = pool(2);
    for _ in 0..many {
        let capture = ledger.capture(Blast::Dud);
        drop(pool.spawn(async move {
            let _capture = capture;
            pending::<()>().await;
        }));
    }
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    assert_eq!(ledger.captures_dropped(), many);
}

/// Of two that keep only each other's handles neither is ever dropped, as with any circle of counted references; the
/// shutdown that cancels finds them all the same.
#[test]
fn a_circle_is_found_by_the_shutdown_that_cancels() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let (left, right) = (Strings::new(), Strings::new());
    let held = (hold(&pool), hold(&pool));
    let (of_left, of_right) = (promise::<concurrent_futures::Future<u32>>(), promise());
    let (awaits_right, awaits_left) = (of_right.1, of_left.1);
    let (one, two) = (left.puppet(), right.puppet());
    let left_handle = pool.spawn(async move {
        let _other: concurrent_futures::Future<u32> = awaits_right.await.unwrap();
        one.await
    });
    let right_handle = pool.spawn(async move {
        let _other = awaits_left.await.unwrap();
        two.await
    });
    assert!(of_left.0.set_result(left_handle).is_ok() && of_right.0.set_result(right_handle).is_ok());
    drop(held);
    left.wait_for_polls(1);
    right.wait_for_polls(1);
    drop((left.take_waker(), right.take_waker()));
    assert_eq!((left.drops(), right.drops()), (0, 0));
    pool.shutdown(Shutdown::wait().cancel_pending());
    assert_eq!((left.drops(), right.drops()), (1, 1));
}
