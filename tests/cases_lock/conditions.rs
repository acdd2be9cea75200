//! Conditions.

use crate::support::{Gate, eventually, watchdog};
use crate::{SOON, bunch, join, times_out};
use concurrent_futures::ThreadPoolExecutor;
use concurrent_futures::threading::{Condition, Lock, Thread, TimedOut};
use futures::FutureExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

struct Turn {
    lock: Lock<usize>,
    changed: Condition,
    woken: AtomicUsize,
}

impl Turn {
    fn new() -> Arc<Self> {
        Arc::new(Turn { lock: Lock::new(0), changed: Condition::new(), woken: AtomicUsize::new(0) })
    }

    fn waiting(&self) -> String {
        format!("{:?}", self.changed)
    }

    /// So many wait, and have let go of the lock.
    fn until_waiting(&self, count: usize) {
        eventually("they wait", || self.waiting().contains(&format!("waiting: {count} ")));
        drop(self.lock.acquire(None).unwrap());
    }

    fn until_woken(&self, count: usize) {
        eventually("they woke", || self.woken.load(Ordering::SeqCst) == count);
    }
}

// case 278
#[test]
fn a_condition_wakes_as_many_as_it_is_told() {
    let _watchdog = watchdog();
    for _ in 0..2 {
        let turn = Turn::new();
        let waits = Arc::clone(&turn);
        // Each waits twice.
        let waiting = bunch(5, move |_| {
            let mut held = waits.lock.acquire(None).unwrap();
            for _ in 0..2 {
                assert!(waits.changed.wait(&mut held, None));
                waits.woken.fetch_add(1, Ordering::SeqCst);
                *held += 1;
            }
        });
        turn.until_waiting(5);
        turn.changed.notify(0);
        turn.changed.notify(3);
        turn.until_woken(3);
        // The three are back in line, behind the two.
        turn.until_waiting(5);
        turn.changed.notify(2);
        turn.until_woken(5);
        turn.until_waiting(5);
        assert_eq!(*turn.lock.acquire(None).unwrap(), 5);
        {
            // Under the lock they wake all the same, and wait for it.
            let held = turn.lock.acquire(None).unwrap();
            turn.changed.notify_all();
            assert_eq!(*held, 5);
        }
        turn.until_woken(10);
        join(waiting);
        turn.changed.notify_all();
        assert_eq!(*turn.lock.acquire(None).unwrap(), 10);
    }
}

// case 280
#[test]
fn a_condition_waits_for_what_was_asked() {
    let _watchdog = watchdog();
    let turn = Turn::new();
    let waits = Arc::clone(&turn);
    let waiting = Thread::new(move || {
        let mut held = waits.lock.acquire(None).unwrap();
        assert!(waits.changed.wait_for(&mut held, |count| *count == 4, None));
        *held
    });
    let waiting = waiting.start().unwrap();
    for _ in 0..4 {
        turn.until_waiting(1);
        *turn.lock.acquire(None).unwrap() += 1;
        turn.changed.notify(1);
    }
    assert_eq!(waiting.join(None).unwrap(), 4);
    // The limit is for the whole wait, however often it is woken.
    let began = Instant::now();
    let notifier = Arc::clone(&turn);
    let over = Gate::new();
    let ends = over.clone();
    let notifies = Thread::new(move || {
        while !ends.is_open() {
            notifier.changed.notify_all();
            std::thread::yield_now();
        }
    });
    let notifies = notifies.start().unwrap();
    let mut held = turn.lock.acquire(None).unwrap();
    assert!(!turn.changed.wait_for(&mut held, |count| *count == 18, SOON));
    assert!(began.elapsed() >= SOON);
    over.open();
    notifies.join(None).unwrap();
    // True at the last moment counts.
    assert!(turn.changed.wait_for(&mut held, |count| *count == 4, Duration::ZERO));
    times_out(|limit| turn.changed.wait(&mut held, limit).then_some(()).ok_or(TimedOut));
    *held = 5;
    assert!(turn.lock.locked(), "it is held again");
}

// beside case 280
#[test]
fn a_predicate_that_panics_leaves_lock_and_line_as_they_should_be() {
    let lock = Lock::new(3);
    let condition = Condition::new();
    let mut held = lock.acquire(None).unwrap();
    let mut asked = 0;
    let predicate = |_: &mut i32| {
        asked += 1;
        if asked == 2 {
            std::panic::resume_unwind(Box::new("asked too much"));
        }
        false
    };
    let broken = catch_unwind(AssertUnwindSafe(|| condition.wait_for(&mut held, predicate, Duration::from_millis(1))));
    assert!(broken.is_err() && lock.locked() && *held == 3);
    drop(held);
    assert!(!lock.locked() && format!("{condition:?}").contains("waiting: 0"));
}

// beside case 278
#[test]
fn a_condition_can_be_awaited() {
    let _watchdog = watchdog();
    let turn = Turn::new();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let waits = Arc::clone(&turn);
    let waiting = pool.spawn(async move {
        let held = waits.lock.acquire_async().await;
        let held = waits.changed.wait_for_async(held, |count| *count > 0).await;
        *held
    });
    turn.until_waiting(1);
    *turn.lock.acquire(None).unwrap() = 7;
    turn.changed.notify(1);
    assert_eq!(waiting.result(None).unwrap(), 7);
    // One that is dropped while it waits has let go of the lock; what it was told goes to the next, also if it was
    // about to take the lock again.
    for told_when in ["in line", "behind the lock"] {
        let mut first = Box::pin(turn.changed.wait_async(turn.lock.try_acquire().unwrap()));
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(turn.changed.wait_async(turn.lock.try_acquire().unwrap()));
        assert!((&mut second).now_or_never().is_none());
        turn.changed.notify(1);
        if told_when == "behind the lock" {
            let held = turn.lock.try_acquire().unwrap();
            assert!((&mut first).now_or_never().is_none());
            drop(held);
        }
        drop(first);
        let held = (&mut second).now_or_never();
        assert!(held.is_some_and(|held| *held == 7), "{told_when}");
        assert!(!turn.lock.locked());
    }
}
