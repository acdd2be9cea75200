//! What threads and futures wait on: waiting against what it is for, and against giving up.

use super::wakers::waker;
use super::{bounded, exhaustively};
use crate::threading::{Barrier, BrokenBarrier, Condition, Event, Lock, RLock, Semaphore};
use loom::thread;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(1);

/// Would show: a set between the look and the sleep of which nobody hears, and one that is cleared at once.
#[test]
fn an_event_that_is_set_and_cleared_at_once() {
    exhaustively(|| {
        let event = Arc::new(Event::new());
        let waits = Arc::clone(&event);
        let waiter = thread::spawn(move || waits.wait(None));
        event.set();
        event.clear();
        // Whether it came before or after the pulse is not known; this one is for the latter case.
        event.set();
        assert!(waiter.join().unwrap());
    });
}

/// Would show: a waiter that goes away with another one's release, among two that wait for the same.
#[test]
fn an_event_for_two_of_whom_one_gives_up() {
    bounded(3, || {
        let event = Arc::new(Event::new());
        let waits = Arc::clone(&event);
        let gives_up = Arc::clone(&event);
        let waiter = thread::spawn(move || assert!(waits.wait(None)));
        let other = thread::spawn(move || gives_up.wait(SOON));
        event.set();
        waiter.join().unwrap();
        other.join().unwrap();
    });
}

/// Would show: an awaited event that stays pending although it is set, without a wake.
#[test]
fn an_event_that_is_awaited() {
    exhaustively(|| {
        let event = Arc::new(Event::new());
        let sets = Arc::clone(&event);
        let setter = thread::spawn(move || {
            sets.set();
            sets.clear();
        });
        let (woken, waker) = waker();
        let mut waiting = pin!(event.wait_async());
        if waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            setter.join().unwrap();
            // It may have begun to wait after the pulse; but if it was woken, it was for this.
            if woken.times() == 0 {
                event.set();
                assert_eq!(woken.times(), 1);
            }
            assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
        } else {
            setter.join().unwrap();
        }
    });
}

/// Would show: two inside at once, a permit that is lost, and what one wrote not being seen by the next.
#[test]
fn a_semaphore_with_one_permit_excludes() {
    exhaustively(|| {
        let lock = Arc::new(Lock::new(0));
        let threads = [(); 2].map(|()| {
            let lock = Arc::clone(&lock);
            thread::spawn(move || *lock.acquire(None).unwrap() += 1)
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*lock.acquire(None).unwrap(), 2);
    });
}

/// Would show: a release that wakes nobody because the one whom it chose has just given up.
#[test]
fn a_permit_for_one_who_gives_up_goes_to_the_next() {
    bounded(3, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let (waits, gives_up) = (Arc::clone(&semaphore), Arc::clone(&semaphore));
        let hasty = thread::spawn(move || drop(gives_up.acquire(SOON)));
        let patient = thread::spawn(move || waits.acquire(None).unwrap().forget());
        semaphore.release(1);
        hasty.join().unwrap();
        patient.join().unwrap();
        assert_eq!(semaphore.available(), 0);
    });
}

/// Would show: as above, for a future that is dropped.
#[test]
fn a_permit_for_a_future_that_is_dropped_goes_to_the_next() {
    bounded(3, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let waits = Arc::clone(&semaphore);
        let patient = thread::spawn(move || waits.acquire(None).unwrap().forget());
        let releases = Arc::clone(&semaphore);
        let releaser = thread::spawn(move || releases.release(1));
        {
            let (_, waker) = waker();
            let mut waiting = pin!(semaphore.acquire_async());
            let _ = waiting.as_mut().poll(&mut Context::from_waker(&waker));
        }
        releaser.join().unwrap();
        patient.join().unwrap();
    });
}

/// Would show: a notification between the unlock and the sleep of which nobody hears.
#[test]
fn a_condition_that_is_notified_while_it_lies_down() {
    exhaustively(|| {
        let shared = Arc::new((Lock::new(false), Condition::new()));
        let waits = Arc::clone(&shared);
        let waiter = thread::spawn(move || {
            let (lock, changed) = &*waits;
            let mut ready = lock.acquire(None).unwrap();
            assert!(changed.wait_for(&mut ready, |ready| *ready, None));
            assert!(*ready);
        });
        *shared.0.acquire(None).unwrap() = true;
        shared.1.notify(1);
        waiter.join().unwrap();
    });
}

/// Would show: a notification that is lost with one who has given up, and a lock that is not held after the wait.
#[test]
fn a_condition_for_two_of_whom_one_gives_up() {
    bounded(3, || {
        let shared = Arc::new((Lock::new(0), Condition::new()));
        let (waits, gives_up) = (Arc::clone(&shared), Arc::clone(&shared));
        let patient = thread::spawn(move || {
            let (lock, changed) = &*waits;
            let mut items = lock.acquire(None).unwrap();
            assert!(changed.wait_for(&mut items, |items| *items > 0, None));
            *items -= 1;
        });
        let hasty = thread::spawn(move || {
            let (lock, changed) = &*gives_up;
            let mut items = lock.acquire(None).unwrap();
            // It may be woken, and leaves what there is to the other one: who is told has to pass that on.
            if changed.wait(&mut items, SOON) {
                changed.notify(1);
            }
        });
        *shared.0.acquire(None).unwrap() += 1;
        shared.1.notify(1);
        hasty.join().unwrap();
        patient.join().unwrap();
        assert_eq!(*shared.0.acquire(None).unwrap(), 0);
    });
}

/// Would show: the same between the unlock and the place in the line, for a future.
#[test]
fn a_condition_that_is_notified_while_a_future_gets_in_line() {
    exhaustively(|| {
        let shared = Arc::new((Lock::new(false), Condition::new()));
        let notifies = Arc::clone(&shared);
        let held = shared.0.acquire(None).unwrap();
        let notifier = thread::spawn(move || {
            *notifies.0.acquire(None).unwrap() = true;
            notifies.1.notify(1);
        });
        let (woken, waker) = waker();
        let mut waiting = pin!(shared.1.wait_for_async(held, |ready| *ready));
        let mut polled = waiting.as_mut().poll(&mut Context::from_waker(&waker));
        notifier.join().unwrap();
        if polled.is_pending() {
            assert!(woken.times() > 0);
            polled = waiting.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_ready());
        }
    });
}

/// Would show: a notification that is lost with a future that was told and does not have the lock yet.
#[test]
fn a_condition_whose_future_is_dropped_behind_the_lock() {
    bounded(3, || {
        let shared = Arc::new((Lock::new(0), Condition::new()));
        let waits = Arc::clone(&shared);
        let patient = thread::spawn(move || {
            let (lock, changed) = &*waits;
            let mut items = lock.acquire(None).unwrap();
            assert!(changed.wait_for(&mut items, |items| *items > 0, None));
        });
        let notifies = Arc::clone(&shared);
        let notifier = thread::spawn(move || {
            let (lock, changed) = &*notifies;
            let mut items = lock.acquire(None).unwrap();
            *items += 1;
            // With the lock: who is told has to wait for that.
            changed.notify(1);
        });
        {
            let (_, waker) = waker();
            let mut waiting = pin!(shared.1.wait_async(shared.0.acquire(None).unwrap()));
            for _ in 0..2 {
                if waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    // It was told after its wait had begun, and hands that on as it should.
                    shared.1.notify(1);
                    break;
                }
            }
        }
        notifier.join().unwrap();
        patient.join().unwrap();
    });
}

/// Would show: two owners at once, or an owner that is not known to itself.
#[test]
fn an_rlock_that_changes_hands() {
    bounded(3, || {
        let lock = Arc::new(RLock::new(std::cell::Cell::new(0)));
        let threads = [(); 2].map(|()| {
            let lock = Arc::clone(&lock);
            thread::spawn(move || {
                let outer = lock.acquire(None).unwrap();
                let inner = lock.try_acquire().unwrap();
                assert_eq!(lock.depth(), 2);
                inner.set(outer.get() + 1);
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(lock.acquire(None).unwrap().get(), 2);
    });
}

/// Would show: a party that sleeps for ever although the round is complete, and a number that two have, or nobody.
#[test]
fn a_barrier_of_two_in_two_rounds() {
    bounded(3, || {
        let barrier = Arc::new(Barrier::new(2));
        let waits = Arc::clone(&barrier);
        let other = thread::spawn(move || [(); 2].map(|()| waits.wait(None).unwrap()));
        let mine = [(); 2].map(|()| barrier.wait(None).unwrap());
        let theirs = other.join().unwrap();
        assert!((0..2).all(|round| mine[round] + theirs[round] == 1));
        assert_eq!(barrier.waiting(), 0);
    });
}

/// Would show: parties that come to different ends of the same round, or one that an abort does not reach.
#[test]
fn a_barrier_that_is_aborted_or_timed_out() {
    bounded(3, || {
        let barrier = Arc::new(Barrier::new(2));
        let (hasty, aborts) = (Arc::clone(&barrier), Arc::clone(&barrier));
        let hasty = thread::spawn(move || hasty.wait(SOON));
        let aborter = thread::spawn(move || aborts.abort());
        let mine = barrier.wait(None);
        let theirs = hasty.join().unwrap();
        aborter.join().unwrap();
        match (mine, theirs) {
            (Ok(mine), Ok(theirs)) => assert_eq!(mine + theirs, 1),
            (Err(mine), Err(theirs)) => {
                assert_eq!(mine, theirs);
                assert!(matches!(mine, BrokenBarrier::Aborted | BrokenBarrier::TimedOut));
            }
            different => panic!("{different:?}"),
        }
        assert!(barrier.is_broken());
    });
}

/// Would show: a party that is dropped and still counts, or one that counts and is not waited for.
#[test]
fn a_barrier_whose_awaiting_party_is_dropped() {
    exhaustively(|| {
        let barrier = Arc::new(Barrier::new(2));
        let waits = Arc::clone(&barrier);
        let other = thread::spawn(move || waits.wait(None));
        let passed = {
            let (_, waker) = waker();
            let mut waiting = pin!(barrier.wait_async());
            waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
        };
        // The other one was in the same round before this one went away, or is alone until this.
        barrier.abort();
        let outcome = other.join().unwrap();
        assert!(outcome.is_ok() || (!passed && outcome == Err(BrokenBarrier::Aborted)));
        assert_eq!(barrier.waiting(), 0);
    });
}
