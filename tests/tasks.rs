//! Tasks, states and futures on bare threads, without a pool: small enough for Miri to run under many schedules.
//!
//! Everything here races on purpose: the two ends of a future are used by different threads at once, and the test
//! checks what must hold however they meet.

mod support;

use concurrent_futures::{Future, ManualExecutor, ReturnWhen, TaskError, as_completed, futures, promise, wait};
use std::future::Future as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// Counts how many of its clones are alive.
#[derive(Clone, Default)]
struct Alive(Arc<()>);

impl Alive {
    fn others(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Steps a manual executor on another thread while `here` uses the future.
fn while_running<T: Send + 'static, R>(
    job: impl FnOnce() -> T + Send + 'static,
    here: impl FnOnce(Future<T>) -> R,
) -> R {
    let manual = ManualExecutor::new();
    let future = manual.submit(job);
    let worker = thread::spawn(move || manual.run_all());
    let result = here(future);
    worker.join().unwrap();
    result
}

#[test]
fn a_value_gets_across() {
    let _watchdog = support::watchdog();
    assert_eq!(while_running(|| vec![1, 2, 3], |future| future.result(LONG)).unwrap(), [1, 2, 3]);
}

#[test]
fn cancelling_or_running_is_decided_once() {
    let _watchdog = support::watchdog();
    let alive = Alive::default();
    let captured = alive.clone();
    while_running(
        move || captured,
        |future| {
            let cancelled = future.cancel();
            match future.result(LONG) {
                Ok(_) => assert!(!cancelled),
                Err(error) => assert!(cancelled && error.is_cancelled(), "{error}"),
            }
        },
    );
    assert_eq!(alive.others(), 0);
}

#[test]
fn a_dropped_future_leaves_nothing_behind() {
    let _watchdog = support::watchdog();
    let alive = Alive::default();
    let captured = alive.clone();
    while_running(move || captured, drop);
    assert_eq!(alive.others(), 0);
}

#[test]
fn callbacks_are_called_once_and_before_the_value_is_taken() {
    let _watchdog = support::watchdog();
    let calls = Arc::new(AtomicUsize::new(0));
    let alive = Alive::default();
    let (captured, counted) = (alive.clone(), Arc::clone(&calls));
    while_running(
        move || captured,
        |future| {
            for _ in 0..3 {
                let counted = Arc::clone(&counted);
                future.add_done_callback(move |outcome| {
                    assert!(outcome.is_ok());
                    counted.fetch_add(1, Ordering::AcqRel);
                });
            }
            drop(future.result(LONG).unwrap());
        },
    );
    assert_eq!(calls.load(Ordering::Acquire), 3);
    assert_eq!(alive.others(), 0);
}

#[test]
fn a_callback_that_adds_one_that_drops_the_future() {
    let _watchdog = support::watchdog();
    let (promise, future) = promise::<String>();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let future = Arc::new(future);
    let inner = Arc::clone(&future);
    future.add_done_callback(move |_| {
        let counted_inside = Arc::clone(&counted);
        inner.add_done_callback(move |outcome| {
            assert_eq!(outcome.unwrap(), "text");
            counted_inside.fetch_add(1, Ordering::AcqRel);
        });
        drop(inner);
        counted.fetch_add(1, Ordering::AcqRel);
    });
    drop(future);
    promise.set_result("text".to_owned()).unwrap();
    assert_eq!(calls.load(Ordering::Acquire), 2);
}

#[test]
fn a_waker_is_woken_replaced_and_let_go() {
    let _watchdog = support::watchdog();
    let woken: Vec<Arc<Woken>> = (0..2).map(|_| Arc::default()).collect();
    while_running(
        || 7,
        |mut future| {
            for waker in &woken {
                let waker = Waker::from(Arc::clone(waker));
                let mut context = Context::from_waker(&waker);
                if let Poll::Ready(outcome) = std::pin::Pin::new(&mut future).poll(&mut context) {
                    assert_eq!(outcome.unwrap(), 7);
                    return;
                }
            }
            support::eventually("the last waker is woken", || woken[1].0.load(Ordering::Acquire) > 0);
            assert_eq!(future.result(LONG).unwrap(), 7);
        },
    );
    assert!(woken.iter().all(|waker| Arc::strong_count(waker) == 1));
}

#[test]
fn many_readers_share_one_value() {
    let _watchdog = support::watchdog();
    while_running(
        || String::from("shared"),
        |future| {
            let shared = future.shared();
            let readers: Vec<_> = (0..3)
                .map(|_| {
                    let shared = shared.clone();
                    thread::spawn(move || shared.result(LONG).unwrap().len())
                })
                .collect();
            assert!(readers.into_iter().all(|reader| reader.join().unwrap() == 6));
        },
    );
}

#[test]
fn waits_are_told_of_each_end_once_and_may_leave_early() {
    let _watchdog = support::watchdog();
    let (first_promise, first) = promise::<u8>();
    let (second_promise, second) = promise::<&str>();
    let setter = thread::spawn(move || {
        first_promise.set_result(1).unwrap();
        second_promise.set_exception("no second");
    });
    drop(as_completed(futures![first, second], None));
    let ended = wait(futures![first, second], Duration::ZERO, ReturnWhen::FirstCompleted);
    assert_eq!(ended.done.len() + ended.not_done.len(), 2);
    assert_eq!(wait(futures![first, second], LONG, ReturnWhen::AllCompleted).done.len(), 2);
    setter.join().unwrap();
    assert_eq!(first.result(None).unwrap(), 1);
    assert!(second.result(None).unwrap_err().is_failed());
}

#[test]
fn a_forwarded_error_and_a_forwarded_cancel() {
    let _watchdog = support::watchdog();
    let outcome = while_running(|| "x".parse::<u8>(), |future| future.fallible().result(LONG));
    assert!(outcome.unwrap_err().downcast_ref::<std::num::ParseIntError>().is_some());
    while_running(
        || "7".parse::<u8>(),
        |future| {
            let future = future.fallible();
            let cancelled = future.cancel();
            match future.result(LONG) {
                Ok(value) => assert!(!cancelled && value == 7),
                Err(error) => assert!(cancelled && matches!(error, TaskError::Cancelled), "{error}"),
            }
        },
    );
}

#[test]
fn two_takers_and_one_value() {
    let _watchdog = support::watchdog();
    while_running(
        || Box::new(7),
        |future| {
            let future = Arc::new(future);
            let other = Arc::clone(&future);
            let taker = thread::spawn(move || other.result(LONG).is_ok());
            let here = future.result(LONG).is_ok();
            assert!(here != taker.join().unwrap());
        },
    );
}
