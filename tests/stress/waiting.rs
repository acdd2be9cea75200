//! Many threads that wait for the same futures in every way, with limits, while these end.

use crate::support;
use crate::torture::{Blast, Chance, LastGate, Ledger, Tracked, scaled};
use concurrent_futures::{Future, ReturnWhen, SharedFuture, TaskError, ThreadPoolExecutor, as_completed, wait};
use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const READERS: u64 = 4;
const FUTURES: usize = 12;

fn some_limit(chance: &mut Chance) -> Option<Duration> {
    (chance.below(4) > 0).then(|| Duration::from_micros(chance.below(400) as u64))
}

/// Waits for all of the futures, in one way after the other, until all have ended.
fn read(futures: &[SharedFuture<usize>], mut chance: Chance) {
    loop {
        let limit = some_limit(&mut chance);
        match chance.below(4) {
            0 | 1 => {
                let when = [ReturnWhen::FirstCompleted, ReturnWhen::FirstError, ReturnWhen::AllCompleted];
                let when = when[chance.below(3)];
                let ended = wait(futures, limit, when);
                assert_eq!(ended.done.len() + ended.not_done.len(), futures.len());
                assert!(ended.done.iter().all(|future| future.done()));
                assert!(when != ReturnWhen::AllCompleted || limit.is_some() || ended.not_done.is_empty());
            }
            2 => {
                let mut seen = HashSet::new();
                let mut errors = 0;
                // Now and then it is dropped in the middle.
                let most = 1 + chance.below(2 * FUTURES);
                for one in as_completed(futures, limit).take(most) {
                    match one {
                        Ok(future) => assert!(future.done() && seen.insert(future.id()), "yielded twice"),
                        Err(late) => {
                            errors += 1;
                            assert_eq!((late.total, late.unfinished), (FUTURES, FUTURES - seen.len()));
                        }
                    }
                }
                assert!(errors <= 1 && (limit.is_some() || errors == 0));
            }
            _ => {
                let future = &futures[chance.below(FUTURES)];
                match future.result(limit) {
                    Ok(_) | Err(TaskError::Cancelled) => assert!(future.done()),
                    Err(error) => assert!(error.is_timed_out() && limit.is_some(), "{error}"),
                }
            }
        }
        if futures.iter().all(SharedFuture::done) {
            return;
        }
    }
}

#[test]
fn waits_for_shared_sets_race_the_ends() {
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    for seed in 0..scaled(400) as u64 {
        let gate = LastGate::new();
        let mut chance = Chance::new(seed);
        let futures: Vec<SharedFuture<usize>> = (0..FUTURES)
            .map(|number| {
                let (closed, spins) = (gate.clone(), chance.below(3_000));
                let held_back = number % 4 == 0;
                let job = move || {
                    if held_back {
                        concurrent_futures::blocking(|| closed.wait());
                    }
                    (0..spins).for_each(|_| std::hint::spin_loop());
                    number
                };
                pool.submit(job).shared()
            })
            .collect();
        thread::scope(|scope| {
            for number in 0..READERS {
                let futures = &futures;
                scope.spawn(move || read(futures, Chance::new(seed * 100 + number)));
            }
            chance.dither();
            futures[chance.below(FUTURES)].cancel();
            gate.open();
        });
        for (number, future) in futures.iter().enumerate() {
            assert!(future.cancelled() || future.result(None).is_ok_and(|value| *value == number));
        }
    }
}

/// A way to take the value.
type Take = fn(&Future<Tracked>) -> Result<(), TaskError>;

/// One of many gets the value, the others hear that it was taken.
#[test]
fn one_taker_gets_the_value() {
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    for seed in 0..scaled(1_500) as u64 {
        let ledger = Ledger::new();
        let inner = ledger.clone();
        let future = Arc::new(pool.submit(move || inner.value(Blast::Dud)));
        let takes: [Take; 4] = [
            |future| future.result(None).map(drop),
            |future| futures::executor::block_on(future).map(drop),
            |future| {
                loop {
                    match future.result(Duration::from_micros(20)) {
                        Err(TaskError::TimedOut) => {}
                        other => return other.map(drop),
                    }
                }
            },
            |future| {
                loop {
                    if let Some(outcome) = future.try_result() {
                        return outcome.map(drop);
                    }
                    thread::yield_now();
                }
            },
        ];
        let values = thread::scope(|scope| {
            let takers: Vec<_> = takes
                .into_iter()
                .enumerate()
                .map(|(number, take)| {
                    let future = Arc::clone(&future);
                    scope.spawn(move || {
                        Chance::new(seed * 10 + number as u64).dither();
                        take(&future)
                    })
                })
                .collect();
            let outcomes = takers.into_iter().map(|taker| taker.join().unwrap());
            outcomes.filter(|outcome| outcome.as_ref().err().is_none_or(|error| !error.is_result_taken())).count()
        });
        assert_eq!((values, ledger.values_dropped()), (1, 1), "seed {seed}");
    }
}

/// Futures that are polled, re-polled and dropped by many threads while they end, are cancelled, or both.
#[test]
fn polls_race_the_ends() {
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    for seed in 0..scaled(300) as u64 {
        let mut chance = Chance::new(seed);
        let futures: Vec<_> = (0..20).map(|number| Arc::new(pool.submit(move || number))).collect();
        let (mut kept, mut waited) = (Vec::new(), Vec::new());
        for future in &futures {
            if chance.coin() { kept.push(Arc::clone(future)) } else { waited.push(Arc::clone(future)) }
        }
        thread::scope(|scope| {
            scope.spawn(|| {
                let all = waited.iter().map(|future| &**future);
                let outcomes = futures::executor::block_on(futures::future::join_all(all));
                assert!(outcomes.iter().all(|outcome| outcome.as_ref().err().is_none_or(TaskError::is_cancelled)));
            });
            scope.spawn(|| {
                // Every wait is dropped after one poll, and taken up again.
                let mut left: Vec<_> = kept.iter().map(|future| &**future).collect();
                futures::executor::block_on(async {
                    while !left.is_empty() {
                        let (outcome, at, _) = futures::future::select_all(left.iter().copied()).await;
                        assert!(outcome.err().is_none_or(|error| error.is_cancelled()));
                        left.swap_remove(at);
                    }
                });
            });
            let mut chance = Chance::new(seed + 1);
            for future in &futures {
                chance.dither();
                if chance.below(4) == 0 {
                    future.cancel();
                }
            }
        });
    }
}
