//! Futures that borrow from the stack: `Scope::spawn`, on this crate's executors and on a foreign one.

#[path = "../../examples/over_rayon/adapter.rs"]
mod adapter;

use crate::support::{Gate, eventually, watchdog};
use crate::tools::{SEVEN, Strings, assert_cancelled, assert_works, pool, quiet};
use crate::torture::{Blast, LONG, Ledger, scaled};
use adapter::RayonExecutor;
use concurrent_futures::{
    Future, InProcessExecutor, InProcessExt, InlineExecutor, ManualExecutor, ScopeOptions, ScopePolicy, TaskError,
    promise, task,
};
use futures::channel::oneshot;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

#[test]
fn futures_borrow_from_the_stack() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        let pool = pool(workers);
        let (words, sum) = (vec!["borrowed", "not", "moved"], AtomicUsize::new(0));
        let mut lengths = vec![0; words.len()];
        pool.scope(|scope| {
            for (word, length) in words.iter().zip(&mut lengths) {
                let sum = &sum;
                drop(scope.spawn(async move {
                    task::yield_now().await;
                    *length = word.len();
                    task::yield_now().await;
                    sum.fetch_add(*length, Ordering::SeqCst);
                }));
            }
        });
        assert_eq!((lengths, sum.into_inner()), (vec![8, 3, 5], 16));
    }
}

/// Detached or not, the scope does not end before they have: they are woken only when its own body has.
#[test]
fn the_scope_joins_futures_that_are_woken_later() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        let pool = pool(workers);
        for round in 0..scaled(300) {
            let (ended, body_is_over, strings) = (AtomicUsize::new(0), Gate::new(), Strings::new());
            let (waking, gate) = (strings.clone(), body_is_over.clone());
            let waker = thread::spawn(move || {
                gate.wait();
                waking.wait_for_polls(1);
                waking.finish();
            });
            pool.scope(|scope| {
                let (inner, ended) = (strings.puppet(), &ended);
                let future = scope.spawn(async move {
                    inner.await;
                    ended.fetch_add(1, Ordering::SeqCst);
                });
                if round % 2 == 0 {
                    drop(future);
                }
                body_is_over.open();
            });
            assert_eq!((ended.load(Ordering::SeqCst), strings.drops()), (1, 1));
            waker.join().unwrap();
        }
    }
}

/// The handle may leave the scope, with its outcome; the body may not, and its wakers keep nothing of it.
#[test]
fn a_handle_and_a_waker_outlive_the_scope() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let text = String::from("borrowed");
    let (length, waker) = pool.scope(|scope| {
        let (inner, text) = (strings.puppet(), text.as_str());
        let future = scope.spawn(async move { text.len() as u32 + inner.await });
        strings.wait_for_polls(1);
        let waker = strings.waker();
        strings.finish();
        (future, waker)
    });
    drop(text);
    waker.wake_by_ref();
    waker.wake();
    assert_eq!(length.result(LONG).unwrap(), 8 + SEVEN);
    assert_eq!(strings.drops(), 1);
}

/// Futures of a scope await each other, and closures of it.
#[test]
fn futures_and_closures_of_a_scope_await_each_other() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        let pool = pool(workers);
        let numbers: Vec<u32> = (0..100).collect();
        let sum = pool.scope(|scope| {
            let halves = numbers.chunks(50).map(|half| scope.submit(move || half.iter().sum::<u32>()));
            let halves: Vec<_> = halves.collect();
            let sum = scope.spawn(async move {
                let mut sum = 0;
                for half in halves {
                    sum += half.await.unwrap();
                }
                sum
            });
            pool.block_on(sum).unwrap()
        });
        assert_eq!(sum, 4_950);
    }
}

#[test]
fn a_scope_in_a_future_on_the_only_worker() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let same = pool.clone();
    let nested = pool.spawn(async move {
        let mut values = [0; 10];
        same.scope(|scope| {
            for (number, value) in values.iter_mut().enumerate() {
                drop(scope.spawn(async move {
                    task::yield_now().await;
                    *value = number;
                }));
            }
        });
        values.iter().sum::<usize>()
    });
    assert_eq!(nested.result(LONG).unwrap(), 45);
}

/// It is dropped now if it waits, and at its next await if it is being polled; none is left after the scope.
#[test]
fn cancelling_the_scope_ends_those_that_wait() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let ledger = Ledger::new();
    let handles: Vec<Future<()>> = pool.scope(|scope| {
        let handles: Vec<_> = (0..100)
            .map(|number| {
                let capture = ledger.capture(Blast::Dud);
                scope.spawn(async move {
                    let _capture = capture;
                    if number % 2 == 0 {
                        pending::<()>().await;
                    }
                    loop {
                        task::yield_now().await;
                    }
                })
            })
            .collect();
        eventually("one half waits", || handles[98].running() && handles[99].running());
        scope.cancel();
        // What comes later is cancelled at once.
        assert_cancelled(scope.spawn(async { SEVEN }).result(LONG));
        handles
    });
    assert_eq!(ledger.captures_dropped(), 100);
    assert!(handles.iter().all(Future::cancelled));
    assert_works(&pool);
}

#[test]
fn a_policy_ends_those_that_wait() {
    let _watchdog = watchdog();
    quiet();
    let pool = pool(2);
    for policy in [ScopePolicy::CancelOnError, ScopePolicy::CancelOnSuccess] {
        let (ledger, strings) = (Ledger::new(), Strings::new());
        let options = ScopeOptions::new().policy(policy);
        let waiting = pool.scope_with(options, |scope| {
            let waiting: Vec<_> = (0..20)
                .map(|_| {
                    let capture = ledger.capture(Blast::Dud);
                    scope.spawn(async move {
                        let _capture = capture;
                        pending::<()>().await;
                    })
                })
                .collect();
            eventually("they wait", || waiting.iter().all(Future::running));
            let inner = strings.puppet();
            let deciding = scope.spawn(async move {
                if policy == ScopePolicy::CancelOnError {
                    assert_eq!(inner.await, 0, "decides the scope");
                }
                SEVEN
            });
            if policy == ScopePolicy::CancelOnError {
                strings.wait_for_polls(1);
                strings.finish();
            }
            // Looked at, so that the scope itself does not report the panic.
            let outcome = deciding.result(LONG);
            assert_eq!(outcome.is_err(), policy == ScopePolicy::CancelOnError, "{outcome:?}");
            waiting
        });
        assert!(waiting.unwrap().iter().all(Future::cancelled));
        assert_eq!(ledger.captures_dropped(), 20);
    }
}

#[test]
fn a_time_limit_of_the_scope_ends_those_that_wait() {
    let _watchdog = watchdog();
    let options = ScopeOptions::new().cancel_after(Duration::from_millis(5));
    let waiting = pool(1).scope_with(options, |scope| scope.spawn(pending::<()>())).unwrap();
    assert_cancelled(waiting.result(LONG));
}

/// A panic in a later poll counts as in any scoped task: it goes on at the scope's end if nobody has looked at it.
#[test]
fn a_panic_of_a_scoped_future_goes_on() {
    let _watchdog = watchdog();
    quiet();
    let pool = pool(1);
    for look in [false, true] {
        let outcome = pool.scope_with(ScopeOptions::new(), |scope| {
            let future: Future<()> = scope.spawn(async {
                task::yield_now().await;
                panic!("in a scope");
            });
            if look {
                assert!(future.result(LONG).unwrap_err().is_panicked());
            }
        });
        assert_eq!(outcome.is_err_and(|error| error.is_panicked()), !look);
    }
}

/// When the body panics, the futures are joined all the same before the panic goes on.
#[test]
fn a_panic_of_the_body_waits_for_the_futures() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (ended, strings) = (AtomicUsize::new(0), Strings::new());
    let waking = strings.clone();
    let waker = thread::spawn(move || {
        waking.wait_for_polls(1);
        waking.finish();
    });
    let caught = catch_unwind(AssertUnwindSafe(|| {
        pool.scope(|scope| {
            let (inner, ended) = (strings.puppet(), &ended);
            drop(scope.spawn(async move {
                inner.await;
                ended.fetch_add(1, Ordering::SeqCst);
            }));
            std::panic::resume_unwind(Box::new("the body"));
        })
    }));
    let caught: Result<(), _> = caught;
    assert!(caught.is_err());
    assert_eq!(ended.load(Ordering::SeqCst), 1);
    waker.join().unwrap();
}

/// After the pool was shut down a scope's futures are rejected, and dropped.
#[test]
fn a_scope_on_a_pool_that_is_shut_down() {
    let _watchdog = watchdog();
    let pool = pool(1);
    pool.shutdown(concurrent_futures::Shutdown::wait());
    let ledger = Ledger::new();
    let handle = pool.scope(|scope| {
        let capture = ledger.capture(Blast::Dud);
        scope.spawn(async move {
            let _capture = capture;
        })
    });
    assert!(handle.result(LONG).unwrap_err().is_rejected());
    assert_eq!(ledger.captures_dropped(), 1);
}

// ---------------------------------------------------------------------------------------------- other executors

/// Whatever the engine, a scoped future that waits for something from outside is polled to its end on one thread.
fn waits_on(executor: &dyn InProcessExecutor) {
    let text = String::from("borrowed");
    let (sender, receiver) = oneshot::channel::<u32>();
    let (polled, told) = (Gate::new(), Gate::new());
    let (tell, wait) = (polled.clone(), told.clone());
    let sending = thread::spawn(move || {
        polled.wait();
        sender.send(SEVEN).unwrap();
        wait.open();
    });
    let outcomes = executor.scope(|scope| {
        let text = text.as_str();
        let waiting = scope.spawn(async move {
            task::yield_now().await;
            tell.open();
            let value = receiver.await.unwrap();
            task::yield_now().await;
            text.len() as u32 + value
        });
        let ready = scope.spawn(async { SEVEN });
        (waiting, ready)
    });
    told.wait();
    assert_eq!(outcomes.0.result(None).unwrap(), 8 + SEVEN);
    assert_eq!(outcomes.1.result(None).unwrap(), SEVEN);
    sending.join().unwrap();
}

fn rayon(threads: usize) -> RayonExecutor {
    RayonExecutor::new(Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()))
}

#[test]
fn on_engines_that_have_no_place_for_a_future_that_waits() {
    let _watchdog = watchdog();
    waits_on(&InlineExecutor::new());
    waits_on(&ManualExecutor::new());
    waits_on(&rayon(1));
    waits_on(&rayon(2));
    waits_on(&pool(1));
}

/// A future that is being waited for on such an engine's thread is cancelled from another: the thread is free again.
#[test]
fn cancelling_on_such_an_engine() {
    let _watchdog = watchdog();
    let engine = rayon(1);
    let strings = Strings::new();
    engine.scope(|scope| {
        let inner = strings.puppet();
        let future = scope.spawn(inner);
        strings.wait_for_polls(1);
        assert!(future.cancel());
        assert_cancelled(future.result(LONG));
        // The one thread comes back and takes the next.
        assert_eq!(scope.spawn(async { SEVEN }).result(LONG).unwrap(), SEVEN);
    });
    assert_eq!(strings.drops(), 1);
}

/// Wakes and cancels race there, too.
#[test]
fn wakes_and_cancels_race_on_such_an_engine() {
    let _watchdog = watchdog();
    let engine = rayon(1);
    for round in 0..scaled(1_000) {
        let strings = Strings::new();
        engine.scope(|scope| {
            let future = scope.spawn(strings.puppet());
            strings.wait_for_polls(1);
            let waking = strings.clone();
            thread::scope(|threads| {
                threads.spawn(move || waking.finish());
                let promised = round % 2 == 0 && future.cancel();
                match future.result(LONG) {
                    Ok(value) => assert_eq!((value, promised), (SEVEN, false)),
                    Err(TaskError::Cancelled) => assert!(promised),
                    Err(other) => panic!("{other}"),
                }
            });
        });
        assert_eq!(strings.drops(), 1);
    }
}

/// A panic there, in a later poll, is the future's.
#[test]
fn a_panic_on_such_an_engine() {
    let _watchdog = watchdog();
    quiet();
    let inline = InlineExecutor::new();
    let error = inline.scope(|scope| {
        let future: Future<()> = scope.spawn(async {
            task::yield_now().await;
            // The thread is the test's own; nothing is to be printed by it.
            std::panic::resume_unwind(Box::new("inline"))
        });
        future.result(None).unwrap_err()
    });
    assert!(error.is_panicked() && error.to_string().contains("inline"), "{error}");
}

/// A promise of a task that an inline engine has run to its end before.
#[test]
fn an_inline_scope_runs_each_future_where_it_is_spawned() {
    let _watchdog = watchdog();
    let here = thread::current().id();
    let (promise, awaited) = promise::<u32>();
    InlineExecutor::new().scope(|scope| {
        let setting = scope.spawn(async move {
            task::yield_now().await;
            promise.set_result(SEVEN).unwrap();
            thread::current().id()
        });
        assert_eq!(setting.try_result().unwrap().unwrap(), here);
        let awaiting = scope.spawn(awaited);
        assert_eq!(awaiting.try_result().unwrap().unwrap().unwrap(), SEVEN);
    });
}
