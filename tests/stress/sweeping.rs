//! What is left in the queues of tasks that were cancelled, or run by whoever waited for them, is swept out while
//! everything goes on; nothing that is alive is lost, delayed or overtaken by that.

use crate::support;
use crate::torture::{Chance, LastGate, scaled};
use concurrent_futures::{Future, Shutdown, ThreadPoolExecutor};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

/// Submits and cancels, until told to stop: makes as many leftovers as it can.
fn litter(pool: &ThreadPoolExecutor, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let futures: Vec<Future<()>> = (0..64).map(|_| pool.submit(|| ())).collect();
        for future in futures.iter().rev() {
            future.cancel();
        }
    }
}

/// A task waits, by other means than a future, for one that it queued between many others that it ran in place.
#[test]
fn a_task_among_leftovers_is_found_by_the_other_worker() {
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    for seed in 0..scaled(1_500) as u64 {
        let mut chance = Chance::new(seed);
        let spins = chance.below(4_000);
        let noise = pool.submit(move || (0..spins).for_each(|_| std::hint::spin_loop()));
        let same = pool.clone();
        let (before, after) = (40 + chance.below(30), 20 + chance.below(80));
        let told = pool.submit(move || {
            let (tell, told) = channel();
            let run_in_place = |count| (0..count).for_each(|_| same.submit(|| ()).result(None).unwrap());
            run_in_place(before);
            drop(same.submit(move || tell.send(seed)));
            run_in_place(after);
            // The other worker has nothing else to do.
            told.recv_timeout(std::time::Duration::from_secs(20))
        });
        assert_eq!(told.result(None).unwrap(), Ok(seed), "round {seed}");
        noise.result(None).unwrap();
    }
}

/// What was accepted before a shutdown began is run by it, whatever goes on at the same time.
#[test]
fn what_was_accepted_runs_although_others_litter() {
    let _watchdog = support::watchdog();
    for seed in 0..scaled(300) as u64 {
        let pool = ThreadPoolExecutor::new(1 + seed as usize % 2).unwrap();
        let (stop, mut chance) = (AtomicBool::new(false), Chance::new(seed));
        let accepted: Vec<Future<usize>> = thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| litter(&pool, &stop));
            }
            let accepted = (0..50)
                .map(|number| {
                    (0..chance.below(400)).for_each(|_| std::hint::spin_loop());
                    pool.submit(move || number)
                })
                .collect();
            let report = pool.shutdown(Shutdown::wait());
            stop.store(true, Ordering::Relaxed);
            assert_eq!(report.abandoned, 0, "seed {seed}");
            accepted
        });
        for (number, future) in accepted.iter().enumerate() {
            assert_eq!(future.try_result().map(Result::ok), Some(Some(number)), "seed {seed}");
        }
    }
}

/// One thread's tasks on the only worker, in the order in which they were submitted, as in Python.
fn run_in_order(pool: &ThreadPoolExecutor, count: usize) {
    let order = Arc::new(Mutex::new(Vec::with_capacity(count)));
    for number in 0..count {
        let noted = Arc::clone(&order);
        drop(pool.submit(move || noted.lock().unwrap().push(number)));
    }
    pool.submit(|| ()).result(None).unwrap();
    support::eventually("all have run", || order.lock().unwrap().len() == count);
    let order = order.lock().unwrap();
    let overtaken = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert_eq!(overtaken, 0, "of {count} tasks");
}

#[test]
fn a_single_worker_keeps_the_order() {
    let _watchdog = support::watchdog();
    run_in_order(&ThreadPoolExecutor::new(1).unwrap(), scaled(5_000));
    // All of them queued before the first one begins.
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let gate = LastGate::new();
    let closed = gate.clone();
    drop(pool.submit(move || closed.wait()));
    thread::scope(|scope| {
        let submitter = scope.spawn(|| run_in_order(&pool, scaled(5_000)));
        support::eventually("most are queued", || pool.stats().queued > scaled(5_000) / 2);
        gate.open();
        submitter.join().unwrap();
    });
}

#[test]
fn a_single_worker_keeps_the_order_although_others_litter() {
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| litter(&pool, &stop));
        let submitter = scope.spawn(|| (0..10).for_each(|_| run_in_order(&pool, scaled(2_000))));
        let kept = submitter.join();
        stop.store(true, Ordering::Relaxed);
        assert!(kept.is_ok());
    });
}
