//! `block_on` in the tasks of a pool that can add no thread: that what it awaits is run, whoever lies down last, and
//! whatever is woken meanwhile.

use super::pool::{pool, shut_down, submit};
use super::spawned::spawn;
use super::{bounded, sampled};
use crate::pool::Pool;
use crate::task::{Future, Promise, block_on, promise};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

/// Both, in one poll.
async fn both(mut first: Future<()>, mut second: Future<()>) {
    let (mut has_first, mut has_second) = (false, false);
    poll_fn(|cx| {
        has_first |= !has_first && Pin::new(&mut first).poll(cx).is_ready();
        has_second |= !has_second && Pin::new(&mut second).poll(cx).is_ready();
        if has_first && has_second { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Keeps a promise, in a task.
fn keep(pool: &Arc<Pool>, promise: Promise<()>) -> Future<()> {
    submit(pool, move || assert!(promise.set_result(()).is_ok()))
}

/// Would show: a `block_on` that sleeps although nobody else can run what it awaits, which is woken in the very moment
/// in which it lies down.
#[test]
fn what_is_woken_as_the_last_thread_lies_down() {
    bounded(2, || {
        let pool = pool(1, 0);
        let inner = Arc::clone(&pool);
        let (promise, told) = promise::<()>();
        let outer = submit(&pool, move || {
            let waiting = spawn(&inner, async move { told.await.map(|()| 7) });
            block_on(waiting).unwrap().unwrap()
        });
        promise.set_result(()).unwrap();
        assert_eq!(outer.result(None).unwrap(), 7);
        shut_down(&pool);
    });
}

/// Would show: a future that waited before the `block_on` that awaits it, and that nobody asks what it waits for; or
/// that is woken unseen, before, while, and after the last thread lies down.
#[test]
fn one_that_waits_already() {
    sampled(2, 100_000, || {
        let pool = pool(1, 0);
        let inner = Arc::clone(&pool);
        let (promise, told) = promise::<()>();
        let waiting = spawn(&pool, async move {
            told.await.unwrap();
            submit(&inner, || 7).await.unwrap()
        });
        // Behind that, so that it had its first poll.
        let outer = submit(&pool, move || block_on(waiting).unwrap());
        promise.set_result(()).unwrap();
        assert_eq!(outer.result(None).unwrap(), 7);
        shut_down(&pool);
    });
}

/// One waits for what the other one tells, which waits for a task that was submitted in between.
fn the_last_to_lie_down_is_another(workers: usize, spares: usize) {
    let pool = pool(workers, spares);
    let inner = Arc::clone(&pool);
    let outer = submit(&pool, move || {
        let ((to_first, first), (to_second, second)) = (promise::<()>(), promise::<()>());
        let other = submit(&inner, move || {
            assert!(block_on(second).is_ok());
            assert!(to_first.set_result(()).is_ok());
        });
        block_on(both(keep(&inner, to_second), first));
        other
    });
    assert!(outer.result(None).is_ok_and(|other| other.result(None).is_ok()));
    shut_down(&pool);
}

/// Would show: a last thread that lies down, and does not get the other one up which could go on.
#[test]
fn the_last_to_lie_down_gets_another_up() {
    sampled(1, 60_000, || the_last_to_lie_down_is_another(2, 0));
}

/// Would show: one that relies on another thread which it has just got, while that has lain down already and relies on
/// it.
#[test]
fn two_that_lie_down_do_not_rely_on_each_other() {
    bounded(1, || the_last_to_lie_down_is_another(1, 1));
}

/// Would show: two that wait for each other's tasks, of which neither runs its own.
#[test]
fn each_awaits_what_the_other_runs() {
    sampled(1, 60_000, || {
        let pool = pool(2, 0);
        let ((to_first, first), (to_second, second)) = (promise::<()>(), promise::<()>());
        let wait = |told: Future<()>, tells: Promise<()>| {
            let inner = Arc::clone(&pool);
            submit(&pool, move || block_on(both(keep(&inner, tells), told)))
        };
        let (one, other) = (wait(first, to_second), wait(second, to_first));
        one.result(None).unwrap();
        other.result(None).unwrap();
        shut_down(&pool);
    });
}
