//! What pebble's `test_thread_pool.py` asks of a pool of threads.

mod support;

use concurrent_futures::{Future, Shutdown, ThreadPoolExecutor, as_completed, promise};
use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Barrier, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;
use support::{Gate, quiet_panics_of, watchdog};

fn pool(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(workers).unwrap()
}

// case 574
#[test]
fn one_future_and_several() {
    let _watchdog = watchdog();
    let pool = pool(1);
    assert_eq!(pool.submit(|| 1 + 1).result(None).unwrap(), 2);
    let futures: Vec<Future<u32>> = (1..=5).map(|n| pool.submit(move || n)).collect();
    assert_eq!(futures.iter().map(|future| future.result(None).unwrap()).sum::<u32>(), 15);
}

// case 574
#[test]
fn callbacks_hear_of_values_and_of_errors() {
    let _watchdog = watchdog();
    quiet_panics_of(&["ThreadPoolExecutor"]);
    let pool = pool(1);
    let (sender, calls) = mpsc::channel();
    for fails in [false, true] {
        let sender = sender.clone();
        let future = pool.submit(move || if fails { panic!("boom") } else { 1 });
        future.add_done_callback(move |outcome| {
            sender.send(outcome.map_or_else(|e| e.is_panicked(), |v| *v == 1)).unwrap()
        });
        assert!(calls.recv().unwrap(), "fails: {fails}");
        assert_eq!(future.result(None).is_err(), fails);
    }
}

/// An error that cannot be copied, changed or taken apart.
#[derive(Debug)]
struct Frozen {
    key: String,
    other: u32,
}

impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.other)
    }
}

impl Error for Frozen {}

// case 574
#[test]
fn an_error_of_any_type_comes_whole() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let frozen = || Err::<(), _>(Frozen { key: "key".to_owned(), other: 4 });
    let error = pool.submit(frozen).fallible().result(None).unwrap_err();
    let found = error.downcast_ref::<Frozen>().unwrap();
    assert_eq!((found.key.as_str(), found.other), ("key", 4));
}

// case 576
#[test]
fn several_tasks_share_two_threads() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let pair = Arc::new(Barrier::new(2));
    let meet = |_| {
        let pair = Arc::clone(&pair);
        pool.submit(move || {
            pair.wait();
            thread::current().id()
        })
    };
    let futures: Vec<Future<ThreadId>> = (0..6).map(meet).collect();
    let threads: HashSet<ThreadId> = futures.iter().map(|future| future.result(None).unwrap()).collect();
    assert_eq!(threads.len(), 2);
    assert!(!threads.contains(&thread::current().id()));
}

// beside case 575
#[test]
fn tasks_can_be_chained_by_hand() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let first = pool.submit(|| 2);
    let second = pool.submit(move || first.result(None).map(|n| n * 10));
    let third = pool.submit(move || second.result(None).and_then(|n| n).map(|n| n + 1));
    assert_eq!(third.result(None).unwrap().unwrap(), 21);
}

// case 580
#[test]
fn a_task_may_stop_its_pool() {
    let _watchdog = watchdog();
    for how in [Shutdown::wait(), Shutdown::no_wait(), Shutdown::wait().cancel_pending()] {
        let pool = pool(1);
        let (own, inside) = (pool.clone(), how.clone());
        let _guard = pool.guard();
        let future = pool.submit(move || own.shutdown(inside).abandoned);
        assert_eq!(future.result(None).unwrap(), 1, "{how:?}: it goes on itself, and did not wait for itself");
    }
}

// case 581
#[test]
fn a_callback_may_stop_its_pool() {
    let _watchdog = watchdog();
    for how in [Shutdown::wait(), Shutdown::no_wait()] {
        let pool = pool(1);
        let gate = Gate::new();
        let released = gate.clone();
        let future = pool.submit(move || released.wait());
        let (own, inside) = (pool.clone(), how.clone());
        let (sender, calls) = mpsc::channel();
        future.add_done_callback(move |_| {
            own.shutdown(inside);
            sender.send(own.try_submit(|| ()).is_err()).unwrap();
        });
        gate.open();
        assert!(calls.recv().unwrap(), "{how:?}");
        pool.shutdown(Shutdown::wait());
        assert!(pool.workers().is_empty());
    }
}

// case 582
#[test]
fn a_failure_is_its_own_tasks_alone() {
    let _watchdog = watchdog();
    quiet_panics_of(&["ThreadPoolExecutor"]);
    let pool = pool(1);
    let threads: Vec<ThreadId> = (0..20)
        .map(|n| {
            assert!(pool.submit(move || panic!("failure {n}")).result(None).unwrap_err().is_panicked());
            pool.submit(|| thread::current().id()).result(None).unwrap()
        })
        .collect();
    assert!(threads.iter().all(|thread| *thread == threads[0]), "the worker survives");
}

// beside case 583
#[test]
fn a_pool_that_was_stopped_in_its_work_stays_stopped() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let gate = Gate::new();
    let waits = |_| {
        let released = gate.clone();
        pool.submit(move || released.wait())
    };
    let futures: Vec<Future<()>> = (0..10).map(waits).collect();
    pool.shutdown(Shutdown::no_wait().cancel_pending());
    gate.open();
    pool.shutdown(Shutdown::wait());
    assert!(futures.iter().all(Future::done));
    assert!(futures.iter().filter(|future| future.cancelled()).count() >= 8);
    assert!(pool.submit(|| ()).result(None).unwrap_err().is_rejected());
}

// case 584
#[tokio::test]
async fn everything_can_be_awaited() {
    let _watchdog = watchdog();
    quiet_panics_of(&["ThreadPoolExecutor"]);
    let pool = pool(2);
    assert_eq!(pool.submit(|| 1).await.unwrap(), 1);
    let futures: Vec<Future<u32>> = (0..5).map(|n| pool.submit(move || n)).collect();
    let sum: u32 = futures::future::try_join_all(futures).await.unwrap().iter().sum();
    assert_eq!(sum, 10);
    assert!(pool.submit(|| panic!("awaited")).await.map(|()| 0).unwrap_err().is_panicked());
    let (sender, calls) = mpsc::channel();
    let future = pool.submit(|| 2);
    future.add_done_callback(move |outcome| sender.send(outcome.copied().ok()).unwrap());
    assert_eq!(future.await.unwrap(), 2);
    assert_eq!(calls.recv().unwrap(), Some(2));
    let slow = Gate::new();
    let released = slow.clone();
    let future = pool.submit(move || released.wait());
    assert!(tokio::time::timeout(Duration::from_millis(5), &future).await.is_err());
    slow.open();
    future.await.unwrap();
}

// case 585
#[test]
fn a_single_call_on_a_thread_has_a_result() {
    // pebble has decorators for that; here a promise bridges any thread.
    let _watchdog = watchdog();
    let (promise, future) = promise();
    let thread = thread::spawn(move || promise.set_result(thread::current().id()));
    assert_eq!(future.result(None).unwrap(), thread.thread().id());
    assert!(thread.join().unwrap().is_ok());
}

// case 589
#[test]
fn any_of_several_threads_can_be_waited_for() {
    let _watchdog = watchdog();
    let gates = [Gate::new(), Gate::new(), Gate::new()];
    let start = |gate: &Gate| {
        let (promise, future) = promise();
        let released = gate.clone();
        let thread = thread::spawn(move || {
            released.wait();
            promise.set_result(()).unwrap();
        });
        (thread, future)
    };
    let (threads, futures): (Vec<_>, Vec<Future<()>>) = gates.iter().map(start).unzip();
    assert!(as_completed(&futures, Duration::from_millis(5)).next().unwrap().is_err(), "none has ended");
    gates[1].open();
    assert_eq!(as_completed(&futures, None).next().unwrap().unwrap().id(), futures[1].id());
    gates[0].open();
    gates[2].open();
    assert_eq!(as_completed(&futures, None).filter(Result::is_ok).count(), 3);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
