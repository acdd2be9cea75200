//! Waits inside tasks: running what is awaited, and lending the place.

use super::bounded;
use super::pool::{pool, shut_down, submit};
use crate::{ReturnWhen, wait};
use std::sync::Arc;

/// Would show: a task that is run in place and once more from the queue, or a worker that waits for its own queue.
/// (That two threads cannot both begin it is `lifecycle::two_runners`.)
#[test]
fn awaited_task_is_run_in_place() {
    bounded(2, || {
        let pool = pool(1, 0);
        let inner = Arc::clone(&pool);
        let outer = submit(&pool, move || submit(&inner, || 7).result(None).unwrap());
        assert_eq!(outer.result(None).unwrap(), 7);
        shut_down(&pool);
    });
}

/// Would show: a lent place that nobody takes, or a task that is waited for and stays in the queue.
#[test]
fn place_is_lent() {
    bounded(1, || {
        let pool = pool(1, 1);
        let inner = Arc::clone(&pool);
        let outer = submit(&pool, move || {
            let future = submit(&inner, || 7);
            // A wait for any one of several is never answered by running one in place.
            wait([&future], None, ReturnWhen::FirstCompleted);
            future.result(None).unwrap()
        });
        assert_eq!(outer.result(None).unwrap(), 7);
        shut_down(&pool);
    });
}

/// Would show: a wait that sleeps for ever where no thread can be added.
#[test]
fn last_thread_does_not_sleep() {
    bounded(2, || {
        let pool = pool(1, 0);
        let inner = Arc::clone(&pool);
        let outer = submit(&pool, move || {
            let future = submit(&inner, || 7);
            wait([&future], None, ReturnWhen::FirstCompleted);
            future.result(None).unwrap()
        });
        assert_eq!(outer.result(None).unwrap(), 7);
        shut_down(&pool);
    });
}
