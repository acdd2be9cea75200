//! Pools of processes together with all else: threads, async code, other pools, shared memory. (Beside CPython's cases.)
#![cfg(target_os = "linux")]

#[path = "../src/conformance/signal.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod signal;

mod support;

use concurrent_futures::shared_memory::{SharedBytes, SharedSlice};
use concurrent_futures::{
    Executor, ExecutorExt, Future, ProcessPoolExecutor, RejectReason, ReturnWhen, Shutdown, TaskError,
    ThreadPoolExecutor, as_completed, call, task, wait,
};
use signal::{Directory, Signal};
use std::sync::LazyLock;
use std::time::Duration;
use support::{eventually, watchdog};

const LIMIT: Duration = Duration::from_secs(60);

fn pool(workers: usize) -> ProcessPoolExecutor {
    ProcessPoolExecutor::new(workers).unwrap()
}

fn same(n: u32) -> u32 {
    n
}

fn wait_for(release: Signal) -> bool {
    release.wait(LIMIT)
}

// ---------------------------------------------------------------------------------------------- threads

#[test]
fn a_thread_that_waits_for_a_process_lends_its_place() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let release = directory.signal();
    let (threads, processes) = (ThreadPoolExecutor::new(1).unwrap(), pool(1));
    let (inner, inside) = (processes.clone(), release.clone());
    let outer = threads.submit(move || inner.submit(call!(wait_for(inside))).result(None).unwrap());
    eventually("the task on the thread waits", || threads.stats().blocked == 1);
    // The only thread is blocked, and there is another one for this.
    assert_eq!(threads.submit(|| 5).result(None).unwrap(), 5);
    release.raise();
    assert!(outer.result(None).unwrap());
    // As many as one likes, of which each waits for several.
    let sums: Vec<Future<u32>> = (0..20)
        .map(|_| {
            let inner = processes.clone();
            threads.submit(move || inner.map(same, 0..10).map(Result::unwrap).sum())
        })
        .collect();
    assert!(sums.iter().all(|sum| sum.result(None).unwrap() == 45));
}

#[test]
fn a_thread_that_waits_for_room_lends_its_place() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let release = directory.signal();
    let processes = ProcessPoolExecutor::builder().max_workers(1).queue_bound(1).build().unwrap();
    let threads = ThreadPoolExecutor::new(1).unwrap();
    let held = [(); 2].map(|()| processes.submit(call!(wait_for(release.clone()))));
    let inner = processes.clone();
    let outer = threads.submit(move || inner.submit(call!(same(3))).result(None).unwrap());
    eventually("the task on the thread waits", || threads.stats().blocked == 1);
    assert_eq!(threads.submit(|| 4).result(None).unwrap(), 4);
    release.raise();
    assert_eq!(outer.result(None).unwrap(), 3);
    assert!(held.iter().all(|held| held.result(None).unwrap()));
}

#[test]
fn many_threads_share_one_pool() {
    let _watchdog = watchdog();
    let pool = pool(2);
    std::thread::scope(|threads| {
        for part in 0..8 {
            let pool = &pool;
            threads.spawn(move || {
                for n in 0..50 {
                    let n = part * 50 + n;
                    match n % 3 {
                        0 => assert_eq!(pool.submit(call!(same(n))).result(None).unwrap(), n),
                        1 => drop(pool.submit(call!(same(n))).cancel_on_drop()),
                        _ => assert_eq!(pool.map(same, [n, n + 1]).map(Result::unwrap).sum::<u32>(), 2 * n + 1),
                    }
                }
            });
        }
    });
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}

#[test]
fn threads_and_processes_answer_one_wait() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let release = directory.signal();
    let (threads, processes) = (ThreadPoolExecutor::new(2).unwrap(), pool(1));
    let there = processes.submit(call!(wait_for(release.clone())));
    let here = threads.submit(|| true);
    assert!(wait([&there, &here], None, ReturnWhen::FirstCompleted).done[0].id() == here.id());
    let inside = release.clone();
    let releases = threads.submit(move || {
        inside.raise();
        false
    });
    let order: Vec<_> = as_completed([&there, &here, &releases], None).map(|future| future.unwrap().id()).collect();
    assert_eq!(order.len(), 3);
    assert!(there.result(None).unwrap());
}

// ---------------------------------------------------------------------------------------------- whoever takes any

fn squares(executor: &dyn Executor) -> Vec<u32> {
    executor.map(|n: u32| n * n, 0..5).map(Result::unwrap).collect()
}

fn generic<E: Executor + ?Sized>(executor: &E) -> u32 {
    executor.submit(call!(same(9))).result(None).unwrap()
}

#[test]
fn a_pool_of_processes_is_an_executor() {
    let _watchdog = watchdog();
    let (threads, processes) = (ThreadPoolExecutor::new(1).unwrap(), pool(1));
    assert_eq!(squares(&threads), squares(&processes));
    assert_eq!((generic(&threads), generic(&processes)), (9, 9));
    let any: [Box<dyn Executor>; 2] = [Box::new(threads), Box::new(processes)];
    assert_eq!(any.iter().map(generic).sum::<u32>(), 18);
    for executor in &any {
        assert_eq!(executor.guard().shutdown().abandoned, 0);
        let late = executor.submit(call!(same(1)));
        assert!(matches!(late.result(None), Err(TaskError::Rejected(RejectReason::ShutDown))));
    }
}

/// Made at its first use, and never dropped.
static POOL: LazyLock<ProcessPoolExecutor> = LazyLock::new(|| pool(2));

#[test]
fn a_pool_in_a_static_serves_everybody() {
    let _watchdog = watchdog();
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| assert_eq!(POOL.map(same, 0..50).map(Result::unwrap).sum::<u32>(), 1225));
        }
    });
    // In a worker it is another one, made there if it is used.
    fn inside() -> (u32, u32) {
        let pid = POOL.submit(task!([] => std::process::id())).result(LIMIT).unwrap();
        POOL.shutdown(Shutdown::wait());
        (std::process::id(), pid)
    }
    let alone = pool(1);
    let (worker, below) = alone.submit(call!(inside())).result(None).unwrap();
    assert!(worker != below && worker != std::process::id() && below != std::process::id());
}

// ---------------------------------------------------------------------------------------------- async code

#[test]
fn async_code_awaits_processes() {
    let _watchdog = watchdog();
    let (threads, processes) = (ThreadPoolExecutor::new(1).unwrap(), pool(2));
    let inner = processes.clone();
    let sum = async move {
        let mut sum = 0;
        for n in 0..20 {
            sum += inner.submit(call!(same(n))).await.unwrap();
        }
        let all: Vec<Future<u32>> = (0..20).map(|n| inner.submit(call!(same(n)))).collect();
        for one in futures::future::join_all(all).await {
            sum += one.unwrap();
        }
        sum
    };
    assert_eq!(threads.spawn(sum).result(None).unwrap(), 380);
    let died = processes.submit(task!([] => if true { std::process::exit(1) }));
    assert!(threads.block_on(died).unwrap_err().is_worker_died());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    runtime.block_on(async {
        let directory = Directory::new().unwrap();
        let release = directory.signal();
        let held = processes.submit(call!(wait_for(release.clone())));
        let late = tokio::time::timeout(Duration::from_millis(20), &held).await;
        assert!(late.is_err() && !held.done(), "a wait that is given up leaves the task alone");
        release.raise();
        assert!(held.await.unwrap());
    });
    // Completed after the runtime has gone.
    let directory = Directory::new().unwrap();
    let release = directory.signal();
    let held = processes.submit(call!(wait_for(release.clone())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_millis(5), &held).await.unwrap_err() });
    drop(runtime);
    release.raise();
    assert!(held.result(None).unwrap());
}

// ---------------------------------------------------------------------------------------------- nested pools

/// Waits in a task for tasks of a pool of its own, and gives the depth that was reached.
fn below(depth: u32) -> u32 {
    if depth == 0 {
        return 0;
    }
    let inner = pool(2);
    let all: Vec<Future<u32>> = (0..2).map(|_| inner.submit(call!(below(depth - 1)))).collect();
    all.iter().map(|future| future.result(LIMIT).unwrap()).max().unwrap_or(0) + 1
}

// case 409
#[test]
fn tasks_wait_for_pools_of_their_own_three_levels_deep() {
    let _watchdog = watchdog();
    assert_eq!(pool(2).submit(call!(below(3))).result(None).unwrap(), 3);
}

#[test]
fn a_task_may_have_threads_and_async_code_of_its_own() {
    fn inside(n: u32) -> u32 {
        let threads = ThreadPoolExecutor::new(2).unwrap();
        let spawned = threads.spawn(async move { n + 1 });
        let mapped: u32 = threads.map(|n: u32| n, 0..10).map(Result::unwrap).sum();
        spawned.result(None).unwrap() + mapped
    }
    let _watchdog = watchdog();
    let pool = pool(2);
    for n in 0..5 {
        assert_eq!(pool.submit(call!(inside(n))).result(None).unwrap(), n + 46);
    }
}

// ---------------------------------------------------------------------------------------------- shared memory

fn total(slice: &[f64]) -> f64 {
    slice.iter().sum()
}

#[test]
fn shared_slices_go_both_ways() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let numbers = SharedSlice::copy_from(&(0..200_000).map(f64::from).collect::<Vec<_>>()).unwrap();
    let expected = total(&numbers);
    // As an argument, many times the same.
    let sums: Vec<_> = (0..10).map(|_| pool.submit(task!([all = numbers.clone()] => total(&all)))).collect();
    assert!(sums.iter().all(|sum| sum.result(None).unwrap() == expected));
    // As a result, of which several are kept at once, and which outlives its worker and the pool.
    let doubled: Vec<_> = (0..3)
        .map(|_| {
            pool.submit(task!([all = numbers.clone()] => {
                SharedSlice::copy_from(&all.iter().map(|n| 2.0 * n).collect::<Vec<_>>()).unwrap()
            }))
        })
        .collect();
    let doubled: Vec<SharedSlice<f64>> = doubled.iter().map(|slice| slice.result(None).unwrap()).collect();
    // In the items of a map and in its results, one of which dies.
    let items = (0..12).map(|n| (n, numbers.clone()));
    let map = pool.map(
        |(n, all): (usize, SharedSlice<f64>)| {
            if n == 5 {
                std::process::abort();
            }
            SharedSlice::copy_from(&all[n * 10..n * 10 + 3]).unwrap()
        },
        items,
    );
    for (n, part) in map.chunksize(4).enumerate() {
        match part {
            Ok(part) => assert_eq!(part[..], numbers[n * 10..n * 10 + 3], "{n}"),
            Err(error) => assert!(error.is_worker_died() && n == 5, "{n}: {error}"),
        }
    }
    // As what a map shares.
    let looked: Vec<f64> =
        pool.map_with(numbers.clone(), |all, n: usize| all[n], 0..50).chunksize(9).map(Result::unwrap).collect();
    assert_eq!(looked[..], numbers[..50]);
    drop(numbers);
    pool.shutdown(Shutdown::wait());
    assert!(doubled.iter().all(|slice| total(slice) == 2.0 * expected));
}

fn sum_of_words(words: Vec<SharedBytes>) -> u32 {
    words.iter().map(|word| u32::from_le_bytes(word[..].try_into().unwrap())).sum()
}

#[test]
fn shared_bytes_go_both_ways() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let bytes = SharedBytes::copy_from(&[7; 100_000]).unwrap();
    let back = pool.submit(task!([bytes] => (bytes.len(), bytes)));
    let (length, back) = back.result(None).unwrap();
    assert!(length == 100_000 && back.iter().all(|byte| *byte == 7));
    let empty = pool.submit(task!([none = SharedBytes::copy_from(&[]).unwrap()] => none));
    assert!(empty.result(None).unwrap().is_empty());
    // A panic or a death with one in the hand.
    let kept = back.clone();
    assert!(pool.submit(task!([back] => assert!(back.is_empty()))).result(None).unwrap_err().is_panicked());
    let died = pool.submit(task!([bytes = kept.clone()] => if !bytes.is_empty() { std::process::abort() }));
    assert!(died.result(None).unwrap_err().is_worker_died());
    assert_eq!(kept.len(), 100_000);
    // More than one message takes.
    let many: Vec<SharedBytes> = (0..400).map(|n: u32| SharedBytes::copy_from(&n.to_le_bytes()).unwrap()).collect();
    let sum = pool.submit(call!(sum_of_words(many)));
    assert_eq!(sum.result(None).unwrap(), (0..400).sum::<u32>());
    assert_eq!(pool.submit(call!(same(8))).result(None).unwrap(), 8);
}
