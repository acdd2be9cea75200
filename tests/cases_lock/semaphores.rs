//! Semaphores, with and without an upper bound.

use crate::support::{eventually, watchdog};
use crate::{bunch, join, times_out};
use concurrent_futures::threading::{BoundedSemaphore, Semaphore, Thread};
use futures::FutureExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

// case 281
#[test]
fn semaphores_count() {
    let _watchdog = watchdog();
    assert_eq!((Semaphore::default().available(), BoundedSemaphore::default().available()), (1, 1));
    let none = Semaphore::new(0);
    assert!(none.try_acquire().is_none() && none.acquire(Duration::ZERO).is_err());
    times_out(|limit| none.acquire(limit));
    let two = Semaphore::new(2);
    let bounded = BoundedSemaphore::new(2);
    for _ in 0..2 {
        let permits = (two.acquire(None).unwrap(), two.try_acquire().unwrap());
        assert!(two.try_acquire().is_none() && two.available() == 0);
        drop(permits);
        let permits = (bounded.acquire(Duration::MAX).unwrap(), bounded.try_acquire().unwrap());
        assert!(bounded.try_acquire().is_none() && bounded.available() == 0);
        times_out(|limit| bounded.acquire(limit));
        drop(permits);
    }
    assert_eq!((two.available(), bounded.available()), (2, 2));
    // Dropped while it is taken.
    let taken = Semaphore::new(1);
    taken.acquire(None).unwrap().forget();
    drop(taken);
    // On unwinding too.
    let broken = catch_unwind(AssertUnwindSafe(|| {
        let _permit = two.acquire(None).unwrap();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(broken.is_err() && two.available() == 2);
}

// case 282
#[test]
fn as_many_pass_as_there_are_permits() {
    let _watchdog = watchdog();
    let semaphore = Arc::new(Semaphore::new(7));
    let passed = Arc::new(AtomicUsize::new(0));
    let (waits, passes) = (Arc::clone(&semaphore), Arc::clone(&passed));
    let threads = bunch(10, move |_| {
        for _ in 0..2 {
            waits.acquire(None).unwrap().forget();
            passes.fetch_add(1, Ordering::SeqCst);
        }
    });
    let have_passed = |count: usize| {
        eventually("so many have passed", || passed.load(Ordering::SeqCst) == count);
        assert!(semaphore.available() == 0 && semaphore.try_acquire().is_none());
    };
    have_passed(7);
    semaphore.release(6);
    have_passed(13);
    semaphore.release(1);
    semaphore.release(0);
    have_passed(14);
    semaphore.release(6);
    join(threads);
    assert_eq!((passed.load(Ordering::SeqCst), semaphore.available()), (20, 0));
}

// cases 284, 285
#[test]
fn only_a_bounded_semaphore_minds_a_release_too_many() {
    let semaphore = Semaphore::new(1);
    semaphore.release(2);
    assert!(semaphore.available() == 3 && format!("{semaphore:?}").contains("available: 3"));
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.release(usize::MAX))).is_err());
    assert_eq!(semaphore.available(), 3);
    let bounded = BoundedSemaphore::new(3);
    assert!(bounded.release(1).is_err() && bounded.available() == 3);
    let permit = bounded.acquire(None).unwrap();
    assert!(format!("{bounded:?}").contains("available: 2, bound: 3"));
    let error = bounded.release(2).unwrap_err();
    assert!((error.released, error.acquired) == (2, 1) && bounded.available() == 2);
    // Released by hand, the guard has nothing left to release.
    bounded.release(1).unwrap();
    drop(permit);
    assert_eq!(bounded.available(), 3);
}

#[test]
fn a_permit_for_one_who_goes_away_goes_to_the_next() {
    let _watchdog = watchdog();
    let semaphore = Arc::new(Semaphore::new(0));
    let mut first = Box::pin(semaphore.acquire_async());
    assert!((&mut first).now_or_never().is_none());
    let waits = Arc::clone(&semaphore);
    let second = Thread::new(move || waits.acquire(None).unwrap().forget()).start().unwrap();
    semaphore.release(1);
    drop(first);
    second.join(None).unwrap();
    // And for one who looks, it is there.
    let mut third = Box::pin(semaphore.acquire_async());
    assert!((&mut third).now_or_never().is_none());
    semaphore.release(1);
    assert!((&mut third).now_or_never().is_some());
    assert_eq!(semaphore.available(), 1);
}
