//! Locks, which may be taken again by their owner or not.

use crate::support::{Gate, watchdog};
use crate::{SOON, bunch, join, times_out};
use concurrent_futures::threading::{Lock, RLock, Thread};
use concurrent_futures::{ThreadPoolExecutor, task};
use futures::FutureExt;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

// case 261
#[test]
fn locks_are_taken_and_released_and_say_so() {
    let lock = Lock::new(5);
    assert!(!lock.locked() && format!("{lock:?}").contains('5'));
    {
        let mut held = lock.acquire(None).unwrap();
        *held += 1;
        assert!(lock.locked() && format!("{lock:?}").contains("locked") && format!("{held:?}") == "6");
        assert!(lock.try_acquire().is_none());
    }
    assert_eq!(*lock.try_acquire().unwrap(), 6);
    assert_eq!(lock.into_inner(), 6);
    let lock = RLock::new(5);
    assert!(!lock.locked() && format!("{lock:?}").contains("locked: false"));
    let held = lock.try_acquire().unwrap();
    assert!(lock.locked() && format!("{lock:?}").contains("locked: true") && format!("{held:?}") == "5");
    drop(held);
    assert_eq!(lock.into_inner(), 5);
    // Held for ever, and dropped all the same.
    let lock = Lock::new(());
    std::mem::forget(lock.acquire(None).unwrap());
    drop(lock);
}

// case 262
#[test]
fn a_lock_that_is_held_is_waited_for_by_all() {
    let _watchdog = watchdog();
    let lock = Arc::new(Lock::new(Vec::new()));
    let held = lock.acquire(None).unwrap();
    let tries = Arc::clone(&lock);
    assert!(Thread::new(move || tries.try_acquire().is_none()).start().unwrap().join(None).unwrap());
    let waits = Arc::clone(&lock);
    let waiting = bunch(5, move |number| waits.acquire(None).unwrap().push(number));
    assert!(held.is_empty());
    drop(held);
    join(waiting);
    let mut seen = lock.acquire(None).unwrap().clone();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3, 4]);
    let lock = Arc::new(RLock::new(Cell::new(0)));
    let held = lock.acquire(None).unwrap();
    let tries = Arc::clone(&lock);
    assert!(Thread::new(move || tries.try_acquire().is_none()).start().unwrap().join(None).unwrap());
    let waits = Arc::clone(&lock);
    let waiting = bunch(5, move |_| {
        let count = waits.acquire(None).unwrap();
        count.set(count.get() + 1);
    });
    assert_eq!(held.get(), 0);
    drop(held);
    join(waiting);
    assert_eq!(lock.acquire(None).unwrap().get(), 5);
}

// case 264: threads that use locks are not kept by them
#[test]
fn foreign_threads_leave_nothing_in_a_lock() {
    let _watchdog = watchdog();
    let lock = Arc::new(RLock::new(()));
    let threads: Vec<_> = (0..15)
        .map(|_| {
            let lock = Arc::clone(&lock);
            std::thread::spawn(move || drop(lock.acquire(None).unwrap()))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(!lock.locked() && Arc::strong_count(&lock) == 1);
    let listed = concurrent_futures::threading::enumerate();
    assert!(!listed.iter().any(|thread| thread.name().starts_with("Dummy")), "{listed:?}");
}

// cases 265, 268
#[test]
fn limits_of_all_sizes_are_kept() {
    let _watchdog = watchdog();
    let lock = Arc::new(Lock::new(()));
    for limit in [Duration::ZERO, Duration::from_secs(5), Duration::MAX] {
        drop(lock.acquire(limit).unwrap());
        drop(lock.acquire(Some(limit)).unwrap());
    }
    let held = lock.acquire(None).unwrap();
    let other = Arc::clone(&lock);
    let late = Thread::new(move || {
        assert!(other.acquire(Duration::ZERO).is_err());
        times_out(|limit| other.acquire(limit));
    });
    late.start().unwrap().join(None).unwrap();
    drop(held);
    // case 268
    drop(lock.try_acquire().unwrap());
    let lock = Arc::new(RLock::new(()));
    let held = lock.acquire(Duration::MAX).unwrap();
    let other = Arc::clone(&lock);
    Thread::new(move || times_out(|limit| other.acquire(limit).map(drop))).start().unwrap().join(None).unwrap();
    drop(held);
    drop(lock.try_acquire().unwrap());
}

// case 266
#[test]
fn a_lock_is_not_reentrant() {
    let _watchdog = watchdog();
    let lock = Arc::new(Lock::new(()));
    let (held_by_all, reached) = (Arc::clone(&lock), Gate::new());
    let opens = reached.clone();
    let twice = Thread::new(move || {
        let first = held_by_all.acquire(None).unwrap();
        std::mem::forget(first);
        opens.open();
        drop(held_by_all.acquire(None).unwrap());
    });
    // It never ends, so nobody must wait for it.
    let twice = twice.daemon(true).start().unwrap();
    reached.wait();
    assert!(twice.join(SOON).is_err_and(|error| error.is_timed_out()));
    assert!(lock.locked());
}

// case 270
#[test]
fn an_rlock_counts_how_often_its_owner_has_it() {
    let _watchdog = watchdog();
    let lock = Arc::new(RLock::new(()));
    assert!(!lock.is_owned() && lock.depth() == 0);
    let guards = [(); 3].map(|()| lock.acquire(None).unwrap());
    assert!(lock.is_owned() && lock.depth() == 3);
    let other = Arc::clone(&lock);
    let seen = Thread::new(move || (other.is_owned(), other.depth(), other.locked(), other.try_acquire().is_some()));
    assert_eq!(seen.start().unwrap().join(None).unwrap(), (false, 0, true, false));
    for (left, guard) in guards.into_iter().enumerate() {
        assert_eq!(lock.depth(), 3 - left);
        drop(guard);
    }
    assert!(!lock.is_owned() && !lock.locked());
}

// beside case 272: it belongs to the next one from then on
#[test]
fn an_rlock_changes_hands() {
    let _watchdog = watchdog();
    static LOCK: RLock<Cell<usize>> = RLock::new(Cell::new(0));
    join(bunch(8, |_| {
        for _ in 0..200 {
            let outer = LOCK.acquire(None).unwrap();
            let inner = LOCK.acquire(None).unwrap();
            let before = outer.get();
            std::thread::yield_now();
            inner.set(before + 1);
        }
    }));
    assert_eq!(LOCK.acquire(None).unwrap().get(), 1_600);
}

#[test]
fn a_lock_is_fine_after_a_panic() {
    let lock = Lock::new(1);
    let broken = catch_unwind(AssertUnwindSafe(|| {
        *lock.acquire(None).unwrap() = 2;
        let _held = lock.acquire(None).unwrap();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(broken.is_err());
    assert_eq!(*lock.try_acquire().unwrap(), 2);
}

#[test]
fn a_lock_guards_also_over_an_await() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    let lock = Arc::new(Lock::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let lock = Arc::clone(&lock);
            pool.spawn(async move {
                for _ in 0..50 {
                    let mut held = lock.acquire_async().await;
                    let before = *held;
                    task::yield_now().await;
                    *held = before + 1;
                }
            })
        })
        .collect();
    for task in tasks {
        task.result(None).unwrap();
    }
    assert_eq!(*lock.acquire(None).unwrap(), 400);
    // One that gives up is not in the way.
    let held = lock.try_acquire().unwrap();
    {
        let mut gives_up = Box::pin(lock.acquire_async());
        assert!((&mut gives_up).now_or_never().is_none());
    }
    drop(held);
    assert!(lock.try_acquire().is_some());
}
