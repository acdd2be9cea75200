//! Pools that come and go, and threads that leave while tasks arrive.

use crate::support;
use crate::torture::{Chance, scaled};
use concurrent_futures::{Shutdown, ThreadPoolExecutor};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How many threads of this process have a name that begins so.
#[cfg(target_os = "linux")]
fn threads_named(prefix: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with(prefix)).count()
}

#[cfg(target_os = "linux")]
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
#[cfg(all(target_os = "linux", not(miri)))]
fn pools_that_come_and_go_leave_nothing_behind() {
    let _watchdog = support::watchdog();
    let before = descriptors();
    thread::scope(|scope| {
        for number in 0..3 {
            scope.spawn(move || {
                let mut chance = Chance::new(number);
                for _ in 0..scaled(300) {
                    let how = if chance.coin() { Shutdown::wait() } else { Shutdown::no_wait() };
                    let builder = ThreadPoolExecutor::builder().max_workers(1 + chance.below(3)).on_last_drop(how);
                    let pool = builder.thread_name_prefix("come-and-go").build().unwrap();
                    let futures: Vec<_> = (0..chance.below(6)).map(|number| pool.submit(move || number)).collect();
                    chance.dither();
                    drop(pool);
                    for (number, future) in futures.iter().enumerate() {
                        assert_eq!(future.result(None).unwrap(), number, "accepted is accepted");
                    }
                }
            });
        }
    });
    support::eventually("no thread is left", || threads_named("come-and-go") == 0);
    support::eventually("no descriptor is left", || descriptors() <= before);
}

thread_local! {
    /// Noted when the thread is all but gone: nothing of it runs after the destructors of its thread-locals.
    static GOODBYE: std::cell::RefCell<Option<Goodbye>> = const { std::cell::RefCell::new(None) };
}

struct Goodbye(Arc<AtomicUsize>);

impl Drop for Goodbye {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Dropping the last handle joins: on return no thread runs anything any more.
#[test]
fn the_last_drop_has_joined_every_thread() {
    let _watchdog = support::watchdog();
    for _ in 0..scaled(200) {
        let pool = ThreadPoolExecutor::new(2).unwrap();
        let gone = Arc::new(AtomicUsize::new(0));
        let note = Arc::clone(&gone);
        let told = pool.broadcast(move |()| GOODBYE.set(Some(Goodbye(Arc::clone(&note)))));
        told.iter().for_each(|told| told.result(None).unwrap());
        assert_eq!(gone.load(Ordering::SeqCst), 0);
        drop(pool);
        assert_eq!(gone.load(Ordering::SeqCst), 2);
    }
}

/// Lets about so much time pass, without sleeping longer than asked.
fn spin(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// No task is lost when threads leave just then.
#[test]
fn threads_leave_while_tasks_arrive() {
    let _watchdog = support::watchdog();
    for (workers, spares, idle) in [(1, 256, 1_000), (1, 0, 1_000), (2, 0, 300), (3, 256, 0), (1, 0, 0)] {
        let builder = ThreadPoolExecutor::builder().max_workers(workers).max_spares(spares);
        let pool = builder.idle_timeout(Duration::from_micros(idle)).build().unwrap();
        let (mut chance, idle) = (Chance::new(idle + workers as u64), idle as usize);
        for round in 0..scaled(800) {
            // Around the moment at which they leave.
            spin(Duration::from_micros((idle / 2 + chance.below(idle + 200)) as u64));
            let futures: Vec<_> = (0..=chance.below(4)).map(|number| pool.submit(move || number)).collect();
            for (number, future) in futures.iter().enumerate() {
                let outcome = future.result(Duration::from_secs(30));
                assert_eq!(outcome.ok(), Some(number), "{workers} workers, {spares} spares, round {round}");
            }
        }
        let report = pool.shutdown(Shutdown::wait());
        assert_eq!(report.abandoned, 0);
    }
}

/// A broadcast finds or makes a thread for every slot, also while they leave.
#[test]
fn a_broadcast_races_threads_that_leave() {
    let _watchdog = support::watchdog();
    for idle in [0, 200, 1_000] {
        let builder = ThreadPoolExecutor::builder().max_workers(3).idle_timeout(Duration::from_micros(idle));
        let pool = builder.build().unwrap();
        let mut chance = Chance::new(idle);
        let runs = Arc::new(AtomicUsize::new(0));
        let rounds = scaled(400);
        for round in 0..rounds {
            spin(Duration::from_micros(chance.below(idle as usize * 2 + 50) as u64));
            let plain = pool.submit(|| ());
            let count = Arc::clone(&runs);
            let told = pool.broadcast(move |()| {
                count.fetch_add(1, Ordering::Relaxed);
                concurrent_futures::task::slot()
            });
            for (slot, answer) in told.iter().enumerate() {
                let answer = answer.result(Duration::from_secs(30));
                assert_eq!(answer.unwrap(), Some(slot), "idle after {idle} us, round {round}");
            }
            plain.result(None).unwrap();
        }
        assert_eq!(runs.load(Ordering::Relaxed), 3 * rounds);
    }
}

/// A broadcast that races a shutdown: each of its futures runs, or says why not.
#[test]
fn a_broadcast_races_a_shutdown() {
    let _watchdog = support::watchdog();
    for seed in 0..scaled(500) as u64 {
        let mut chance = Chance::new(seed);
        let pool = ThreadPoolExecutor::new(2).unwrap();
        let runs = Arc::new(AtomicUsize::new(0));
        let told = thread::scope(|scope| {
            let (other, count) = (pool.clone(), Arc::clone(&runs));
            let told = scope.spawn(move || {
                other.broadcast(move |()| {
                    count.fetch_add(1, Ordering::Relaxed);
                })
            });
            chance.dither();
            let how = if chance.coin() { Shutdown::wait() } else { Shutdown::wait().cancel_pending() };
            pool.shutdown(how);
            told.join().unwrap()
        });
        let outcomes: Vec<_> = told.iter().map(|answer| answer.result(None)).collect();
        let ran = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let fair = |error: &concurrent_futures::TaskError| error.is_cancelled() || error.is_rejected();
        assert!(outcomes.iter().all(|outcome| outcome.as_ref().err().is_none_or(fair)), "seed {seed}: {outcomes:?}");
        assert_eq!(runs.load(Ordering::Relaxed), ran, "seed {seed}");
    }
}

/// Handles that are cloned and dropped everywhere; the last of them, wherever that is, ends the pool once.
#[test]
fn clones_are_dropped_by_many_threads_and_by_tasks() {
    let _watchdog = support::watchdog();
    for seed in 0..scaled(400) as u64 {
        let ended = Arc::new(AtomicUsize::new(0));
        let (started, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&ended));
        let starts = Arc::clone(&started);
        let builder = ThreadPoolExecutor::builder().max_workers(2).on_thread_stop(move |_| {
            stopped.fetch_add(1, Ordering::SeqCst);
        });
        let builder = builder.on_thread_start(move |_| {
            starts.fetch_add(1, Ordering::SeqCst);
        });
        let pool = builder.build().unwrap();
        let futures: Vec<_> = thread::scope(|scope| {
            let holders: Vec<_> = (0..3)
                .map(|number| {
                    let handle = pool.clone();
                    scope.spawn(move || {
                        let mut chance = Chance::new(seed * 10 + number);
                        let inner = handle.clone();
                        let future = handle.submit(move || drop(inner));
                        chance.dither();
                        drop(handle);
                        future
                    })
                })
                .collect();
            drop(pool);
            holders.into_iter().map(|holder| holder.join().unwrap()).collect()
        });
        for future in futures {
            future.result(None).unwrap();
        }
        support::eventually("every thread has stopped", || {
            started.load(Ordering::SeqCst) == ended.load(Ordering::SeqCst)
        });
    }
}
