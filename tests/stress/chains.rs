//! Callbacks that submit, from many threads, one leading to the next.

use crate::support;
use crate::torture::{Chance, scaled};
use concurrent_futures::{Shutdown, ThreadPoolExecutor};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Counts down to the end of all chains.
struct Chains {
    calls: AtomicUsize,
    ended: AtomicUsize,
}

fn link(pool: &ThreadPoolExecutor, chains: &Arc<Chains>, left: usize) {
    let future = pool.submit(move || left);
    let (same, counted) = (pool.clone(), Arc::clone(chains));
    future.add_done_callback(move |outcome| {
        assert_eq!(outcome.ok(), Some(&left));
        counted.calls.fetch_add(1, Ordering::SeqCst);
        if left == 0 {
            counted.ended.fetch_add(1, Ordering::SeqCst);
        } else {
            link(&same, &counted, left - 1);
        }
    });
}

#[test]
fn three_chains_of_a_hundred_callbacks() {
    let _watchdog = support::watchdog();
    for round in 0..scaled(60) {
        let pool = ThreadPoolExecutor::new(1 + round % 3).unwrap();
        let chains = Arc::new(Chains { calls: AtomicUsize::new(0), ended: AtomicUsize::new(0) });
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| link(&pool, &chains, 99));
            }
        });
        support::eventually("all chains have ended", || chains.ended.load(Ordering::SeqCst) == 3);
        assert_eq!(chains.calls.load(Ordering::SeqCst), 300);
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    }
}

/// Callbacks are added by several threads while the task ends: each is called once, in the order in which one thread
/// added its own.
#[test]
fn callbacks_are_added_while_the_task_ends() {
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    for seed in 0..scaled(800) as u64 {
        let future = pool.submit(|| 7);
        let order = Arc::new(std::sync::Mutex::new([const { Vec::new() }; 3]));
        thread::scope(|scope| {
            for number in 0..3 {
                let (future, order) = (&future, &order);
                scope.spawn(move || {
                    let mut chance = Chance::new(seed * 10 + number as u64);
                    for place in 0..5 {
                        chance.dither();
                        let order = Arc::clone(order);
                        future.add_done_callback(move |outcome| {
                            assert_eq!(outcome.ok(), Some(&7));
                            order.lock().unwrap()[number].push(place);
                        });
                    }
                });
            }
        });
        assert_eq!(future.result(None).unwrap(), 7, "taken only after all callbacks");
        let order = order.lock().unwrap();
        assert!(order.iter().all(|places| *places == [0, 1, 2, 3, 4]), "{order:?}");
    }
}

/// The future is dropped while its callbacks run, and by one of them.
#[test]
fn futures_are_dropped_while_their_callbacks_run() {
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    let called = Arc::new(AtomicUsize::new(0));
    let rounds = scaled(3_000);
    for seed in 0..rounds as u64 {
        let mut chance = Chance::new(seed);
        let future = Arc::new(pool.submit(|| String::from("a value with a drop")));
        for _ in 0..2 {
            let (count, held) = (Arc::clone(&called), Arc::clone(&future));
            future.add_done_callback(move |outcome| {
                assert_eq!(outcome.unwrap().len(), 19);
                count.fetch_add(1, Ordering::SeqCst);
                drop(held);
            });
            chance.dither();
        }
        drop(future);
    }
    pool.shutdown(Shutdown::wait());
    assert_eq!(called.load(Ordering::SeqCst), 2 * rounds);
}
