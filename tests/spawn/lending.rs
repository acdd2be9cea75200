//! A future that blocks its worker, though it had better not: the worker's place is lent, as a closure's is.

use crate::support::{eventually, watchdog};
use crate::tools::{SEVEN, Strings, builder, hold, pool};
use crate::torture::LONG;
use concurrent_futures::{
    Future, ReturnWhen, TaskError, ThreadPoolExecutor, as_completed, blocking, futures, promise, task, wait,
};
use std::sync::{Arc, mpsc};

/// With one worker: what it waits for can only run in its place.
#[test]
fn waits_of_this_crate_in_a_future() {
    let _watchdog = watchdog();
    type Wait = fn(&ThreadPoolExecutor) -> u32;
    let waits: [Wait; 6] = [
        |pool| pool.submit(|| SEVEN).result(None).unwrap(),
        |pool| pool.spawn(async { SEVEN }).result(None).unwrap(),
        |pool| {
            let yielding = pool.spawn(async {
                task::yield_now().await;
                SEVEN
            });
            yielding.result(LONG).unwrap()
        },
        |pool| {
            let both = [pool.submit(|| SEVEN), pool.spawn(async { SEVEN })];
            let ended = wait(&both, None, ReturnWhen::AllCompleted);
            ended.done.len() as u32 * SEVEN / 2
        },
        |pool| {
            let both = vec![pool.submit(|| SEVEN), pool.spawn(async { SEVEN })];
            as_completed(both, None).map(|future| future.unwrap().result(None).unwrap()).sum::<u32>() / 2
        },
        |pool| {
            let mut seven = 0;
            pool.scope(|scope| drop(scope.submit(|| seven = SEVEN)));
            seven
        },
    ];
    for workers in [1, 2] {
        let pool = pool(workers);
        for wait in waits {
            let same = pool.clone();
            let waiting = pool.spawn(async move {
                task::yield_now().await;
                wait(&same)
            });
            assert_eq!(waiting.result(LONG).unwrap(), SEVEN);
        }
    }
}

/// A future of this pool that waits, woken from outside while its awaiter has the only worker.
#[test]
fn a_wait_for_a_future_that_is_woken_later() {
    let _watchdog = watchdog();
    let pool = pool(1);
    for _ in 0..50 {
        let strings = Strings::new();
        let waited = pool.spawn(strings.puppet());
        let waiting = pool.spawn(async move { waited.result(None).unwrap() });
        strings.wait_for_polls(1);
        strings.finish();
        assert_eq!(waiting.result(LONG).unwrap(), SEVEN);
    }
}

/// A circle of channels through the one worker.
#[test]
fn blocking_in_a_future() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (tx, rx) = mpsc::channel();
    let waiting = pool.spawn(async move {
        task::yield_now().await;
        blocking(|| rx.recv())
    });
    let (to, from) = mpsc::channel::<u32>();
    let between = pool.spawn(async move {
        let value = blocking(|| from.recv()).unwrap();
        task::yield_now().await;
        tx.send(value).unwrap();
    });
    let sending = pool.spawn(async move { to.send(SEVEN) });
    sending.result(LONG).unwrap().unwrap();
    between.result(LONG).unwrap();
    assert_eq!(waiting.result(LONG).unwrap(), Ok(SEVEN));
}

/// What a future has woken before it blocks is run meanwhile.
#[test]
fn what_it_has_woken_runs_while_it_blocks() {
    let _watchdog = watchdog();
    let pool = pool(1);
    for _ in 0..50 {
        let strings = Strings::new();
        let woken = pool.spawn(strings.puppet());
        strings.wait_until_idle(&pool);
        let (tx, rx) = mpsc::channel();
        woken.add_done_callback(move |_| tx.send(SEVEN).unwrap());
        let blocked = pool.spawn(async move {
            strings.finish();
            blocking(|| rx.recv())
        });
        assert_eq!(blocked.result(LONG).unwrap(), Ok(SEVEN));
        assert_eq!(woken.result(LONG).unwrap(), SEVEN);
    }
}

/// A wait with a limit times out and leaves both as they were.
#[test]
fn a_wait_with_a_limit_in_a_future() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let slow = Arc::new(pool.spawn(strings.puppet()));
    let waited = Arc::clone(&slow);
    let waiting = pool.spawn(async move { waited.result(std::time::Duration::from_millis(5)) });
    assert!(matches!(waiting.result(LONG).unwrap(), Err(TaskError::TimedOut)));
    strings.finish();
    assert_eq!(slow.result(LONG).unwrap(), SEVEN);
}

/// A future that waits for itself, by blocking, is told so.
#[test]
fn a_future_that_blocks_on_itself() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (promise, own) = promise::<Future<bool>>();
    let held = hold(&pool);
    let future = pool.spawn(async move {
        task::yield_now().await;
        let own = own.await.unwrap();
        matches!(own.result(None), Err(TaskError::Deadlock(_)))
    });
    let (tx, rx) = mpsc::channel();
    future.add_done_callback(move |outcome| tx.send(*outcome.unwrap()).unwrap());
    assert!(promise.set_result(future).is_ok());
    drop(held);
    assert!(rx.recv().unwrap());
}

/// No thread can be added, and the only one waits for a future that is to be woken from outside. It may be run by who
/// waits for it, or the wait may be refused; but it is not to be failed, because it can go on.
#[test]
fn without_spare_threads_a_future_that_is_awaited_is_not_failed() {
    let _watchdog = watchdog();
    let pool = builder(1).max_spares(0).build().unwrap();
    let strings = Strings::new();
    let waited = Arc::new(pool.spawn(strings.puppet()));
    strings.wait_until_idle(&pool);
    let awaited = Arc::clone(&waited);
    let waiting = pool.submit(move || awaited.exception(None).is_ok_and(|error| error.is_none()));
    eventually("it waits, or was refused", || waiting.done() || pool.stats().blocked == 1);
    strings.finish();
    waiting.result(LONG).unwrap();
    assert_eq!(waited.result(LONG).unwrap(), SEVEN);
}

/// The same for one that nobody has begun: it is begun by who waits for it, and then waits for a wake itself.
#[test]
fn without_spare_threads_a_future_is_begun_by_who_waits_for_it() {
    let _watchdog = watchdog();
    let pool = builder(1).max_spares(0).build().unwrap();
    let (strings, same) = (Strings::new(), pool.clone());
    let inner = strings.puppet();
    let waiting = pool.submit(move || {
        let future = same.spawn(inner);
        let outcome = future.exception(None);
        (future, outcome)
    });
    strings.wait_for_polls(1);
    eventually("it waits, or was refused", || waiting.done() || pool.stats().blocked == 1);
    strings.finish();
    let (future, _) = waiting.result(LONG).unwrap();
    assert_eq!(future.result(LONG).unwrap(), SEVEN);
}

/// The wait of a future for closures and futures of its pool, mixed, and begun in the order that is worst.
#[test]
fn mixed_waits_on_few_workers() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        let pool = pool(workers);
        let waits: Vec<_> = (0..20)
            .map(|_| {
                let same = pool.clone();
                pool.spawn(async move {
                    let (closure, future) = (same.submit(|| SEVEN), same.spawn(async { SEVEN }));
                    let awaited = future.await.unwrap();
                    let (closure, second) = (closure, same.spawn(async { task::yield_now().await }));
                    let ended = wait(futures![closure, second], LONG, ReturnWhen::AllCompleted);
                    assert_eq!(ended.not_done.len(), 0);
                    awaited + closure.result(None).unwrap()
                })
            })
            .collect();
        for wait in waits {
            assert_eq!(wait.result(LONG).unwrap(), 2 * SEVEN);
        }
    }
}
