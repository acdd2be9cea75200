//! Futures that a worker's task wakes, and that the worker keeps for itself: somebody else comes to them if it does not.

use super::from_here;
use super::pool::{pool, pool_with, shut_down, submit};
use super::spawned::spawn;
use crate::task::promise;
use loom::sync::Notify;
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

/// Would show: a future that nobody comes to because the worker whose task woke it relies on who is about to lie down,
/// or on nobody. The task waits for it by means that the pool does not see.
#[test]
fn handing_over_against_sleep() {
    hand_over(None);
}

/// Would show: the same where that one is about to leave.
#[test]
fn handing_over_against_leaving() {
    hand_over(Some(Duration::ZERO));
}

fn hand_over(idle_timeout: Option<Duration>) {
    from_here(None, move || {
        let pool = pool_with(2, 0, idle_timeout);
        let polled = Arc::new(Notify::new());
        let polls = Arc::clone(&polled);
        let (promise, future) = promise::<u32>();
        let woken = spawn(&pool, async move {
            let value = future.await.ok();
            polls.notify();
            value
        });
        let waking = spawn(&pool, async move {
            loom::explore();
            let set = promise.set_result(5);
            polled.wait();
            set.is_ok()
        });
        assert_eq!(waking.result(None).ok(), Some(true));
        loom::stop_exploring();
        assert_eq!(woken.result(None).ok(), Some(Some(5)));
        shut_down(&pool);
    });
}

/// Would show: the same where somebody watches, and is just about to stop because nothing has happened since the last
/// time.
#[test]
fn handing_over_as_the_watch_ends() {
    from_here(None, || {
        let pool = pool(2, 0);
        let polled = Arc::new(Notify::new());
        let polls = Arc::clone(&polled);
        let (before, first) = promise::<u32>();
        let (after, second) = promise::<u32>();
        let woken = spawn(&pool, async move {
            let value = first.await.unwrap() + second.await.unwrap();
            polls.notify();
            value
        });
        let waking = spawn(&pool, async move {
            before.set_result(2).unwrap();
            crate::task::yield_now().await;
            loom::explore();
            after.set_result(3).unwrap();
            polled.wait();
        });
        waking.result(None).unwrap();
        loom::stop_exploring();
        assert_eq!(woken.result(None).unwrap(), 5);
        shut_down(&pool);
    });
}

/// Would show: the same where who watches is got up for another task, which takes all its time.
#[test]
fn the_watcher_is_got_up_for_something_else() {
    from_here(Some(20_000), || {
        let pool = pool(3, 0);
        let [polled, polled_too, ready] = [(); 3].map(|()| Arc::new(Notify::new()));
        let (polls, polls_too, is_ready) = (Arc::clone(&polled), Arc::clone(&polled_too), Arc::clone(&ready));
        let (before, first) = promise::<u32>();
        let (after, second) = promise::<u32>();
        let woken = spawn(&pool, async move {
            let value = first.await.unwrap() + second.await.unwrap();
            polls.notify();
            polls_too.notify();
            value
        });
        let waking = spawn(&pool, async move {
            before.set_result(2).unwrap();
            crate::task::yield_now().await;
            // Another worker has begun to watch by then.
            thread::yield_now();
            is_ready.notify();
            loom::explore();
            after.set_result(3).unwrap();
            polled.wait();
        });
        ready.wait();
        let other = submit(&pool, move || polled_too.wait());
        waking.result(None).unwrap();
        loom::stop_exploring();
        other.result(None).unwrap();
        assert_eq!(woken.result(None).unwrap(), 5);
        shut_down(&pool);
    });
}
