//! What each worker process does before its first task, and the state that it makes: after CPython's `test_init.py` and
//! `test_interpreter_pool.py`.
//!
//! Not here: a fork server (case 68; there is none), scripts and shared globals of interpreters (case 141), functions
//! that capture (case 138: refused by the compiler, which `compile` tries).
#![cfg(target_os = "linux")]

#[path = "cases/processes.rs"]
mod processes;
#[path = "../src/conformance/signal.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod signal;
#[path = "cases/traps.rs"]
mod traps;

mod support;

use concurrent_futures::shared_memory::SharedSlice;
use concurrent_futures::{Future, PortableError, ProcessPoolExecutor, Shutdown, TaskError, WorkerStdio, call, task};
use processes::{exists, pids};
use signal::{Directory, Signal, Tally};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;
use support::{eventually, watchdog};
use traps::{Does, Trap, When, act};

const LIMIT: Duration = Duration::from_secs(60);

/// What an initializer leaves for tasks that know nothing of worker state.
static STATUS: Mutex<String> = Mutex::new(String::new());

fn status() -> (u32, String) {
    (std::process::id(), STATUS.lock().unwrap().clone())
}

// cases 65 and 136
#[test]
fn every_task_on_every_worker_finds_what_the_initializer_left() {
    fn leave(text: String, made: Tally) -> Result<(), Infallible> {
        made.add();
        *STATUS.lock().unwrap() = text;
        Ok(())
    }
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let made = directory.tally().unwrap();
    let pool = ProcessPoolExecutor::builder()
        .max_workers(3)
        .max_tasks_per_child(4)
        .initializer(call!(leave("initialized".to_owned(), made.clone())))
        .build()
        .unwrap();
    let looks: Vec<Future<(u32, String)>> = (0..24).map(|_| pool.submit(call!(status()))).collect();
    let looks: Vec<(u32, String)> = looks.iter().map(|look| look.result(None).unwrap()).collect();
    assert!(looks.iter().all(|(_, status)| status == "initialized"), "{looks:?}");
    let workers = looks.iter().map(|(pid, _)| pid).collect::<std::collections::HashSet<_>>().len();
    assert!(workers >= 6, "also those that replaced others");
    pool.shutdown(Shutdown::wait());
    assert!(made.count() >= workers, "once in each");
    assert_eq!(*STATUS.lock().unwrap(), "", "and not here");
}

/// Neither Send nor Sync nor serde: it stays where it is made.
struct Counter {
    begins_at: u32,
    calls: Rc<Cell<u32>>,
    seen: RefCell<Vec<u32>>,
}

fn count_from(begins_at: u32) -> Result<Counter, Infallible> {
    Ok(Counter { begins_at, calls: Rc::default(), seen: RefCell::default() })
}

fn count(counter: &Counter, n: u32) -> u32 {
    counter.calls.set(counter.calls.get() + 1);
    counter.seen.borrow_mut().push(n);
    counter.begins_at + counter.calls.get()
}

// case 578, on processes
#[test]
fn state_is_made_once_for_each_worker_and_lent_to_its_tasks() {
    let _watchdog = watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(1).initializer(call!(count_from(100))).build().unwrap();
    let counts: Vec<u32> =
        (0..50).map(|n| pool.submit_with_state(call!(count(_, n)))).map(|count| count.result(None).unwrap()).collect();
    assert_eq!(counts, (101..=150).collect::<Vec<_>>());
    assert_eq!(pool.submit(task!([] => 5)).result(None).unwrap(), 5, "a task that wants none of it");
    let seen = pool.broadcast(|counter: &Counter| counter.seen.borrow().len());
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].result(None).unwrap(), 50);
    // A panic in a task leaves the state where it is.
    fn fail(counter: &Counter) -> u32 {
        counter.calls.set(1000);
        panic!("with the state")
    }
    assert!(pool.submit_with_state(call!(fail(_))).result(None).unwrap_err().is_panicked());
    assert_eq!(pool.submit_with_state(call!(count(_, 0))).result(None).unwrap(), 1101);
    // A worker that dies takes its state along, and the next begins anew.
    fn die(_: &Counter) -> u32 {
        std::process::exit(1)
    }
    assert!(pool.submit_with_state(call!(die(_))).result(None).unwrap_err().is_worker_died());
    assert_eq!(pool.submit_with_state(call!(count(_, 0))).result(None).unwrap(), 101);
}

// beside case 578
#[test]
fn a_broadcast_runs_once_in_every_slot_and_not_in_replacements() {
    fn share(ran: Tally) -> Result<Tally, Infallible> {
        Ok(ran)
    }
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let ran = directory.tally().unwrap();
    let pool = ProcessPoolExecutor::builder().max_workers(3).initializer(call!(share(ran.clone()))).build().unwrap();
    assert_eq!(pool.workers(), [], "nothing is there yet");
    let tell = |ran: &Tally| {
        ran.add();
        (task::slot(), std::process::id())
    };
    let told: Vec<(Option<usize>, u32)> = pool.broadcast(tell).iter().map(|told| told.result(None).unwrap()).collect();
    let there = pids(&pool);
    assert_eq!(told, (0..3).map(|slot| (Some(slot), there[slot])).collect::<Vec<_>>(), "in the order of the slots");
    // Replace all of them.
    let exits = pool.broadcast(|_: &Tally| {
        if true {
            std::process::exit(0)
        }
    });
    assert!(exits.iter().all(|exit| exit.result(None).unwrap_err().is_worker_died()));
    assert_eq!(pool.map(|n: u32| n, 0..100).filter(Result::is_ok).count(), 100);
    pool.shutdown(Shutdown::wait());
    assert_eq!(ran.count(), 3);
    let late = pool.broadcast(tell);
    assert!(late.iter().all(|late| late.result(None).unwrap_err().is_rejected()), "a pool that is shut down");
}

// beside case 578
#[test]
fn a_broadcast_waits_for_busy_workers_and_is_not_bounded() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let (begun, release) = (directory.signal(), directory.signal());
    let pool = ProcessPoolExecutor::builder().max_workers(2).queue_bound(1).build().unwrap();
    let stay = |begun: Signal, release: Signal| {
        begun.raise();
        release.wait(LIMIT)
    };
    let held = pool.submit(call!(stay(begun.clone(), release.clone())));
    assert!(begun.wait(LIMIT));
    let busy = pool.workers()[0].slot;
    let told: Vec<Vec<Future<Option<usize>>>> = (0..5).map(|_| pool.broadcast(|_| task::slot())).collect();
    for told in &told {
        assert_eq!(told[1 - busy].result(None).unwrap(), Some(1 - busy), "the free slot has its own");
    }
    assert!(!told.iter().any(|told| told[busy].done()), "nobody else does what is for the busy one");
    release.raise();
    assert!(held.result(None).unwrap());
    for told in &told {
        assert_eq!(told[busy].result(None).unwrap(), Some(busy));
    }
}

/// A pool whose initializer is this one comes to nothing; with how often it was tried.
#[track_caller]
fn comes_to_nothing<S: 'static>(
    make: impl Fn(concurrent_futures::ProcessPoolBuilder) -> concurrent_futures::ProcessPoolBuilder<S>,
    why: &str,
) {
    let pool = make(ProcessPoolExecutor::builder().max_workers(2)).build().unwrap();
    let futures: Vec<Future<u32>> = (0..5).map(|n| pool.submit(task!([n] => n))).collect();
    for future in &futures {
        let error = future.result(None).unwrap_err();
        assert!(error.is_broken() && error.to_string().contains(why), "{error}");
    }
    let late = pool.submit(task!([] => 1));
    assert!(late.done() && late.result(None).unwrap_err().is_broken(), "nothing is tried for ever");
    match pool.try_submit(task!([] => 1)) {
        Ok(future) => assert!(future.result(None).unwrap_err().is_broken()),
        Err(rejected) => panic!("{rejected}"),
    }
    let mut map = pool.map(|n: u32| n, 0..3);
    assert!(map.all(|item| item.is_err_and(|error| error.is_broken())));
    assert!(pool.broadcast(|_| 1).iter().all(|told| told.result(None).unwrap_err().is_broken()));
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    assert_eq!(pool.workers(), []);
}

// cases 66 and 137
#[test]
fn an_initializer_that_fails_breaks_the_pool_with_its_cause() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let tries = directory.tally().unwrap();
    fn fail(tries: Tally) -> Result<(), PortableError> {
        tries.add();
        let _ = "no number".parse::<u32>()?;
        Ok(())
    }
    fn panics(tries: Tally) -> Result<(), Infallible> {
        tries.add();
        panic!("no state to be had")
    }
    fn end(does: Does) -> Result<(), &'static str> {
        eprintln!("about to end");
        act(does)
    }
    comes_to_nothing(|pool| pool.initializer(call!(fail(tries.clone()))), "invalid digit");
    comes_to_nothing(|pool| pool.initializer(call!(panics(tries.clone()))), "no state to be had");
    assert!((2..40).contains(&tries.count()), "{} tries", tries.count());
    comes_to_nothing(|pool| pool.initializer(call!(end(Does::Exits(3)))), "exit code 3");
    comes_to_nothing(|pool| pool.initializer(call!(end(Does::Exits(0)))), "exit code 0");
    comes_to_nothing(|pool| pool.initializer(call!(end(Does::Aborts))), "signal 6");
    comes_to_nothing(|pool| pool.initializer(call!(end(Does::Crashes))), "about to end");
}

// beside case 66
#[test]
fn arguments_of_an_initializer_fail_like_any() {
    fn keep(trap: Trap) -> Result<Trap, Infallible> {
        Ok(trap)
    }
    let _watchdog = watchdog();
    for does in [Does::Fails, Does::Panics] {
        let refused = ProcessPoolExecutor::builder().initializer(call!(keep(Trap::new(When::Leaving, does)))).build();
        assert!(refused.unwrap_err().to_string().contains("initializer cannot be sent"), "{does:?}");
        comes_to_nothing(|pool| pool.initializer(call!(keep(Trap::new(When::Arriving, does)))), "decoded");
    }
    comes_to_nothing(|pool| pool.initializer(call!(keep(Trap::new(When::Arriving, Does::Exits(7))))), "exit code 7");
}

// beside case 66
#[test]
fn an_initializer_that_fails_at_first_breaks_nothing() {
    fn third_time_lucky(tries: Tally) -> Result<u32, &'static str> {
        tries.add();
        match tries.count() {
            n @ 3.. => Ok(u32::try_from(n).unwrap()),
            2 => std::process::exit(2),
            _ => Err("not yet"),
        }
    }
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let tries = directory.tally().unwrap();
    let pool =
        ProcessPoolExecutor::builder().max_workers(1).initializer(call!(third_time_lucky(tries.clone()))).build();
    let pool = pool.unwrap();
    fn which(number: &u32) -> u32 {
        *number
    }
    assert_eq!(pool.submit_with_state(call!(which(_))).result(None).unwrap(), 3);
    assert_eq!(tries.count(), 3);
}

// beside case 66
#[test]
fn a_slow_initializer_is_waited_for_and_can_be_given_up() {
    fn slow(begun: Signal, release: Signal) -> Result<u32, &'static str> {
        begun.raise();
        if release.wait(LIMIT) { Ok(8) } else { Err("nobody released it") }
    }
    fn which(number: &u32) -> u32 {
        *number
    }
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let (begun, release) = (directory.signal(), directory.signal());
    let make = || {
        let call = call!(slow(begun.clone(), release.clone()));
        ProcessPoolExecutor::builder().max_workers(1).initializer(call).build().unwrap()
    };
    // Given up: a shutdown that kills does not wait for it.
    let pool = make();
    let never = pool.submit_with_state(call!(which(_)));
    assert!(begun.wait(LIMIT));
    let there = pids(&pool);
    let report = pool.shutdown(Shutdown::wait().kill_after(Duration::ZERO));
    assert!(never.result(Duration::ZERO).unwrap_err().is_cancelled());
    assert_eq!((report.cancelled, report.killed, report.abandoned), (1, 0, 0));
    assert!(!exists(there[0]));
    // Cancelled: nothing is begun before its worker is ready.
    let pool = make();
    let (cancelled, future) = (pool.submit_with_state(call!(which(_))), pool.submit_with_state(call!(which(_))));
    eventually("the worker is being started", || !pool.workers().is_empty());
    assert!(!future.running() && cancelled.cancel());
    release.raise();
    assert_eq!(future.result(None).unwrap(), 8);
}

// beside case 65
#[test]
fn an_initializers_arguments_may_be_shared_memory() {
    fn keep(table: SharedSlice<u64>, factor: u64) -> Result<(SharedSlice<u64>, u64), Infallible> {
        Ok((table, factor))
    }
    fn look_up((table, factor): &(SharedSlice<u64>, u64), n: usize) -> u64 {
        table[n] * factor
    }
    let _watchdog = watchdog();
    let table = SharedSlice::copy_from(&(0..100_000).collect::<Vec<u64>>()).unwrap();
    let pool = ProcessPoolExecutor::builder()
        .max_workers(2)
        .max_tasks_per_child(2)
        .initializer(call!(keep(table, 3)))
        .build()
        .unwrap();
    // The table is needed for every worker that comes, though nobody here has it any more.
    let found: Vec<_> = (0..10).map(|n| pool.submit_with_state(call!(look_up(_, 9_999 * n)))).collect();
    for (n, found) in (0..).zip(&found) {
        assert_eq!(found.result(None).unwrap(), 3 * 9_999 * n);
    }
}

// beside case 578
#[test]
fn a_state_that_panics_or_ends_its_process_when_dropped_harms_nothing() {
    fn trapped(does: Does) -> Result<OnDrop, Infallible> {
        Ok(OnDrop(does))
    }
    struct OnDrop(Does);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            let _ = act(self.0);
        }
    }
    fn seven(_: &OnDrop) -> u32 {
        7
    }
    let _watchdog = watchdog();
    for does in [Does::Panics, Does::Exits(9), Does::Aborts] {
        let pool = ProcessPoolExecutor::builder()
            .max_workers(1)
            .max_tasks_per_child(1)
            .stderr(WorkerStdio::null())
            .initializer(call!(trapped(does)))
            .build()
            .unwrap();
        for _ in 0..8 {
            assert_eq!(pool.submit_with_state(call!(seven(_))).result(None).unwrap(), 7, "{does:?}");
        }
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0, "{does:?}");
    }
}

// beside case 578
#[test]
fn a_task_that_wants_a_state_and_an_error_of_its_own() {
    fn open(path: String) -> Result<std::fs::File, std::io::Error> {
        std::fs::File::open(path)
    }
    fn length(file: &std::fs::File, least: u64) -> Result<u64, PortableError> {
        let length = file.metadata()?.len();
        if length < least { Err(std::io::Error::other("too short").into()) } else { Ok(length) }
    }
    let _watchdog = watchdog();
    let path = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    let pool = ProcessPoolExecutor::builder().max_workers(1).initializer(call!(open(path))).build().unwrap();
    assert!(pool.submit_with_state(call!(length(_, 1))).fallible().result(None).unwrap() > 1000);
    let error: TaskError = pool.submit_with_state(call!(length(_, u64::MAX))).fallible().result(None).unwrap_err();
    assert!(error.is_failed() && error.to_string().contains("too short"), "{error}");
    comes_to_nothing(|pool| pool.initializer(call!(open("/no/such/file".to_owned()))), "No such file");
}

// beside case 578
#[test]
fn what_stands_behind_a_long_task_goes_to_others_though_a_broadcast_is_behind_it() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = ProcessPoolExecutor::new(2).unwrap();
    // Short ones: from now on the worker is given tasks in advance.
    (0..50).for_each(|n| assert_eq!(pool.submit(call!(u32::max(n, 0))).result(None).unwrap(), n));
    let (begun, release) = (directory.signal(), directory.signal());
    let stay = |begun: Signal, release: Signal| {
        begun.raise();
        release.wait(LIMIT)
    };
    let held = pool.submit(call!(stay(begun.clone(), release.clone())));
    let behind: Vec<Future<u32>> = (0..3).map(|n| pool.submit(call!(u32::max(n, 0)))).collect();
    let told = pool.broadcast(|_| task::slot());
    assert!(begun.wait(LIMIT));
    assert!(behind.iter().map(|future| future.result(None).unwrap()).eq(0..3), "while the first is held");
    assert!(held.running());
    release.raise();
    assert!(held.result(None).unwrap());
    assert!(told.iter().map(|told| told.result(None).unwrap()).eq([Some(0), Some(1)]));
}
