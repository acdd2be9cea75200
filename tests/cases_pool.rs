//! What `multiprocessing.Pool` promises and a pool of threads can keep as well, after CPython's
//! `_test_multiprocessing.py`.

mod support;

use concurrent_futures::{Future, Shutdown, TaskError, ThreadPoolExecutor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use support::{Gate, quiet_panics_of, watchdog};

fn pool(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(workers).unwrap()
}

// case 384
#[test]
fn maps_of_every_form_keep_the_order() {
    let _watchdog = watchdog();
    let pool = pool(4);
    let squares: Vec<u64> = (0..100).map(|n| n * n).collect();
    let square = |n: u64| n * n;
    let collect = |map: &mut dyn Iterator<Item = Result<u64, TaskError>>| map.map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(collect(&mut pool.map(square, 0..100).chunksize(20)), squares);
    assert_eq!(collect(&mut pool.map(square, 0..100).chunksize(20).eager()), squares);
    assert_eq!(collect(&mut pool.map(|(a, b): (u64, u64)| a * b, (0..100).zip(0..)).chunksize(20)), squares);
    let futures = pool.map(square, 0..100).into_futures();
    assert_eq!(futures.iter().map(|future| future.result(None).unwrap()).collect::<Vec<_>>(), squares);
}

// case 385
#[test]
fn each_callback_comes_once_with_its_outcome() {
    let _watchdog = watchdog();
    quiet_panics_of(&["ThreadPoolExecutor"]);
    let pool = pool(2);
    let (sender, calls) = mpsc::channel();
    let watch = |future: &Future<Vec<u32>>| {
        let sender = sender.clone();
        future.add_done_callback(move |outcome| sender.send(outcome.cloned().map_err(ToString::to_string)).unwrap());
    };
    watch(&pool.submit(|| vec![1, 4, 9]));
    assert_eq!(calls.recv().unwrap(), Ok(vec![1, 4, 9]), "the whole list at once");
    watch(&pool.submit(|| panic!("no list")));
    assert!(calls.recv().unwrap().unwrap_err().contains("no list"));
    drop((sender, pool));
    assert!(calls.recv().is_err(), "no more calls");
}

// beside case 387
#[test]
fn chunks_larger_than_the_input_are_one_chunk() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for chunk in [1000, usize::MAX] {
        let results: Vec<u32> = pool.map(|n| n, 0..10).chunksize(chunk).map(Result::unwrap).collect();
        assert_eq!(results, (0..10).collect::<Vec<_>>(), "chunks of {chunk}");
    }
}

// case 388
#[test]
fn an_input_that_panics_reaches_the_caller_and_harms_nothing() {
    let _watchdog = watchdog();
    quiet_panics_of(&["an_input_that_panics"]);
    let pool = pool(2);
    // At once, at the fourth, and though it says how many there will be.
    for good in [0, 3] {
        for chunk in [1, 2, 100] {
            let ran = Arc::new(AtomicUsize::new(0));
            let runs = Arc::clone(&ran);
            let inputs = (0..10_usize).map(|n| if n < good { n } else { panic!("no input {n}") });
            let mut map = pool
                .map(move |n| (runs.fetch_add(1, Ordering::Relaxed), n).1, inputs)
                .chunksize(chunk)
                .buffersize(chunk);
            let mut panics = Vec::new();
            let mut values = Vec::new();
            loop {
                match catch_unwind(AssertUnwindSafe(|| map.next())) {
                    Ok(Some(value)) => values.push(value.unwrap()),
                    Ok(None) => break,
                    Err(payload) => panics.push(*payload.downcast::<String>().unwrap()),
                }
            }
            assert_eq!(panics, [format!("no input {good}")], "{good} inputs in chunks of {chunk}");
            assert!(values.iter().copied().eq(0..values.len()) && values.len() <= good);
            drop(map);
            assert!(ran.load(Ordering::Relaxed) <= good);
        }
    }
    // Python's reaches the caller at the call; an eager map's does as well.
    let eager = catch_unwind(AssertUnwindSafe(|| drop(pool.map(|n: u8| n, (0..3).map(|_| panic!("eagerly"))).eager())));
    assert!(eager.is_err());
    assert_eq!(pool.map(|n: u32| n, 0..100).map(Result::unwrap).sum::<u32>(), 4950, "the pool is as before");
}

// case 389
#[test]
fn a_wait_that_is_too_short_leaves_the_task_alone() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let gate = Gate::new();
    let released = gate.clone();
    let future = pool.submit(move || {
        released.wait();
        49
    });
    let began = Instant::now();
    assert!(future.result(Duration::from_millis(20)).unwrap_err().is_timed_out());
    assert!(began.elapsed() >= Duration::from_millis(20));
    assert!(!future.done() && !future.cancelled());
    gate.open();
    assert_eq!(future.result(Duration::from_secs(60)).unwrap(), 49);
}

// case 390
#[test]
fn lazy_maps_end_and_stay_at_their_end() {
    let _watchdog = watchdog();
    let pool = pool(4);
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
    let gate = Gate::new();
    let released = gate.clone();
    let item = move |n: u32| {
        if n == 0 {
            released.wait();
        }
        n
    };
    let mut map = pool.map(item, 0..5).chunksize(1).buffersize(5).unordered();
    let first: Vec<u32> = map.by_ref().take(4).map(Result::unwrap).collect();
    assert!(!first.contains(&0), "the first input holds nobody up");
    gate.open();
    assert_eq!(map.next().unwrap().unwrap(), 0);
    assert!(map.next().is_none());
}

// beside case 391
#[test]
fn errors_come_in_their_places_and_cost_nobody_else() {
    let _watchdog = watchdog();
    quiet_panics_of(&["ThreadPoolExecutor"]);
    let pool = pool(3);
    let picky = |n: u32| if n % 3 == 1 { panic!("not {n}") } else { n };
    let results: Vec<Option<u32>> = pool.map(picky, 0..9).chunksize(4).map(Result::ok).collect();
    assert_eq!(results, (0..9).map(|n| (n % 3 != 1).then_some(n)).collect::<Vec<_>>());
    let failed = pool.map(picky, 0..9).chunksize(4).unordered().filter(Result::is_err).count();
    assert_eq!(failed, 3);
}

// case 392
#[test]
fn a_pool_has_the_size_that_was_asked_for() {
    assert!(ThreadPoolExecutor::new(0).is_err());
    assert_eq!(pool(3).max_workers(), 3);
}

// case 393
#[test]
fn a_deep_backlog_is_cancelled_quickly() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let gate = Gate::new();
    let waits = |_| {
        let released = gate.clone();
        pool.submit(move || released.wait())
    };
    let futures: Vec<Future<()>> = (0..10_000).map(waits).collect();
    let began = Instant::now();
    let report = pool.shutdown(Shutdown::no_wait().cancel_pending());
    let elapsed = began.elapsed();
    gate.open();
    // What a worker had in its hand was cancelled a moment later, and is in the report of who waits.
    let rest = pool.shutdown(Shutdown::wait().cancel_pending());
    let cancelled = futures.iter().filter(|future| future.cancelled()).count();
    assert_eq!(cancelled, report.cancelled + rest.cancelled, "{report:?}, {rest:?}");
    assert!(cancelled >= 9_998 && elapsed < Duration::from_secs(20), "{report:?}, {rest:?} after {elapsed:?}");
    assert!(futures.iter().all(Future::done));
}

// case 394
#[test]
fn no_input_no_output() {
    let pool = pool(2);
    let empty = || pool.map(|n: u32| n, []);
    assert_eq!(empty().count() + empty().unordered().count() + empty().eager().count(), 0);
    assert_eq!(empty().chunksize(5).collect::<Result<Vec<u32>, _>>().unwrap(), []);
    assert!(empty().into_futures().is_empty());
    assert_eq!(pool.workers(), []);
}

// case 397
#[test]
fn an_error_keeps_its_type() {
    #[derive(Debug, PartialEq)]
    struct Special(u32);
    impl std::fmt::Display for Special {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "special {}", self.0)
        }
    }
    impl std::error::Error for Special {}
    let _watchdog = watchdog();
    let pool = pool(1);
    let error = pool.submit(|| Err::<(), _>(Special(7))).fallible().result(None).unwrap_err();
    assert_eq!(error.downcast_ref::<Special>(), Some(&Special(7)));
    let mut map = pool.map(|n| if n == 1 { Err(Special(n)) } else { Ok(n) }, 0..3).fallible();
    assert_eq!(map.next().unwrap().unwrap(), 0);
    assert_eq!(map.next().unwrap().unwrap_err().downcast_ref::<Special>(), Some(&Special(1)));
    assert_eq!(map.next().unwrap().unwrap(), 2);
}

// beside case 398
#[test]
fn large_errors_do_not_clog_anything() {
    let _watchdog = watchdog();
    quiet_panics_of(&["ThreadPoolExecutor"]);
    let pool = pool(2);
    let fail = |n: u32| if n < 2 { panic!("{}", "x".repeat(1 << 20)) } else { n };
    let mut map = pool.map(fail, 0..6).chunksize(2);
    assert!(map.next().unwrap().unwrap_err().to_string().len() > 1 << 20);
    // The caller gives up; nothing is left that anybody would wait for.
    drop(map);
    pool.shutdown(Shutdown::wait());
}

// beside case 399
#[test]
fn inputs_and_function_of_a_map_go_with_it() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let (input, function) = (Arc::new(()), Arc::new(()));
    let (inputs, used) = (vec![Arc::clone(&input); 5], Arc::clone(&function));
    let map = pool.map(move |item: Arc<()>| Arc::strong_count(&item) + Arc::strong_count(&used), inputs);
    assert_eq!(map.filter(Result::is_ok).count(), 5);
    assert_eq!((Arc::strong_count(&input), Arc::strong_count(&function)), (1, 1), "though the pool is there");
    assert!(!pool.workers().is_empty());
}
