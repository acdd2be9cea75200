//! Options of one spawned future: limits, a name, the token that says that it is to stop; and its worker's state.

use crate::support::{Gate, eventually, watchdog};
use crate::tools::{SEVEN, Strings, assert_late, assert_works, hold, pool, settle};
use crate::torture::{Blast, LONG, LastGate, Ledger};
use concurrent_futures::{Future, SubmitOptions, ThreadPoolExecutor, WorkerState, task};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(5);

fn timeout(limit: Duration) -> SubmitOptions {
    SubmitOptions::new().timeout(limit)
}

/// While it waits: it ends at once, and is dropped.
#[test]
fn a_limit_ends_one_that_waits() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let future = pool.spawn_with(timeout(SHORT), strings.puppet());
    assert_late(future.result(LONG));
    assert_eq!(strings.drops(), 1);
    assert!(!future.cancel() && !future.cancelled());
    strings.wake();
    assert_works(&pool);
    assert_eq!(strings.polls(), 1);
}

/// While it is polled: it is told, and ends when the poll does, whatever that comes to.
#[test]
fn a_limit_ends_one_that_is_polled_after_the_poll() {
    let _watchdog = watchdog();
    let pool = pool(1);
    for ready in [false, true] {
        let ledger = Ledger::new();
        let value = ledger.value(Blast::Dud);
        let future = pool.spawn_with(timeout(SHORT), async move {
            while !task::cancel_requested() {
                std::hint::spin_loop();
            }
            assert!(task::check_cancelled().is_err());
            if !ready {
                pending::<()>().await;
            }
            value
        });
        let late = future.result(LONG).map(|_| ());
        assert_late(late);
        assert_eq!(ledger.values_dropped(), 1);
    }
}

/// While it is queued again, behind a closure.
#[test]
fn a_limit_ends_one_that_is_queued_again() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let limit = Duration::from_millis(50);
    let future = pool.spawn_with(timeout(limit), strings.puppet());
    strings.wait_for_polls(1);
    let held = hold(&pool);
    strings.wake();
    assert_late(future.result(LONG));
    assert_eq!(strings.drops(), 1);
    drop(held);
    assert_works(&pool);
    assert_eq!(pool.stats().queued, 0);
}

/// It counts from the first poll: what waits to be begun has time.
#[test]
fn a_limit_does_not_count_before_the_first_poll() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let held = hold(&pool);
    // Long enough for one poll on a busy machine, and the second is longer than the first.
    let limit = Duration::from_millis(500);
    let limited = pool.spawn_with(timeout(limit), async { SEVEN });
    let expired = pool.spawn_with(SubmitOptions::new().queue_timeout(limit + 2 * SHORT), async { SEVEN });
    assert_late(expired.result(LONG));
    assert!(!limited.done());
    drop(held);
    assert_eq!(limited.result(LONG).unwrap(), SEVEN);
}

/// The other limit is for just that, and means nothing once it has begun.
#[test]
fn a_limit_in_the_queue() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let options = || SubmitOptions::new().queue_timeout(SHORT);
    let begun = Strings::new();
    let waiting = pool.spawn_with(SubmitOptions::new().queue_timeout(LONG), begun.puppet());
    begun.wait_until_idle(&pool);
    let held = hold(&pool);
    let strings = Strings::new();
    let late = pool.spawn_with(options(), strings.puppet());
    assert_late(late.result(LONG));
    assert_eq!((strings.polls(), strings.drops()), (0, 1));
    drop(held);
    settle(&pool);
    assert!(waiting.running());
    begun.finish();
    assert_eq!(waiting.result(LONG).unwrap(), SEVEN);
}

#[test]
fn a_future_that_is_in_time_is_left_alone() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let options = timeout(LONG).queue_timeout(LONG).name("in time");
    let futures: Vec<_> = (0..100)
        .map(|number| {
            pool.spawn_with(options.clone(), async move {
                task::yield_now().await;
                number
            })
        })
        .collect();
    for (number, future) in futures.into_iter().enumerate() {
        assert_eq!(future.result(LONG).unwrap(), number);
    }
}

/// A limit that is far away keeps nothing of a future that has ended, nor of its pool.
#[test]
fn a_limit_that_is_not_reached_keeps_nothing() {
    let _watchdog = watchdog();
    let hook = Arc::new(());
    let kept = Arc::clone(&hook);
    let pool =
        ThreadPoolExecutor::builder().max_workers(1).on_thread_start(move |_| drop(Arc::clone(&kept))).build().unwrap();
    let strings = Strings::new();
    let future = pool.spawn_with(timeout(Duration::from_secs(3_600)), strings.puppet());
    strings.wait_until_idle(&pool);
    strings.finish();
    assert_eq!(future.result(LONG).unwrap(), SEVEN);
    drop((future, pool, strings.try_take_waker()));
    eventually("the pool is freed", || Arc::strong_count(&hook) == 1);
}

/// The same for one that has ended otherwise.
#[test]
fn a_limit_of_a_cancelled_future_keeps_nothing() {
    let _watchdog = watchdog();
    let hook = Arc::new(());
    let kept = Arc::clone(&hook);
    let pool =
        ThreadPoolExecutor::builder().max_workers(1).on_thread_start(move |_| drop(Arc::clone(&kept))).build().unwrap();
    let strings = Strings::new();
    let future = pool.spawn_with(timeout(Duration::from_secs(3_600)), strings.puppet());
    strings.wait_until_idle(&pool);
    assert!(future.cancel());
    drop((future, pool, strings.try_take_waker()));
    eventually("the pool is freed", || Arc::strong_count(&hook) == 1);
}

/// async-task's metadata test: what belongs to one future is seen in each of its polls, and in no other's.
#[test]
fn names() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let named = |name: &str| {
        pool.spawn_with(SubmitOptions::new().name(name), async {
            let before = task::name();
            for _ in 0..10 {
                task::yield_now().await;
                assert_eq!(task::name(), before);
            }
            before
        })
    };
    let (one, two) = (named("one"), named("two"));
    let unnamed = pool.spawn(async { task::name() });
    assert_eq!(one.name(), Some("one"));
    assert_eq!(one.result(LONG).unwrap().as_deref(), Some("one"));
    assert_eq!(two.result(LONG).unwrap().as_deref(), Some("two"));
    assert_eq!(unnamed.result(LONG).unwrap(), None);
    assert_eq!(task::name(), None);
}

/// The list of workers names a future while it is polled, again and again, and not while it waits.
#[test]
fn the_list_of_workers() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (strings, goes_on) = (Strings::new(), LastGate::new());
    let closed = goes_on.clone();
    let inner = strings.acting(move |poll, _| {
        if poll == 2 {
            closed.wait();
        }
    });
    let future: Future<u32> = pool.spawn_with(SubmitOptions::new().name("listed"), inner);
    let at = || {
        let workers = pool.workers();
        assert_eq!(workers.len(), 1);
        (workers[0].task.clone(), workers[0].state)
    };
    strings.wait_until_idle(&pool);
    eventually("the worker is idle", || at() == (None, WorkerState::Idle));
    strings.make_ready();
    strings.wake();
    strings.wait_for_polls(2);
    assert_eq!(at(), (Some("listed".into()), WorkerState::Running));
    goes_on.open();
    assert_eq!(future.result(LONG).unwrap(), SEVEN);
    eventually("the worker is idle", || at() == (None, WorkerState::Idle));
}

/// tokio's cancellation is at awaits only; ours too, but a poll can ask.
#[test]
fn the_token_of_one_that_is_polled() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let begun = Gate::new();
    let tell = begun.clone();
    let future = pool.spawn(async move {
        tell.open();
        while !task::cancel_requested() {
            std::thread::yield_now();
        }
    });
    begun.wait();
    future.request_cancel();
    assert!(future.result(LONG).unwrap_err().is_cancelled());
    // It was that one's.
    assert!(!pool.spawn(async { task::cancel_requested() }).result(LONG).unwrap());
}

/// Closures and futures share their workers, and so a worker's state is kept through both.
#[test]
fn a_pool_with_state_runs_futures() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .initializer(|slot| Ok::<_, std::io::Error>(std::cell::Cell::new(slot)))
        .build()
        .unwrap();
    let same = pool.clone();
    let spawned = pool.spawn(async move {
        let slot = task::slot().unwrap();
        let state = same.submit_with_state(std::cell::Cell::get).await.unwrap();
        task::yield_now().await;
        (slot, state)
    });
    let (slot, state) = spawned.result(LONG).unwrap();
    assert!(slot < 2 && state < 2);
}

/// Where a future is polled is a worker's slot, the same during one poll.
#[test]
fn slots() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let slots: Vec<_> = (0..100)
        .map(|_| {
            pool.spawn(async {
                let mut slots = Vec::new();
                for _ in 0..5 {
                    slots.push(task::slot());
                    task::yield_now().await;
                }
                slots
            })
        })
        .collect();
    for future in slots {
        assert!(future.result(LONG).unwrap().iter().all(|slot| slot.is_some_and(|slot| slot < 2)));
    }
}
