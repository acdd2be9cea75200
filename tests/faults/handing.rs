//! How tasks get from the parent to its workers: what the system refuses one of them, what takes long to make ready, when
//! a limit's time begins, and workers that never take any.
#![expect(unsafe_code, reason = "a worker that loses its memory")]

use crate::kit::gate::{Gate, wait_at};
use crate::kit::outside::program::alone;
use crate::kit::outside::{self, pids};
use crate::kit::{SIGTERM, double, exit_at_once, ignore_signal, pool, stay};
use crate::limits::Limit;
use crate::support::{self, eventually, watchdog};
use concurrent_futures::{
    CancelOutcome, Executor, ExecutorExt, Future, ProcessPoolExecutor, Rejected, Shutdown, ShutdownReport,
    SubmitOptions, Task, TaskError, call, task,
};
use futures::executor::block_on;
use rustix::process::Signal;
use std::sync::Mutex;
use std::time::Duration;

fn large(megabytes: usize) -> Vec<u8> {
    vec![7; megabytes << 20]
}

/// Makes the pool's one worker quick, as far as the pool knows, so that it is given tasks ahead.
fn warm(pool: &ProcessPoolExecutor) {
    for n in 0..50 {
        assert_eq!(pool.submit(call!(double(n))).result(None).unwrap(), 2 * n);
    }
}

#[test]
fn what_the_system_refuses_one_task_holds_up_no_other() {
    alone("handing::what_the_system_refuses_one_task_holds_up_no_other", || {
        let _watchdog = watchdog();
        let pool = pool(1);
        warm(&pool);
        let limit = Limit::no_more_descriptors(0);
        // Numbers that are free below the limit.
        let rest: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
        let first: Future<usize> = pool.submit(task!([bytes = large(1)] => bytes.len()));
        let second: Future<usize> = pool.submit(task!([bytes = large(1)] => bytes.len()));
        for n in 0..100 {
            assert_eq!(pool.submit(call!(double(n))).result(None).unwrap(), 2 * n);
        }
        assert!(!first.done() && !second.done(), "it is tried for some seconds");
        assert_eq!(pool.stats().queued, 2);
        assert!(second.cancel());
        drop((rest, limit));
        assert_eq!(first.result(None).unwrap(), 1 << 20);
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    });
}

/// Bytes that are encoded and decoded as a whole.
struct Bulk(Vec<u8>);

impl serde::Serialize for Bulk {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Bulk {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bulk;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bulk, E> {
                Ok(Bulk(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

fn length(bulk: Bulk) -> usize {
    bulk.0.len()
}

/// The thread that copies arguments, if there is one.
fn copying() -> Option<std::path::PathBuf> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let mut threads = threads.filter_map(|thread| Some(thread.ok()?.path()));
    threads.find(|thread| std::fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.trim_end() == "cf-seal"))
}

/// Who asks while a task's arguments are copied to where a worker can be sent them is answered before that is over.
#[test]
fn large_arguments_are_copied_while_the_pool_goes_on() {
    alone("handing::large_arguments_are_copied_while_the_pool_goes_on", || {
        const MOST: usize = 128 << 20;
        let _watchdog = watchdog();
        let pool = pool(1);
        warm(&pool);
        let mut was_answered = false;
        for _ in 0..20 {
            let gate = Gate::new();
            let first = pool.submit(call!(wait_at(gate.path())));
            eventually("it has begun", || first.running());
            // What is next in the queue was made ready by who submitted it.
            let second = pool.submit(call!(length(Bulk(vec![7; 1 << 20]))));
            let third = pool.submit(call!(length(Bulk(vec![7; MOST]))));
            gate.open();
            let mut thread = None;
            eventually("it is copied", || {
                thread = copying();
                thread.is_some() || third.done()
            });
            if let Some(thread) = thread {
                let queued = pool.stats().queued;
                was_answered |= queued > 0 && thread.exists();
            }
            assert_eq!(first.result(None).unwrap(), 0);
            assert_eq!((second.result(None).unwrap(), third.result(None).unwrap()), (1 << 20, MOST));
            if was_answered {
                return;
            }
        }
        panic!("nobody was answered meanwhile");
    });
}

#[test]
fn what_is_being_made_ready_for_a_worker_can_be_cancelled() {
    let _watchdog = watchdog();
    let pool = pool(2);
    warm(&pool);
    let (mut ran, mut cancelled) = (0, 0);
    for round in 0..60 {
        let futures: Vec<Future<usize>> = (0..6).map(|n| pool.submit(call!(length(Bulk(large(n % 3 + 1)))))).collect();
        let small = pool.submit(call!(double(round)));
        (0..round * 997 % 20_000).for_each(|_| std::hint::spin_loop());
        let was_cancelled = futures[5].cancel();
        match futures[5].result(None) {
            Ok(length) => {
                assert!(!was_cancelled);
                assert_eq!(length, 3 << 20);
                ran += 1;
            }
            Err(error) => {
                assert!(was_cancelled && error.is_cancelled(), "{error}");
                cancelled += 1;
            }
        }
        for (n, future) in futures.iter().take(5).enumerate() {
            assert_eq!(future.result(None).unwrap(), (n % 3 + 1) << 20);
        }
        assert_eq!(small.result(None).unwrap(), 2 * round);
    }
    println!("{ran} ran, {cancelled} cancelled");
    let report = pool.shutdown(Shutdown::wait());
    assert_eq!((report.abandoned, report.cancelled), (0, 0));
}

fn nap(milliseconds: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

/// The worker is stopped when it is given the task, and goes on when most of the limit is over.
#[test]
fn a_limits_time_begins_when_the_worker_begins() {
    let _watchdog = watchdog();
    let pool = pool(1);
    warm(&pool);
    let worker = pids(&pool)[0];
    assert!(outside::signal(worker, Signal::STOP));
    eventually("it is stopped", || outside::state_of(worker) == Some('T'));
    let limited = pool.submit_with(SubmitOptions::new().timeout(Duration::from_millis(1000)), call!(nap(700)));
    // It is time that this is about.
    std::thread::sleep(Duration::from_millis(800));
    assert!(!limited.running());
    assert!(outside::signal(worker, Signal::CONT));
    assert_eq!(limited.result(None).unwrap(), 700);
    let late = pool.submit_with(SubmitOptions::new().timeout(Duration::from_millis(50)), call!(nap(1_000_000)));
    assert!(late.result(None).unwrap_err().is_deadline_exceeded());
}

#[test]
fn a_limits_time_is_not_that_of_the_task_before() {
    let _watchdog = watchdog();
    let pool = pool(1);
    warm(&pool);
    let limit = SubmitOptions::new().timeout(Duration::from_millis(500));
    let gate = Gate::new();
    let first = pool.submit(call!(wait_at(gate.path())));
    let limited: Vec<_> = (0..3).map(|_| pool.submit_with(limit.clone(), call!(nap(50)))).collect();
    let late = pool.submit_with(limit.clone(), call!(nap(1_000_000)));
    let after: Vec<_> = (0..3).map(|_| pool.submit_with(limit.clone(), call!(nap(50)))).collect();
    // It is time that this is about.
    std::thread::sleep(Duration::from_millis(800));
    gate.open();
    assert!(first.result(None).is_ok());
    assert!(limited.iter().chain(&after).all(|future| matches!(future.result(None), Ok(50))));
    assert!(late.result(None).unwrap_err().is_deadline_exceeded());
}

/// An engine that only keeps what it is given.
#[derive(Default)]
struct Shelf(Mutex<Vec<Task>>);

impl Executor for Shelf {
    fn try_execute(&self, task: Task) -> Result<(), Rejected<Task>> {
        self.0.lock().unwrap().push(task);
        Ok(())
    }

    fn shutdown(&self, _how: Shutdown) -> ShutdownReport {
        ShutdownReport::default()
    }

    fn max_workers(&self) -> usize {
        1
    }
}

/// It is encoded when the test lets it.
struct Slow;

static BEGUN: std::sync::LazyLock<support::Gate> = std::sync::LazyLock::new(support::Gate::new);
static GO_ON: std::sync::LazyLock<support::Gate> = std::sync::LazyLock::new(support::Gate::new);

impl serde::Serialize for Slow {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        BEGUN.open();
        GO_ON.wait();
        serializer.serialize_unit()
    }
}

impl<'de> serde::Deserialize<'de> for Slow {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer).map(|()| Slow)
    }
}

fn take(_slow: Slow) -> u64 {
    1
}

#[test]
fn a_kill_while_a_task_is_packed_is_kept() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let shelf = Shelf::default();
    let future = shelf.submit(call!(take(Slow)));
    let task = shelf.0.lock().unwrap().pop().unwrap();
    std::thread::scope(|scope| {
        let packs = scope.spawn(|| pool.try_execute(task).is_ok());
        BEGUN.wait();
        assert!(!future.running() && !future.done());
        for _ in 0..2 {
            assert_eq!(future.kill(Duration::ZERO), CancelOutcome::NeverRan);
        }
        assert!(future.cancel());
        GO_ON.open();
        assert!(packs.join().unwrap());
    });
    assert!(future.result(None).unwrap_err().is_cancelled());
    assert!(future.cancelled());
    assert_eq!(pool.stats().completed, 0);
}

// ------------------------------------------------------------------------------------------ workers that take nothing

/// Takes away what the worker shares with its parent, so that it ends when it looks for its first task; unless there are
/// more notes in the file than that.
fn lose_the_ring(path: String, most: usize) -> Result<(), std::io::Error> {
    use std::io::Write;
    std::fs::File::options().append(true).create(true).open(&path)?.write_all(b"x")?;
    if std::fs::read(&path)?.len() % (most + 1) == 0 {
        return Ok(());
    }
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    for line in maps.lines().filter(|line| line.contains("rw-s") && line.contains("memfd:concurrent-futures")) {
        let (start, rest) = line.split_once('-').unwrap();
        let number = |text: &str| usize::from_str_radix(text, 16).unwrap();
        let (start, end) = (number(start), number(rest.split(' ').next().unwrap()));
        // SAFETY: there is none; the process ends when it comes here next.
        unsafe { rustix::mm::munmap(std::ptr::with_exposed_provenance_mut(start), end - start).unwrap() };
    }
    Ok(())
}

struct Notes(String);

impl Notes {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cf-{name}-{}", std::process::id()));
        Notes(path.to_str().unwrap().to_owned())
    }

    fn count(&self) -> usize {
        std::fs::read(&self.0).map_or(0, |notes| notes.len())
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn workers_that_end_before_their_first_task_break_the_pool() {
    let _watchdog = watchdog();
    for workers in [1, 3] {
        let notes = Notes::new(&format!("never-{workers}"));
        let pool = ProcessPoolExecutor::builder()
            .max_workers(workers)
            .initializer(call!(lose_the_ring(notes.0.clone(), usize::MAX - 1)))
            .build()
            .unwrap();
        let futures: Vec<_> = (0..10).map(|n| pool.submit(call!(double(n)))).collect();
        for future in &futures {
            let error = future.result(None).unwrap_err();
            let text = error.to_string();
            assert!(error.is_broken() && text.contains("signal 11") && text.contains("before"), "{error}");
        }
        assert!((5..=5 * workers).contains(&notes.count()), "{}", notes.count());
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    }
}

/// Each time four are lost before one does its work, and ends with that.
#[test]
fn a_worker_that_takes_a_task_begins_the_count_anew() {
    let _watchdog = watchdog();
    let notes = Notes::new("sometimes");
    let pool = ProcessPoolExecutor::builder()
        .max_workers(1)
        .max_tasks_per_child(1)
        .initializer(call!(lose_the_ring(notes.0.clone(), 4)))
        .build()
        .unwrap();
    for n in 0..3 {
        assert_eq!(pool.submit(call!(double(n))).result(None).unwrap(), 2 * n);
    }
    // One that dies of its task has taken one, too.
    assert!(pool.submit(call!(exit_at_once(3))).result(None).unwrap_err().is_worker_died());
    assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
    assert_eq!(notes.count(), 25);
}

// ------------------------------------------------------------------------------------------ reports

// case 493
#[test]
fn what_a_shutdown_reports_adds_up() {
    const TASKS: usize = 20;
    let _watchdog = watchdog();
    let mut seen = [0; 4];
    for round in 0..200 {
        let pool = pool(2);
        if round % 2 == 0 {
            assert_eq!(pool.submit(call!(double(1))).result(None).unwrap(), 2);
        }
        let before = pool.stats().completed;
        let futures: Vec<_> = (0..TASKS as u64).map(|n| pool.submit(call!(double(n)))).collect();
        let how = match round % 5 {
            0 | 1 => Shutdown::wait().deadline(Duration::ZERO),
            2 => Shutdown::wait().deadline(Duration::ZERO).cancel_pending(),
            3 => Shutdown::wait().deadline(Duration::from_micros(500)),
            _ => Shutdown::wait().kill_after(Duration::from_micros(round * 13 % 2000)),
        };
        let report = pool.shutdown(how);
        let sum = |report: &ShutdownReport| report.finished + report.cancelled + report.abandoned + report.killed;
        let end = block_on(pool.closed());
        assert_eq!((end.abandoned, sum(&end)), (0, sum(&report)), "{report:?}, then {end:?}");
        let done_before = pool.stats().completed - before - end.finished as u64;
        assert_eq!(done_before as usize + sum(&report), TASKS, "{report:?}, then {end:?}");
        let cancelled = futures.iter().filter(|future| future.cancelled()).count();
        assert_eq!(cancelled, end.cancelled + end.killed, "{end:?}");
        // What was killed had begun.
        let never = futures.iter().filter(|future| future.kill(Duration::ZERO) == CancelOutcome::NeverRan).count();
        assert_eq!(never, end.cancelled, "{end:?}");
        for (count, more) in seen.iter_mut().zip([report.finished, report.cancelled, report.abandoned, report.killed]) {
            *count += more;
        }
    }
    println!("finished, cancelled, abandoned, killed: {seen:?}");
    assert!(seen[1] > 0 && seen[2] > 0, "{seen:?}");
}

// ------------------------------------------------------------------------------------------ kills

/// Leaves a file when the polite signal does nothing to it any more.
fn stay_whatever_is_asked(path: String) -> u64 {
    ignore_signal(SIGTERM);
    std::fs::write(path, "x").unwrap();
    stay()
}

#[test]
fn a_second_kill_says_what_is_true_and_may_have_less_patience() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let notes = Notes::new("stays");
    let stays = pool.submit(call!(stay_whatever_is_asked(notes.0.clone())));
    let behind = pool.submit(call!(double(4)));
    eventually("it ignores the signal", || notes.count() == 1);
    for _ in 0..3 {
        assert_eq!(stays.kill(Duration::from_secs(1000)), CancelOutcome::Killed);
        assert!(!stays.done() && stays.running(), "it has all the time that it wants");
    }
    assert_eq!(stays.kill(Duration::ZERO), CancelOutcome::Killed);
    // By this one, and not by those before.
    assert!(matches!(stays.result(Duration::from_secs(60)), Err(TaskError::Cancelled)));
    for _ in 0..2 {
        assert_eq!(stays.kill(Duration::ZERO), CancelOutcome::AlreadyDone);
        assert!(!stays.cancel() && stays.cancelled(), "it ran");
    }
    assert_eq!(behind.result(None).unwrap(), 8);
}
