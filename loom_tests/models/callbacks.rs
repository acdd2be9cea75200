//! Callbacks: added while the task ends, and reading the value while somebody wants to take it.

use super::{Drops, bounded, exhaustively, task};
use crate::sync::{AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc;

/// Would show: a callback that is called twice, or never.
#[test]
fn adding_against_the_end() {
    exhaustively(|| {
        let (task, future) = task(|| 7);
        let worker = thread::spawn(move || task.run());
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        future.add_done_callback(move |outcome| {
            assert_eq!(*outcome.unwrap(), 7);
            counted.fetch_add(1, Ordering::AcqRel);
        });
        worker.join().unwrap();
        assert_eq!(calls.load(Ordering::Acquire), 1);
    });
}

/// Would show: a value moved out while a callback reads it (loom watches the slot), or a taker that nobody wakes when
/// the callbacks are through.
#[test]
fn reading_against_taking() {
    exhaustively(|| {
        let (task, future) = task(|| 7);
        future.add_done_callback(|outcome| assert_eq!(*outcome.unwrap(), 7));
        let worker = thread::spawn(move || task.run());
        assert_eq!(future.result(None).unwrap(), 7);
        worker.join().unwrap();
    });
}

/// Would show: a value dropped under a callback that reads it, or by nobody.
#[test]
fn reading_against_dropping() {
    exhaustively(|| {
        let drops = Drops::new();
        let value = drops.item();
        let (task, future) = task(move || value);
        let seen = drops.clone();
        future.add_done_callback(move |outcome| {
            assert!(outcome.is_ok());
            assert_eq!(seen.count(), 0);
        });
        let worker = thread::spawn(move || task.run());
        drop(future);
        worker.join().unwrap();
        assert_eq!(drops.count(), 1);
    });
}

/// Would show: a late callback that runs beside another one, or is lost because the other was just about to finish.
#[test]
fn two_late_callbacks() {
    bounded(3, || {
        let (task, future) = task(|| 7);
        task.run();
        let future = Arc::new(future);
        let other = Arc::clone(&future);
        let calls = Arc::new(AtomicUsize::new(0));
        let (first, second) = (Arc::clone(&calls), Arc::clone(&calls));
        let thread = thread::spawn(move || {
            other.add_done_callback(move |_| {
                first.fetch_add(1, Ordering::AcqRel);
            });
        });
        future.add_done_callback(move |_| {
            second.fetch_add(1, Ordering::AcqRel);
        });
        thread.join().unwrap();
        assert_eq!(calls.load(Ordering::Acquire), 2);
        assert_eq!(future.result(None).unwrap(), 7);
    });
}

/// Would show: a callback that is lost, or called by both, when the task is cancelled while it is added.
#[test]
fn adding_against_cancel() {
    exhaustively(|| {
        let (task, future) = task(|| 7);
        let future = Arc::new(future);
        let other = Arc::clone(&future);
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let canceller = thread::spawn(move || other.cancel());
        future.add_done_callback(move |outcome| {
            assert!(outcome.is_err());
            counted.fetch_add(1, Ordering::AcqRel);
        });
        assert!(canceller.join().unwrap());
        assert_eq!(calls.load(Ordering::Acquire), 1);
        drop(task);
    });
}

/// Would show: a handed cell that never ends, or ends twice, when its source is cancelled as it runs.
#[test]
fn forwarding_against_cancel() {
    bounded(3, || {
        let (task, future) = task(|| Ok::<_, std::fmt::Error>(7));
        let future = future.fallible();
        let worker = thread::spawn(move || task.run());
        let cancelled = future.cancel();
        worker.join().unwrap();
        assert_eq!(future.result(None).is_ok(), !cancelled);
        assert_eq!(future.cancelled(), cancelled);
    });
}
