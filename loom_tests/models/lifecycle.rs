//! One task: run, cancelled, taken and dropped by different threads at once.

use super::{Drops, exhaustively, task};
use crate::TaskError;
use crate::state::{Begin, Birth, Lifecycle};
use crate::task::{Begun, CellRef, Owner};
use loom::thread;
use std::sync::Arc;

/// Would show: a job that is run although `cancel` said it never would be, or dropped by both sides.
#[test]
fn run_against_cancel() {
    exhaustively(|| {
        let drops = Drops::new();
        let captured = drops.item();
        let (task, future) = task(move || drop(captured));
        let worker = thread::spawn(move || task.run());
        let cancelled = future.cancel();
        worker.join().unwrap();
        assert_eq!(drops.count(), 1);
        match future.result(None) {
            Ok(()) => assert!(!cancelled),
            Err(TaskError::Cancelled) => assert!(cancelled),
            Err(error) => panic!("{error}"),
        }
    });
}

/// Would show: a waiter that sees DONE before the value, or that nobody wakes.
#[test]
fn run_against_result() {
    exhaustively(|| {
        let (task, future) = task(|| 7);
        let worker = thread::spawn(move || task.run());
        assert_eq!(future.result(None).unwrap(), 7);
        worker.join().unwrap();
    });
}

/// Would show: a value that is dropped twice, or never, or a cell freed in use.
#[test]
fn run_against_drop() {
    exhaustively(|| {
        let drops = Drops::new();
        let value = drops.item();
        let (task, future) = task(move || value);
        let worker = thread::spawn(move || task.run());
        drop(future);
        worker.join().unwrap();
        assert_eq!(drops.count(), 1);
    });
}

/// Would show: a job dropped by the executor and by the canceller.
#[test]
fn abandon_against_cancel() {
    exhaustively(|| {
        let drops = Drops::new();
        let captured = drops.item();
        let (task, future) = task(move || drop(captured));
        let executor = thread::spawn(move || drop(task));
        let cancelled = future.cancel();
        executor.join().unwrap();
        assert_eq!(drops.count(), 1);
        match future.result(None) {
            Err(TaskError::Cancelled) => assert!(cancelled),
            Err(TaskError::Abandoned) => assert!(!cancelled),
            other => panic!("{other:?}"),
        }
    });
}

/// Would show: a value handed to two takers.
#[test]
fn two_takers() {
    exhaustively(|| {
        let (task, future) = task(|| 7);
        let future = Arc::new(future);
        let other = Arc::clone(&future);
        let taker = thread::spawn(move || other.result(None).is_ok());
        task.run();
        let first = future.result(None).is_ok();
        let second = taker.join().unwrap();
        assert!(first != second);
    });
}

/// Would show: a task begun by two threads that hold copies of it.
#[test]
fn two_runners() {
    exhaustively(|| {
        let drops = Drops::new();
        let captured = drops.item();
        let (task, future) = task(move || drop(captured));
        let copy = CellRef::to(task.header());
        let helper = thread::spawn(move || Begun::of(copy).map(|begun| begun.run(&crate::task::Anybody)).is_some());
        task.run();
        helper.join().unwrap();
        future.result(None).unwrap();
        assert_eq!(drops.count(), 1);
    });
}

/// What an executor's owner keeps, watched by loom.
struct Kept(loom::cell::UnsafeCell<u32>);

// SAFETY: the model checks that no two threads touch it at once.
unsafe impl Send for Kept {}
// SAFETY: as above.
unsafe impl Sync for Kept {}

impl Kept {
    fn touch(&self) {
        // SAFETY: the model checks that nobody else touches it meanwhile.
        self.0.with_mut(|count| unsafe { *count += 1 });
    }
}

/// Would show: an owner that is used by a canceller after the executor let it go.
#[test]
fn cancel_against_the_owners_end() {
    exhaustively(|| {
        let (task, future) = task(|| ());
        // Stands for the executor: freed as soon as its queue has let go of the task.
        let kept = Arc::new(Kept(loom::cell::UnsafeCell::new(0)));
        let told = Arc::clone(&kept);
        let owner = Box::new(Owner { withdrawn: Box::new(move || told.touch()), left_behind: Box::new(|| ()) });
        assert!(task.header().adopt(&owner));
        let executor = thread::spawn(move || {
            let begun = task.begin();
            let ran = begun.is_some();
            if let Some(begun) = begun {
                begun.run(&crate::task::Anybody);
            }
            // A canceller that is still in the hook would be a race.
            kept.touch();
            drop(owner);
            ran
        });
        let cancelled = future.cancel();
        assert!(executor.join().unwrap() != cancelled);
    });
}

/// Would show: a request to stop that is lost, or that disturbs the end.
#[test]
fn request_cancel_against_the_end() {
    exhaustively(|| {
        let (task, future) = task(crate::task::cancel_requested);
        let worker = thread::spawn(move || task.run());
        let outcome = future.request_cancel();
        worker.join().unwrap();
        match outcome {
            crate::CancelOutcome::NeverRan => assert!(future.cancelled()),
            _ => assert!(future.result(None).is_ok()),
        }
    });
}

/// Would show: a count of references that loses one when copies come and go at once. The toy use of the word alone
/// keeps the state space small.
#[test]
fn references() {
    exhaustively(|| {
        let life = Arc::new(Lifecycle::new(Birth::Pending, 2));
        let other = Arc::clone(&life);
        let thread = thread::spawn(move || {
            assert_eq!(other.begin(), Begin::Begun);
            other.add_reference();
            usize::from(other.release_reference().is_some()) + usize::from(other.release_reference().is_some())
        });
        let last = usize::from(life.release_reference().is_some());
        assert_eq!(last + thread.join().unwrap(), 1);
    });
}
