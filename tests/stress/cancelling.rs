//! Submits from many threads, half of them cancelled at random by others.

use crate::Tally;
use crate::support;
use crate::torture::{Blast, Chance, Ledger, scaled};
use concurrent_futures::{Future, Shutdown, ThreadPoolExecutor};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

const SUBMITTERS: usize = 4;
const CANCELLERS: usize = 2;
/// How many futures a submitter keeps before it takes the results of the oldest.
const KEPT: usize = 4_096;
const BATCH: usize = 64;

fn from_environment(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| scaled(usual))
}

fn submit_all(
    pool: &ThreadPoolExecutor,
    tally: &Arc<Tally>,
    seed: u64,
    count: usize,
    to: &SyncSender<Vec<Future<u64>>>,
) {
    let mut chance = Chance::new(seed);
    let (mut kept, mut doomed) = (VecDeque::new(), Vec::new());
    for number in 0..count as u64 {
        let ran = Arc::clone(tally);
        let future = pool.submit(move || {
            ran.ran();
            number
        });
        if chance.coin() {
            doomed.push(future);
        } else {
            kept.push_back((number, future));
        }
        if doomed.len() == BATCH {
            to.send(std::mem::take(&mut doomed)).expect("the cancellers are there");
        }
        if kept.len() == KEPT {
            for (number, future) in kept.drain(..KEPT / 2) {
                assert_eq!(future.result(None).unwrap(), number);
                tally.count(&Ok(()));
            }
        }
    }
    to.send(doomed).expect("the cancellers are there");
    for (number, future) in kept {
        assert_eq!(future.result(None).unwrap(), number);
        tally.count(&Ok(()));
    }
}

fn cancel_all(tally: &Tally, seed: u64, from: &Mutex<Receiver<Vec<Future<u64>>>>) {
    let mut chance = Chance::new(seed);
    loop {
        let batch = match from.lock().unwrap().recv() {
            Ok(batch) => batch,
            Err(_) => return,
        };
        for future in batch {
            chance.dither();
            let won = future.cancel();
            assert_eq!(future.cancelled(), won);
            tally.count(&future.result(None));
        }
    }
}

/// One round; gives what ran, what was cancelled.
fn round(round: u64, submits: usize) -> (usize, usize) {
    let pool = ThreadPoolExecutor::new(2).unwrap();
    let tally = Arc::new(Tally::default());
    let (to_cancellers, from_submitters) = sync_channel(16);
    let from_submitters = Mutex::new(from_submitters);
    thread::scope(|scope| {
        for number in 0..SUBMITTERS as u64 {
            let (pool, tally, to_cancellers) = (&pool, &tally, to_cancellers.clone());
            scope.spawn(move || submit_all(pool, tally, round * 100 + number, submits, &to_cancellers));
        }
        drop(to_cancellers);
        for number in 0..CANCELLERS as u64 {
            let (tally, from_submitters) = (&tally, &from_submitters);
            scope.spawn(move || cancel_all(tally, round * 100 + 50 + number, from_submitters));
        }
    });
    tally.check(SUBMITTERS * submits);
    pool.shutdown(Shutdown::wait());
    let (stats, ran) = (pool.stats(), tally.values());
    assert_eq!((stats.completed, stats.queued, stats.running), (ran as u64, 0, 0), "{stats:?}");
    (ran, SUBMITTERS * submits - ran)
}

/// See the file `stress.rs` for the figures.
#[test]
fn million_submits_of_four_threads_with_half_of_them_cancelled() {
    let submits = from_environment("CF_STRESS_SUBMITS", 30_000);
    for number in 1..=from_environment("CF_STRESS_ROUNDS", 3) {
        let _watchdog = support::watchdog();
        let began = Instant::now();
        let (ran, cancelled) = round(number as u64, submits);
        println!("round {number}: {ran} ran, {cancelled} cancelled, {:.3} s", began.elapsed().as_secs_f64());
        assert_eq!(ran + cancelled, 4 * submits);
    }
}

/// Several threads cancel the same futures at the same time, and everything is dropped once.
#[test]
fn the_same_future_is_cancelled_by_many() {
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    for seed in 0..scaled(300) as u64 {
        let ledger = Ledger::new();
        let futures: Vec<_> = (0..20)
            .map(|_| {
                let (capture, inner) = (ledger.capture(Blast::Dud), ledger.clone());
                Arc::new(pool.submit(move || {
                    let _capture = &capture;
                    inner.value(Blast::Dud)
                }))
            })
            .collect();
        let wins = thread::scope(|scope| {
            let cancellers: Vec<_> = (0..3)
                .map(|number| {
                    let futures = &futures;
                    scope.spawn(move || {
                        let mut chance = Chance::new(seed * 10 + number);
                        let mut wins = 0;
                        for future in futures {
                            chance.dither();
                            wins += usize::from(future.cancel());
                        }
                        wins
                    })
                })
                .collect();
            cancellers.into_iter().map(|canceller| canceller.join().unwrap()).sum::<usize>()
        });
        let cancelled = futures.iter().filter(|future| future.exception(None).unwrap().is_some()).count();
        // Python's rule: `true` for a future that is cancelled, also the second time.
        assert_eq!(wins, cancelled * 3);
        drop(futures);
        pool.broadcast(|()| ()).iter().for_each(|told| told.result(None).unwrap());
        assert_eq!((ledger.captures_dropped(), ledger.values_dropped()), (20, 20 - cancelled));
    }
}
