//! Worker processes, end to end.

mod support;

use concurrent_futures::shared_memory::SharedSlice;
use concurrent_futures::{ProcessPoolExecutor, TaskError, call, task};
use std::time::{Duration, Instant};

fn exit(code: i32) -> u32 {
    std::process::exit(code)
}

fn abort() -> u32 {
    std::process::abort()
}

fn spin() -> u32 {
    loop {
        std::hint::spin_loop();
    }
}

fn area(width: u32, height: u32) -> u32 {
    width * height
}

#[test]
fn first_call() {
    let _watchdog = support::watchdog();
    let began = Instant::now();
    let pool = ProcessPoolExecutor::new(2).unwrap();
    assert_eq!(pool.submit(call!(area(6, 7))).result(Duration::from_secs(20)).unwrap(), 42);
    println!("first result after {:?}", began.elapsed());
    let pid = pool.submit(task!([] => std::process::id())).result(None).unwrap();
    assert_ne!(pid, std::process::id());
    let began = Instant::now();
    for n in 0..1000 {
        assert_eq!(pool.submit(call!(area(n, 2))).result(None).unwrap(), 2 * n);
    }
    println!("round trip {:?}", began.elapsed() / 1000);
    let began = Instant::now();
    let all: Vec<_> = (0..20_000).map(|n| pool.submit(call!(area(n, 2)))).collect();
    for (n, one) in all.into_iter().enumerate() {
        assert_eq!(one.result(None).unwrap(), 2 * n as u32);
    }
    println!("bulk {:?} a task", began.elapsed() / 20_000);
    let mapped: Vec<u64> = pool.map(|n: u64| n * n, 0..10_000).collect::<Result<_, _>>().unwrap();
    assert_eq!(mapped.len(), 10_000);
}

#[test]
fn deaths() {
    let _watchdog = support::watchdog();
    let pool = ProcessPoolExecutor::new(2).unwrap();
    let good: Vec<_> = (0..50).map(|n| pool.submit(call!(area(n, 1)))).collect();
    let dead = [pool.submit(call!(exit(0))), pool.submit(call!(exit(3))), pool.submit(call!(abort()))];
    let more: Vec<_> = (0..50).map(|n| pool.submit(call!(area(n, 1)))).collect();
    for one in &dead {
        let error: TaskError = one.exception(None).unwrap().unwrap();
        println!("{error}");
        assert!(error.is_worker_died());
    }
    for (n, one) in good.into_iter().enumerate().chain(more.into_iter().enumerate()) {
        assert_eq!(one.result(None).unwrap(), n as u32);
    }
    let results: Vec<_> =
        pool.map(|n: u32| if n == 7 { std::process::abort() } else { n }, 0..20).chunksize(10).collect();
    assert_eq!(results.len(), 20);
    for (n, result) in results.into_iter().enumerate() {
        match result {
            Ok(value) => assert_eq!(value as usize, n),
            Err(error) => assert!(n == 7 && error.is_worker_died(), "{n}: {error}"),
        }
    }
    let late =
        pool.submit_with(concurrent_futures::SubmitOptions::new().timeout(Duration::from_millis(50)), call!(spin()));
    assert!(late.result(None).unwrap_err().is_deadline_exceeded());
    let panicked = pool.submit(task!([] => if true { panic!("a panic there") }));
    let error = panicked.result(None).unwrap_err();
    println!("{error}");
    assert!(error.is_panicked());
}

/// Some results of a chunk fit into the ring, others do not; and some come with a descriptor each.
#[test]
fn items_of_all_sizes_with_shared_memory_among_them() {
    fn make(n: u32) -> (Option<SharedSlice<u32>>, Vec<u32>) {
        let large = if n % 3 == 0 { 100_000 } else { 1 };
        let shared = (n % 2 == 0).then(|| SharedSlice::copy_from(&[n, n + 1]).unwrap());
        (shared, vec![n; large])
    }
    let _watchdog = support::watchdog();
    let pool = ProcessPoolExecutor::new(2).unwrap();
    for (n, made) in (0..60).zip(pool.map(make, 0..60).chunksize(20)) {
        let (shared, values) = made.unwrap();
        assert_eq!(shared.as_deref(), (n % 2 == 0).then_some(&[n, n + 1][..]), "{n}");
        assert_eq!(values.len(), if n % 3 == 0 { 100_000 } else { 1 });
        assert!(values.iter().all(|value| *value == n));
    }
}
