//! How a pool of processes ends, and how programs end that have one: after CPython's `test_shutdown.py`, and the kills of
//! `test_process_pool.py`.
//!
//! The cases of threads (104 to 109) that say something of processes too are here in that form. That a pool keeps the
//! place of a shutdown's policy (`on_last_drop`, guards) is our own.
#![cfg(target_os = "linux")]

#[path = "cases/child.rs"]
mod child;
#[path = "cases/processes.rs"]
mod processes;
#[path = "../src/conformance/signal.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod signal;

mod support;

use child::say;
use concurrent_futures::{
    CancelOutcome, Future, Job, ProcessPoolExecutor, RejectReason, ReturnWhen, Shutdown, ShutdownReport, TaskError,
    as_completed, call, task, wait,
};
use processes::{exists, pids};
use signal::{Directory, Signal, Tally};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};
use support::{eventually, watchdog};

const LIMIT: Duration = Duration::from_secs(60);

fn pool(workers: usize) -> ProcessPoolExecutor {
    ProcessPoolExecutor::new(workers).unwrap()
}

fn stay(begun: Tally, release: Signal) -> bool {
    begun.add();
    release.wait(LIMIT)
}

/// Keeps every worker busy until the signal is raised.
fn hold(pool: &ProcessPoolExecutor, directory: &Directory) -> (Signal, Vec<Future<bool>>) {
    let (begun, release) = (directory.tally().unwrap(), directory.signal());
    let futures: Vec<_> =
        (0..pool.max_workers()).map(|_| pool.submit(call!(stay(begun.clone(), release.clone())))).collect();
    eventually("every worker is busy", || begun.count() == futures.len());
    (release, futures)
}

fn is_shut_down(error: &TaskError) -> bool {
    matches!(error, TaskError::Rejected(RejectReason::ShutDown))
}

fn same(n: usize) -> usize {
    n
}

/// What a report says, in the order finished, cancelled, abandoned, killed.
fn numbers(report: &ShutdownReport) -> [usize; 4] {
    [report.finished, report.cancelled, report.abandoned, report.killed]
}

// case 96
#[test]
fn a_submit_after_the_shutdown_is_rejected() {
    let _watchdog = watchdog();
    for how in [Shutdown::wait(), Shutdown::no_wait(), Shutdown::wait().kill_after(Duration::ZERO)] {
        let pool = pool(1);
        pool.submit(call!(same(1))).result(None).unwrap();
        pool.shutdown(how);
        let late = pool.submit(call!(same(1)));
        assert!(late.done() && is_shut_down(&late.result(None).unwrap_err()));
        let rejected = pool.try_submit(call!(same(2))).unwrap_err();
        assert_eq!((rejected.reason, rejected.job.run()), (RejectReason::ShutDown, 2), "the very job comes back");
        assert!(pool.map(|n: u32| n, 0..3).all(|item| is_shut_down(&item.unwrap_err())));
    }
}

// beside case 99, and case 114
#[test]
fn work_that_is_queued_when_the_shutdown_comes_still_runs() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = pool(2);
    let (release, held) = hold(&pool, &directory);
    let futures: Vec<Future<usize>> = (0..50).map(|n| pool.submit(call!(same(n)))).collect();
    let closing = pool.clone();
    let closer = thread::spawn(move || closing.shutdown(Shutdown::wait()));
    let mut probes = 0;
    eventually("it is closed", || pool.try_submit(call!(same(0))).map(|_| probes += 1).is_err());
    assert!(futures.iter().all(|future| !future.done()), "its workers are busy");
    release.raise();
    assert_eq!(numbers(&closer.join().unwrap()), [52 + probes, 0, 0, 0]);
    assert!(held.iter().all(|future| future.result(None).unwrap()));
    assert_eq!(futures.iter().map(|future| future.result(None).unwrap()).sum::<usize>(), 50 * 49 / 2);
    assert_eq!(numbers(&pool.shutdown(Shutdown::wait())), [0; 4], "once more");
}

// case 100
#[test]
fn cancelled_and_finished_add_up() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = pool(2);
    let (release, held) = hold(&pool, &directory);
    let queued: Vec<Future<usize>> = (0..45).map(|n| pool.submit(call!(same(n)))).collect();
    let closing = pool.clone();
    let closer = thread::spawn(move || closing.shutdown(Shutdown::wait().cancel_pending()));
    assert_eq!(as_completed(&queued, None).filter(|end| end.is_ok_and(|future| future.cancelled())).count(), 45);
    assert_eq!(wait(&queued, None, ReturnWhen::AllCompleted).done.len(), 45);
    assert!(held.iter().all(|future| !future.done()));
    release.raise();
    assert_eq!(numbers(&closer.join().unwrap()), [2, 45, 0, 0]);
    assert!(held.iter().all(|future| future.result(None).unwrap()));
}

// beside case 100
#[test]
fn cancelling_what_is_handed_out_adds_up_too() {
    let _watchdog = watchdog();
    for round in 0..20 {
        let pool = pool(2);
        let futures: Vec<Future<usize>> = (0..200).map(|n| pool.submit(call!(same(n)))).collect();
        // Far enough that workers have tasks in advance.
        futures[round * 5].result(None).unwrap();
        let report = pool.shutdown(Shutdown::wait().cancel_pending());
        let cancelled = futures.iter().filter(|future| future.cancelled()).count();
        let errors = futures.iter().filter(|future| future.exception(None).unwrap().is_some()).count();
        assert_eq!((errors, report.cancelled, report.abandoned), (cancelled, cancelled, 0));
    }
}

// case 102
#[test]
fn a_shutdown_after_a_cancel_does_not_hang() {
    let _watchdog = watchdog();
    for round in 0..200 {
        let pool = pool(1);
        if round % 2 == 0 {
            pool.submit(call!(same(1))).result(None).unwrap();
        }
        let future = pool.submit(call!(same(2)));
        let cancelled = future.cancel();
        pool.shutdown(Shutdown::wait());
        assert_eq!(future.result(None).is_err_and(|error| error.is_cancelled()), cancelled);
    }
}

// cases 105 and 112
#[test]
fn a_dropped_pool_finishes_what_it_has() {
    let _watchdog = watchdog();
    let pool_of_the_map = pool(3);
    let mut map = pool_of_the_map.map(|n: i32| n.abs(), -5..5).eager();
    let futures: Vec<Future<usize>> = (0..100).map(|n| pool_of_the_map.submit(call!(same(n)))).collect();
    let there = pids(&pool_of_the_map);
    drop(pool_of_the_map);
    assert!(map.by_ref().map(Result::unwrap).eq([5, 4, 3, 2, 1, 0, 1, 2, 3, 4]));
    drop(map);
    assert!(futures.iter().map(|future| future.result(None).unwrap()).eq(0..100));
    eventually("its processes are gone", || !there.iter().any(|pid| exists(*pid)));
}

// cases 106 and 113
#[test]
fn a_shutdown_that_does_not_wait_returns_at_once_and_work_goes_on() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = pool(2);
    let (release, held) = hold(&pool, &directory);
    let futures: Vec<Future<usize>> = (0..50).map(|n| pool.submit(call!(same(n)))).collect();
    let report = pool.shutdown(Shutdown::no_wait());
    assert_eq!(numbers(&report), [0, 0, 52, 0], "it waited for none, and left all");
    release.raise();
    assert!(futures.iter().map(|future| future.result(None).unwrap()).eq(0..50));
    assert!(held.iter().all(|future| future.result(None).unwrap()));
    eventually("its processes end by themselves", || pool.workers().is_empty());
}

// case 114
#[test]
fn a_shutdown_with_a_limit_on_tasks_and_a_failure_ends() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let (begun, release) = (directory.tally().unwrap(), directory.signal());
    let pool = ProcessPoolExecutor::builder().max_workers(2).max_tasks_per_child(1).build().unwrap();
    let good = pool.submit(call!(same(1)));
    let bad = pool.submit(task!([] => if true { panic!("a failure") }));
    let last = pool.submit(call!(stay(begun.clone(), release.clone())));
    assert_eq!(good.result(None).unwrap(), 1);
    assert!(bad.result(None).unwrap_err().is_panicked());
    eventually("the last runs", || begun.count() == 1);
    pool.shutdown(Shutdown::no_wait());
    release.raise();
    assert_eq!(pool.shutdown(Shutdown::wait().deadline(LIMIT)).abandoned, 0);
    assert!(last.result(None).unwrap());
}

// case 92
#[test]
fn a_kill_ends_the_worker_and_the_task_is_cancelled() {
    fn run(begun: Signal, release: Signal, after: Signal) -> bool {
        begun.raise();
        let released = release.wait(LIMIT);
        after.raise();
        released
    }
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = pool(2);
    for grace in [Duration::from_secs(30), Duration::ZERO] {
        let (begun, release, after) = (directory.signal(), directory.signal(), directory.signal());
        let future = pool.submit(call!(run(begun.clone(), release.clone(), after.clone())));
        let others: Vec<Future<usize>> = (0..20).map(|n| pool.submit(call!(same(n)))).collect();
        assert!(begun.wait(LIMIT));
        assert_eq!(future.kill(grace), CancelOutcome::Killed);
        assert!(future.result(None).unwrap_err().is_cancelled() && future.cancelled());
        assert!(others.iter().map(|other| other.result(None).unwrap()).eq(0..20), "nobody else is hit");
        release.raise();
        assert!(!after.wait(Duration::from_millis(20)), "what came after never ran");
        assert!(!future.cancel(), "it has run, in part");
        assert_eq!(future.kill(grace), CancelOutcome::AlreadyDone, "once more");
    }
    let pending_behind = {
        let (release, held) = hold(&pool, &directory);
        let pending = pool.submit(call!(same(3)));
        assert_eq!(pending.kill(Duration::ZERO), CancelOutcome::NeverRan);
        release.raise();
        assert!(held.iter().all(|future| future.result(None).unwrap()));
        pending
    };
    assert!(pending_behind.result(None).unwrap_err().is_cancelled());
    let done = pool.submit(call!(same(4)));
    assert_eq!(done.exception(None).unwrap().map(|error| error.to_string()), None);
    assert_eq!(done.kill(Duration::ZERO), CancelOutcome::AlreadyDone);
    assert_eq!(done.result(None).unwrap(), 4);
}

/// Lets SIGTERM do nothing in this process, and says so.
#[expect(unsafe_code, reason = "what a signal does")]
fn deaf(begun: Signal, never: Signal) -> bool {
    // SAFETY: to ignore a signal is to have no handler.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
    begun.raise();
    never.wait(LIMIT)
}

// beside case 92
#[test]
fn a_task_that_ignores_the_polite_signal_is_killed_after_the_grace() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = pool(1);
    let begun = directory.signal();
    let future = pool.submit(call!(deaf(begun.clone(), directory.signal())));
    assert!(begun.wait(LIMIT));
    let (grace, began) = (Duration::from_millis(100), Instant::now());
    assert_eq!(future.kill(grace), CancelOutcome::Killed);
    assert!(future.result(None).unwrap_err().is_cancelled());
    assert!((grace..Duration::from_secs(20)).contains(&began.elapsed()), "{:?}", began.elapsed());
    // Killed meanwhile without a grace: the later one does not have to wait for the earlier.
    let begun = directory.signal();
    let future = pool.submit(call!(deaf(begun.clone(), directory.signal())));
    assert!(begun.wait(LIMIT));
    let began = Instant::now();
    assert_eq!(future.kill(Duration::from_secs(100)), CancelOutcome::Killed);
    assert_eq!(future.kill(Duration::ZERO), CancelOutcome::Killed);
    assert!(future.result(None).unwrap_err().is_cancelled());
    assert!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
    assert_eq!(pool.submit(call!(same(5))).result(None).unwrap(), 5);
}

// case 93
#[test]
fn killing_what_is_dead_already_is_no_error() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = pool(2);
    let (_never, held) = hold(&pool, &directory);
    for pid in pids(&pool) {
        let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    for future in &held {
        let outcome = future.kill(Duration::ZERO);
        assert!(matches!(outcome, CancelOutcome::Killed | CancelOutcome::AlreadyDone), "{outcome:?}");
    }
    let report = pool.shutdown(Shutdown::wait().kill_after(Duration::ZERO));
    // Each death is found before the shutdown, and is not in its report, or during it, and is: as the end of a task that
    // came to it by itself, or as one that was killed, by who was first.
    assert_eq!((report.cancelled, report.abandoned), (0, 0), "{report:?}");
    assert!(report.finished + report.killed <= held.len(), "{report:?}");
    assert!(held.iter().all(|future| future.result(None).is_err()));
    assert!(pool.shutdown(Shutdown::wait().kill_after(Duration::ZERO)).killed == 0);
}

// beside case 94
#[test]
fn a_shutdown_that_kills_tells_what_it_did() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    // Nothing to do, with and without workers.
    for warm in [false, true] {
        let pool = pool(2);
        if warm {
            pool.submit(call!(same(1))).result(None).unwrap();
        }
        assert_eq!(numbers(&pool.shutdown(Shutdown::wait().kill_after(Duration::ZERO))), [0; 4]);
    }
    let busy = pool(2);
    let (_never, held) = hold(&busy, &directory);
    let queued: Vec<Future<usize>> = (0..10).map(|n| busy.submit(call!(same(n)))).collect();
    let there = pids(&busy);
    let report = busy.shutdown(Shutdown::wait().kill_after(Duration::from_millis(10)));
    assert_eq!(numbers(&report), [0, 10, 0, 2]);
    assert!(held.iter().all(Future::cancelled) && queued.iter().all(Future::cancelled));
    assert!(!there.iter().any(|pid| exists(*pid)), "not even a zombie");
    // In two steps: the first waits for a while.
    let busy = pool(2);
    let (_never, held) = hold(&busy, &directory);
    let queued = busy.submit(call!(same(1)));
    assert_eq!(numbers(&busy.shutdown(Shutdown::wait().deadline(Duration::from_millis(10)))), [0, 0, 3, 0]);
    assert_eq!(numbers(&busy.shutdown(Shutdown::no_wait().cancel_pending())), [0, 1, 2, 0]);
    assert!(queued.cancelled() && held.iter().all(Future::running));
    assert_eq!(numbers(&busy.shutdown(Shutdown::wait().kill_after(Duration::ZERO))), [0, 0, 0, 2]);
    // Killed while somebody else waits without a limit.
    let busy = pool(1);
    let (_never, _held) = hold(&busy, &directory);
    let waiting = busy.clone();
    let waiter = thread::spawn(move || waiting.shutdown(Shutdown::wait()));
    eventually("it is closed", || busy.try_submit(call!(same(0))).is_err());
    busy.shutdown(Shutdown::no_wait().kill_after(Duration::ZERO));
    let report = waiter.join().unwrap();
    assert_eq!((report.abandoned, report.killed), (0, 1), "{report:?}");
}

// beside case 92
#[test]
fn a_task_that_ignores_signals_is_killed_by_a_shutdown() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = pool(1);
    let begun = directory.signal();
    let future = pool.submit(call!(deaf(begun.clone(), directory.signal())));
    assert!(begun.wait(LIMIT));
    assert_eq!(numbers(&pool.shutdown(Shutdown::wait().kill_after(Duration::ZERO))), [0, 0, 0, 1]);
    assert!(future.result(None).unwrap_err().is_cancelled());
}

// beside case 112
#[test]
fn the_last_drop_does_what_was_asked_for() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let make = |how: Shutdown| ProcessPoolExecutor::builder().max_workers(1).on_last_drop(how).build().unwrap();
    let pool = make(Shutdown::wait().kill_after(Duration::ZERO));
    let (_never, held) = hold(&pool, &directory);
    let (there, queued, clone) = (pids(&pool), pool.submit(call!(same(1))), pool.clone());
    drop(pool);
    assert!(held[0].running(), "there is another handle");
    drop(clone);
    assert!(held[0].cancelled() && queued.cancelled() && !exists(there[0]));

    let pool = make(Shutdown::wait().cancel_pending());
    let (release, held) = hold(&pool, &directory);
    let queued = pool.submit(call!(same(1)));
    let dropper = thread::spawn(move || drop(pool));
    assert!(queued.result(None).unwrap_err().is_cancelled());
    release.raise();
    dropper.join().unwrap();
    assert!(held[0].done() && held[0].result(None).unwrap());

    let pool = make(Shutdown::no_wait());
    let (release, held) = hold(&pool, &directory);
    let queued = pool.submit(call!(same(1)));
    drop(pool);
    assert!(!queued.done());
    release.raise();
    assert!(held[0].result(None).unwrap());
    assert_eq!(queued.result(None).unwrap(), 1, "what was accepted still runs");
}

// beside case 112
#[test]
fn guards_shut_down_as_they_are_told() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = pool(1);
    pool.guard().disarm();
    let (_never, held) = hold(&pool, &directory);
    drop(pool.guard().on_drop(Shutdown::wait().kill_after(Duration::ZERO)));
    assert!(held[0].cancelled());
    assert!(is_shut_down(&pool.submit(call!(same(1))).result(None).unwrap_err()));
    let other = self::pool(1);
    let future = other.submit(call!(same(6)));
    assert_eq!(other.guard().shutdown().abandoned, 0);
    assert_eq!(future.result(Duration::ZERO).unwrap(), 6);
}

// beside case 114
#[test]
fn closed_is_ready_when_the_last_process_has_gone() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = pool(1);
    let (release, held) = hold(&pool, &directory);
    let there = pids(&pool);
    let awaiting = pool.clone();
    let waiter = thread::spawn(move || futures::executor::block_on(awaiting.closed()));
    pool.shutdown(Shutdown::no_wait());
    let queued_too_late = pool.submit(call!(same(1)));
    assert!(queued_too_late.done() && !waiter.is_finished());
    release.raise();
    let report = waiter.join().unwrap();
    assert_eq!(numbers(&report), [1, 0, 0, 0]);
    assert!(held[0].result(None).unwrap() && !exists(there[0]));
    assert_eq!(numbers(&futures::executor::block_on(pool.closed())), [1, 0, 0, 0], "again");
    let unused = self::pool(1);
    unused.shutdown(Shutdown::no_wait());
    assert_eq!(numbers(&futures::executor::block_on(unused.closed())), [0; 4]);
}

// ---------------------------------------------------------------------------------------------- programs

/// A pool that is never dropped.
fn in_a_static() -> &'static ProcessPoolExecutor {
    static POOL: OnceLock<ProcessPoolExecutor> = OnceLock::new();
    POOL.get_or_init(|| pool(2))
}

/// Work that is not over at once. No order depends on it: it gives a wrong end of the program the time to come first.
fn work(what: String) {
    thread::sleep(Duration::from_millis(100));
    say(&what);
}

// case 97
#[test]
fn the_end_of_main_waits_for_a_pool_that_it_owns() {
    let _watchdog = watchdog();
    let ended = child::run("the_end_of_main_waits_for_a_pool_that_it_owns", || {
        let pool = pool(2);
        drop(pool.submit(call!(work("apple".to_owned()))));
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["apple"]);
}

// cases 101 and 106
#[test]
fn the_end_of_main_after_a_shutdown_that_does_not_wait() {
    let _watchdog = watchdog();
    let ended = child::run("the_end_of_main_after_a_shutdown_that_does_not_wait", || {
        let pool = pool(2);
        drop(pool.submit(call!(work("apple".to_owned()))));
        pool.shutdown(Shutdown::no_wait());
        // The drop of the pool waits, as the end of a program that has Python's does.
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["apple"]);
}

// case 109
#[test]
fn the_end_of_main_after_a_shutdown_that_cancels() {
    let _watchdog = watchdog();
    let ended = child::run("the_end_of_main_after_a_shutdown_that_cancels", || {
        let pool = pool(2);
        drop(pool.submit(call!(work("apple".to_owned()))));
        pool.shutdown(Shutdown::no_wait().cancel_pending());
    });
    ended.assert_quiet();
    assert!(ended.said.is_empty() || ended.said == ["apple"], "{ended:?}");
}

// beside case 97
#[test]
fn workers_of_a_pool_in_a_static_end_with_the_program() {
    let _watchdog = watchdog();
    let ended = child::run("workers_of_a_pool_in_a_static_end_with_the_program", || {
        let pool = in_a_static();
        let worker = pool.submit(task!([] => std::process::id())).result(None).unwrap();
        drop(pool.submit(task!([] => thread::sleep(Duration::from_secs(3600)))));
        say(&worker.to_string());
    });
    ended.assert_quiet();
    let worker = ended.said[0].parse().unwrap();
    eventually("its busy worker is ended", || !exists(worker));
}

// beside case 97
#[test]
fn a_guard_makes_the_program_wait_for_a_pool_in_a_static() {
    let _watchdog = watchdog();
    let ended = child::run("a_guard_makes_the_program_wait_for_a_pool_in_a_static", || {
        let _guard = in_a_static().guard();
        drop(in_a_static().submit(call!(work("apple".to_owned()))));
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["apple"]);
}

/// What the handler below does: a pool that is open serves also now, and one that was shut down says so.
extern "C" fn submit_at_exit() {
    let shut = pool(1);
    shut.shutdown(Shutdown::wait());
    let late = shut.submit(call!(same(1))).result(Duration::from_secs(30));
    say(&format!("rejected: {}", late.is_err_and(|error| error.is_rejected())));
    let future = in_a_static().submit(call!(same(42)));
    say(&format!("{:?}", future.result(Duration::from_secs(30))));
}

// case 98
#[test]
#[expect(unsafe_code, reason = "registers a handler for the end of the process")]
fn a_handler_at_exit_may_use_a_pool() {
    let _watchdog = watchdog();
    let ended = child::run("a_handler_at_exit_may_use_a_pool", || {
        in_a_static().submit(call!(same(1))).result(None).unwrap();
        // SAFETY: the handler is a function of this program, and does not unwind.
        assert_eq!(unsafe { libc::atexit(submit_at_exit) }, 0);
    });
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.said, ["rejected: true", "Ok(42)"]);
}
