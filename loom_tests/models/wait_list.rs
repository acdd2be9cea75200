//! The line in front of something: choosing against leaving.
//!
//! The owner here has a number of permits, which is all that a queue or a semaphore is to its line.

use super::exhaustively;
use super::wakers::waker;
use crate::sync::{Deadline, Mutex};
use crate::task::{Site, WaitList, Waiting};
use loom::thread;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

#[derive(Default)]
struct Permits {
    free: usize,
    line: WaitList,
}

#[derive(Clone, Default)]
struct Owner(Arc<Mutex<Permits>>);

fn take(permits: &mut Permits, _chosen: bool) -> Option<()> {
    permits.free = permits.free.checked_sub(1)?;
    Some(())
}

impl Owner {
    fn waiting(&self) -> Waiting<'_, Permits> {
        Waiting::new(Site::new(&self.0, |permits| &mut permits.line))
    }

    fn acquire(&self, deadline: Deadline) -> bool {
        self.waiting().block_until(deadline, take).is_some()
    }

    fn release(&self, count: usize) {
        let mut permits = self.0.lock();
        permits.free += count;
        let wakes = permits.line.notify_many(count);
        drop(permits);
        wakes.wake();
    }

    fn nobody_waits(&self) -> bool {
        self.0.lock().line.is_empty()
    }
}

fn soon() -> Deadline {
    Deadline::after(Some(Duration::from_millis(1)))
}

/// Would show: a release between the failed attempt and the sleep, of which nobody hears.
#[test]
fn enlisting_against_a_release() {
    exhaustively(|| {
        let owner = Owner::default();
        let other = owner.clone();
        let waiter = thread::spawn(move || assert!(other.acquire(Deadline::NEVER)));
        owner.release(1);
        waiter.join().unwrap();
        assert!(owner.nobody_waits());
    });
}

/// Would show: one notification for two permits, or one that goes twice to the same waiter.
#[test]
fn two_waiters_and_two_permits() {
    exhaustively(|| {
        let owner = Owner::default();
        let waiters = [(); 2].map(|()| {
            let owner = owner.clone();
            thread::spawn(move || assert!(owner.acquire(Deadline::NEVER)))
        });
        owner.release(1);
        owner.release(1);
        for waiter in waiters {
            waiter.join().unwrap();
        }
        assert!(owner.nobody_waits());
    });
}

/// Would show: a waiter whose time is up although it was chosen, and which neither takes the permit nor tells the next.
#[test]
fn a_time_that_is_up_against_a_release() {
    exhaustively(|| {
        let owner = Owner::default();
        let (short, long) = (owner.clone(), owner.clone());
        let short = thread::spawn(move || {
            // What it got in time it gives to the other.
            if short.acquire(soon()) {
                short.release(1);
            }
        });
        let long = thread::spawn(move || assert!(long.acquire(Deadline::NEVER)));
        owner.release(1);
        long.join().unwrap();
        short.join().unwrap();
        assert!(owner.nobody_waits());
    });
}

/// Would show: a future that is dropped after it was chosen, with the only notification there is.
#[test]
fn dropping_against_a_release() {
    exhaustively(|| {
        let owner = Owner::default();
        let mut early = owner.waiting();
        assert!(early.poll(&Context::from_waker(Waker::noop()), take).is_pending());
        let releasing = owner.clone();
        let releaser = thread::spawn(move || releasing.release(1));
        let waiting = owner.clone();
        let waiter = thread::spawn(move || assert!(waiting.acquire(Deadline::NEVER)));
        drop(early);
        releaser.join().unwrap();
        waiter.join().unwrap();
        assert!(owner.nobody_waits());
    });
}

/// Would show: a chosen one that finds nothing, because somebody from outside was faster, and is forgotten after it.
#[test]
fn overtaken_by_somebody_who_did_not_wait() {
    exhaustively(|| {
        let owner = Owner::default();
        let waiting = owner.clone();
        let waiter = thread::spawn(move || assert!(waiting.acquire(Deadline::NEVER)));
        let releasing = owner.clone();
        let releaser = thread::spawn(move || releasing.release(1));
        if take(&mut owner.0.lock(), false).is_some() {
            owner.release(1);
        }
        releaser.join().unwrap();
        waiter.join().unwrap();
        assert!(owner.nobody_waits());
    });
}

/// Would show: a notification that wakes the waker of an earlier poll, or nobody.
#[test]
fn another_waker_against_a_release() {
    exhaustively(|| {
        let owner = Owner::default();
        let mut waiting = owner.waiting();
        assert!(waiting.poll(&Context::from_waker(Waker::noop()), take).is_pending());
        let releasing = owner.clone();
        let releaser = thread::spawn(move || releasing.release(1));
        let (woken, waker) = waker();
        let ready = waiting.poll(&Context::from_waker(&waker), take).is_ready();
        releaser.join().unwrap();
        if !ready {
            assert_eq!(woken.times(), 1);
            assert!(waiting.poll(&Context::from_waker(&waker), take).is_ready());
        }
        drop(waiting);
        assert!(owner.nobody_waits());
    });
}

/// Would show: a waiter that is in line before it sleeps, as those of a condition are, and misses what comes meanwhile.
#[test]
fn enlisted_before_it_blocks() {
    exhaustively(|| {
        let owner = Owner::default();
        let mut waiting = owner.waiting();
        waiting.enlist(&mut owner.0.lock());
        let notifying = owner.clone();
        let notifier = thread::spawn(move || {
            let wakes = notifying.0.lock().line.notify_one();
            wakes.wake();
        });
        assert!(waiting.block_until(Deadline::NEVER, |_, chosen| chosen.then_some(())).is_some());
        notifier.join().unwrap();
        assert!(owner.nobody_waits());
    });
}
