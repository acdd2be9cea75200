//! Waits in destructors that run because the task panics.

use crate::torture::LastGate;
use crate::{LIMIT, lending_pool, pool, support};
use concurrent_futures::{ReturnWhen, TaskError, ThreadPoolExecutor, wait};
use std::sync::{Arc, Mutex};

/// Waits when it is dropped, and notes what came of it.
struct WaitsInDrop {
    pool: ThreadPoolExecutor,
    wait: Wait,
    seen: Arc<Mutex<Option<(bool, u32)>>>,
}

impl Drop for WaitsInDrop {
    fn drop(&mut self) {
        let unwinding = std::thread::panicking();
        *self.seen.lock().unwrap() = Some((unwinding, (self.wait)(&self.pool)));
    }
}

type Wait = fn(&ThreadPoolExecutor) -> u32;

const WAITS: [(&str, Wait); 5] = [
    ("result", |pool| pool.submit(|| 3).result(None).unwrap()),
    ("a task that panics too", |pool| {
        pool.submit(|| -> u32 { panic!("inner") })
            .result(None)
            .map_or_else(|error| 3 * u32::from(error.is_panicked()), |_| 0)
    }),
    ("result with a limit", |pool| pool.submit(|| 3).result(LIMIT).unwrap()),
    ("wait", |pool| wait([pool.submit(|| 1)], None, ReturnWhen::FirstCompleted).done.len() as u32 * 3),
    ("scope", |pool| {
        let mut count = 0;
        pool.scope(|s| drop(s.submit(|| count = 3)));
        count
    }),
];

#[test]
fn a_wait_while_unwinding_ends_and_the_panic_goes_on() {
    support::quiet_panics_of(&["nested"]);
    let _watchdog = support::watchdog();
    for (way, wait) in WAITS {
        for pool in [pool(1), lending_pool(1, 4)] {
            let seen = Arc::new(Mutex::new(None));
            let guard = WaitsInDrop { pool: pool.clone(), wait, seen: Arc::clone(&seen) };
            let failed = pool.submit(move || {
                let _guard = guard;
                panic!("outer");
            });
            match failed.result(None) {
                Err(TaskError::Panicked(report)) => assert_eq!(report.message, "outer", "{way}"),
                other => panic!("{way}: {other:?}"),
            }
            assert_eq!(seen.lock().unwrap().take(), Some((true, 3)), "{way}");
            // What was captured and the pool itself are as good as before.
            assert_eq!(pool.submit(|| 4).result(None).unwrap(), 4, "{way}");
        }
    }
}

/// A task that is run while its waiter unwinds is not run on the waiter's stack: there every lock that it takes would
/// look as if it had been taken by a panicking thread, and would be poisoned.
#[test]
fn a_task_does_not_see_the_waiters_panic() {
    support::quiet_panics_of(&["nested"]);
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let seen = Arc::new(Mutex::new(None));
    let wait: Wait = |pool| pool.submit(|| u32::from(std::thread::panicking())).result(None).unwrap();
    let guard = WaitsInDrop { pool: pool.clone(), wait, seen: Arc::clone(&seen) };
    let failed = pool.submit(move || {
        let _guard = guard;
        panic!("outer");
    });
    assert!(failed.exception(None).unwrap().is_some());
    assert_eq!(seen.lock().unwrap().take(), Some((true, 0)));
}

/// A result may be waited for by the destructor of what another job captured, while that job is cancelled.
#[test]
fn a_wait_in_the_drop_of_a_cancelled_job() {
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let gate = LastGate::new();
    let closed = gate.clone();
    let busy = pool.submit(move || closed.wait());
    let seen = Arc::new(Mutex::new(None));
    let wait: Wait = |pool| pool.submit(|| 3).result(None).unwrap();
    let guard = WaitsInDrop { pool: pool.clone(), wait, seen: Arc::clone(&seen) };
    let cancelled = Arc::new(pool.submit(move || drop(guard)));
    // The canceller waits for a task that is behind the one that the gate holds back.
    let same = Arc::clone(&cancelled);
    let canceller = std::thread::spawn(move || same.cancel());
    support::eventually("the canceller waits", || cancelled.cancelled() && pool.stats().queued == 1);
    gate.open();
    assert!(canceller.join().unwrap());
    busy.result(None).unwrap();
    assert_eq!(seen.lock().unwrap().take(), Some((false, 3)));
}
