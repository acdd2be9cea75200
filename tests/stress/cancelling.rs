//! Submits from many threads, half of them cancelled at random by others.
//!
//! In one kind of round the workers run from the start, so that most cancels come too late. In the other they are held
//! until half of the cancels are through, and everything else is still pending when the cancellers get to it.

use crate::Tally;
use crate::support::{self, Gate};
use crate::torture::{Blast, Chance, Ledger, scaled};
use concurrent_futures::{Future, Shutdown, ThreadPoolExecutor};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

const SUBMITTERS: usize = 4;
const CANCELLERS: usize = 2;
const WORKERS: usize = 2;
/// How many futures a submitter keeps before it takes the results of the oldest.
const KEPT: usize = 4_096;
const BATCH: usize = 64;

fn from_environment(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| scaled(usual))
}

/// What the threads of one round share.
struct Round {
    pool: ThreadPoolExecutor,
    tally: Arc<Tally>,
    submits: usize,
    /// Of a round whose workers are held: how many cancels are still to come before they are let go.
    held_for: AtomicIsize,
    held: Gate,
}

impl Round {
    fn new(submits: usize, holds: bool) -> Self {
        // Two in four are doomed, so this is about half of those.
        let held_for = if holds { SUBMITTERS * submits / 4 } else { 0 };
        let round = Self {
            pool: ThreadPoolExecutor::new(WORKERS).unwrap(),
            tally: Arc::default(),
            submits,
            held_for: AtomicIsize::new(held_for as isize),
            held: Gate::new(),
        };
        for _ in 0..if holds { WORKERS } else { 0 } {
            let held = round.held.clone();
            drop(round.pool.submit(move || held.wait()));
        }
        round
    }

    fn holds(&self) -> bool {
        self.held_for.load(Ordering::Relaxed) > 0
    }

    /// `count` more cancels are through.
    fn cancelled(&self, count: usize) {
        if self.held_for.fetch_sub(count as isize, Ordering::Relaxed) <= count as isize {
            self.held.open();
        }
    }
}

fn submit_all(round: &Round, seed: u64, to: &SyncSender<Vec<Future<u64>>>) {
    let Round { pool, tally, .. } = round;
    let mut chance = Chance::new(seed);
    let (mut kept, mut doomed) = (VecDeque::new(), Vec::new());
    let most_kept = if round.holds() { usize::MAX } else { KEPT };
    for number in 0..round.submits as u64 {
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
        if kept.len() == most_kept {
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

fn cancel_all(round: &Round, seed: u64, from: &Mutex<Receiver<Vec<Future<u64>>>>) {
    let mut chance = Chance::new(seed);
    loop {
        let batch = match from.lock().unwrap().recv() {
            Ok(batch) => batch,
            Err(_) => break,
        };
        let mut pending = Vec::new();
        for future in batch {
            chance.dither();
            let won = future.cancel();
            assert_eq!(future.cancelled(), won);
            pending.push(future);
        }
        round.cancelled(pending.len());
        pending.iter().for_each(|future| round.tally.count(&future.result(None)));
    }
    // However the coins fell.
    round.held.open();
}

/// One round; gives what ran, what was cancelled.
fn run(number: u64, submits: usize, holds: bool) -> (usize, usize) {
    let round = Round::new(submits, holds);
    let (to_cancellers, from_submitters) = sync_channel(16);
    let from_submitters = Mutex::new(from_submitters);
    thread::scope(|scope| {
        for submitter in 0..SUBMITTERS as u64 {
            let (round, to_cancellers) = (&round, to_cancellers.clone());
            scope.spawn(move || submit_all(round, number * 100 + submitter, &to_cancellers));
        }
        drop(to_cancellers);
        for canceller in 0..CANCELLERS as u64 {
            let (round, from_submitters) = (&round, &from_submitters);
            scope.spawn(move || cancel_all(round, number * 100 + 50 + canceller, from_submitters));
        }
    });
    round.tally.check(SUBMITTERS * submits);
    round.pool.shutdown(Shutdown::wait());
    let (stats, ran) = (round.pool.stats(), round.tally.values());
    let holders = if holds { WORKERS } else { 0 };
    assert_eq!((stats.completed, stats.queued, stats.running), ((ran + holders) as u64, 0, 0), "{stats:?}");
    (ran, SUBMITTERS * submits - ran)
}

/// See the file `stress.rs` for the figures.
#[test]
fn million_submits_of_four_threads_with_half_of_them_cancelled() {
    let submits = from_environment("CF_STRESS_SUBMITS", 30_000);
    for number in 1..=from_environment("CF_STRESS_ROUNDS", 3) {
        let _watchdog = support::watchdog();
        let began = Instant::now();
        let holds = number % 2 == 0;
        let (ran, cancelled) = run(number as u64, submits, holds);
        println!("round {number}: {ran} ran, {cancelled} cancelled, {:.3} s", began.elapsed().as_secs_f64());
        assert_eq!(ran + cancelled, SUBMITTERS * submits);
        // All that were cancelled while the workers were held.
        assert!(!holds || cancelled >= SUBMITTERS * submits / 4, "{cancelled}");
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
