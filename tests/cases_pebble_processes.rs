//! What pebble's suites ask of a pool of processes. More of the same is in `tests/faults`.
#![cfg(all(feature = "processes", target_os = "linux", not(miri)))]

mod kit;
mod support;

use concurrent_futures::{
    CancelOutcome, Future, PortableError, ProcessPoolExecutor, Shutdown, SubmitOptions, TaskError, call, task,
};
use kit::outside::{self, children, pids};
use kit::{death, double, exit_at_once, panic_with, pid, pool, stay};
use rustix::process::Signal;
use std::collections::HashSet;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use support::{eventually, watchdog};

fn fails(text: String) -> Result<u64, PortableError> {
    Err(std::io::Error::other(text))?
}

fn wait_a_moment(n: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(2));
    n
}

// cases 532, 568
#[test]
fn values_errors_and_callbacks() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let futures: Vec<_> = (1..=5).map(|n| pool.submit(call!(double(n)))).collect();
    assert_eq!(futures.iter().map(|future| future.result(None).unwrap()).sum::<u64>(), 30);
    // An error that is returned is a value; a panic is not.
    let returned = pool.submit(call!(fails("no luck".to_owned()))).result(None).unwrap().unwrap_err();
    assert!(returned.to_string().contains("no luck"));
    let raised = pool.submit(call!(fails("no luck".to_owned()))).fallible().result(None).unwrap_err();
    assert!(raised.is_failed() && raised.to_string().contains("no luck"), "{raised}");
    let panicked = pool.submit(call!(panic_with("no luck".to_owned()))).result(None).unwrap_err();
    assert!(panicked.is_panicked() && panicked.to_string().contains("no luck"), "{panicked}");
    let (sender, told) = channel();
    for (text, future) in [
        ("value", pool.submit(call!(double(1)))),
        ("panic", pool.submit(call!(panic_with("boom".to_owned())))),
        ("death", pool.submit(call!(exit_at_once(1)))),
    ] {
        let sender = sender.clone();
        future.add_done_callback(move |outcome| {
            let heard = match outcome {
                Ok(_) => "value",
                Err(error) if error.is_panicked() => "panic",
                Err(error) if error.is_worker_died() => "death",
                Err(_) => "something else",
            };
            sender.send((text, heard)).unwrap();
        });
    }
    drop(sender);
    assert_eq!(told.iter().filter(|(expected, heard)| expected == heard).count(), 3);
}

// cases 536, 540
#[test]
fn a_running_task_is_killed() {
    let _watchdog = watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(1).term_grace(Duration::from_millis(10)).build().unwrap();
    let before = pool.submit(call!(pid())).result(None).unwrap();
    let future = pool.submit(call!(stay()));
    eventually("it runs", || future.running());
    assert!(!future.cancel(), "as Python's, cancel leaves what runs");
    let (sender, told) = channel();
    future.add_done_callback(move |outcome| sender.send(outcome.unwrap_err().is_cancelled()).unwrap());
    assert_eq!(future.kill(Duration::from_millis(10)), CancelOutcome::Killed);
    assert!(told.recv().unwrap() && future.result(None).unwrap_err().is_cancelled());
    assert_ne!(pool.submit(call!(pid())).result(None).unwrap(), before);
    // And at the end of the pool.
    let future = pool.submit(call!(stay()));
    eventually("it runs", || future.running());
    assert_eq!(pool.shutdown(Shutdown::wait().kill_after(Duration::ZERO)).killed, 1);
    assert!(future.result(None).unwrap_err().is_cancelled());
}

// case 537
#[test]
fn tasks_are_spread_over_workers() {
    fn linger() -> u32 {
        std::thread::sleep(Duration::from_millis(50));
        std::process::id()
    }
    let _watchdog = watchdog();
    let pool = pool(2);
    let futures: Vec<_> = (0..5).map(|_| pool.submit(call!(linger()))).collect();
    let seen: HashSet<u32> = futures.iter().map(|future| future.result(None).unwrap()).collect();
    assert_eq!(seen.len(), 2);
}

// case 538
#[test]
fn a_worker_has_so_many_tasks_and_no_more() {
    let _watchdog = watchdog();
    for tasks in [1, 2, 3] {
        let pool = ProcessPoolExecutor::builder().max_workers(1).max_tasks_per_child(tasks).build().unwrap();
        let futures: Vec<_> = (0..tasks * 2).map(|_| pool.submit(call!(pid()))).collect();
        let pids: Vec<u32> = futures.iter().map(|future| future.result(None).unwrap()).collect();
        assert_eq!(pids.iter().collect::<HashSet<_>>().len(), 2, "{pids:?}");
    }
}

// case 541
#[test]
fn initializers() {
    fn make(value: u64) -> Result<u64, String> {
        if value == 0 { Err("nothing to begin with".to_owned()) } else { Ok(value) }
    }
    let _watchdog = watchdog();
    let build = |value| ProcessPoolExecutor::builder().max_workers(1).initializer(call!(make(value))).build().unwrap();
    assert_eq!(build(3).submit_with_state(call!((|value: &u64| *value)(_))).result(None).unwrap(), 3);
    let broken = build(0);
    let error = broken.submit(call!(double(1))).result(None).unwrap_err();
    assert!(matches!(&error, TaskError::Broken(why) if why.contains("nothing to begin with")), "{error}");
    // No worker is started any more.
    assert!(broken.submit(call!(double(1))).result(None).unwrap_err().is_broken());
    eventually("nobody is there", || pids(&broken).is_empty());
}

// cases 542, 544, 548, 549
#[test]
fn the_end_of_a_pool() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let gate = kit::gate::Gate::new();
    let running = pool.submit(call!(kit::gate::wait_at(gate.path())));
    eventually("it runs", || running.running());
    let queued: Vec<_> = (0..10).map(|n| pool.submit(call!(double(n)))).collect();
    let worker = pids(&pool)[0];
    let report = pool.shutdown(Shutdown::no_wait().cancel_pending());
    assert_eq!(report.cancelled, 10, "{report:?}");
    // Nobody is left waiting.
    assert!(queued.iter().all(|future| future.done() && future.result(None).unwrap_err().is_cancelled()));
    assert!(!running.done());
    gate.open();
    assert_eq!(running.result(None).unwrap(), 0);
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    assert!(!children().contains(&worker));
}

// case 546
#[test]
fn large_values_both_ways() {
    let _watchdog = watchdog();
    let length = if cfg!(debug_assertions) { 20 << 20 } else { 107 << 20 };
    let pool = pool(1);
    // Bytes of a text go as one piece.
    let text = "a".repeat(length);
    let back = pool.submit(task!([text] => text + "b")).result(None).unwrap();
    assert!(back.len() == length + 1 && back.ends_with("ab"));
}

// case 550
#[test]
fn a_wait_for_the_end_that_is_too_short_can_be_repeated() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let futures: Vec<_> = (0..2).map(|_| pool.submit(call!(stay()))).collect();
    eventually("they run", || futures.iter().all(Future::running));
    let report = pool.shutdown(Shutdown::wait().deadline(Duration::from_millis(20)));
    assert_eq!(report.abandoned, 2);
    let report = pool.shutdown(Shutdown::wait().kill_after(Duration::ZERO));
    assert_eq!((report.abandoned, report.killed), (0, 2));
}

// case 552
#[test]
fn a_failing_task_and_then_a_good_one() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let before = pool.submit(call!(pid())).result(None).unwrap();
    assert!(pool.submit(call!(panic_with("boom".to_owned()))).result(None).is_err());
    assert_eq!(pool.submit(call!(pid())).result(None).unwrap(), before);
}

// cases 553, 569
#[test]
fn a_task_that_ignores_the_polite_signal() {
    fn ignore_and_stay() -> u64 {
        kit::ignore_signal(kit::SIGTERM);
        stay()
    }
    let _watchdog = watchdog();
    let grace = Duration::from_millis(200);
    let pool = ProcessPoolExecutor::builder().max_workers(1).term_grace(grace).build().unwrap();
    assert_eq!(pool.submit(call!(double(1))).result(None).unwrap(), 2);
    let began = Instant::now();
    let options = SubmitOptions::new().timeout(Duration::from_millis(100));
    assert!(pool.submit_with(options, call!(ignore_and_stay())).result(None).unwrap_err().is_deadline_exceeded());
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(20), "{took:?}");
    let future = pool.submit(call!(ignore_and_stay()));
    eventually("it runs", || future.running());
    future.kill(grace);
    assert!(future.result(None).unwrap_err().is_cancelled());
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}

// cases 554, 570
#[test]
fn each_death_is_its_own() {
    let _watchdog = watchdog();
    let pool = pool(4);
    let gate = kit::gate::Gate::new();
    let path = gate.path();
    let futures: Vec<_> = (1..=4)
        .map(|code| {
            let path = path.clone();
            pool.submit(task!([path, code] => {
                eprint!("{}", std::process::id());
                kit::gate::wait_at(path);
                exit_at_once(code)
            }))
        })
        .collect();
    eventually("all run", || futures.iter().all(Future::running));
    gate.open();
    let mut pids = HashSet::new();
    for (code, future) in (1..).zip(&futures) {
        let error = future.result(None).unwrap_err();
        let report = death(&error);
        assert_eq!((report.exit_code, &report.stderr_tail), (Some(code), &report.pid.to_string()));
        pids.insert(report.pid);
    }
    assert_eq!(pids.len(), 4);
}

// cases 556, 557
#[test]
fn a_maps_limit_is_of_each_item() {
    let _watchdog = watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(2).term_grace(Duration::ZERO).build().unwrap();
    let limit = Duration::from_millis(500);
    let outcomes: Vec<_> = pool.map(|_: u64| stay(), 0..3).item_timeout(limit).collect();
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_err_and(TaskError::is_deadline_exceeded)));
    // A chunk may take longer than any of its items.
    let slow = |n: u64| {
        std::thread::sleep(Duration::from_millis(60));
        n
    };
    let outcomes: Vec<_> = pool.map(slow, 0..10).chunksize(10).item_timeout(limit).collect();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
}

// case 558
#[test]
fn a_map_goes_on_behind_an_error() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for chunk in [1, 2, 5] {
        let outcomes: Vec<_> = pool.map(|n: u64| 12 / n, [1, 0, 3, 0, 4]).chunksize(chunk).collect();
        let values: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().ok().copied()).collect();
        assert_eq!(values, [Some(12), None, Some(4), None, Some(3)]);
        assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(TaskError::is_panicked));
    }
}

// case 560
#[test]
fn a_map_ends_whatever_becomes_of_its_pool() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let mut outcomes = pool.map(wait_a_moment, 0..200).chunksize(10);
    assert!(outcomes.next().unwrap().is_ok());
    pids(&pool).into_iter().for_each(|pid| assert!(outside::signal(pid, Signal::KILL)));
    for _ in 0..20 {
        assert!(outcomes.next().is_some());
    }
    pool.shutdown(Shutdown::no_wait().cancel_pending().kill_after(Duration::ZERO));
    let rest: Vec<_> = outcomes.collect();
    assert_eq!(rest.len(), 179);
    let is_right = |error: &TaskError| error.is_cancelled() || error.is_rejected() || error.is_worker_died();
    assert!(rest.iter().filter_map(|outcome| outcome.as_ref().err()).all(is_right), "{rest:?}");
}

// case 561
#[test]
fn tasks_have_children_and_pools() {
    fn child_process() -> String {
        let output = std::process::Command::new("/bin/echo").arg("1").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
    fn child_pool() -> u64 {
        pool(1).submit(call!(double(1))).result(None).unwrap()
    }
    let _watchdog = watchdog();
    let pool = pool(1);
    assert_eq!(pool.submit(call!(child_process())).result(None).unwrap(), "1\n");
    assert_eq!(pool.submit(call!(child_pool())).result(None).unwrap(), 2);
}

// cases 564, 565: there is no lock that two processes share, so a death within a write is one like any other
#[test]
fn workers_that_die_while_they_write_a_large_result() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for round in 0..10u64 {
        let futures: Vec<_> = (0..4).map(|n| pool.submit(task!([n] => vec![n as u8; 8 << 20]))).collect();
        eventually("somebody is at it", || futures.iter().any(|future| future.running() || future.done()));
        std::thread::sleep(Duration::from_millis(round * 3));
        for pid in pids(&pool) {
            outside::signal(pid, Signal::KILL);
        }
        let died = futures.iter().enumerate().filter(|(n, future)| match future.result(None) {
            Ok(bytes) => {
                assert!(bytes.len() == 8 << 20 && bytes.iter().all(|byte| *byte == *n as u8));
                false
            }
            Err(error) => death(&error).signal == Some(kit::SIGKILL),
        });
        assert!(died.count() <= 2);
    }
}

// case 566
#[test]
fn large_arguments_that_are_cancelled() {
    let _watchdog = watchdog();
    let length = if cfg!(debug_assertions) { 5 << 20 } else { 50 << 20 };
    let pool = pool(1);
    let futures: Vec<Future<usize>> =
        (0..10).map(|_| pool.submit(task!([bytes = "a".repeat(length)] => bytes.len()))).collect();
    assert_eq!(futures[0].result(None).unwrap(), length);
    let cancelled = futures[1..].iter().filter(|future| future.cancel()).count();
    let values = futures[1..].iter().filter(|future| future.result(None).is_ok()).count();
    assert_eq!(cancelled + values, 9);
    pool.shutdown(Shutdown::wait());
}

// case 572
#[test]
fn names() {
    fn named(name: String) -> (String, String) {
        let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
        (name, comm.trim_end().to_owned())
    }
    let _watchdog = watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(1).name("cruncher").build().unwrap();
    let future = pool.submit_with(SubmitOptions::new().name("a task"), call!(named("mine".to_owned())));
    assert_eq!(future.name(), Some("a task"));
    assert_eq!(future.result(None).unwrap(), ("mine".to_owned(), "cruncher".to_owned()));
}

// case 573
#[test]
fn the_same_awaited() {
    let _watchdog = watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(1).term_grace(Duration::ZERO).build().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(pool.submit(call!(double(4))).await.unwrap(), 8);
        assert!(pool.submit(call!(panic_with("boom".to_owned()))).await.unwrap_err().is_panicked());
        assert_eq!(death(&pool.submit(call!(exit_at_once(123))).await.unwrap_err()).exit_code, Some(123));
        let limited = pool.submit_with(SubmitOptions::new().timeout(Duration::from_millis(20)), call!(stay()));
        assert!(limited.await.unwrap_err().is_deadline_exceeded());
        let killed = pool.submit(call!(stay()));
        while !killed.running() {
            tokio::task::yield_now().await;
        }
        killed.kill(Duration::ZERO);
        assert!(killed.await.unwrap_err().is_cancelled());
        pool.shutdown(Shutdown::no_wait());
        pool.closed().await;
    });
    assert!(pids(&pool).is_empty());
}
