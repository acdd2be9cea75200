//! Wakers of spawned futures: how many polls a wake makes, from wherever it comes, and what a waker keeps.

use crate::support::{eventually, watchdog};
use crate::tools::{SEVEN, Strings, assert_works, hold, pool, settle};
use crate::torture::{Blast, LONG, LastGate, Ledger};
use concurrent_futures::{Shutdown, ThreadPoolExecutor, task};
use futures::channel::oneshot;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// async-task's waker_pending test: however often it wakes itself in a poll, and however: one more poll.
#[test]
fn waking_itself_makes_one_more_poll() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let future = pool.spawn(strings.acting(|poll, cx| {
        if poll == 1 {
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            let owned = cx.waker().clone();
            owned.wake();
        }
    }));
    strings.wait_for_polls(2);
    settle(&pool);
    assert_eq!(strings.polls(), 2);
    assert!(future.cancel());
}

/// By each thread, in a row.
const WAKES: usize = if cfg!(miri) { 10 } else { 250 };

/// tokio's `task_abort` has no such thing, async-executor's queue relies on it: many wakes, one place in the queue.
#[test]
fn many_wakes_before_a_poll_are_one() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_until_idle(&pool);
    for round in 1..=3 {
        let held = hold(&pool);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..WAKES).for_each(|_| strings.wake()));
            }
        });
        drop(held);
        strings.wait_for_polls(1 + round);
        settle(&pool);
        assert_eq!(strings.polls(), 1 + round);
    }
    strings.finish();
    assert_eq!(future.result(LONG).unwrap(), SEVEN);
}

/// async-task's `wake_during_run`: from another thread, while it is polled.
#[test]
fn a_wake_during_the_poll_makes_one_more() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (strings, goes_on) = (Strings::new(), LastGate::new());
    let closed = goes_on.clone();
    let future = pool.spawn(strings.acting(move |_, _| closed.wait()));
    strings.wait_for_polls(1);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| strings.wake());
        }
    });
    assert_eq!(strings.polls(), 1);
    goes_on.open();
    strings.wait_for_polls(2);
    settle(&pool);
    assert_eq!(strings.polls(), 2);
    assert!(future.cancel());
}

/// The pool that a future is on, and one that has nothing to do with it.
struct Pools<'a> {
    own: &'a ThreadPoolExecutor,
    other: &'a ThreadPoolExecutor,
}

/// From a thread, a closure of the pool, one of another pool, a future, a callback, a destructor.
#[test]
fn from_wherever_the_wake_comes() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        let (pool, other) = (pool(workers), pool(1));
        type Wake = Box<dyn FnOnce() + Send>;
        let by: [fn(&Pools<'_>, Wake); 6] = [
            |_, wake| thread::spawn(wake).join().unwrap(),
            |pools, wake| pools.own.submit(wake).result(LONG).unwrap(),
            |pools, wake| pools.other.submit(wake).result(LONG).unwrap(),
            |pools, wake| pools.own.spawn(async move { wake() }).result(LONG).unwrap(),
            |pools, wake| pools.own.submit(|| ()).add_done_callback(move |_| wake()),
            |pools, wake| drop(pools.own.spawn(async move { futures::future::lazy(|_| wake()).await })),
        ];
        for wake in by {
            let (sender, receiver) = oneshot::channel();
            let future = pool.spawn(receiver);
            eventually("it waits", || future.running());
            wake(&Pools { own: &pool, other: &other }, Box::new(move || sender.send(SEVEN).unwrap()));
            assert_eq!(future.result(LONG).unwrap(), Ok(SEVEN));
        }
    }
}

/// `wake` gives the waker up, `wake_by_ref` does not: seen by what keeps a detached future in memory.
#[test]
fn clones_and_drops_of_wakers_are_balanced() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    drop(pool.spawn(strings.puppet()));
    strings.wait_until_idle(&pool);
    let wakers: Vec<_> = (0..1_000).map(|_| strings.waker()).collect();
    drop(wakers);
    settle(&pool);
    assert_eq!(strings.drops(), 0);

    strings.waker().wake();
    strings.wait_for_polls(2);
    settle(&pool);
    strings.waker().wake_by_ref();
    strings.wait_for_polls(3);
    settle(&pool);
    assert_eq!(strings.drops(), 0);

    let last = strings.take_waker();
    last.wake_by_ref();
    strings.wait_for_polls(4);
    settle(&pool);
    // The poll has left another one.
    drop(last);
    settle(&pool);
    assert_eq!(strings.drops(), 0);
    drop(strings.take_waker());
    strings.wait_for_drop();
    assert_eq!(strings.polls(), 4);
}

/// A wake that uses up the last waker is a wake: there is one more poll, and then nobody is left who could wake it.
#[test]
fn the_last_waker_still_wakes() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (polls, ledger) = (Arc::new(AtomicUsize::new(0)), Ledger::new());
    let (counted, capture) = (Arc::clone(&polls), ledger.capture(Blast::Dud));
    let (tx, rx) = std::sync::mpsc::channel();
    drop(pool.spawn(std::future::poll_fn(move |cx| -> std::task::Poll<()> {
        let _ = &capture;
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            tx.send(cx.waker().clone()).unwrap();
        }
        std::task::Poll::Pending
    })));
    let waker = rx.recv().unwrap();
    settle(&pool);
    waker.wake();
    eventually("the future is dropped", || ledger.captures_dropped() == 1);
    assert_eq!(polls.load(Ordering::SeqCst), 2);
}

/// tokio's `wake_by_ref` after the end, async-task's waker_ready test. Whatever the end was, and also without the pool.
#[test]
fn a_waker_that_is_kept_after_the_end_keeps_nothing_and_does_nothing() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let ends: [fn(&Strings, concurrent_futures::Future<u32>); 3] = [
        |strings, future| {
            strings.make_ready();
            strings.wake();
            assert_eq!(future.result(LONG).unwrap(), SEVEN);
        },
        |_, future| assert!(future.cancel()),
        |strings, future| {
            drop(future);
            strings.make_ready();
            strings.wake();
            strings.wait_for_drop();
        },
    ];
    let mut kept = Vec::new();
    for end in ends {
        let strings = Strings::new();
        let future = pool.spawn(strings.puppet());
        strings.wait_until_idle(&pool);
        let waker = strings.waker();
        end(&strings, future);
        settle(&pool);
        assert_eq!(strings.drops(), 1);
        let polls = strings.polls();
        let owned = waker.clone();
        waker.wake_by_ref();
        owned.wake();
        assert!(waker.will_wake(&waker.clone()));
        settle(&pool);
        assert_eq!((strings.polls(), strings.drops()), (polls, 1));
        assert_eq!(pool.stats().queued, 0);
        kept.push((waker, strings, polls));
    }
    pool.shutdown(Shutdown::wait());
    drop(pool);
    for (waker, strings, polls) in kept {
        waker.wake_by_ref();
        waker.wake();
        drop(strings.take_waker());
        assert_eq!((strings.polls(), strings.drops()), (polls, 1));
    }
}

/// What a future leaves its waker with need not replace it at every poll.
#[test]
fn it_is_the_same_waker_at_every_poll() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (one, two) = (Strings::new(), Strings::new());
    let futures = (pool.spawn(one.puppet()), pool.spawn(two.puppet()));
    one.wait_until_idle(&pool);
    two.wait_until_idle(&pool);
    let first = one.waker();
    one.wake();
    one.wait_for_polls(2);
    assert!(first.will_wake(&one.waker()));
    assert!(!first.will_wake(&two.waker()));
    // And an old one is as good as a new one.
    one.make_ready();
    first.wake();
    assert_eq!(futures.0.result(LONG).unwrap(), SEVEN);
    assert!(futures.1.cancel());
}

/// What it captured goes at its end, however many wakers somebody still has.
#[test]
fn the_captures_go_at_the_end_and_not_with_the_wakers() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let captured = Arc::new(());
    let (seen, strings) = (Arc::clone(&captured), Strings::new());
    let inner = strings.puppet();
    let future = pool.spawn(async move {
        let _seen = seen;
        inner.await
    });
    strings.wait_until_idle(&pool);
    let wakers: Vec<_> = (0..10).map(|_| strings.waker()).collect();
    assert_eq!(Arc::strong_count(&captured), 2);
    strings.finish();
    assert_eq!(future.result(LONG).unwrap(), SEVEN);
    assert_eq!(Arc::strong_count(&captured), 1);
    wakers.into_iter().for_each(std::task::Waker::wake);
    assert_works(&pool);
}

/// A waker outlives its pool's last handle: the pool ends only after the future, which it can still wake.
#[test]
fn a_waker_wakes_after_the_last_handle_of_the_pool_is_gone() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::builder().max_workers(1).on_last_drop(Shutdown::no_wait()).build().unwrap();
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_until_idle(&pool);
    drop(pool);
    strings.finish();
    assert_eq!(future.result(LONG).unwrap(), SEVEN);
}

/// Counts the polls of a yield: it wakes once, and is ready in the second poll.
#[test]
fn a_yield_is_one_more_poll() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let polls = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&polls);
    let mut yielding = Box::pin(task::yield_now());
    let future = pool.spawn(std::future::poll_fn(move |cx| {
        seen.fetch_add(1, Ordering::SeqCst);
        yielding.as_mut().poll(cx)
    }));
    future.result(LONG).unwrap();
    settle(&pool);
    assert_eq!(polls.load(Ordering::SeqCst), 2);
}
