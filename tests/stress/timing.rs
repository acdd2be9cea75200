//! Limits on tasks by the thousand, racing everything else.

use crate::Tally;
use crate::support;
use crate::torture::{Chance, LastGate, scaled};
use concurrent_futures::{Shutdown, SubmitOptions, ThreadPoolExecutor, task};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A limit on the time in the queue races the task's begin, and cancels.
#[test]
fn queue_limits_race_begin_and_cancel() {
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    let (tally, mut chance) = (Arc::new(Tally::default()), Chance::new(1));
    let submits = scaled(20_000);
    let mut futures = Vec::new();
    for _ in 0..submits {
        let ran = Arc::clone(&tally);
        let limit = Duration::from_micros(chance.below(3_000) as u64);
        let future = pool.submit_with(SubmitOptions::new().queue_timeout(limit), move || {
            ran.ran();
            (0..200).for_each(|_| std::hint::spin_loop());
        });
        if chance.below(8) == 0 {
            future.cancel();
        }
        futures.push(future);
    }
    futures.iter().for_each(|future| tally.count(&future.result(None)));
    tally.check(submits);
    println!("{tally:?}");
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    assert_eq!(pool.stats().completed as usize, tally.values());
}

/// What waits behind a task that never ends expires all the same, with callbacks and waiters.
#[test]
fn everything_queued_expires() {
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_bound(10_000).build().unwrap();
    let gate = LastGate::new();
    let closed = gate.clone();
    let busy = pool.submit(move || closed.wait());
    let (tally, called) = (Arc::new(Tally::default()), Arc::new(std::sync::atomic::AtomicUsize::new(0)));
    let count = scaled(3_000).min(9_999);
    let futures: Vec<_> = (0..count)
        .map(|number| {
            let (ran, seen) = (Arc::clone(&tally), Arc::clone(&called));
            let limit = Duration::from_micros((number % 2_000) as u64);
            let future = pool.submit_with(SubmitOptions::new().queue_timeout(limit), move || ran.ran());
            future.add_done_callback(move |_| {
                seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            });
            future
        })
        .collect();
    for future in &futures {
        let outcome = future.result(None);
        assert!(matches!(&outcome, Err(error) if error.is_deadline_exceeded()), "{outcome:?}");
    }
    // Whoever waits is told before callbacks are called.
    support::eventually("all callbacks are called", || called.load(std::sync::atomic::Ordering::Relaxed) == count);
    support::eventually("nothing counts as queued", || pool.stats().queued == 0);
    gate.open();
    busy.result(None).unwrap();
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    assert_eq!(pool.stats().completed, 1);
}

/// A limit on the run time reaches every task that would not end without it, and no other one.
#[test]
fn run_limits_stop_what_asks() {
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::new(4).unwrap();
    let mut chance = Chance::new(3);
    let futures: Vec<_> = (0..scaled(600))
        .map(|number| {
            let endless = number % 2 == 0;
            let limit =
                if endless { Duration::from_micros(chance.below(1_500) as u64) } else { Duration::from_secs(600) };
            let future = pool.submit_with(SubmitOptions::new().timeout(limit), move || {
                while endless && !task::cancel_requested() {
                    thread::yield_now();
                }
                task::cancel_requested()
            });
            (endless, future)
        })
        .collect();
    for (endless, future) in futures {
        assert_eq!(future.result(None).unwrap(), endless);
    }
}

/// One thread has the clock, and one or two more while callbacks run; not one for every limit that passes.
#[test]
fn limits_that_pass_one_after_the_other_need_few_threads() {
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let gate = LastGate::new();
    let closed = gate.clone();
    let busy = pool.submit(move || closed.wait());
    support::eventually("it is busy", || busy.running());
    let (threads, count) = (Arc::new(Mutex::new(HashSet::new())), scaled(2_000));
    let futures: Vec<_> = (0..count)
        .map(|_| {
            let future = pool.submit_with(SubmitOptions::new().queue_timeout(Duration::from_millis(50)), || ());
            let seen = Arc::clone(&threads);
            future.add_done_callback(move |_| _ = seen.lock().unwrap().insert(thread::current().id()));
            future
        })
        .collect();
    for future in &futures {
        let outcome = future.result(None);
        assert!(outcome.as_ref().is_err_and(|error| error.is_deadline_exceeded()), "{outcome:?}");
    }
    let threads = threads.lock().unwrap().len();
    println!("{count} limits, {threads} threads");
    assert!(threads <= count / 4, "{threads} threads for {count} limits");
    gate.open();
    busy.result(None).unwrap();
}
