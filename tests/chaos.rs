//! Workers are killed at random moments, from outside, while tasks of every kind run: every future comes to one end, a
//! kill costs one task at the most, no task runs twice, and afterwards no process and no descriptor is left.
//!
//! Sized to take some seconds in a debug build. For figures:
//! `CF_CHAOS_TASKS=100000 cargo test --release --test chaos -- --nocapture`.
#![cfg(all(feature = "processes", target_os = "linux", not(miri)))]

mod kit;
mod support;
mod torture;

use concurrent_futures::{
    Future, ProcessPoolBuilder, ProcessPoolExecutor, Shutdown, SubmitOptions, TaskError, call, task,
};
use kit::outside::{self, program};
use rustix::process::Signal;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use torture::Chance;

const WORKERS: usize = 3;
const LEDGER: &str = "CF_CHAOS_LEDGER";

/// How many small tasks there are.
fn tasks() -> usize {
    let wanted = std::env::var("CF_CHAOS_TASKS").ok().and_then(|text| text.parse().ok());
    wanted.unwrap_or(if cfg!(debug_assertions) { 20_000 } else { 100_000 })
}

/// Where workers note what they begin: a file to which each note is appended whole.
struct Ledger(PathBuf);

impl Ledger {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("cf-chaos-{}", std::process::id()));
        File::create(&path).unwrap();
        Ledger(path)
    }

    /// How often each of so many tasks was begun.
    fn counts(&self, tasks: usize) -> Vec<usize> {
        let notes = std::fs::read(&self.0).unwrap();
        let mut counts = vec![0; tasks];
        for note in notes.chunks(8) {
            counts[u64::from_le_bytes(note.try_into().unwrap()) as usize] += 1;
        }
        counts
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Notes that it was begun, and takes a moment, most often a short one.
fn note(n: u64) -> u64 {
    static FILE: OnceLock<File> = OnceLock::new();
    let file = FILE.get_or_init(|| File::options().append(true).open(std::env::var_os(LEDGER).unwrap()).unwrap());
    (&*file).write_all(&n.to_le_bytes()).unwrap();
    if n % 97 == 0 {
        std::thread::sleep(Duration::from_micros(n % 1000));
    }
    n * 3
}

/// Kills workers of a pool until it is told to stop.
struct Killer {
    stops: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Killer {
    /// `pause`: the longest between two kills, in microseconds.
    fn of(pool: &ProcessPoolExecutor, seed: u64, pause: usize) -> Self {
        let stops = Arc::new(AtomicBool::new(false));
        let (pool, stop) = (pool.clone(), Arc::clone(&stops));
        let thread = std::thread::spawn(move || {
            let (mut chance, mut kills, mut completed) = (Chance::new(seed), 0, 0);
            while !stop.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_micros(chance.below(pause) as u64));
                // Where workers take longer to start than to be killed, the pool would be right to give up.
                let before = std::mem::replace(&mut completed, pool.stats().completed);
                if completed == before && kills > 0 {
                    continue;
                }
                let pids = outside::pids(&pool);
                if let Some(pid) = pids.get(chance.below(WORKERS)) {
                    kills += usize::from(outside::signal(*pid, Signal::KILL));
                }
            }
            kills
        });
        Killer { stops, thread }
    }

    /// How many it has killed.
    fn stop(self) -> usize {
        self.stops.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

/// What futures came to.
#[derive(Default)]
struct Tally {
    values: AtomicUsize,
    died: AtomicUsize,
    cancelled: AtomicUsize,
}

impl Tally {
    fn count<T>(&self, outcome: Result<T, TaskError>, is_right: impl FnOnce(&T) -> bool) {
        let counter = match outcome {
            Ok(value) => {
                assert!(is_right(&value), "another task's value");
                &self.values
            }
            Err(TaskError::WorkerDied(report)) => {
                assert_eq!((report.signal, report.may_have_run), (Some(kit::SIGKILL), Some(true)), "{report:?}");
                &self.died
            }
            Err(TaskError::Cancelled) => &self.cancelled,
            Err(other) => panic!("no future may come to this: {other}"),
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }

    fn read(&self) -> [usize; 3] {
        [&self.values, &self.died, &self.cancelled].map(|counter| counter.load(Ordering::SeqCst))
    }
}

/// Runs `play` with a pool whose workers are being killed, in a process of its own; then everything has to add up.
#[track_caller]
fn chaos(
    test: &str,
    pause: usize,
    build: fn(ProcessPoolBuilder) -> ProcessPoolBuilder,
    play: fn(&ProcessPoolExecutor, &Tally) -> usize,
) {
    let said = program::run(test, || {
        let _watchdog = support::watchdog();
        let ledger = Ledger::new();
        let builder = ProcessPoolExecutor::builder().max_workers(WORKERS).env(LEDGER, &ledger.0);
        // Whatever is opened once in a process is.
        drop(build(builder).build().unwrap());
        let before = outside::open_descriptors();
        let pool = build(ProcessPoolExecutor::builder().max_workers(WORKERS).env(LEDGER, &ledger.0)).build().unwrap();
        let tally = Tally::default();
        let began = Instant::now();
        let killer = Killer::of(&pool, 7, pause);
        let submitted = play(&pool, &tally);
        let (took, kills) = (began.elapsed(), killer.stop());
        let [values, died, cancelled] = tally.read();
        assert_eq!(values + died + cancelled, submitted);
        assert!(kills > 1 && died <= kills, "{died} of {kills} kills");
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.running), (0, 0), "{stats:?}");
        let report = pool.shutdown(Shutdown::wait());
        assert_eq!((report.finished, report.cancelled, report.abandoned, report.killed), (0, 0, 0, 0));
        assert_eq!(outside::children(), []);
        drop(pool);
        support::eventually("no descriptor is left", || outside::open_descriptors() == before);
        program::say(format_args!(
            "{submitted} tasks in {took:.1?}: {values} values, {died} died, {cancelled} cancelled; {kills} kills"
        ));
        program::say("to the end");
    });
    println!("{test}: {}", said[0]);
}

/// That no task was begun twice, and which were.
fn begun_once(tasks: usize) -> Vec<bool> {
    let counts = Ledger(std::env::temp_dir().join(format!("cf-chaos-{}", std::process::id())));
    let begun: Vec<_> = counts.counts(tasks);
    std::mem::forget(counts);
    assert!(begun.iter().all(|times| *times <= 1), "a task has run twice");
    begun.into_iter().map(|times| times == 1).collect()
}

#[test]
fn small_tasks() {
    chaos(
        "small_tasks",
        10_000,
        |builder| builder,
        |pool, tally| {
            let told = Arc::new(AtomicUsize::new(0));
            let futures: Vec<Future<u64>> = (0..tasks() as u64)
                .map(|n| {
                    let future = pool.submit(call!(note(n)));
                    if n % 16 == 0 {
                        let told = Arc::clone(&told);
                        future.add_done_callback(move |_| {
                            told.fetch_add(1, Ordering::SeqCst);
                        });
                    }
                    future
                })
                .collect();
            let outcomes: Vec<_> = futures.iter().map(|future| future.result(None)).collect();
            let begun = begun_once(futures.len());
            for (n, outcome) in outcomes.into_iter().enumerate() {
                assert!(outcome.is_err() || begun[n], "a value from nowhere");
                tally.count(outcome, |value| *value == n as u64 * 3);
            }
            support::eventually("all are told", || told.load(Ordering::SeqCst) == futures.len().div_ceil(16));
            assert_eq!(pool.stats().completed, futures.len() as u64);
            futures.len()
        },
    );
}

#[test]
fn one_at_a_time() {
    chaos(
        "one_at_a_time",
        10_000,
        |builder| builder,
        |pool, tally| {
            let tasks = tasks() / 20;
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    scope.spawn(move || {
                        for n in (thread..tasks).step_by(4) {
                            tally
                                .count(pool.submit(call!(note(n as u64))).result(None), |value| *value == n as u64 * 3);
                        }
                    });
                }
            });
            begun_once(tasks);
            tasks
        },
    );
}

#[test]
fn cancels_at_random() {
    chaos(
        "cancels_at_random",
        10_000,
        |builder| builder,
        |pool, tally| {
            let futures: Vec<Future<u64>> = (0..tasks() as u64).map(|n| pool.submit(call!(note(n)))).collect();
            let cancels: Vec<AtomicBool> = futures.iter().map(|_| AtomicBool::new(false)).collect();
            std::thread::scope(|scope| {
                for seed in [1, 2] {
                    let (futures, cancels) = (&futures, &cancels);
                    scope.spawn(move || {
                        let mut chance = Chance::new(seed);
                        for _ in 0..futures.len() / 4 {
                            let at = chance.below(futures.len());
                            if futures[at].cancel() {
                                cancels[at].store(true, Ordering::SeqCst);
                            }
                            chance.dither();
                        }
                    });
                }
            });
            let outcomes: Vec<_> = futures.iter().map(|future| future.result(None)).collect();
            let begun = begun_once(futures.len());
            for (n, outcome) in outcomes.into_iter().enumerate() {
                let was_cancelled = cancels[n].load(Ordering::SeqCst);
                assert_eq!(matches!(outcome, Err(TaskError::Cancelled)), was_cancelled);
                assert!(!was_cancelled || !begun[n], "a cancelled task has run");
                assert!(outcome.is_err() || begun[n], "a value from nowhere");
                tally.count(outcome, |value| *value == n as u64 * 3);
            }
            futures.len()
        },
    );
}

#[test]
fn maps_in_chunks() {
    chaos(
        "maps_in_chunks",
        10_000,
        |builder| builder,
        |pool, tally| {
            let tasks = tasks() as u64;
            for (n, outcome) in (0..).zip(pool.map(note, 0..tasks / 2).chunksize(50)) {
                tally.count(outcome, |value| *value == n * 3);
            }
            for (n, outcome) in (tasks / 2..).zip(pool.map(note, tasks / 2..tasks)) {
                tally.count(outcome, |value| *value == n * 3);
            }
            begun_once(tasks as usize);
            tasks as usize
        },
    );
}

#[test]
fn large_arguments_and_results() {
    fn turn(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.reverse();
        bytes
    }
    chaos(
        "large_arguments_and_results",
        20_000,
        |builder| builder,
        |pool, tally| {
            let tasks = tasks() / 200;
            let argument = |n: usize| {
                // From what goes through the ring to what does not.
                let mut bytes = vec![0; 100 + (n * 7919) % 300_000];
                bytes[..8].copy_from_slice(&(n as u64).to_le_bytes());
                bytes
            };
            for start in (0..tasks).step_by(50) {
                let range = start..tasks.min(start + 50);
                let futures: Vec<_> = range.clone().map(|n| pool.submit(call!(turn(argument(n))))).collect();
                for (n, future) in range.zip(futures) {
                    tally.count(future.result(None), |bytes| {
                        let mut bytes = bytes.clone();
                        bytes.reverse();
                        bytes == argument(n)
                    });
                }
            }
            tasks
        },
    );
}

#[test]
fn large_results_of_chunks() {
    chaos(
        "large_results_of_chunks",
        20_000,
        |builder| builder,
        |pool, tally| {
            let tasks = tasks() / 100;
            let outcomes = pool.map(|n: usize| vec![n as u8; 100 + (n * 7919) % 100_000], 0..tasks).chunksize(20);
            for (n, outcome) in (0..).zip(outcomes) {
                tally.count(outcome, |bytes| *bytes == vec![n as u8; 100 + (n * 7919) % 100_000]);
            }
            tasks
        },
    );
}

#[test]
fn with_a_bound_and_many_submitters() {
    chaos(
        "with_a_bound_and_many_submitters",
        10_000,
        |builder| builder.queue_bound(40),
        |pool, tally| {
            let tasks = tasks() / 4;
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    scope.spawn(move || {
                        let mut futures = Vec::new();
                        for n in (thread..tasks).step_by(4) {
                            futures.push((n, pool.submit(call!(note(n as u64)))));
                        }
                        for (n, future) in futures {
                            tally.count(future.result(None), |value| *value == n as u64 * 3);
                        }
                    });
                }
            });
            begun_once(tasks);
            tasks
        },
    );
}

#[test]
fn retries_cost_nothing_but_time() {
    chaos(
        "retries_cost_nothing_but_time",
        10_000,
        |builder| builder,
        |pool, tally| {
            let tasks = tasks();
            let submit = |n: u64| pool.submit_with(SubmitOptions::new().retries(100), call!(note(n)));
            let futures: Vec<_> = (0..tasks as u64).map(submit).collect();
            for (n, future) in futures.iter().enumerate() {
                tally.count(future.result(None), |value| *value == n as u64 * 3);
            }
            assert_eq!(tally.read(), [tasks, 0, 0]);
            tasks
        },
    );
}

#[test]
fn short_lives_and_limits() {
    let build = |builder: ProcessPoolBuilder| {
        builder.max_tasks_per_child(100).idle_timeout(Duration::from_millis(2)).term_grace(Duration::from_millis(5))
    };
    chaos("short_lives_and_limits", 20_000, build, |pool, tally| {
        let tasks = tasks() / 10;
        let late = Mutex::new(0);
        let futures: Vec<_> = (0..tasks as u64)
            .map(|n| match n % 200 {
                0 => pool.submit_with(
                    SubmitOptions::new().timeout(Duration::from_millis(3)),
                    task!([n] => if n % 400 == 0 { kit::stay() } else { n * 3 }),
                ),
                _ => pool.submit(call!(note(n))),
            })
            .collect();
        for (n, future) in futures.into_iter().enumerate() {
            match future.result(None) {
                Err(TaskError::DeadlineExceeded) if n % 200 == 0 => *late.lock().unwrap() += 1,
                outcome => tally.count(outcome, |value| *value == n as u64 * 3),
            }
        }
        tasks - late.into_inner().unwrap()
    });
}
