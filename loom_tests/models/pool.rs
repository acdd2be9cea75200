//! The pool: sleeping against submitting, submitting against closing.

use super::{bounded, from_here, sampled, task};
use crate::TaskError;
use crate::pool::{Config, Pool};
use crate::sync::{AtomicUsize, Deadline, Ordering};
use crate::task::Future;
use loom::sync::Notify;
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn pool(max_workers: usize, max_spares: usize) -> Arc<Pool> {
    pool_with(max_workers, max_spares, None)
}

pub(super) fn pool_with(max_workers: usize, max_spares: usize, idle_timeout: Option<Duration>) -> Arc<Pool> {
    Pool::new(Config {
        max_workers,
        max_spares,
        thread_name_prefix: "model".to_owned(),
        stack_size: Config::default_stack(),
        idle_timeout,
        queue_bound: None,
        initializer: None,
        on_thread_start: None,
        on_thread_stop: None,
    })
}

pub(super) fn submit<T: Send + 'static>(pool: &Arc<Pool>, f: impl FnOnce() -> T + Send + 'static) -> Future<T> {
    let (task, future) = task(f);
    if let Err(rejected) = pool.execute(task, Deadline::NEVER) {
        rejected.job.fail(TaskError::Rejected(rejected.reason));
    }
    future
}

pub(super) fn shut_down(pool: &Arc<Pool>) {
    pool.close();
    assert!(pool.join(Deadline::NEVER));
}

/// Would show: a submit that wakes nobody because the worker was just about to sleep (without the pair of fences).
/// Twice, so that the second one meets a worker that has slept, or is about to.
#[test]
fn submit_against_sleep() {
    bounded(1, || {
        let pool = pool(1, 0);
        assert_eq!(submit(&pool, || 1).result(None).unwrap(), 1);
        assert_eq!(submit(&pool, || 2).result(None).unwrap(), 2);
        shut_down(&pool);
    });
}

/// Would show: two submits at once, of which each relies on the other to wake somebody.
#[test]
fn two_submitters() {
    bounded(1, || {
        let pool = pool(1, 0);
        let other = Arc::clone(&pool);
        let submitter = thread::spawn(move || submit(&other, || 1).result(None).unwrap());
        assert_eq!(submit(&pool, || 2).result(None).unwrap(), 2);
        assert_eq!(submitter.join().unwrap(), 1);
        shut_down(&pool);
    });
}

/// Would show: a task that was accepted and then neither run nor rejected, or a thread that nobody tells of the end.
#[test]
fn submit_against_shutdown() {
    bounded(2, || {
        let pool = pool(1, 0);
        let other = Arc::clone(&pool);
        let submitter = thread::spawn(move || submit(&other, || 1));
        shut_down(&pool);
        let future = submitter.join().unwrap();
        match future.result(None) {
            Ok(value) => assert_eq!(value, 1),
            Err(error) => assert!(error.is_rejected(), "{error}"),
        }
    });
}

/// Would show: a task that is counted twice, or lost, when it is cancelled as a worker takes it.
#[test]
fn cancel_against_taking() {
    bounded(2, || {
        let pool = pool(1, 0);
        let future = submit(&pool, || 1);
        let cancelled = future.cancel();
        shut_down(&pool);
        assert_eq!(future.result(None).is_ok(), !cancelled);
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.completed), (0, u64::from(!cancelled)));
    });
}

/// Would show: a task in a worker's own queue that nobody takes, as one worker searches and the other lies down.
#[test]
fn submit_from_a_task() {
    sampled(1, 50_000, || {
        let pool = pool(2, 0);
        let inner = Arc::clone(&pool);
        let outer = submit(&pool, move || submit(&inner, || 1));
        assert_eq!(outer.result(None).unwrap().result(None).unwrap(), 1);
        shut_down(&pool);
    });
}

/// Would show: a task that nobody comes to because a worker moved it into its own queue, where it was in no queue as
/// another one lay down, and told nobody. The task before it waits for it, by means that the pool does not see.
#[test]
fn moving_against_sleep() {
    from_here(None, || {
        let pool = pool(2, 0);
        let notified = Arc::new(Notify::new());
        let notifies = Arc::clone(&notified);
        // The worker comes by the first two as a searcher, and by the others when it is none.
        drop(submit(&pool, || 1));
        drop(submit(&pool, loom::explore));
        let second = submit(&pool, move || notified.wait());
        let third = submit(&pool, move || notifies.notify());
        second.result(None).unwrap();
        loom::stop_exploring();
        third.result(None).unwrap();
        shut_down(&pool);
    });
}

/// Would show: a thread that has become one too many and takes a task all the same, beside the one that came back.
#[test]
fn a_surplus_thread_takes_nothing() {
    sampled(1, 50_000, || {
        let pool = pool(1, 1);
        let running = Arc::new(AtomicUsize::new(0));
        let inner = Arc::clone(&pool);
        let count = Arc::clone(&running);
        let waiting = submit(&pool, move || {
            // A wait with a limit lends the place; the task comes back while the other one may still run.
            let short = submit(&inner, || ());
            let _ = short.result(Duration::from_millis(1));
            let later = submit(&inner, move || count.fetch_add(1, Ordering::SeqCst));
            let early = running.load(Ordering::SeqCst);
            (early, later)
        });
        let (early, later) = waiting.result(None).unwrap();
        assert_eq!(early, 0, "a second task was begun in a pool of one");
        assert_eq!(later.result(None).unwrap(), 0);
        shut_down(&pool);
    });
}
