//! What loky's suites ask of a pool of processes. Its fault matrix is in `tests/faults`, one fault a test there; here
//! each fault is submitted from a callback, too.
#![cfg(all(feature = "processes", target_os = "linux", not(miri)))]

mod kit;
mod support;

use concurrent_futures::{
    Future, ProcessPoolExecutor, ReturnWhen, Shutdown, TaskError, as_completed, call, task, wait,
};
use kit::outside::{children, pids, program};
use kit::trap::Point::{Decode, Encode};
use kit::trap::Side::{Parent, Worker};
use kit::trap::{Blast, Point, Recipe, Side, Trap, give, take};
use kit::{death, double, exit_at_once, pool, segfault};
use std::collections::HashSet;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use support::{eventually, quiet_panics_of, watchdog};

fn nap(milliseconds: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

#[track_caller]
fn works(pool: &ProcessPoolExecutor) {
    assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
}

// case 442
#[test]
fn submit_after_shutdown() {
    let _watchdog = watchdog();
    let pool = pool(2);
    works(&pool);
    pool.shutdown(Shutdown::wait());
    assert!(pool.submit(call!(double(1))).result(None).unwrap_err().is_rejected());
    assert!(pool.try_submit(call!(double(1))).is_err());
    assert!(pool.map(double, 0..3).all(|outcome| outcome.unwrap_err().is_rejected()));
}

// cases 444, 452, and 40
#[test]
fn arguments_that_cannot_be_written_do_not_hold_up_the_end() {
    let _watchdog = watchdog();
    for blast in [Blast::Err, Blast::Panic] {
        for _ in 0..5 {
            let pool = pool(2);
            works(&pool);
            let bad = pool.submit(call!(take(Recipe::new(Encode, Parent, blast).set())));
            pool.shutdown(Shutdown::no_wait());
            assert!(bad.result(None).unwrap_err().is_codec());
            // The pool's own thread ends by itself.
            let report = pool.shutdown(Shutdown::wait());
            assert_eq!((report.abandoned, report.finished), (0, 0));
        }
    }
}

// cases 445, 450, 453
#[test]
fn what_was_submitted_is_done_when_the_program_ends() {
    let _watchdog = watchdog();
    let said = program::run("what_was_submitted_is_done_when_the_program_ends", || {
        fn write(path: String) -> u64 {
            std::thread::sleep(Duration::from_millis(20));
            std::fs::write(path, "apple").unwrap();
            1
        }
        let path = |n: usize| std::env::temp_dir().join(format!("cf-end-{}-{n}", std::process::id()));
        {
            let pool = pool(2);
            for n in 0..8 {
                drop(pool.submit(call!(write(path(n).to_str().unwrap().to_owned()))));
            }
            pool.shutdown(Shutdown::no_wait());
        }
        for n in 0..8 {
            assert_eq!(std::fs::read_to_string(path(n)).unwrap(), "apple");
            std::fs::remove_file(path(n)).unwrap();
        }
        program::say("to the end");
    });
    assert_eq!(said, ["to the end"]);
}

// case 448
#[test]
fn results_of_a_dropped_pool_still_come() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let results = pool.map(nap, [5; 10]).chunksize(1).eager();
    let mine = {
        drop(pool.clone());
        pids(&pool)
    };
    drop(pool);
    assert_eq!(results.map(Result::unwrap).sum::<u64>(), 50);
    eventually("no worker is left", || children().iter().all(|pid| !mine.contains(pid)));
}

// case 449
#[test]
fn a_death_after_the_drop_of_the_pool_is_told() {
    let _watchdog = watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(2).on_last_drop(Shutdown::no_wait()).build().unwrap();
    let easy: Vec<_> = (0..5).map(|n| pool.submit(call!(double(n)))).collect();
    let gate = kit::gate::Gate::new();
    let path = gate.path();
    let told = pool.submit(task!([path] => {
        kit::gate::wait_at(path);
        segfault()
    }));
    eventually("it waits", || told.running());
    let mine = pids(&pool);
    drop(pool);
    for (n, future) in easy.iter().enumerate() {
        assert_eq!(future.result(None).unwrap(), 2 * n as u64);
    }
    gate.open();
    assert_eq!(death(&told.result(None).unwrap_err()).signal, Some(kit::SIGSEGV));
    eventually("no worker is left", || children().iter().all(|pid| !mine.contains(pid)));
}

// case 456
#[test]
fn waiting_for_many() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let gate = kit::gate::Gate::new();
    let stuck = pool.submit(call!(kit::gate::wait_at(gate.path())));
    let quick = pool.submit(call!(double(1)));
    let first = wait([&stuck, &quick], None, ReturnWhen::FirstCompleted);
    assert_eq!((first.done.len(), first.not_done.len()), (1, 1));
    assert!(as_completed([&stuck], Duration::ZERO).next().unwrap().is_err());
    gate.open();
    assert_eq!(as_completed([&stuck, &quick, &stuck], None).count(), 2);
}

// case 461
#[test]
fn workers_leave_when_idle_and_come_again() {
    let _watchdog = watchdog();
    let idle = Duration::from_millis(10);
    let pool = ProcessPoolExecutor::builder().max_workers(4).idle_timeout(idle).build().unwrap();
    let mut seen = HashSet::new();
    for _ in 0..5 {
        let pids_seen: Vec<u32> =
            pool.map(|_: u64| std::process::id(), 0..40).chunksize(1).map(Result::unwrap).collect();
        seen.extend(pids_seen);
        eventually("all have left", || pool.workers().is_empty());
    }
    assert!(seen.len() >= 5, "{seen:?}");
}

// case 461: deciding to leave, and being given a task
#[test]
fn tasks_that_come_just_when_a_worker_leaves() {
    let _watchdog = watchdog();
    let idle = Duration::from_millis(1);
    let pool = ProcessPoolExecutor::builder().max_workers(2).idle_timeout(idle).build().unwrap();
    for n in 0..if cfg!(debug_assertions) { 100 } else { 500 } {
        assert_eq!(pool.submit(call!(double(n))).result(None).unwrap(), 2 * n);
        std::thread::sleep(Duration::from_micros(700 + n * 37 % 900));
    }
}

// case 464
#[test]
#[ignore = "takes six gigabytes"]
fn arguments_beyond_what_32_bits_can_count() {
    let _watchdog = watchdog();
    let bytes = vec![7u8; 2_200_000_000];
    let length = pool(1).submit(task!([bytes] => bytes.len() + usize::from(bytes[2_199_999_999])));
    assert_eq!(length.result(None).unwrap(), 2_200_000_007);
}

// case 465: leaks are bounded by short lives
#[test]
fn a_leaking_task_and_short_lives() {
    fn leak() -> u32 {
        std::mem::forget(vec![1u8; 3 << 20]);
        std::process::id()
    }
    let _watchdog = watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(1).max_tasks_per_child(10).build().unwrap();
    let futures: Vec<_> = (0..60).map(|_| pool.submit(call!(leak()))).collect();
    let pids: Vec<u32> = futures.iter().map(|future| future.result(None).unwrap()).collect();
    assert_eq!(pids.iter().collect::<HashSet<_>>().len(), 6, "{pids:?}");
    assert!(pids.chunks(10).all(|life| life.iter().all(|pid| *pid == life[0])), "{pids:?}");
}

// cases 468, 509, 522
#[test]
fn every_pool_has_the_environment_that_it_was_given() {
    fn variable(name: String) -> Option<String> {
        std::env::var(name).ok()
    }
    let _watchdog = watchdog();
    std::thread::scope(|scope| {
        for thread in 0..5 {
            scope.spawn(move || {
                for round in 0..2 {
                    let value = format!("{thread}-{round}");
                    let builder = ProcessPoolExecutor::builder().max_workers(1).env("CF_LOKY", &value);
                    let pool = builder.env_remove("PATH").build().unwrap();
                    let seen = |name: &str| pool.submit(call!(variable(name.to_owned()))).result(None).unwrap();
                    assert_eq!((seen("CF_LOKY"), seen("PATH")), (Some(value), None));
                }
            });
        }
    });
    assert!(std::env::var_os("CF_LOKY").is_none() && std::env::var_os("PATH").is_some());
}

/// Where it is told what came of a task.
type Told = Sender<Result<(), TaskError>>;
/// One way to go wrong, and whether its error is the right one.
type Crash = (&'static str, fn(&ProcessPoolExecutor, Told), fn(&TaskError) -> bool);

fn tell<T: Send + 'static>(future: Future<T>, told: Told) {
    future.add_done_callback(move |outcome| told.send(outcome.map(drop).map_err(Clone::clone)).unwrap());
}

fn argument(pool: &ProcessPoolExecutor, point: Point, side: Side, blast: Blast) -> Future<u64> {
    pool.submit(call!(take(Recipe::new(point, side, blast).set())))
}

fn result(pool: &ProcessPoolExecutor, point: Point, side: Side, blast: Blast) -> Future<Trap> {
    pool.submit(call!(give(Recipe::new(point, side, blast))))
}

const CRASHES: &[Crash] = &[
    (
        "an argument whose Serialize panics",
        |pool, told| tell(argument(pool, Encode, Parent, Blast::Panic), told),
        TaskError::is_codec,
    ),
    (
        "an argument whose Serialize errs",
        |pool, told| tell(argument(pool, Encode, Parent, Blast::Err), told),
        TaskError::is_codec,
    ),
    (
        "an argument whose Deserialize panics",
        |pool, told| tell(argument(pool, Decode, Worker, Blast::Panic), told),
        TaskError::is_codec,
    ),
    (
        "an argument whose Deserialize exits",
        |pool, told| tell(argument(pool, Decode, Worker, Blast::Exit(0)), told),
        |error| death(error).exit_code == Some(0),
    ),
    (
        "an argument whose Deserialize errs",
        |pool, told| tell(argument(pool, Decode, Worker, Blast::Err), told),
        TaskError::is_codec,
    ),
    (
        "a segfault",
        |pool, told| tell(pool.submit(call!(segfault())), told),
        |error| death(error).signal == Some(kit::SIGSEGV),
    ),
    (
        "a panic",
        |pool, told| tell(pool.submit(call!(kit::panic_with("exit 0".to_owned()))), told),
        TaskError::is_panicked,
    ),
    ("exit(0)", |pool, told| tell(pool.submit(call!(kit::exit(0))), told), |error| death(error).exit_code == Some(0)),
    (
        "a result whose Serialize crashes",
        |pool, told| tell(result(pool, Encode, Worker, Blast::Segfault), told),
        |error| death(error).signal == Some(kit::SIGSEGV),
    ),
    (
        "a result whose Serialize panics",
        |pool, told| tell(result(pool, Encode, Worker, Blast::Panic), told),
        TaskError::is_codec,
    ),
    (
        "a result whose Serialize exits",
        |pool, told| tell(result(pool, Encode, Worker, Blast::Exit(0)), told),
        |error| death(error).exit_code == Some(0),
    ),
    (
        "a result whose Deserialize panics",
        |pool, told| tell(result(pool, Decode, Parent, Blast::Panic), told),
        TaskError::is_codec,
    ),
    (
        "a result whose Deserialize errs",
        |pool, told| tell(result(pool, Decode, Parent, Blast::Err), told),
        TaskError::is_codec,
    ),
];

// cases 470, 472, 473, 474, 476, 477, 478, 480, 481, 482, 484, 485
#[test]
fn crashes_from_the_main_thread_and_from_callbacks() {
    let _watchdog = watchdog();
    quiet_panics_of(&["cf-notify", "crashes_from"]);
    let pool = pool(2);
    for (name, crash, is_right) in CRASHES {
        let (sender, told) = channel();
        crash(&pool, sender.clone());
        let error = told.recv().unwrap().unwrap_err();
        assert!(is_right(&error), "{name}: {error}");
        works(&pool);
        let (theirs, crash) = (pool.clone(), *crash);
        pool.submit(call!(double(1))).add_done_callback(move |_| crash(&theirs, sender));
        let error = told.recv().unwrap().unwrap_err();
        assert!(is_right(&error), "{name}, from a callback: {error}");
        works(&pool);
    }
}

// case 489
#[test]
fn an_input_that_panics() {
    let _watchdog = watchdog();
    quiet_panics_of(&["an_input_that_panics"]);
    for bad in [3, 7] {
        for chunk in [1, 2, 4] {
            let pool = pool(2);
            let inputs = (0..10).inspect(move |n| assert!(*n != bad, "no input {n}"));
            let mut results = pool.map(double, inputs).chunksize(chunk);
            let mut values = Vec::new();
            let panicked = loop {
                match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| results.next())) {
                    Ok(Some(value)) => values.push(value.unwrap()),
                    Ok(None) => break false,
                    Err(_) => break true,
                }
            };
            assert!(panicked && values.len() <= bad as usize, "{values:?}");
            works(&pool);
        }
    }
}

// case 490
#[test]
fn tasks_that_cannot_be_written_give_their_room_back() {
    let _watchdog = watchdog();
    for bound in [1, 10] {
        let pool = ProcessPoolExecutor::builder().max_workers(1).queue_bound(bound).build().unwrap();
        let bad: Vec<_> = (0..100).map(|_| argument(&pool, Encode, Parent, Blast::Err)).collect();
        let good: Vec<_> = (0..100).map(|n| pool.submit(call!(double(n)))).collect();
        assert!(bad.iter().all(|future| future.result(None).unwrap_err().is_codec()));
        assert_eq!(good[99].result(None).unwrap(), 198);
    }
}

// case 492
#[test]
fn threads_of_the_parent_do_not_freeze_workers() {
    use rayon::prelude::*;
    fn sum() -> u64 {
        (0..10_000u64).into_par_iter().sum()
    }
    let _watchdog = watchdog();
    let here = sum();
    assert_eq!(pool(1).submit(call!(sum())).result(None).unwrap(), here);
}

// case 501
#[test]
fn a_pool_whose_workers_have_all_left_works() {
    let _watchdog = watchdog();
    let idle = Duration::from_millis(1);
    let pool = ProcessPoolExecutor::builder().max_workers(8).idle_timeout(idle).build().unwrap();
    for _ in 0..3 {
        assert!(pool.map(double, 0..16).chunksize(1).all(|outcome| outcome.is_ok()));
        eventually("all have left", || pool.workers().is_empty());
        assert_eq!(pool.stats().idle, 0);
    }
}

// case 502
#[test]
fn a_pool_without_workers_is_refused() {
    let error = ProcessPoolExecutor::new(0).unwrap_err();
    assert!(error.to_string().contains("max_workers is 0"), "{error}");
}

// case 513
#[test]
fn what_the_initializer_made_is_seen_by_all_tasks() {
    fn set(value: u64) -> Result<u64, String> {
        Ok(value)
    }
    fn get(value: &u64) -> u64 {
        *value
    }
    let _watchdog = watchdog();
    for value in [7, 8] {
        let pool = ProcessPoolExecutor::builder().max_workers(2).initializer(call!(set(value))).build().unwrap();
        let futures: Vec<_> = (0..20).map(|_| pool.submit_with_state(call!(get(_)))).collect();
        assert!(futures.iter().all(|future| future.result(None).unwrap() == value));
        // One that comes later has it, too.
        assert!(pool.submit(call!(exit_at_once(1))).result(None).is_err());
        assert_eq!(pool.submit_with_state(call!(get(_))).result(None).unwrap(), value);
    }
}

// case 514
#[test]
fn an_error_in_a_pool_within_a_worker_leaves_nothing() {
    fn nested() -> String {
        let inner = pool(1);
        let error = inner.submit(call!(exit_at_once(9))).result(None).unwrap_err();
        inner.shutdown(Shutdown::wait());
        assert_eq!(children(), []);
        error.to_string()
    }
    let _watchdog = watchdog();
    let said = pool(1).submit(call!(nested())).result(None).unwrap();
    assert!(said.contains("exit code 9"), "{said}");
}

// cases 516, 517
#[test]
fn workers_leave_while_arguments_are_written() {
    let _watchdog = watchdog();
    for idle in [1, 10, 50] {
        let idle = Duration::from_millis(idle);
        let pool = ProcessPoolExecutor::builder().max_workers(2).idle_timeout(idle).build().unwrap();
        for takes in [5, 20, 60] {
            let slow = || argument(&pool, Encode, Parent, Blast::Dawdle(takes));
            assert!((0..2).map(|_| slow()).collect::<Vec<_>>().iter().all(|future| future.result(None).unwrap() == 1));
            assert_eq!(slow().result(None).unwrap(), 1);
        }
    }
}

// case 518
#[test]
fn a_shutdown_while_an_argument_is_written() {
    let _watchdog = watchdog();
    for round in 0..10 {
        let builder = ProcessPoolExecutor::builder().max_workers(2).idle_timeout(Duration::from_millis(1));
        let pool = builder.build().unwrap();
        let theirs = pool.clone();
        let submitter = std::thread::spawn(move || argument(&theirs, Encode, Parent, Blast::Dawdle(30)).result(None));
        std::thread::sleep(Duration::from_millis(round * 4));
        let report = pool.shutdown(Shutdown::wait());
        assert_eq!((report.abandoned, report.cancelled), (0, 0));
        match submitter.join().unwrap() {
            // What was accepted runs.
            Ok(value) => assert_eq!(value, 1),
            Err(error) => assert!(error.is_rejected(), "{error}"),
        }
    }
}
