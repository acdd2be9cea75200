//! A pool that breaks, because a thread's state cannot be made, fails its futures, whatever they are at.

use crate::support::{Gate, eventually, watchdog};
use crate::tools::{Strings, quiet};
use crate::torture::{LONG, LastGate};
use concurrent_futures::{Future, Shutdown, TaskError, ThreadPoolExecutor, task};
use std::future::pending;

#[track_caller]
fn assert_broken<T: std::fmt::Debug>(outcome: Result<T, TaskError>) {
    match outcome {
        Err(TaskError::Broken(why)) => assert!(why.contains("no second one"), "{why}"),
        other => panic!("{other:?}"),
    }
}

/// Its second thread fails, once there is one and it is allowed to.
fn breaking() -> (ThreadPoolExecutor, LastGate) {
    let may_start = LastGate::new();
    let gate = may_start.clone();
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .on_last_drop(Shutdown::wait().cancel_pending())
        .initializer(move |slot| {
            if slot == 0 {
                return Ok(());
            }
            gate.wait();
            Err("no second one")
        })
        .build()
        .unwrap();
    (pool, may_start)
}

/// Makes the pool start its second thread, and waits until it is broken.
fn break_it(pool: &ThreadPoolExecutor, may_start: &LastGate) {
    may_start.open();
    let busy: Vec<_> = (0..2).map(|_| pool.submit(|| ())).collect();
    eventually("the pool is broken", || pool.submit(|| ()).result(LONG).is_err_and(|error| error.is_broken()));
    drop(busy);
}

#[test]
fn those_that_wait() {
    let _watchdog = watchdog();
    let (pool, may_start) = breaking();
    let waiting: Vec<_> = (0..20).map(|_| Strings::new()).collect();
    let futures: Vec<_> = waiting.iter().map(|strings| pool.spawn(strings.puppet())).collect();
    waiting.iter().for_each(|strings| strings.wait_for_polls(1));
    break_while_busy(&pool, &may_start);
    for (strings, future) in waiting.iter().zip(futures) {
        assert_broken(future.result(LONG));
        assert_eq!(strings.drops(), 1);
        assert!(!future.cancelled());
        strings.wake();
    }
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}

/// With its first worker held, so that a second thread has to start.
fn break_while_busy(pool: &ThreadPoolExecutor, may_start: &LastGate) {
    let _held = crate::tools::hold(pool);
    break_it(pool, may_start);
}

/// One that is being polled when the pool breaks, and then would wait for the first time.
#[test]
fn one_that_is_polled_and_then_waits() {
    let _watchdog = watchdog();
    let (pool, may_start) = breaking();
    let (strings, goes_on) = (Strings::new(), LastGate::new());
    let closed = goes_on.clone();
    let future = pool.spawn(strings.acting(move |_, _| closed.wait()));
    strings.wait_for_polls(1);
    break_it(&pool, &may_start);
    assert!(!future.done());
    goes_on.open();
    assert_broken(future.result(LONG));
    assert_eq!((strings.polls(), strings.drops()), (1, 1));
}

/// The same for one that only yields, and for one that has waited before.
#[test]
fn one_that_is_polled_and_then_yields() {
    let _watchdog = watchdog();
    for has_waited in [false, true] {
        let (pool, may_start) = breaking();
        let (strings, begun, goes_on) = (Strings::new(), Gate::new(), LastGate::new());
        let (inner, tell, closed) = (strings.puppet(), begun.clone(), goes_on.clone());
        let future: Future<()> = pool.spawn(async move {
            if has_waited {
                inner.await;
            }
            tell.open();
            closed.wait();
            loop {
                task::yield_now().await;
            }
        });
        if has_waited {
            strings.wait_for_polls(1);
            strings.finish();
        }
        begun.wait();
        break_it(&pool, &may_start);
        goes_on.open();
        assert_broken(future.result(LONG));
    }
}

#[test]
fn those_that_come_later_and_those_that_nobody_has_begun() {
    let _watchdog = watchdog();
    let (pool, may_start) = breaking();
    let held = crate::tools::hold(&pool);
    let unbegun = pool.spawn(pending::<()>());
    break_it(&pool, &may_start);
    assert_broken(unbegun.result(LONG));
    let strings = Strings::new();
    assert_broken(pool.spawn(strings.puppet()).result(LONG));
    assert_eq!((strings.polls(), strings.drops()), (0, 1));
    drop(held);
}

/// The first thread fails: nothing is ever polled.
#[test]
fn a_pool_that_never_works() {
    let _watchdog = watchdog();
    quiet();
    let pool = ThreadPoolExecutor::builder()
        .max_workers(1)
        .initializer(|_| -> Result<(), std::io::Error> { panic!("no second one, and no first one") })
        .build()
        .unwrap();
    let strings = Strings::new();
    let futures: Vec<_> = (0..10).map(|_| pool.spawn(strings.puppet())).collect();
    for future in futures {
        assert_broken(future.result(LONG));
    }
    assert_eq!((strings.polls(), strings.drops()), (0, 10));
}

/// For libraries that spawn by `futures::task::Spawn`: the trait has an error for it.
#[test]
fn spawning_by_the_trait_of_futures_says_so() {
    use futures::task::{Spawn, SpawnExt};
    let _watchdog = watchdog();
    let (pool, may_start) = breaking();
    assert!(pool.status().is_ok());
    break_while_busy(&pool, &may_start);
    assert!(pool.status().is_err());
    let strings = Strings::new();
    let puppet = strings.puppet();
    let spawned = SpawnExt::spawn(&pool, async move {
        puppet.await;
    });
    assert!(spawned.is_err(), "it is taken, and then dropped without a word");
    assert_eq!(strings.drops(), 1);
}
