//! Nothing hangs, and one failure costs one task, whatever goes wrong on a task's way to a worker process and back: after
//! CPython's `test_deadlock.py`.
//!
//! CPython breaks the whole pool for most of these; here the future has a typed error, and the pool goes on.
//!
//! Not here: an `exit` while a result is read, or in a callback (case 38 in that form). Both happen in the process of the
//! caller, and end it, as they should; their panics are here.
#![cfg(target_os = "linux")]

#[path = "cases/processes.rs"]
mod processes;
#[path = "../src/conformance/signal.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod signal;
#[path = "cases/traps.rs"]
mod traps;

mod support;

use concurrent_futures::{Future, PortableError, ProcessPoolExecutor, Shutdown, TaskError, call, task};
use processes::pids;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::Duration;
use support::{Gate, eventually, watchdog};
use traps::{Does, Trap, When, act};

fn pool(workers: usize) -> ProcessPoolExecutor {
    ProcessPoolExecutor::new(workers).unwrap()
}

fn size(trap: Trap) -> usize {
    trap.size()
}

fn back(trap: Trap) -> Trap {
    trap
}

fn double(n: u32) -> u32 {
    2 * n
}

/// Everything that was asked for is done, by as many workers as there should be.
#[track_caller]
fn assert_usable(pool: &ProcessPoolExecutor) {
    let doubles: Vec<Future<u32>> = (0..20).map(|n| pool.submit(call!(double(n)))).collect();
    for (n, future) in (0..).zip(&doubles) {
        assert_eq!(future.result(None).unwrap(), 2 * n);
    }
}

/// The worker died, of this exit code or signal.
#[track_caller]
fn assert_died(error: &TaskError, exit_code: Option<i32>, signal: Option<i32>) {
    let TaskError::WorkerDied(report) = error else { panic!("{error}") };
    assert_eq!((report.exit_code, report.signal), (exit_code, signal), "{report}");
    assert_eq!(report.may_have_run, Some(true));
    assert!(!processes::exists(report.pid), "a zombie is left");
}

/// What ends a process, with how that shows.
const ENDS: [(Does, Option<i32>, Option<i32>); 4] = [
    (Does::Exits(1), Some(1), None),
    (Does::Exits(0), Some(0), None),
    (Does::Crashes, None, Some(11)),
    (Does::Aborts, None, Some(6)),
];

/// One task that ends its worker, among others that do not: it alone fails.
#[track_caller]
fn one_dies_the_others_live(when: When) {
    let pool = pool(2);
    for (does, exit_code, signal) in ENDS {
        let before: Vec<Future<u32>> = (0..10).map(|n| pool.submit(call!(double(n)))).collect();
        let bad = pool.submit(call!(back(Trap::new(when, does))));
        let after: Vec<Future<u32>> = (0..10).map(|n| pool.submit(call!(double(n)))).collect();
        assert_died(&bad.exception(None).unwrap().unwrap(), exit_code, signal);
        for (n, future) in (0..10).chain(0..10).zip(before.iter().chain(&after)) {
            assert_eq!(future.result(None).unwrap(), 2 * n, "{does:?}");
        }
    }
    assert_usable(&pool);
}

/// One task that fails on its way, among others that do not, with the text of why; no worker is lost.
#[track_caller]
fn one_fails_the_others_live(when: When, verb: &str) {
    let pool = pool(1);
    assert_usable(&pool);
    let worker = pids(&pool);
    for (does, text) in [(Does::Fails, "a trap failed"), (Does::Panics, "a trap panicked")] {
        for _ in 0..3 {
            let bad = pool.submit(call!(back(Trap::new(when, does))));
            let good = pool.submit(call!(back(Trap::harmless())));
            let error = bad.result(None).unwrap_err();
            assert!(error.is_codec(), "{error}");
            let said = error.to_string();
            assert!(said.contains("Trap") && said.contains(verb), "{said}");
            assert!(said.contains(text), "{said}");
            assert_eq!(good.result(None).unwrap().size(), 0);
        }
    }
    assert_eq!(pids(&pool), worker, "no worker is lost");
}

// beside case 28
#[test]
fn an_argument_that_cannot_be_written_fails_its_task() {
    let _watchdog = watchdog();
    one_fails_the_others_live(When::Leaving, "encoded");
}

// case 28, and case 30
#[test]
fn the_end_of_a_worker_that_reads_an_argument_fails_that_task() {
    let _watchdog = watchdog();
    one_dies_the_others_live(When::Arriving);
}

// case 29
#[test]
fn an_argument_that_cannot_be_read_fails_its_task() {
    let _watchdog = watchdog();
    one_fails_the_others_live(When::Arriving, "decoded");
}

// case 32
#[test]
fn the_end_of_a_worker_in_a_task_fails_that_task() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for (does, exit_code, signal) in ENDS {
        let bad = pool.submit(task!([does] => act(does).unwrap()));
        assert_died(&bad.exception(None).unwrap().unwrap(), exit_code, signal);
        assert_usable(&pool);
    }
    let panicked = pool.submit(task!([] => if true { std::panic::panic_any(1_u8) }));
    assert!(panicked.result(None).unwrap_err().is_panicked(), "a payload without text is a panic, too");
}

// case 33
#[test]
fn an_error_in_a_task_is_its_futures_and_the_worker_goes_on() {
    fn read(n: u32) -> Result<u32, PortableError> {
        Ok(format!("{n}x").parse()?)
    }
    let _watchdog = watchdog();
    let pool = pool(1);
    assert_usable(&pool);
    let worker = pids(&pool);
    let line = line!() + 1;
    let panicked = pool.submit(task!([n = 7] => if n == 7 { panic!("not {n}") }));
    let Err(TaskError::Panicked(report)) = panicked.result(None) else { panic!("it did not panic") };
    assert_eq!(report.message, "not 7");
    let place = format!("tests/cases_processes_deadlock.rs:{line}:");
    assert!(report.location.as_deref().is_some_and(|at| at.starts_with(&place)), "{report}");
    let own = pool.submit(call!(read(3))).result(None).unwrap();
    assert_eq!(own.unwrap_err().to_string(), "invalid digit found in string");
    let error = pool.submit(call!(read(3))).fallible().result(None).unwrap_err();
    assert!(error.is_failed() && error.to_string().contains("invalid digit"), "{error}");
    assert_usable(&pool);
    assert_eq!(pids(&pool), worker);
}

// case 34
#[test]
fn the_end_of_a_worker_that_writes_a_result_fails_that_task() {
    let _watchdog = watchdog();
    one_dies_the_others_live(When::Returning);
}

// beside case 34
#[test]
fn the_end_of_a_worker_that_drops_an_argument_or_a_result_fails_that_task() {
    let _watchdog = watchdog();
    one_dies_the_others_live(When::Dropped);
    let pool = pool(1);
    for (does, exit_code, signal) in ENDS {
        let bad = pool.submit(call!(size(Trap::new(When::Dropped, does))));
        assert_died(&bad.exception(None).unwrap().unwrap(), exit_code, signal);
    }
    let panicked = pool.submit(call!(size(Trap::new(When::Dropped, Does::Panics))));
    assert!(panicked.result(None).unwrap_err().is_panicked(), "it is a part of its task");
    let returned = pool.submit(call!(back(Trap::new(When::Dropped, Does::Panics))));
    assert_eq!(returned.result(None).unwrap().size(), 0, "the value has been written by then");
    assert_usable(&pool);
}

// case 36
#[test]
fn a_result_that_cannot_be_written_fails_its_task() {
    let _watchdog = watchdog();
    one_fails_the_others_live(When::Returning, "encoded");
}

// case 37, and case 38 as far as it goes
#[test]
fn a_result_that_cannot_be_read_fails_its_task() {
    let _watchdog = watchdog();
    one_fails_the_others_live(When::Back, "decoded");
}

// beside case 37
#[test]
fn a_result_is_read_by_those_who_want_it() {
    let _watchdog = watchdog();
    let pool = pool(1);
    // Nobody asks for it, so nobody reads it.
    drop(pool.submit(call!(back(Trap::new(When::Back, Does::Exits(9))))));
    let kept = pool.submit(call!(back(Trap::new(When::Back, Does::Panics))));
    assert_usable(&pool);
    assert!(kept.done());
    // A callback wants it, and so do a shared future's readers.
    let (sender, seen) = mpsc::channel();
    kept.add_done_callback(move |outcome| sender.send(outcome.is_err_and(TaskError::is_codec)).unwrap());
    assert!(seen.recv().unwrap());
    let shared = pool.submit(call!(back(Trap::new(When::Back, Does::Fails)))).shared();
    for _ in 0..2 {
        let error = shared.result(None).unwrap_err();
        assert!(error.is_codec() && error.to_string().contains("a trap failed"), "{error}");
    }
}

// beside cases 28 to 38
#[test]
fn in_a_chunk_a_bad_item_costs_itself() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let failing = [(Does::Fails, "a trap failed"), (Does::Panics, "a trap panicked")];
    let moments = [When::Leaving, When::Arriving, When::Returning, When::Back];
    for when in moments {
        for (does, text) in failing {
            let items = (0..9).map(|n| if n == 4 { Trap::new(when, does) } else { Trap::harmless() });
            let results: Vec<_> = pool.map(back, items).chunksize(9).collect();
            for (n, result) in results.iter().enumerate() {
                let failed = result.as_ref().is_err_and(|error| error.is_codec() && error.to_string().contains(text));
                assert_eq!(failed, n == 4, "{when:?} {does:?} {n}: {result:?}");
                assert_eq!(result.is_err(), n == 4, "{when:?} {does:?} {n}: {result:?}");
            }
            assert_eq!(results.len(), 9);
        }
    }
    for when in [When::Arriving, When::Returning, When::Dropped] {
        for (does, exit_code, signal) in ENDS {
            let items = (0..9).map(|n| if n % 4 == 3 { Trap::new(when, does) } else { Trap::harmless() });
            let results: Vec<_> = pool.map(back, items).chunksize(9).collect();
            assert_eq!(results.len(), 9);
            for (n, result) in results.into_iter().enumerate() {
                match result {
                    Ok(_) => assert_ne!(n % 4, 3, "{when:?} {does:?} {n}"),
                    Err(error) => {
                        assert_eq!(n % 4, 3, "{when:?} {does:?} {n}: {error}");
                        assert_died(&error, exit_code, signal);
                    }
                }
            }
        }
    }
    assert_usable(&pool);
}

/// What a map shares: ends the worker that drops it, and so after the last item of a chunk.
#[derive(Serialize, Deserialize)]
struct EndsWorker {
    home: u32,
}

impl Drop for EndsWorker {
    fn drop(&mut self) {
        if std::process::id() != self.home {
            std::process::exit(4);
        }
    }
}

// beside cases 28 to 38
#[test]
fn the_end_of_a_worker_after_the_last_item_costs_nothing() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for chunk in [2, 6, 12] {
        let shared = EndsWorker { home: std::process::id() };
        let results: Vec<_> = pool.map_with(shared, |_, n: u32| n, 0..12).chunksize(chunk).collect();
        let values: Vec<u32> = results.into_iter().map(Result::unwrap).collect();
        assert_eq!(values, (0..12).collect::<Vec<_>>(), "in chunks of {chunk}");
    }
    // With no result before its end, the only item is to blame.
    let shared = EndsWorker { home: std::process::id() };
    let alone: Vec<_> = pool.map_with(shared, |_, n: u32| n, 0..2).chunksize(1).collect();
    assert!(alone.iter().all(|result| result.as_ref().is_err_and(TaskError::is_worker_died)), "{alone:?}");
}

// beside case 29
#[test]
fn what_a_map_shares_costs_the_map_when_it_is_bad() {
    let _watchdog = watchdog();
    let pool = pool(1);
    for when in [When::Leaving, When::Arriving] {
        for (does, text) in [(Does::Fails, "a trap failed"), (Does::Panics, "a trap panicked")] {
            let results: Vec<_> = pool.map_with(Trap::new(when, does), |_, n: u32| n, 0..6).chunksize(3).collect();
            assert_eq!(results.len(), 6);
            let said = |error: &TaskError| error.is_codec() && error.to_string().contains(text);
            assert!(results.iter().all(|result| result.as_ref().is_err_and(said)), "{results:?}");
        }
    }
    let died: Vec<_> =
        pool.map_with(Trap::new(When::Arriving, Does::Exits(5)), |_, n: u32| n, 0..4).chunksize(2).collect();
    assert_eq!(died.len(), 4);
    for result in died {
        assert_died(&result.unwrap_err(), Some(5), None);
    }
    assert_usable(&pool);
}

// case 40
#[test]
fn a_task_that_cannot_be_written_does_not_hold_up_a_shutdown() {
    let _watchdog = watchdog();
    let pool = pool(2);
    assert_usable(&pool);
    let bad = pool.submit(call!(back(Trap::new(When::Leaving, Does::Fails))));
    pool.shutdown(Shutdown::no_wait());
    assert!(bad.result(None).unwrap_err().is_codec());
    let report = pool.shutdown(Shutdown::wait());
    assert_eq!((report.abandoned, pids(&pool)), (0, Vec::new()));
}

// beside case 40
#[test]
fn a_shutdown_ends_with_tasks_that_fail_in_every_way() {
    let _watchdog = watchdog();
    for how in [Shutdown::no_wait(), Shutdown::wait(), Shutdown::wait().cancel_pending()] {
        let pool = pool(2);
        let mut futures = Vec::new();
        for when in [When::Leaving, When::Arriving, When::Dropped, When::Returning] {
            for does in [Does::Fails, Does::Panics, Does::Exits(3), Does::Crashes] {
                // This process is not to end.
                if when != When::Leaving || matches!(does, Does::Fails | Does::Panics) {
                    futures.push(pool.submit(call!(back(Trap::new(when, does)))));
                }
            }
        }
        pool.shutdown(how.clone());
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0, "{how:?}");
        assert!(futures.iter().all(Future::done), "{how:?}");
        assert!(pids(&pool).is_empty());
    }
}

// case 41
#[test]
fn crashes_with_large_arguments_do_not_clog_anything() {
    let _watchdog = watchdog();
    const LARGE: usize = 4 << 20;
    let pool = pool(2);
    let items = (0..10).map(|_| Trap::of_size(LARGE, When::Returning, Does::Crashes));
    let results: Vec<_> = pool.map(back, items).chunksize(1).collect();
    assert_eq!(results.len(), 10);
    for result in results {
        assert_died(&result.unwrap_err(), None, Some(11));
    }
    // Crashing before any of it was read.
    let futures: Vec<_> =
        (0..10).map(|_| pool.submit(call!(size(Trap::of_size(LARGE, When::Arriving, Does::Aborts))))).collect();
    for future in futures {
        assert_died(&future.result(None).unwrap_err(), None, Some(6));
    }
    assert_usable(&pool);
}

// beside case 41
#[test]
fn arguments_and_results_may_be_as_large_as_memory_allows() {
    let _watchdog = watchdog();
    let pool = pool(2);
    // About where the ring's own room ends, the longest that goes inline, and far beyond.
    for bytes in [0, 100, 4_000, 16_300, 16_384, 16_500, 70_000, 1 << 20, 48 << 20] {
        let load = "x".repeat(bytes);
        let there: Vec<_> = (0..3).map(|_| pool.submit(task!([load = load.clone()] => load))).collect();
        assert!(there.iter().all(|future| future.result(None).unwrap() == load), "{bytes} bytes");
    }
    // More than the workers have taken from their sockets, and more than the ring has room for.
    let load = |n: u32| n.to_string().repeat(500_000);
    let many: Vec<_> = (0..40).map(|n| pool.submit(task!([n, load = load(n)] => (n, load)))).collect();
    for (n, future) in (0..).zip(many) {
        assert!(future.result(None).unwrap() == (n, load(n)), "{n}");
    }
    let mapped = pool.map(|n: usize| "y".repeat(n), [1 << 20, 3, 1 << 14, 1 << 21, 0]).chunksize(5);
    let lengths: Vec<usize> = mapped.map(|load| load.unwrap().len()).collect();
    assert_eq!(lengths, [1 << 20, 3, 1 << 14, 1 << 21, 0]);
}

// case 42
#[test]
fn a_hundred_thousand_submits_never_wait_for_the_pools_own_thread() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let directory = signal::Directory::new().unwrap();
    let release = directory.signal();
    // Workers that take nothing more: all that follows goes into the queue, and every submit rings.
    let limit = Duration::from_secs(100);
    let holds: Vec<_> =
        (0..2).map(|_| pool.submit(task!([release = release.clone(), limit] => release.wait(limit)))).collect();
    let futures: Vec<Future<u32>> = std::thread::scope(|threads| {
        let submit = |part: u32| {
            let pool = &pool;
            threads
                .spawn(move || (0..25_000).map(|n| pool.submit(call!(double(part * 25_000 + n)))).collect::<Vec<_>>())
        };
        let parts: Vec<_> = (0..4).map(submit).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert!(!futures.iter().any(Future::done), "nothing is done while the workers are held");
    release.raise();
    for (n, future) in (0..).zip(&futures) {
        assert_eq!(future.result(None).unwrap(), 2 * n);
    }
    assert!(holds.iter().all(|hold| hold.result(None).unwrap()));
}

// beside case 42
#[test]
fn a_callback_that_blocks_or_panics_holds_nobody_up() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let gate = Gate::new();
    let released = gate.clone();
    let (sender, after) = mpsc::channel();
    let blocks = pool.submit(call!(double(1)));
    blocks.add_done_callback(move |_| {
        released.wait();
        panic!("a callback");
    });
    blocks.add_done_callback(move |outcome| sender.send(*outcome.unwrap()).unwrap());
    assert_usable(&pool);
    let all: Vec<u32> = pool.map(double, 0..1000).map(Result::unwrap).collect();
    assert_eq!(all.len(), 1000);
    assert!(after.try_recv().is_err(), "the callbacks of that future are not over");
    gate.open();
    assert_eq!(after.recv().unwrap(), 2, "the callback after one that panicked");
}

/// A pool for code that runs while another pool is at work on it.
fn helper() -> &'static ProcessPoolExecutor {
    static POOL: OnceLock<ProcessPoolExecutor> = OnceLock::new();
    POOL.get_or_init(|| pool(1))
}

/// Waits for a task of the same pool whenever it is written or read in the process where it was made.
struct Waits {
    home: u32,
}

impl Waits {
    fn wait(home: u32) {
        if home == std::process::id() {
            assert_eq!(helper().submit(call!(double(21))).result(Duration::from_secs(60)).unwrap(), 42);
        }
    }
}

impl Serialize for Waits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Waits::wait(self.home);
        self.home.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Waits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let home = u32::deserialize(deserializer)?;
        Waits::wait(home);
        Ok(Waits { home })
    }
}

// beside cases 36 and 37
#[test]
fn what_is_written_and_read_may_use_the_pool_itself() {
    let _watchdog = watchdog();
    for _ in 0..5 {
        let waits = Waits { home: std::process::id() };
        let future = helper().submit(task!([waits] => waits));
        assert_eq!(future.result(None).unwrap().home, std::process::id());
    }
    let waits = Waits { home: std::process::id() };
    let (sender, called) = mpsc::channel();
    let future = helper().submit(task!([waits] => waits));
    // Read on the thread that tells.
    future.add_done_callback(move |outcome| sender.send(outcome.is_ok()).unwrap());
    assert!(called.recv().unwrap());
    let several = (0..6).map(|_| Waits { home: std::process::id() });
    assert_eq!(helper().map(|waits: Waits| waits, several).chunksize(2).filter(Result::is_ok).count(), 6);
}

// beside case 42
#[test]
fn a_callback_may_wait_for_another_task_of_the_pool() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let inside = pool.clone();
    let (sender, results) = mpsc::channel();
    for n in 0..20 {
        let (inside, sender) = (inside.clone(), sender.clone());
        pool.submit(call!(double(n))).add_done_callback(move |outcome| {
            let again = inside.submit(call!(double(*outcome.unwrap()))).result(Duration::from_secs(60));
            sender.send((n, again.unwrap())).unwrap();
        });
    }
    drop(sender);
    let mut all: Vec<(u32, u32)> = results.iter().collect();
    all.sort_unstable();
    assert_eq!(all, (0..20).map(|n| (n, 4 * n)).collect::<Vec<_>>());
    drop(inside);
    eventually("nothing is left to be done", || pool.stats().queued + pool.stats().running == 0);
}
