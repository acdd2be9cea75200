//! What every executor does, on worker processes: after CPython's `executor.py`, `test_wait.py`, `test_as_completed.py`
//! and `util.py`.
//!
//! Not here, because types exclude it: keyword arguments (case 2), a window that is no number (case 8), exceptions that
//! count as false (case 21; what looks empty is tried instead). A window of 0 is the default (case 9), as for threads.
//! That a yielded result is not kept (cases 20 and 25) cannot be seen from outside: each is decoded for its caller. The
//! memory of workers and the conformance suite's group `memory` stand for it.
#![cfg(target_os = "linux")]

#[path = "cases/processes.rs"]
mod processes;
#[path = "../src/conformance/signal.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod signal;
#[path = "cases/states.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod states;

mod support;

use concurrent_futures::{
    BuildError, Future, FutureId, PortableError, ProcessPoolExecutor, ReturnWhen, Shutdown, TaskError,
    ThreadPoolExecutor, Waitable, as_completed, call, futures, task, wait,
};
use processes::{exists, pids};
use signal::{Directory, Signal};
use states::{State, future_in};
use std::cell::Cell;
use std::collections::HashSet;
use std::io;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{eventually, watchdog};

/// How long a task waits for a signal that a failed test never gives.
const LIMIT: Duration = Duration::from_secs(60);

fn pool(workers: usize) -> ProcessPoolExecutor {
    ProcessPoolExecutor::new(workers).unwrap()
}

/// Results, with errors as their texts.
fn texts<T>(results: impl Iterator<Item = Result<T, TaskError>>) -> Vec<Result<T, String>> {
    results.map(|result| result.map_err(|error| error.to_string())).collect()
}

/// Says that it has begun, and stays until it is released.
fn stay(begun: Signal, release: Signal) -> u32 {
    begun.raise();
    assert!(release.wait(LIMIT), "nobody released it");
    1
}

/// A task that has begun, and what releases it.
fn held(pool: &ProcessPoolExecutor, directory: &Directory) -> (Signal, Future<u32>) {
    let (begun, release) = (directory.signal(), directory.signal());
    let future = pool.submit(call!(stay(begun.clone(), release.clone())));
    assert!(begun.wait(LIMIT), "it begins");
    (release, future)
}

fn fails() -> u32 {
    panic!("out of luck")
}

// ---------------------------------------------------------------------------------------------- executor.py

// case 1
#[test]
fn submit_gives_the_result() {
    let _watchdog = watchdog();
    let pool = pool(5);
    assert_eq!(pool.submit(call!(u32::pow(2, 8))).result(None).unwrap(), 256);
    assert_eq!(pool.workers().len(), 1, "one worker is enough for one task");
}

// case 2
#[test]
fn arguments_of_any_number_and_generic_functions_arrive() {
    fn largest<T: Ord + Clone>(list: Vec<T>) -> Option<T> {
        list.iter().max().cloned()
    }
    let _watchdog = watchdog();
    let pool = pool(1);
    assert_eq!(pool.submit(call!(String::new())).result(None).unwrap(), "");
    let (text, list, pair) = (String::from("text"), vec![1, 2], (3.5, 'x'));
    let captures = pool.submit(task!([text, list, pair] => (text, list, pair)));
    assert_eq!(captures.result(None).unwrap(), (String::from("text"), vec![1, 2], (3.5, 'x')));
    let twelve = |a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8| {
        [a, b, c, d, e, f, g, h, i, j, k, l]
    };
    let twelve = pool.submit(call!(twelve(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)));
    assert_eq!(twelve.result(None).unwrap(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(pool.submit(call!(largest::<u8>(vec![3, 9, 4]))).result(None).unwrap(), Some(9));
    let words = ["a", "c", "b"].map(String::from).to_vec();
    assert_eq!(pool.submit(call!(largest::<String>(words))).result(None).unwrap().as_deref(), Some("c"));
    assert_eq!(pool.submit(call!(<u64 as From<u32>>::from(7))).result(None).unwrap(), 7);
}

// case 4
#[test]
fn an_error_costs_its_item_alone() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for chunk in [0, 1, 3, 4, 100] {
        let divide = |(a, b): (u32, u32)| a / b;
        let mut map = pool.map(divide, [(1, 1), (9, 3), (5, 0), (8, 2)]).chunksize(chunk);
        let items: Vec<Option<u32>> = map.by_ref().map(Result::ok).collect();
        assert_eq!(items, [Some(1), Some(3), None, Some(4)], "in chunks of {chunk}");
        assert!(map.next().is_none() && map.next().is_none(), "in chunks of {chunk}");
    }
}

// case 5
#[test]
fn a_timeout_that_the_function_reports_is_not_the_maps() {
    fn read(n: u32) -> Result<u32, PortableError> {
        if n == 1 { Err(io::Error::from(io::ErrorKind::TimedOut).into()) } else { Ok(n) }
    }
    let _watchdog = watchdog();
    let pool = pool(2);
    for limit in [None, Some(Duration::from_secs(600))] {
        let mut map = pool.map(read, 0..4).timeout(limit).fallible();
        assert_eq!(map.next().unwrap().unwrap(), 0);
        let error = map.next().unwrap().unwrap_err();
        assert!(error.is_failed() && !error.is_timed_out(), "{error}");
        assert_eq!(texts(map.by_ref()), [Ok(2), Ok(3)]);
        assert!(map.next().is_none());
    }
}

// case 6
#[test]
fn out_of_time_what_is_ready_comes_then_one_error_then_the_end() {
    let _watchdog = watchdog();
    let pool = pool(1);
    assert_eq!(pool.submit(call!(u32::max(1, 2))).result(None).unwrap(), 2, "the worker is there");
    let directory = Directory::new().unwrap();
    let (begun, release, ran) = (directory.signal(), directory.signal(), directory.tally().unwrap());
    let limit = Duration::from_secs(1);
    let began = Instant::now();
    let shared = (begun.clone(), release.clone(), ran.clone());
    let item = |(begun, release, ran): &(Signal, Signal, signal::Tally), n: u32| {
        ran.add();
        if n == 2 { stay(begun.clone(), release.clone()) } else { n }
    };
    let mut map = pool.map_with(shared, item, 0..4).chunksize(1).buffersize(4).timeout(limit).start();
    assert!(begun.wait(LIMIT));
    assert_eq!(texts(map.by_ref().take(2)), [Ok(0), Ok(1)], "ready before the time was up");
    assert!(map.next().unwrap().unwrap_err().is_timed_out());
    assert!(began.elapsed() >= limit);
    assert!(map.next().is_none() && map.next().is_none());
    release.raise();
    pool.shutdown(Shutdown::wait());
    assert_eq!(ran.count(), 3, "the fourth had not begun when the time was up");
}

// beside case 7
#[test]
fn dropping_a_map_cancels_what_has_not_begun_and_nothing_else() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let directory = Directory::new().unwrap();
    let (begun, release, ran) = (directory.signal(), directory.signal(), directory.tally().unwrap());
    let shared = (begun.clone(), release.clone(), ran.clone());
    let item = |(begun, release, ran): &(Signal, Signal, signal::Tally), _: u32| {
        ran.add();
        stay(begun.clone(), release.clone())
    };
    let map = pool.map_with(shared, item, 0..10).chunksize(1).eager();
    let other = pool.submit(task!([] => "not of the map".to_owned()));
    assert!(begun.wait(LIMIT));
    drop(map);
    release.raise();
    assert_eq!(other.result(None).unwrap(), "not of the map");
    pool.shutdown(Shutdown::wait());
    assert_eq!(ran.count(), 1);
}

// cases 10 and 73
#[test]
fn every_window_and_chunk_gives_all_results_in_order() {
    let _watchdog = watchdog();
    let pool = pool(3);
    let squares: Vec<Result<u32, String>> = (0..40).map(|n| Ok(n * n)).collect();
    for window in [0, 1, 2, 40, 80, usize::MAX] {
        assert_eq!(texts(pool.map(|n: u32| n * n, 0..40).buffersize(window)), squares, "a window of {window}");
    }
    for chunk in [0, 1, 6, 40, 50, usize::MAX] {
        assert_eq!(texts(pool.map(|n: u32| n * n, 0..40).chunksize(chunk)), squares, "chunks of {chunk}");
    }
}

// case 12
#[test]
fn an_endless_input_is_never_pulled_ahead() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let pulled = Cell::new(0);
    let mut map = pool.map(|n: u32| n, (0..).inspect(|_| pulled.set(pulled.get() + 1))).buffersize(2);
    for n in 0..3 {
        assert_eq!(map.next().unwrap().unwrap(), n);
        assert!(pulled.get() <= n as usize + 3, "{} pulled for {} results", pulled.get(), n + 1);
    }
    drop(map);
    pool.shutdown(Shutdown::wait());
}

// case 13
#[test]
fn two_endless_inputs_work() {
    let _watchdog = watchdog();
    let products = pool(2).map(|(a, b): (u64, u64)| a * b, iter::zip(1.., 10..)).buffersize(2).take(4);
    assert_eq!(texts(products), [Ok(10), Ok(22), Ok(36), Ok(52)]);
}

// cases 14, 94 and 394
#[test]
fn an_empty_input_needs_no_worker() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let mut map = pool.map(|n: u32| n, []).buffersize(3);
    assert!(map.next().is_none() && map.next().is_none());
    assert!(pool.map(|n: u32| n, []).eager().next().is_none());
    assert!(pool.map(|n: u32| n, []).unordered().next().is_none());
    assert!(pool.map(|n: u32| n, []).into_futures().is_empty());
    assert_eq!(pool.workers(), []);
    assert_eq!(pool.shutdown(Shutdown::wait().kill_after(Duration::ZERO)).killed, 0, "nor does its end");
}

// case 16
#[test]
fn a_full_window_pulls_exactly_its_size() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let pulled = Arc::new(AtomicUsize::new(0));
    let pulls = Arc::clone(&pulled);
    let inputs = (0..10).inspect(move |_| {
        pulls.fetch_add(1, Ordering::Relaxed);
    });
    let map = pool.map(|n: u32| n, inputs).buffersize(2).start();
    pool.shutdown(Shutdown::wait());
    assert_eq!(pulled.load(Ordering::Relaxed), 2, "no more, though both are done and nobody took them");
    drop(map);
    assert_eq!(pulled.load(Ordering::Relaxed), 2);
}

// case 17
#[test]
fn a_shutdown_right_after_the_last_submit_does_not_hang() {
    let _watchdog = watchdog();
    for round in 0..100_u32 {
        let workers = 1 + round % 3;
        let pool = pool(workers as usize);
        let futures: Vec<Future<u32>> = (0..=workers).map(|n| pool.submit(call!(u32::max(n, 1)))).collect();
        pool.shutdown(Shutdown::wait());
        assert!(futures.iter().all(Future::done), "round {round}");
        assert_eq!(pool.workers(), [], "round {round}");
    }
}

/// Says when it is dropped by another process.
#[derive(serde::Serialize, serde::Deserialize)]
struct Tells {
    home: u32,
    signal: Signal,
}

impl Drop for Tells {
    fn drop(&mut self) {
        if self.home != std::process::id() {
            self.signal.raise();
        }
    }
}

// cases 18 and 76
#[test]
fn an_idle_worker_keeps_nothing_of_a_task() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let directory = Directory::new().unwrap();
    for _ in 0..20 {
        let tells = Tells { home: std::process::id(), signal: directory.signal() };
        let signal = tells.signal.clone();
        let future = pool.submit(task!([tells] => tells.home));
        eventually("the task is done", || future.done());
        assert!(signal.is_raised(), "what it took along is dropped before its end is seen");
    }
    for _ in 0..20 {
        let tells = Tells { home: std::process::id(), signal: directory.signal() };
        let signal = tells.signal.clone();
        // Nobody ever takes the result.
        drop(pool.submit(task!([tells] => tells)));
        assert!(signal.wait(LIMIT), "a result is not kept");
    }
    assert_eq!(pool.workers().len(), 1, "it has not shut down");
}

// case 392, and beside case 19
#[test]
fn a_pool_has_the_size_that_was_asked_for() {
    let message = |built: Result<ProcessPoolExecutor, BuildError>| built.unwrap_err().to_string();
    assert!(message(ProcessPoolExecutor::new(0)).contains("max_workers is 0"));
    let negative = -1_isize as usize;
    assert!(message(ProcessPoolExecutor::new(negative)).contains(&format!("max_workers is {negative}")));
    assert_eq!(pool(3).max_workers(), 3);
}

// case 21
#[test]
fn empty_values_and_empty_errors_are_results() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let unit = pool.submit(task!([] => ()));
    unit.result(None).unwrap();
    assert!(unit.result(None).unwrap_err().is_result_taken(), "`()` was there, and was taken");
    assert_eq!(pool.submit(task!([] => None::<String>)).result(None).unwrap(), None);
    assert_eq!(pool.submit(task!([] => Err::<u8, ()>(()))).result(None).unwrap(), Err(()));
    assert_eq!(pool.map(|()| (), [(), ()]).chunksize(2).filter(Result::is_ok).count(), 2);
}

// ---------------------------------------------------------------------------------------------- test_wait.py

fn ids<W: Waitable>(list: &[W]) -> HashSet<FutureId> {
    list.iter().map(Waitable::id).collect()
}

// cases 124 and 125
#[test]
fn first_completed_gives_all_that_have_ended() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let directory = Directory::new().unwrap();
    let (release, blocked) = held(&pool, &directory);
    let (_, cancelled) = future_in(State::Cancelled);
    let ended = wait([&blocked, &cancelled], None, ReturnWhen::FirstCompleted);
    assert_eq!((ids(&ended.done), ids(&ended.not_done)), (ids(&[&cancelled]), ids(&[&blocked])));
    let quick = pool.submit(call!(u32::max(1, 2)));
    let ended = wait([&quick, &blocked], None, ReturnWhen::FirstCompleted);
    assert_eq!((ids(&ended.done), ids(&ended.not_done)), (ids(&[&quick]), ids(&[&blocked])));
    let ended = wait([&quick, &blocked, &cancelled], None, ReturnWhen::FirstCompleted);
    assert_eq!((ended.done.len(), ended.not_done.len()), (2, 1));
    release.raise();
    assert_eq!(blocked.result(None).unwrap(), 1);
}

// cases 126 and 128
#[test]
fn first_error_needs_a_failure() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let directory = Directory::new().unwrap();
    let (release, blocked) = held(&pool, &directory);
    let good = pool.submit(call!(u32::max(1, 2)));
    let bad = pool.submit(call!(fails()));
    let ended = wait([&good, &bad, &blocked], None, ReturnWhen::FirstError);
    assert_eq!((ids(&ended.done), ids(&ended.not_done)), (ids(&[&good, &bad]), ids(&[&blocked])));
    let again = wait([&bad, &blocked], None, ReturnWhen::FirstError);
    assert_eq!(ids(&again.done), ids(&[&bad]), "what had failed before");
    // The end of a worker is a failure like others.
    let dead = pool.submit(task!([] => { if true { std::process::exit(3) } 1_u32 }));
    let ended = wait([&dead, &blocked], None, ReturnWhen::FirstError);
    assert_eq!(ids(&ended.done), ids(&[&dead]));
    release.raise();
    assert_eq!(blocked.result(None).unwrap(), 1);
}

// case 129
#[test]
fn all_completed_waits_for_every_end() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let mut all: Vec<Future<u32>> = (0..5).map(|n| pool.submit(call!(u32::max(n, 1)))).collect();
    all.push(pool.submit(call!(fails())));
    all.push(pool.submit(task!([] => { if true { std::process::abort() } 1_u32 })));
    all.extend([State::Cancelled, State::Failed, State::Finished].map(|state| future_in(state).1));
    let ended = wait(&all, None, ReturnWhen::AllCompleted);
    assert_eq!((ended.done.len(), ended.not_done.len()), (10, 0));
    assert_eq!(all.iter().filter(|future| Waitable::error(*future).is_some()).count(), 4);
}

// case 130
#[test]
fn a_wait_that_runs_out_tells_both() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let directory = Directory::new().unwrap();
    let (release, blocked) = held(&pool, &directory);
    let quick: Vec<Future<u32>> = (0..3).map(|n| pool.submit(call!(u32::max(n, 1)))).collect();
    wait(&quick, None, ReturnWhen::AllCompleted);
    let ended = wait(quick.iter().chain([&blocked]), Duration::from_millis(20), ReturnWhen::AllCompleted);
    assert_eq!((ended.done.len(), ids(&ended.not_done)), (3, ids(&[&blocked])));
    release.raise();
    assert_eq!(blocked.result(None).unwrap(), 1, "as good as before");
}

// ---------------------------------------------------------------------------------------------- test_as_completed.py

// cases 22 and 24
#[test]
fn as_completed_yields_each_once() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let made = [State::Cancelled, State::Failed, State::Finished].map(|state| future_in(state).1);
    let fresh = [pool.submit(call!(u32::max(1, 2))), pool.submit(call!(fails()))];
    let all = || made.iter().chain(&fresh);
    let yielded: Vec<FutureId> = as_completed(all().chain(all()), None).map(|future| future.unwrap().id()).collect();
    assert_eq!(yielded.len(), 5);
    assert_eq!(yielded.iter().copied().collect::<HashSet<_>>(), all().map(Future::id).collect());
}

// case 26
#[test]
fn as_completed_out_of_time_says_how_many_are_left() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let directory = Directory::new().unwrap();
    let (release, running) = held(&pool, &directory);
    let pending = pool.submit(call!(u32::max(1, 2)));
    let (_, cancelled) = future_in(State::Cancelled);
    let (_, finished) = future_in(State::Finished);
    let mut ends = as_completed([&cancelled, &pending, &running, &finished], Duration::ZERO);
    assert_eq!(ends.by_ref().take(2).filter(Result::is_ok).count(), 2);
    let error = ends.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the wait timed out with 2 (of 4) futures unfinished");
    assert!(ends.next().is_none());
    release.raise();
    assert_eq!(pending.result(None).unwrap(), 2);
}

// beside cases 22 and 129
#[test]
fn futures_of_threads_and_of_processes_mix() {
    let _watchdog = watchdog();
    let (processes, threads) = (pool(2), ThreadPoolExecutor::new(2).unwrap());
    let here = std::process::id();
    let all: Vec<Future<u32>> = (0..20)
        .map(|n| match n % 2 {
            0 => processes.submit(task!([] => std::process::id())),
            _ => threads.submit(std::process::id),
        })
        .collect();
    let ended = wait(&all, None, ReturnWhen::AllCompleted);
    assert_eq!(ended.not_done.len(), 0);
    let mine = as_completed(&all, None).filter(|future| future.as_ref().unwrap().result(None).unwrap() == here).count();
    assert_eq!(mine, 10);
    let (text, number) = (processes.submit(task!([] => "text".to_owned())), threads.submit(|| 1));
    assert_eq!(as_completed(futures![text, number], None).filter(Result::is_ok).count(), 2);
    // One that never ends here, beside one there that does.
    let directory = Directory::new().unwrap();
    let (release, blocked) = held(&processes, &directory);
    let quick = threads.submit(|| 5_u32);
    let ended = wait([&blocked, &quick], None, ReturnWhen::FirstCompleted);
    assert_eq!(ids(&ended.done), ids(&[&quick]));
    release.raise();
    blocked.result(None).unwrap();
}

// ---------------------------------------------------------------------------------------------- util.py

/// Uses of a pool, each of which ends it in a way of its own.
fn uses() -> Vec<fn(&Directory) -> Vec<u32>> {
    vec![
        |_| {
            let pool = pool(3);
            pool.map(|n: u32| n, 0..100).for_each(drop);
            pids(&pool)
        },
        |_| {
            let pool = pool(2);
            let futures: Vec<_> = (0..10).map(|n| pool.submit(call!(u32::max(n, 1)))).collect();
            let there = pids(&pool);
            pool.shutdown(Shutdown::no_wait());
            drop(futures);
            there
        },
        |directory| {
            let pool = pool(2);
            let (_never, running) = held(&pool, directory);
            let there = pids(&pool);
            pool.shutdown(Shutdown::wait().cancel_pending().kill_after(Duration::ZERO));
            assert!(running.result(None).unwrap_err().is_cancelled());
            there
        },
        |_| {
            let pool = pool(2);
            let dead = pool.submit(task!([] => if true { std::process::exit(1) }));
            assert!(dead.result(None).is_err());
            pids(&pool)
        },
        |directory| {
            let pool = pool(1);
            let (release, running) = held(&pool, directory);
            let there = pids(&pool);
            assert!(pool.shutdown(Shutdown::wait().deadline(Duration::ZERO)).abandoned > 0);
            release.raise();
            drop(pool);
            assert_eq!(running.result(None).unwrap(), 1);
            there
        },
    ]
}

// cases 132 and 133
#[test]
fn no_process_outlives_its_pool() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    for _ in 0..3 {
        for (number, run) in uses().into_iter().enumerate() {
            let there = run(&directory);
            eventually(&format!("no process is left of use {number}"), || !there.iter().any(|pid| exists(*pid)));
        }
    }
}
