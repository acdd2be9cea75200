//! A task is cancelled while others wait for it, and what its job captured is slow to drop, or wants something of the
//! waiters. They are told first: what is foreign comes after.

use crate::{LIMIT, parcel, pool, support};
use concurrent_futures::{
    AsCompleted, Future, ManualExecutor, ReturnWhen, SharedFuture, ThreadPoolExecutor, as_completed, wait,
};
use std::sync::{Arc, Mutex};
use support::Gate;

/// Does what it was told when it is dropped.
struct InDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for InDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

type Wait = fn(&Future<()>) -> bool;

/// Each tells whether the future was seen to be cancelled.
const WAITS: [(&str, Wait); 6] = [
    ("result", |future| future.result(None).is_err_and(|error| error.is_cancelled())),
    ("result with a limit", |future| future.result(LIMIT).is_err_and(|error| error.is_cancelled())),
    ("exception", |future| future.exception(LIMIT).is_ok_and(|error| error.is_some_and(|error| error.is_cancelled()))),
    ("all", |future| wait([future], LIMIT, ReturnWhen::AllCompleted).done.len() == 1),
    ("first", |future| wait([future], None, ReturnWhen::FirstCompleted).done.len() == 1),
    ("as completed", |future| as_completed([future], LIMIT).filter(Result::is_ok).count() == 1),
];

/// A task on `pool` does `wait` for a future whose job holds `captured`, and then `after`; meanwhile it is cancelled.
fn cancel_what_is_waited_for(
    pool: &ThreadPoolExecutor,
    captured: impl Send + 'static,
    wait: impl FnOnce(&Future<()>) -> bool + Send + 'static,
) -> bool {
    let manual = ManualExecutor::new();
    let future = Arc::new(manual.submit(move || {
        let _captured = &captured;
    }));
    let awaited = Arc::clone(&future);
    let waiting = pool.submit(move || wait(&awaited));
    support::eventually("it waits", || pool.stats().blocked == 1);
    let canceller = std::thread::spawn(move || future.cancel());
    let seen = waiting.result(None).unwrap();
    assert!(canceller.join().unwrap());
    seen
}

#[test]
fn a_waiter_does_not_wait_for_the_drop_of_the_job() {
    let _watchdog = support::watchdog();
    for (way, wait) in WAITS {
        let told = Gate::new();
        let announce = told.clone();
        // The drop lasts until the waiter has gone on.
        let captured = InDrop(move || told.wait());
        let seen = cancel_what_is_waited_for(&pool(1), captured, move |future| {
            let seen = wait(future);
            announce.open();
            seen
        });
        assert!(seen, "{way}");
    }
}

#[test]
fn the_drop_of_the_job_wants_a_lock_that_the_waiter_holds() {
    let _watchdog = support::watchdog();
    for (way, wait) in WAITS {
        let lock = Arc::new(Mutex::new(()));
        let wanted = Arc::clone(&lock);
        let captured = InDrop(move || drop(wanted.lock().unwrap()));
        let seen = cancel_what_is_waited_for(&pool(1), captured, move |future| {
            let _held = lock.lock().unwrap();
            wait(future)
        });
        assert!(seen, "{way}");
    }
}

/// The job itself holds a wait for its own future, which it lets go of while the future is being cancelled.
#[test]
fn the_drop_of_the_job_gives_up_a_wait_for_it() {
    let _watchdog = support::watchdog();
    for advanced in [false, true] {
        let kept: Arc<Mutex<Option<AsCompleted<SharedFuture<()>>>>> = Arc::default();
        let inside = Arc::clone(&kept);
        let captured = InDrop(move || {
            let waits = inside.lock().unwrap().take();
            drop(waits);
        });
        let (promise, promised) = concurrent_futures::promise::<()>();
        let manual = ManualExecutor::new();
        let future = manual.submit(move || {
            let _captured = &captured;
        });
        let future = future.shared();
        let mut waits = as_completed([future.clone(), promised.shared()], None);
        if advanced {
            promise.set_result(()).unwrap();
            assert!(waits.next().is_some_and(|one| one.is_ok()));
        }
        *kept.lock().unwrap() = Some(waits);
        assert!(future.cancel());
        assert!(kept.lock().unwrap().is_none(), "the job was dropped, and the wait with it");
    }
}

/// Some other thread gives up its wait, in time, while the job is being dropped.
#[test]
fn a_wait_is_given_up_while_the_job_is_dropped() {
    let _watchdog = support::watchdog();
    let (dropping, given_up) = (Gate::new(), Gate::new());
    let (announce, go_on) = (dropping.clone(), given_up.clone());
    let captured = InDrop(move || {
        announce.open();
        go_on.wait();
    });
    let manual = ManualExecutor::new();
    let future = manual.submit(move || {
        let _captured = &captured;
    });
    let future = future.shared();
    let waits = as_completed([future.clone()], None);
    let (to_canceller, inbox) = parcel::<SharedFuture<()>>();
    to_canceller.send(future);
    let canceller = std::thread::spawn(move || inbox.open().cancel());
    dropping.wait();
    drop(waits);
    given_up.open();
    assert!(canceller.join().unwrap());
}
