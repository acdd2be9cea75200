//! Many submitters and a queue with a bound.

use crate::Tally;
use crate::support;
use crate::torture::{Chance, LastGate, scaled};
use concurrent_futures::{Shutdown, SubmitOptions, TaskError, ThreadPoolExecutor};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const SUBMITTERS: u64 = 6;

#[test]
fn many_submitters_share_little_room() {
    let _watchdog = support::watchdog();
    for bound in [1, 3, 50] {
        let pool = ThreadPoolExecutor::builder().max_workers(2).queue_bound(bound).build().unwrap();
        let (tally, submits) = (Arc::new(Tally::default()), scaled(3_000));
        thread::scope(|scope| {
            for number in 0..SUBMITTERS {
                let (pool, tally) = (&pool, &tally);
                scope.spawn(move || {
                    let mut chance = Chance::new(number);
                    for _ in 0..submits {
                        let ran = Arc::clone(tally);
                        let job = move || ran.ran();
                        let future = match chance.below(4) {
                            0 => match pool.try_submit(job) {
                                Ok(future) => future,
                                Err(full) => {
                                    tally.count::<()>(&Err(TaskError::Rejected(full.reason)));
                                    continue;
                                }
                            },
                            1 => {
                                let limit = Duration::from_micros(chance.below(50) as u64);
                                pool.submit_with(SubmitOptions::new().room_timeout(limit), job)
                            }
                            _ => pool.submit(job),
                        };
                        if chance.below(4) == 0 {
                            future.cancel();
                        }
                        tally.count(&future.result(None));
                    }
                });
            }
        });
        tally.check(SUBMITTERS as usize * submits);
        exactly_the_bound(&pool, bound);
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    }
}

/// After all that, as many tasks as the bound says find room, and not one more.
fn exactly_the_bound(pool: &ThreadPoolExecutor, bound: usize) {
    let gate = LastGate::new();
    let busy: Vec<_> = (0..pool.max_workers())
        .map(|_| {
            let closed = gate.clone();
            pool.submit(move || closed.wait())
        })
        .collect();
    support::eventually("all workers are busy", || busy.iter().all(|future| future.running()));
    let queued: Vec<_> = std::iter::from_fn(|| pool.try_submit(|| ()).ok()).take(bound + 10).collect();
    assert_eq!(queued.len(), bound);
    // Room that is given back is room for as many others.
    let given_back = queued.iter().step_by(2).filter(|future| future.cancel()).count();
    let again: Vec<_> = std::iter::from_fn(|| pool.try_submit(|| ()).ok()).take(bound + 10).collect();
    assert_eq!(again.len(), given_back);
    gate.open();
    assert!(again.iter().all(|future| future.result(None).is_ok()));
}

/// Workers that submit into their own full queue, while others do the same from outside.
#[test]
fn workers_submit_into_their_own_full_queue() {
    let _watchdog = support::watchdog();
    for workers in [1, 2] {
        let pool = ThreadPoolExecutor::builder().max_workers(workers).queue_bound(2).build().unwrap();
        let tally = Arc::new(Tally::default());
        let outer = scaled(400);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..outer {
                        let (same, inner) = (pool.clone(), Arc::clone(&tally));
                        let nested = pool.submit(move || {
                            let count = || {
                                let ran = Arc::clone(&inner);
                                same.submit(move || ran.ran())
                            };
                            [count(), count(), count()]
                        });
                        for future in nested.result(None).unwrap() {
                            tally.count(&future.result(None));
                        }
                    }
                });
            }
        });
        tally.check(2 * outer * 3);
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    }
}
