//! Awaiting a task: the waker's registration against the end.

use super::{bounded, exhaustively, task};
use crate::sync::{AtomicUsize, Ordering};
use loom::thread;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Counts its wakes where loom sees them.
pub(super) struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

impl Woken {
    pub(super) fn times(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

pub(super) fn waker() -> (Arc<Woken>, Waker) {
    let woken = Arc::new(Woken(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&woken));
    (woken, waker)
}

/// Would show: a poll that stays pending although the task has ended, without a wake.
#[test]
fn registration_against_the_end() {
    exhaustively(|| {
        let (task, future) = task(|| 7);
        let worker = thread::spawn(move || task.run());
        let (woken, waker) = waker();
        let mut future = pin!(future);
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => {
                worker.join().unwrap();
                assert_eq!(outcome.unwrap(), 7);
            }
            Poll::Pending => {
                worker.join().unwrap();
                assert_eq!(woken.0.load(Ordering::Acquire), 1);
                assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
            }
        }
    });
}

/// Would show: a second poll with another waker whose wake goes to the first one, or to nobody.
#[test]
fn replacement_against_the_end() {
    exhaustively(|| {
        let (task, future) = task(|| 7);
        let mut future = pin!(future);
        let (_, first) = waker();
        assert!(future.as_mut().poll(&mut Context::from_waker(&first)).is_pending());
        let worker = thread::spawn(move || task.run());
        let (woken, second) = waker();
        let ready = future.as_mut().poll(&mut Context::from_waker(&second)).is_ready();
        worker.join().unwrap();
        assert!(ready || woken.0.load(Ordering::Acquire) == 1);
    });
}

/// Would show: a waker that outlives the future that left it, or is dropped twice.
#[test]
fn drop_of_a_polled_future_against_the_end() {
    exhaustively(|| {
        let (task, future) = task(|| 7);
        let (woken, waker) = waker();
        let mut future = Box::pin(future);
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let worker = thread::spawn(move || task.run());
        drop(future);
        worker.join().unwrap();
        drop(waker);
        assert_eq!(Arc::strong_count(&woken), 1);
    });
}

/// Would show: two who await the same future by reference, of whom one is forgotten.
#[test]
fn two_who_await_by_reference() {
    bounded(3, || {
        let (task, future) = task(|| 7);
        let worker = thread::spawn(move || task.run());
        let (first_woken, first) = waker();
        let (second_woken, second) = waker();
        let first_ready = pin!(&future).poll(&mut Context::from_waker(&first)).is_ready();
        let second_ready = pin!(&future).poll(&mut Context::from_waker(&second)).is_ready();
        worker.join().unwrap();
        assert!(first_ready || first_woken.0.load(Ordering::Acquire) == 1);
        assert!(second_ready || second_woken.0.load(Ordering::Acquire) == 1);
    });
}
