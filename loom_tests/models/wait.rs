//! Waiting for many: registration against the end, and leaving against being told.

use super::{bounded, exhaustively, task};
use crate::{ReturnWhen, as_completed, wait};
use loom::thread;
use std::time::Duration;

/// Would show: an end that comes between the registration of two members and is missed.
#[test]
fn first_completed() {
    bounded(3, || {
        let (task_a, future_a) = task(|| 1);
        let (task_b, future_b) = task(|| 2);
        let worker = thread::spawn(move || task_a.run());
        let ended = wait([&future_a, &future_b], None, ReturnWhen::FirstCompleted);
        assert_eq!(ended.done.len() + ended.not_done.len(), 2);
        assert!(ended.done.iter().any(|future| **future == future_a));
        worker.join().unwrap();
        drop(task_b);
    });
}

/// Would show: a lost wake when members end on two threads at once.
#[test]
fn all_completed_on_two_threads() {
    bounded(2, || {
        let (task_a, future_a) = task(|| 1);
        let (task_b, future_b) = task(|| 2);
        let worker_a = thread::spawn(move || task_a.run());
        let worker_b = thread::spawn(move || task_b.run());
        let ended = wait([&future_a, &future_b], None, ReturnWhen::AllCompleted);
        assert_eq!(ended.done.len(), 2);
        worker_a.join().unwrap();
        worker_b.join().unwrap();
    });
}

/// Would show: a member told of twice, or never.
#[test]
fn as_completed_yields_each_once() {
    bounded(2, || {
        let (task_a, future_a) = task(|| 1);
        let (task_b, future_b) = task(|| 2);
        let worker = thread::spawn(move || {
            task_a.run();
            task_b.run();
        });
        let mut sum = 0;
        for future in as_completed([future_a, future_b], None) {
            sum += future.unwrap().result(None).unwrap();
        }
        assert_eq!(sum, 3);
        worker.join().unwrap();
    });
}

/// Would show: a node on a stack, or in a set, that is told after its owner has gone.
#[test]
fn leaving_against_being_told() {
    bounded(3, || {
        let (task, future) = task(|| 7);
        // The one who leaves joins nobody: an unpark that comes late would wake loom's join by mistake.
        let waiter = thread::spawn(move || match future.result(Duration::from_millis(1)) {
            Ok(value) => assert_eq!(value, 7),
            Err(error) => assert!(error.is_timed_out()),
        });
        task.run();
        waiter.join().unwrap();
    });
}

/// As above, for a wait-set that is dropped.
#[test]
fn dropping_a_set_against_being_told() {
    exhaustively(|| {
        let (task, future) = task(|| 7);
        let worker = thread::spawn(move || task.run());
        drop(as_completed([&future], None));
        worker.join().unwrap();
        assert_eq!(future.result(None).unwrap(), 7);
    });
}
