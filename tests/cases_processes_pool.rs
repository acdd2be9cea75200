//! What is particular to pools of processes: after CPython's `test_process_pool.py`, and what `multiprocessing.Pool`
//! promises, after `_test_multiprocessing.py`.
//!
//! Not here: the limit of 61 processes on Windows (case 69), POSIX semaphores (case 70; what the system refuses is in
//! the tests of faults), start methods other than a new process (case 81), who calls whom on a kill (cases 89 and 90:
//! what comes of it is case 92 in `cases_processes_shutdown`), warnings for pools that are not closed (case 400: a pool
//! that is dropped is shut down). Sizes of 0 and less are in `cases_processes_executor` (case 392).
#![cfg(target_os = "linux")]

#[path = "cases/child.rs"]
mod child;
#[path = "cases/processes.rs"]
mod processes;
#[path = "../src/conformance/signal.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod signal;
#[path = "cases/traps.rs"]
mod traps;

mod support;

use concurrent_futures::{
    Future, PortableError, ProcessPoolExecutor, ReturnWhen, Shutdown, TaskError, call, task, wait,
};
use processes::{exists, pids};
use signal::{Directory, Signal, Tally};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use support::{eventually, watchdog};
use traps::{Does, Trap, When};

const LIMIT: Duration = Duration::from_secs(60);

fn pool(workers: usize) -> ProcessPoolExecutor {
    ProcessPoolExecutor::new(workers).unwrap()
}

/// With a limit on each worker's tasks.
fn short_lived(workers: usize, tasks: u32) -> ProcessPoolExecutor {
    ProcessPoolExecutor::builder().max_workers(workers).max_tasks_per_child(tasks).build().unwrap()
}

fn pid() -> u32 {
    std::process::id()
}

fn wait_for(release: Signal) -> bool {
    release.wait(LIMIT)
}

/// Says that it has begun, and stays until it is released.
fn stay(begun: Signal, release: Signal) -> u32 {
    begun.raise();
    assert!(release.wait(LIMIT), "nobody released it");
    pid()
}

fn back(trap: Trap) -> Trap {
    trap
}

// ---------------------------------------------------------------------------------------------- test_process_pool.py

// case 72
#[test]
fn each_future_of_a_dead_worker_has_its_own_report() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let directory = Directory::new().unwrap();
    let begun = directory.signal();
    let named = concurrent_futures::SubmitOptions::new().name("the victim");
    let victim = pool.submit_with(named, call!(stay(begun.clone(), directory.signal())));
    assert!(begun.wait(LIMIT));
    let others: Vec<Future<u32>> = (0..3).map(|_| pool.submit(call!(pid()))).collect();
    let worker = pids(&pool)[0];
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(worker.cast_signed()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    let Some(TaskError::WorkerDied(report)) = victim.exception(None).unwrap() else { panic!("it did not die") };
    assert_eq!((report.pid, report.signal, report.slot), (worker, Some(9), 0));
    assert_eq!(report.task.as_deref(), Some("the victim"));
    assert!(report.to_string().contains("the victim"), "{report}");
    assert!(victim.result(None).unwrap_err().is_worker_died(), "reading an error consumes nothing");
    for other in others {
        assert_ne!(other.result(None).unwrap(), worker, "what it had not begun runs elsewhere");
    }
    // Two workers that die each tell of themselves.
    let exit = |code: i32| -> () { std::process::exit(code) };
    let pair = [pool.submit(call!(exit(3))), pool.submit(call!(exit(4)))];
    let codes = pair.map(|future| match future.result(None) {
        Err(TaskError::WorkerDied(report)) => report.exit_code,
        other => panic!("{other:?}"),
    });
    assert_eq!(codes, [Some(3), Some(4)]);
}

// cases 74, 140, 396 and 397
#[test]
fn a_panic_tells_of_its_place_in_the_worker() {
    fn inner(n: u32) -> u32 {
        assert!(n < 3, "too large: {n}");
        n
    }
    let _watchdog = watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(1).env("RUST_BACKTRACE", "1").build().unwrap();
    let error = pool.submit(call!(inner(5))).result(None).unwrap_err();
    let TaskError::Panicked(report) = &error else { panic!("{error}") };
    assert_eq!(report.message, "too large: 5");
    assert!(report.location.as_deref().unwrap().starts_with("tests/cases_processes_pool.rs:"), "{report}");
    let backtrace = report.backtrace.as_deref().expect("it was asked for");
    assert!(backtrace.contains("inner"), "{backtrace}");
    assert!(error.to_string().contains("too large: 5") && !error.to_string().contains("stack"), "{error}");
    // The causes of an error arrive as well.
    fn parse(text: String) -> Result<u32, PortableError> {
        #[derive(Debug)]
        struct NoNumber(std::num::ParseIntError);
        impl std::fmt::Display for NoNumber {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("no number")
            }
        }
        impl std::error::Error for NoNumber {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        Ok(text.parse().map_err(NoNumber)?)
    }
    let own = pool.submit(call!(parse("x".to_owned()))).result(None).unwrap().unwrap_err();
    assert_eq!(format!("{own:#}"), "no number: invalid digit found in string");
    let failed = pool.submit(call!(parse("x".to_owned()))).fallible().result(None).unwrap_err();
    let source = std::error::Error::source(&failed).expect("it has a cause");
    assert_eq!(source.to_string(), "invalid digit found in string");
}

// cases 77 and 110
#[test]
fn many_blocked_tasks_have_no_more_processes_than_asked_for() {
    let _watchdog = watchdog();
    let pool = pool(3);
    let directory = Directory::new().unwrap();
    let release = directory.signal();
    let futures: Vec<Future<bool>> = (0..45).map(|_| pool.submit(call!(wait_for(release.clone())))).collect();
    eventually("as many run as may", || pool.stats().running == 3);
    let there = pids(&pool);
    assert_eq!((there.len(), pool.stats().queued), (3, 42));
    release.raise();
    assert!(futures.iter().all(|future| future.result(None).unwrap()));
    assert_eq!(pids(&pool), there);
    pool.shutdown(Shutdown::wait());
    assert!(!there.iter().any(|pid| exists(*pid)), "not even a zombie");
}

// case 78
#[test]
fn an_idle_process_is_used_again() {
    let _watchdog = watchdog();
    let pool = pool(4);
    let used: HashSet<u32> = (0..10).map(|_| pool.submit(call!(pid())).result(None).unwrap()).collect();
    assert_eq!((used.len(), pool.workers().len()), (1, 1));
}

// beside case 78, and beside cases 77 and 118
#[test]
fn a_task_behind_a_long_one_gets_a_worker_of_its_own() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = pool(3);
    for _ in 0..3 {
        // Short ones: from now on the worker is given tasks in advance.
        (0..50).for_each(|n| assert_eq!(pool.submit(call!(u32::max(n, 0))).result(None).unwrap(), n));
        let (begun, release) = (directory.tally().unwrap(), directory.signal());
        let count = |begun: Tally, release: Signal| {
            begun.add();
            release.wait(LIMIT)
        };
        let all: Vec<_> = (0..3).map(|_| pool.submit(call!(count(begun.clone(), release.clone())))).collect();
        // They may rely on each other.
        eventually("all of them run at once", || begun.count() == 3);
        release.raise();
        assert!(all.iter().all(|future| future.result(None).unwrap()));
        // All but one worker goes, so that there is only one again.
        let exit = |begun: Tally, release: Signal| -> () {
            begun.add();
            assert!(release.wait(LIMIT));
            std::process::exit(0)
        };
        let (begun, release) = (directory.tally().unwrap(), directory.signal());
        let gone: Vec<_> = (0..2).map(|_| pool.submit(call!(exit(begun.clone(), release.clone())))).collect();
        eventually("two workers are about to go", || begun.count() == 2);
        release.raise();
        assert!(gone.iter().all(|future| future.result(None).unwrap_err().is_worker_died()));
        assert_eq!(pool.workers().len(), 1);
    }
}

// beside case 114
#[test]
fn a_shutdown_leaves_workers_for_tasks_that_rely_on_each_other() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = pool(2);
    (0..50).for_each(|n| assert_eq!(pool.submit(call!(u32::max(n, 0))).result(None).unwrap(), n));
    let meet = |mine: Signal, other: Signal| {
        mine.raise();
        other.wait(LIMIT)
    };
    let (one, two) = (directory.signal(), directory.signal());
    let pair = [pool.submit(call!(meet(one.clone(), two.clone()))), pool.submit(call!(meet(two, one)))];
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    assert!(pair.iter().all(|future| future.result(None).unwrap()));
}

// case 80
#[test]
fn a_worker_ends_after_its_number_of_tasks() {
    let _watchdog = watchdog();
    let pool = short_lived(1, 3);
    let used: Vec<u32> = (0..9).map(|_| pool.submit(call!(pid())).result(None).unwrap()).collect();
    for (n, worker) in used.chunks(3).enumerate() {
        assert!(worker.iter().all(|pid| *pid == worker[0]), "{used:?}");
        assert!(n == 2 || used[3 * n + 2] != used[3 * n + 3], "{used:?}");
    }
    eventually("the last has gone as well, though nobody submits", || pool.workers().is_empty());
    assert!(!used.iter().any(|pid| exists(*pid)));
    // All at once: the tasks that a worker is handed in advance count, those that are taken back do not.
    let futures: Vec<Future<u32>> = (0..30).map(|_| pool.submit(call!(pid()))).collect();
    let used: Vec<u32> = futures.iter().map(|future| future.result(None).unwrap()).collect();
    assert_eq!(used.iter().collect::<HashSet<_>>().len(), 10, "{used:?}");
    assert!(used.chunks(3).all(|three| three.iter().all(|pid| *pid == three[0])), "{used:?}");
}

// beside case 80
#[test]
fn a_chunk_counts_as_one_task() {
    let _watchdog = watchdog();
    let pool = short_lived(1, 2);
    let used: Vec<u32> = pool.map(|_: u32| pid(), 0..20).chunksize(5).map(Result::unwrap).collect();
    assert!(used.chunks(10).all(|ten| ten.iter().all(|pid| *pid == ten[0])), "{used:?}");
    assert_ne!(used[0], used[10]);
}

// cases 82, 87 and 404
#[test]
fn all_that_is_queued_runs_though_workers_end_at_their_limit() {
    let _watchdog = watchdog();
    for (workers, limit, tasks) in [(1, 2, 6), (2, 2, 8), (1, 1, 6), (3, 1, 20)] {
        for closes in [false, true] {
            let pool = short_lived(workers, limit);
            let futures: Vec<Future<u32>> = (0..tasks).map(|n| pool.submit(call!(u32::max(n, 0)))).collect();
            if closes {
                assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
            }
            for (n, future) in (0..).zip(&futures) {
                assert_eq!(future.result(None).unwrap(), n, "{workers} {limit} {tasks} {closes}");
            }
        }
    }
}

// case 84
#[test]
fn a_pool_that_is_dropped_finishes_though_its_worker_ends_at_its_limit() {
    let _watchdog = watchdog();
    let pool = short_lived(1, 1);
    let directory = Directory::new().unwrap();
    let (begun, release) = (directory.signal(), directory.signal());
    let running = pool.submit(call!(stay(begun.clone(), release.clone())));
    let queued = [pool.submit(call!(pid())), pool.submit(call!(pid()))];
    assert!(begun.wait(LIMIT));
    std::thread::scope(|threads| {
        // It waits for all of them.
        threads.spawn(move || drop(pool));
        release.raise();
    });
    let mut used = HashSet::from([running.result(Duration::ZERO).unwrap()]);
    used.extend(queued.iter().map(|future| future.result(Duration::ZERO).unwrap()));
    assert_eq!(used.len(), 3);
    assert!(!used.iter().any(|pid| exists(*pid)));
}

// case 85
#[test]
fn no_worker_replaces_one_that_ends_while_the_pool_is_killed() {
    let _watchdog = watchdog();
    for _ in 0..20 {
        let pool = short_lived(2, 1);
        let futures: Vec<Future<u32>> = (0..30).map(|_| pool.submit(call!(pid()))).collect();
        assert!(futures[0].result(None).is_ok(), "workers are ending by now");
        let report = pool.shutdown(Shutdown::wait().kill_after(Duration::ZERO));
        assert_eq!((report.abandoned, pool.workers().len()), (0, 0));
        assert!(futures.iter().all(Future::done));
        let count = |is: fn(&TaskError) -> bool| {
            futures.iter().filter_map(|future| future.exception(None).unwrap()).filter(is).count()
        };
        assert_eq!(count(TaskError::is_cancelled), count(|_| true), "no other error");
        assert!(report.cancelled + report.killed <= count(|_| true), "{report:?}");
    }
}

// ---------------------------------------------------------------------------------------------- Pool

// case 384
#[test]
fn maps_of_every_form_keep_the_order() {
    let _watchdog = watchdog();
    let pool = pool(3);
    let squares: Vec<u64> = (0..100).map(|n| n * n).collect();
    let square: fn(u64) -> u64 = |n| n * n;
    let collect = |map: &mut dyn Iterator<Item = Result<u64, TaskError>>| map.map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(collect(&mut pool.map(square, 0..100).chunksize(20)), squares);
    assert_eq!(collect(&mut pool.map(square, 0..100).chunksize(20).eager()), squares);
    assert_eq!(collect(&mut pool.map(|(a, b): (u64, u64)| a * b, (0..100).zip(0..)).chunksize(20)), squares);
    let futures = pool.map(square, 0..100).into_futures();
    assert_eq!(futures.iter().map(|future| future.result(None).unwrap()).collect::<Vec<_>>(), squares);
}

// cases 385 and 401
#[test]
fn each_callback_comes_once_with_its_outcome() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let (sender, calls) = mpsc::channel();
    let watch = |future: &Future<Vec<u32>>| {
        let sender = sender.clone();
        future.add_done_callback(move |outcome| sender.send(outcome.cloned().map_err(ToString::to_string)).unwrap());
    };
    watch(&pool.submit(task!([] => vec![1, 4, 9])));
    assert_eq!(calls.recv().unwrap(), Ok(vec![1, 4, 9]), "the whole list at once");
    let failing = pool.submit(task!([] => { if true { panic!("no list") } vec![1] }));
    watch(&failing);
    assert!(calls.recv().unwrap().unwrap_err().contains("no list"));
    assert!(failing.result(None).unwrap_err().to_string().contains("no list"));
    drop((sender, pool));
    assert!(calls.recv().is_err(), "no more calls");
}

// case 386
#[test]
fn ten_arguments_that_cannot_be_written_are_ten_errors() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for chunk in [0, 1, 5] {
        let items = (0..10).map(|_| Trap::new(When::Leaving, Does::Fails));
        let results: Vec<_> = pool.map(back, items).chunksize(chunk).collect();
        assert_eq!(results.len(), 10);
        assert!(results.iter().all(|result| result.as_ref().is_err_and(TaskError::is_codec)), "{results:?}");
    }
}

// case 388
#[test]
fn an_input_that_panics_reaches_the_caller_and_harms_nothing() {
    let _watchdog = watchdog();
    support::quiet_panics_of(&["an_input_that_panics"]);
    let pool = pool(2);
    for good in [0, 3] {
        for chunk in [1, 2, 100] {
            let inputs = (0..10_usize).map(|n| if n < good { n } else { panic!("no input {n}") });
            let mut map = pool.map(|n: usize| n, inputs).chunksize(chunk).buffersize(chunk);
            let (mut panics, mut values) = (Vec::new(), Vec::new());
            loop {
                match catch_unwind(AssertUnwindSafe(|| map.next())) {
                    Ok(Some(value)) => values.push(value.unwrap()),
                    Ok(None) => break,
                    Err(payload) => panics.push(*payload.downcast::<String>().unwrap()),
                }
            }
            assert_eq!(panics, [format!("no input {good}")], "{good} inputs in chunks of {chunk}");
            assert!(values.iter().copied().eq(0..values.len()) && values.len() <= good);
        }
    }
    assert_eq!(pool.map(|n: u32| n, 0..100).map(Result::unwrap).sum::<u32>(), 4950, "the pool is as before");
}

// case 389
#[test]
fn a_wait_that_is_too_short_leaves_the_task_alone() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let directory = Directory::new().unwrap();
    let (begun, release) = (directory.signal(), directory.signal());
    let future = pool.submit(call!(stay(begun.clone(), release.clone())));
    assert!(begun.wait(LIMIT));
    let began = Instant::now();
    assert!(future.result(Duration::from_millis(20)).unwrap_err().is_timed_out());
    assert!(began.elapsed() >= Duration::from_millis(20));
    assert!(future.running() && !future.done() && !future.cancelled());
    release.raise();
    assert_eq!(future.result(LIMIT).unwrap(), pids(&pool)[0]);
}

// case 390
#[test]
fn lazy_maps_end_and_stay_at_their_end() {
    let _watchdog = watchdog();
    let pool = pool(3);
    for (items, chunk) in [(10, 1), (1000, 1), (1000, 100), (1000, 0)] {
        let mut ordered = pool.map(|n: u32| n + 1, 0..items).chunksize(chunk);
        assert!(ordered.by_ref().map(Result::unwrap).eq(1..=items), "{items} items in chunks of {chunk}");
        assert!(ordered.next().is_none() && ordered.next().is_none());
        let mut unordered = pool.map(|n: u32| n + 1, 0..items).chunksize(chunk).unordered();
        let mut values: Vec<u32> = unordered.by_ref().map(Result::unwrap).collect();
        values.sort_unstable();
        assert!(values.into_iter().eq(1..=items), "{items} items without order in chunks of {chunk}");
        assert!(unordered.next().is_none() && unordered.next().is_none());
    }
}

// beside case 391
#[test]
fn an_unordered_map_hands_out_what_is_ready() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let directory = Directory::new().unwrap();
    let release = directory.signal();
    let item = |release: &Signal, n: u32| {
        assert!(n > 0 || release.wait(LIMIT));
        n
    };
    let mut map = pool.map_with(release.clone(), item, 0..5).chunksize(1).buffersize(5).unordered();
    let first: Vec<u32> = map.by_ref().take(4).map(Result::unwrap).collect();
    assert!(!first.contains(&0), "the first input holds nobody up");
    release.raise();
    assert_eq!(map.next().unwrap().unwrap(), 0);
    assert!(map.next().is_none());
}

// case 393
#[test]
fn a_deep_backlog_is_cancelled_quickly() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let directory = Directory::new().unwrap();
    let never = directory.signal();
    let futures: Vec<Future<bool>> = (0..10_000).map(|_| pool.submit(call!(wait_for(never.clone())))).collect();
    eventually("workers are at it", || pool.stats().running == 2);
    let began = Instant::now();
    let report = pool.shutdown(Shutdown::wait().kill_after(Duration::ZERO));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!((report.killed, report.cancelled, report.finished, report.abandoned), (2, 9_998, 0, 0));
    assert!(futures.iter().all(Future::cancelled));
}

// case 398
#[test]
fn large_errors_do_not_clog_anything() {
    let _watchdog = watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(2).stderr(concurrent_futures::WorkerStdio::null());
    let pool = pool.build().unwrap();
    let fail = |n: u32| if n < 2 { panic!("{}", "x".repeat(1 << 20)) } else { n };
    for chunk in [1, 2, 6] {
        let results: Vec<_> = pool.map(fail, 0..6).chunksize(chunk).collect();
        assert!(results[..2].iter().all(|result| result.as_ref().is_err_and(|e| e.to_string().len() > 1 << 20)));
        assert!(results[2..].iter().all(Result::is_ok));
    }
    let mut map = pool.map(fail, 0..6).chunksize(2);
    assert!(map.next().unwrap().unwrap_err().is_panicked());
    // The caller gives up.
    drop(map);
    pool.shutdown(Shutdown::wait());
}

// case 402
#[test]
fn twenty_results_that_cannot_be_written_cost_no_worker() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let directory = Directory::new().unwrap();
    let release = directory.signal();
    let both: Vec<_> = (0..2).map(|_| pool.submit(call!(stay(directory.signal(), release.clone())))).collect();
    eventually("both workers are there", || pool.stats().running == 2);
    release.raise();
    wait(&both, None, ReturnWhen::AllCompleted);
    let there = pids(&pool);
    for _ in 0..20 {
        let error = pool.submit(call!(back(Trap::new(When::Returning, Does::Fails)))).result(None).unwrap_err();
        assert!(error.is_codec(), "{error}");
    }
    assert_eq!(pids(&pool), there);
}

// case 405
#[test]
fn a_limit_of_no_tasks_is_refused() {
    let error = ProcessPoolExecutor::builder().max_tasks_per_child(0).build().unwrap_err();
    assert!(error.to_string().contains("max_tasks_per_child is 0"), "{error}");
}

/// A pool that is never dropped.
static KEPT: OnceLock<ProcessPoolExecutor> = OnceLock::new();

// case 406
#[test]
fn a_program_ends_though_a_static_has_a_pool() {
    let _watchdog = watchdog();
    let ended = child::run("a_program_ends_though_a_static_has_a_pool", || {
        let pool = KEPT.get_or_init(|| pool(2));
        let worker = pool.submit(call!(pid())).result(None).unwrap();
        child::say(&worker.to_string());
    });
    assert!(ended.status.success(), "{ended:?}");
    let worker: u32 = ended.said[0].parse().unwrap();
    eventually("its workers end too", || !exists(worker));
}

// case 408
#[test]
fn a_large_pool_works() {
    let _watchdog = watchdog();
    let pool = pool(100);
    let directory = Directory::new().unwrap();
    let release = directory.signal();
    let all: Vec<Future<bool>> = (0..100).map(|_| pool.submit(call!(wait_for(release.clone())))).collect();
    eventually("a hundred run at once", || pool.stats().running == 100);
    assert_eq!(pids(&pool).into_iter().collect::<HashSet<_>>().len(), 100);
    release.raise();
    assert!(all.iter().all(|future| future.result(None).unwrap()));
    let sum: u64 = pool.map(|n: u64| n, 0..1000).map(Result::unwrap).sum();
    assert_eq!(sum, 499_500);
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}

/// A task that makes a pool of its own for what is below it.
fn descend(depth: u32) -> Vec<u32> {
    let mut path = vec![pid()];
    if depth > 0 {
        let pool = pool(1);
        path.extend(pool.submit(call!(descend(depth - 1))).result(LIMIT).unwrap());
    }
    path
}

// case 409
#[test]
fn pools_nest_three_levels_deep() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for _ in 0..3 {
        let path = pool.submit(call!(descend(3))).result(None).unwrap();
        assert_eq!(path.iter().collect::<HashSet<_>>().len(), 4, "{path:?}");
        assert!(!path[1..].iter().any(|pid| exists(*pid)), "a pool inside a task ends with it");
    }
}
