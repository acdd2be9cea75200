//! What every executor does, after CPython's `executor.py`: submit and map.

mod support;

use concurrent_futures::{
    BuildError, Executor, Future, InProcessExecutor, InlineExecutor, PortableError, Shutdown, TaskError,
    ThreadPoolExecutor, call, promise,
};
use std::cell::Cell;
use std::io;
use std::iter;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};
use support::{Gate, eventually, quiet_panics_of, watchdog};

const PANICKING: &[&str] = &["ThreadPoolExecutor"];

fn pool(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(workers).unwrap()
}

/// Results, with errors as their texts.
fn texts<T>(results: impl Iterator<Item = Result<T, TaskError>>) -> Vec<Result<T, String>> {
    results.map(|result| result.map_err(|error| error.to_string())).collect()
}

// case 1
#[test]
fn submit_gives_the_result() {
    let _watchdog = watchdog();
    let pool = pool(5);
    assert_eq!(pool.submit(|| 2_u32.pow(8)).result(None).unwrap(), 256);
    assert_eq!(pool.submit(call!(u32::pow(2, 8))).result(None).unwrap(), 256);
}

// case 2
#[test]
fn captures_and_arguments_of_any_number_arrive() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (text, list, pair) = (String::from("text"), vec![1, 2], (3.5, 'x'));
    let captures = pool.submit(move || (text, list, pair));
    assert_eq!(captures.result(None).unwrap(), (String::from("text"), vec![1, 2], (3.5, 'x')));
    assert_eq!(pool.submit(call!(String::new())).result(None).unwrap(), "");
    let twelve = |a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8| {
        [a, b, c, d, e, f, g, h, i, j, k, l]
    };
    let twelve = pool.submit(call!(twelve(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)));
    assert_eq!(twelve.result(None).unwrap(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
}

// beside case 2
#[test]
fn the_same_function_serves_many_submits() {
    let _watchdog = watchdog();
    let pool = pool(3);
    let job = |n: u64| move || n * n;
    let futures: Vec<Future<u64>> = (0..100).map(|n| pool.submit(job(n))).collect();
    let squares: Vec<u64> = futures.iter().map(|future| future.result(None).unwrap()).collect();
    assert_eq!(squares, (0..100).map(|n| n * n).collect::<Vec<_>>());
}

// beside case 3
#[test]
fn map_over_several_inputs_ends_with_the_shortest() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let powers = pool.map(|(base, exponent): (u32, u32)| base.pow(exponent), iter::zip(0..10, 0..10));
    assert_eq!(texts(powers), (0..10_u32).map(|n| Ok(n.pow(n))).collect::<Vec<_>>());
    let sums = pool.map(|((a, b), c): ((i32, i32), i32)| a + b + c, (0..5).zip(10..).zip([100, 200, 300]));
    assert_eq!(texts(sums), [Ok(110), Ok(212), Ok(314)]);
}

// case 4
#[test]
fn an_error_costs_its_item_alone() {
    let _watchdog = watchdog();
    quiet_panics_of(PANICKING);
    let pool = pool(2);
    for chunk in [0, 1, 3, 4, 100] {
        let divide = |(a, b): (u32, u32)| a / b;
        let mut map = pool.map(divide, [(1, 1), (9, 3), (5, 0), (8, 2)]).chunksize(chunk);
        let items: Vec<Option<u32>> = map.by_ref().map(Result::ok).collect();
        assert_eq!(items, [Some(1), Some(3), None, Some(4)], "in chunks of {chunk}");
        assert!(map.next().is_none() && map.next().is_none(), "in chunks of {chunk}");
    }
}

// beside case 4
#[test]
fn first_last_and_all_may_fail() {
    let _watchdog = watchdog();
    quiet_panics_of(PANICKING);
    let pool = pool(2);
    for bad in [vec![0], vec![9], vec![0, 9], (0..10).collect(), Vec::new()] {
        for chunk in [1, 4, 10] {
            let expected: Vec<Option<u32>> = (0..10).map(|n| (!bad.contains(&n)).then_some(n)).collect();
            let bad = bad.clone();
            let picky = move |n| if bad.contains(&n) { panic!("no {n}") } else { n };
            let items: Vec<Option<u32>> = pool.map(picky, 0..10).chunksize(chunk).map(Result::ok).collect();
            assert_eq!(items, expected, "in chunks of {chunk}");
        }
    }
}

// case 5
#[test]
fn a_timeout_that_the_function_reports_is_not_the_maps() {
    fn read(n: u32) -> io::Result<u32> {
        if n == 1 { Err(io::ErrorKind::TimedOut.into()) } else { Ok(n) }
    }
    let _watchdog = watchdog();
    let pool = pool(2);
    for limit in [None, Some(Duration::from_secs(600))] {
        let mut map = pool.map(read, 0..4).timeout(limit).fallible();
        assert_eq!(map.next().unwrap().unwrap(), 0);
        let error = map.next().unwrap().unwrap_err();
        assert!(error.is_failed() && !error.is_timed_out(), "{error}");
        assert_eq!(error.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::TimedOut);
        assert_eq!(texts(map.by_ref()), [Ok(2), Ok(3)]);
        assert!(map.next().is_none());
    }
    // Even the crate's own error type.
    let own = pool.submit(|| Err::<u32, _>(TaskError::TimedOut)).fallible().result(None).unwrap_err();
    assert!(own.is_failed() && !own.is_timed_out(), "{own}");
}

// case 6
#[test]
fn out_of_time_what_is_ready_comes_then_one_error_then_the_end() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (begun, release) = (Gate::new(), Gate::new());
    let (begins, released) = (begun.clone(), release.clone());
    let ran = Arc::new(AtomicUsize::new(0));
    let runs = Arc::clone(&ran);
    let item = move |n: u32| {
        runs.fetch_add(1, Ordering::Relaxed);
        if n == 2 {
            begins.open();
            released.wait();
        }
        n
    };
    // Far longer than it takes to start four items.
    let limit = Duration::from_millis(500);
    let began = Instant::now();
    let mut map = pool.map(item, 0..4).chunksize(1).buffersize(4).timeout(limit).start();
    // With one worker, the third item begins after the first two have ended.
    begun.wait();
    thread::sleep(limit.saturating_sub(began.elapsed()) + Duration::from_millis(1));
    assert_eq!(texts(map.by_ref().take(2)), [Ok(0), Ok(1)], "ready before the time was up");
    assert!(map.next().unwrap().unwrap_err().is_timed_out());
    assert!(map.next().is_none() && map.next().is_none());
    release.open();
    pool.shutdown(Shutdown::wait());
    assert_eq!(ran.load(Ordering::Relaxed), 3, "the fourth had not begun when the time was up");
}

// beside case 6
#[test]
fn the_time_of_a_map_counts_from_its_first_pull() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (limit, gate) = (Duration::from_millis(50), Gate::new());
    let released = gate.clone();
    let mut map = pool.map(move |_: u32| released.wait(), 0..2).timeout(limit);
    // Were this counted, the time would be up before the first pull.
    thread::sleep(2 * limit);
    let first_pull = Instant::now();
    assert!(map.next().unwrap().unwrap_err().is_timed_out());
    assert!(first_pull.elapsed() >= limit);
    gate.open();
    // Far away, or further than any clock goes.
    for limit in [Duration::from_secs(3600), Duration::MAX] {
        assert_eq!(texts(pool.map(|n: u32| n, 0..2).timeout(limit)), [Ok(0), Ok(1)]);
    }
}

// beside case 7
#[test]
fn dropping_a_map_cancels_what_has_not_begun_and_nothing_else() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (begun, release) = (Gate::new(), Gate::new());
    let (begins, released) = (begun.clone(), release.clone());
    let ran = Arc::new(AtomicUsize::new(0));
    let runs = Arc::clone(&ran);
    let map = pool
        .map(
            move |_: u32| {
                runs.fetch_add(1, Ordering::Relaxed);
                begins.open();
                released.wait();
            },
            0..10,
        )
        .chunksize(1)
        .eager();
    let other = pool.submit(|| "not of the map");
    begun.wait();
    drop(map);
    release.open();
    assert_eq!(other.result(None).unwrap(), "not of the map");
    pool.shutdown(Shutdown::wait());
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

// case 9
#[test]
fn a_window_or_chunk_of_zero_is_the_default() {
    let _watchdog = watchdog();
    let pool = pool(2);
    // Python refuses 0; here it means that nothing was asked for.
    assert_eq!(texts(pool.map(|n: u32| n, 0..20).buffersize(0).chunksize(0)), (0..20).map(Ok).collect::<Vec<_>>());
}

// case 10
#[test]
fn every_window_gives_all_results_in_order() {
    let _watchdog = watchdog();
    let pool = pool(3);
    for window in [1, 2, 10, 20, usize::MAX] {
        let squares = pool.map(|n: u32| n * n, 0..10).buffersize(window);
        assert_eq!(texts(squares), (0..10).map(|n| Ok(n * n)).collect::<Vec<_>>(), "a window of {window}");
    }
}

// beside case 11
#[test]
fn every_window_serves_several_inputs() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for window in [1, 2, 10] {
        let sums = pool.map(|(a, b): (u32, u32)| a + b, iter::zip(0..10, 100..)).buffersize(window);
        assert_eq!(texts(sums), (0..10).map(|n| Ok(100 + 2 * n)).collect::<Vec<_>>(), "a window of {window}");
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

// case 14
#[test]
fn an_empty_input_needs_no_worker() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let mut map = pool.map(|n: u32| n, []).buffersize(3);
    assert!(map.next().is_none() && map.next().is_none());
    assert!(pool.map(|n: u32| n, []).eager().next().is_none());
    assert_eq!(pool.map(|(a, b): (u8, u8)| a + b, iter::zip(0.., [])).count(), 0, "beside an endless one");
    assert_eq!(pool.workers(), []);
}

// beside case 15
#[test]
fn nothing_runs_before_the_first_next() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let pulled = Arc::new(AtomicUsize::new(0));
    let pulls = Arc::clone(&pulled);
    let inputs = (0..10).inspect(move |_| {
        pulls.fetch_add(1, Ordering::Relaxed);
    });
    let map = pool.map(|n: u32| n, inputs).buffersize(2);
    pool.shutdown(Shutdown::wait());
    assert_eq!((pulled.load(Ordering::Relaxed), pool.workers()), (0, Vec::new()));
    drop(map);
    assert_eq!(pulled.load(Ordering::Relaxed), 0);
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
    for round in 0..200 {
        let workers = 1 + round % 4;
        let pool = pool(workers);
        let futures: Vec<Future<usize>> = (0..=workers).map(|n| pool.submit(move || n)).collect();
        pool.shutdown(Shutdown::wait());
        assert!(futures.iter().all(Future::done), "round {round}");
    }
}

// case 18
#[test]
fn an_idle_pool_keeps_nothing_of_a_task() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for _ in 0..50 {
        let object = Arc::new([7; 100]);
        let weak: Weak<_> = Arc::downgrade(&object);
        // The future is dropped, perhaps long before the task runs.
        drop(pool.submit(move || object.iter().sum::<i32>()));
        eventually("what the task captured is gone", || weak.upgrade().is_none());
    }
    assert!(!pool.workers().is_empty(), "it has not shut down");
}

// beside case 19
#[test]
fn a_pool_needs_a_worker() {
    let message = |built: Result<ThreadPoolExecutor, BuildError>| built.unwrap_err().to_string();
    assert!(message(ThreadPoolExecutor::new(0)).contains("max_workers is 0"));
    // Python refuses negative numbers; here they wrap around to more than can be counted.
    let negative = -1_isize as usize;
    assert!(message(ThreadPoolExecutor::new(negative)).contains(&format!("max_workers is {negative}")));
}

// case 20
#[test]
fn a_map_keeps_nothing_that_it_has_yielded() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for chunk in [1, 5] {
        let mut yielded: Vec<Weak<u32>> = Vec::new();
        for object in pool.map(Arc::new, 0..10).chunksize(chunk) {
            let object = object.unwrap();
            yielded.push(Arc::downgrade(&object));
            assert_eq!(Arc::strong_count(&object), 1);
            drop(object);
            assert!(yielded.iter().all(|weak| weak.upgrade().is_none()));
        }
        assert_eq!(yielded.len(), 10);
    }
}

// case 21
#[test]
fn empty_values_and_empty_errors_are_results() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let unit = pool.submit(|| ());
    unit.result(None).unwrap();
    assert!(unit.result(None).unwrap_err().is_result_taken(), "`()` was there, and was taken");
    assert_eq!(pool.submit(|| None::<String>).result(None).unwrap(), None);
    assert_eq!(pool.submit(|| Err::<u8, ()>(())).result(None).unwrap(), Err(()));
    assert_eq!(pool.map(|()| (), [(), ()]).chunksize(2).filter(Result::is_ok).count(), 2);
    let empty = pool.submit(|| Err::<u8, _>(PortableError::from(io::Error::other("")))).fallible();
    assert!(empty.result(None).unwrap_err().is_failed());
}

// beside case 21
#[test]
fn an_inline_executor_gives_the_same() {
    let here = InlineExecutor::new();
    assert_eq!(here.submit(|| 2_u32.pow(8)).result(None).unwrap(), 256);
    assert_eq!(texts(here.map(|n: u32| n + 1, 0..3)), [Ok(1), Ok(2), Ok(3)]);
}

// beside case 21
#[test]
fn an_error_of_a_wait_is_never_taken_for_the_tasks_own() {
    let of_a_wait = [TaskError::TimedOut, TaskError::ResultTaken, TaskError::Deadlock("a circle".into())];
    for error in of_a_wait {
        let text = error.to_string();
        let (promise, future) = promise::<u8>();
        assert!(promise.set_exception(error));
        let own = future.result(None).unwrap_err();
        assert!(own.is_failed() && !own.is_timed_out(), "{own}");
        assert_eq!(own.downcast_ref::<TaskError>().unwrap().to_string(), text, "the cause is kept");
    }
    for error in [TaskError::Cancelled, TaskError::Abandoned, TaskError::DeadlineExceeded] {
        let (text, (promise, future)) = (error.to_string(), promise::<u8>());
        assert!(promise.set_exception(error));
        assert_eq!(future.result(None).unwrap_err().to_string(), text, "what tells of a task is passed on");
    }
}

/// Panics when it is made into an error.
#[derive(Debug)]
struct Unspeakable;

impl From<Unspeakable> for Box<dyn std::error::Error + Send + Sync> {
    fn from(_: Unspeakable) -> Self {
        panic!("in the conversion")
    }
}

// beside case 4
#[test]
fn a_panic_in_a_conversion_is_not_reported_from_where_an_earlier_one_was() {
    let here = InlineExecutor::new();
    let caught_in = line!() + 2;
    let failed = here.submit(|| {
        assert!(std::panic::catch_unwind(|| panic!("caught")).is_err());
        Err::<(), Unspeakable>(Unspeakable)
    });
    // On this thread, which has just seen the other panic.
    let Err(TaskError::Panicked(report)) = failed.fallible().result(None) else { panic!("it did not panic") };
    assert_eq!(report.message, "in the conversion");
    let caught_at = format!("cases_executor.rs:{caught_in}:");
    assert!(report.location.as_deref().is_none_or(|at| !at.contains(&caught_at)), "{report}");
}

// beside case 1
#[test]
fn whoever_takes_any_executor_has_everything() {
    fn lengths(executor: &dyn InProcessExecutor, words: &[String]) -> Vec<usize> {
        let mut lengths = vec![0; words.len()];
        executor.scope(|s| {
            for (word, length) in words.iter().zip(&mut lengths) {
                drop(s.submit(move || *length = word.len()));
            }
        });
        lengths
    }
    let _watchdog = watchdog();
    let (pool, inline) = (pool(2), InlineExecutor::new());
    let words = ["one", "three"].map(String::from);
    for executor in [&pool as &dyn InProcessExecutor, &inline] {
        assert_eq!(lengths(executor, &words), [3, 5]);
    }
    let any: [&dyn Executor; 2] = [&pool, &inline];
    for executor in any {
        assert_eq!(executor.guard().shutdown().abandoned, 0);
        assert!(executor.submit(call!(u32::pow(2, 8))).result(None).unwrap_err().is_rejected());
    }
}
