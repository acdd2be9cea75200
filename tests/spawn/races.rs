//! Everything that may meet: wakes, polls, cancels, dropped handles and dropped wakers, limits, shutdowns. By the
//! thousand, with chance between the steps, and with figures that have to add up.

use crate::support::{eventually, watchdog};
use crate::tools::{SEVEN, Strings, pool};
use crate::torture::{Blast, Chance, LONG, Ledger, scaled};
use concurrent_futures::{Shutdown, SubmitOptions, TaskError, ThreadPoolExecutor, task};
use futures::StreamExt;
use futures::channel::mpsc;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

const WORKERS: [usize; 3] = [1, 2, 4];

/// Leaves its waker, looks whether it is ready, and then is not: the wake comes anywhere between that and the very end
/// of the poll. Were one lost, the result would not come.
#[test]
fn a_wake_that_races_the_end_of_the_poll() {
    let _watchdog = watchdog();
    for workers in WORKERS {
        let (pool, mut chance) = (pool(workers), Chance::new(workers as u64));
        for _ in 0..scaled(10_000) {
            let strings = Strings::new();
            let future = pool.spawn(strings.puppet());
            while strings.polls() == 0 {
                std::hint::spin_loop();
            }
            chance.dither();
            strings.make_ready();
            strings.waker().wake();
            assert_eq!(future.result(LONG).unwrap(), SEVEN);
        }
    }
}

/// The same from two threads, with wakes that come to nothing among them: every change that was announced by a wake is
/// seen by a poll that comes after it.
#[test]
fn every_wake_is_followed_by_a_poll() {
    let _watchdog = watchdog();
    for workers in WORKERS {
        let pool = pool(workers);
        let announced = Arc::new(AtomicUsize::new(0));
        let (waker, seen) = (Arc::new(Mutex::new(None::<Waker>)), Arc::new(AtomicUsize::new(0)));
        let (theirs, left, told) = (Arc::clone(&announced), Arc::clone(&waker), Arc::clone(&seen));
        let rounds = scaled(20_000);
        let future = pool.spawn(poll_fn(move |cx| {
            let old = left.lock().unwrap().replace(cx.waker().clone());
            drop(old);
            let now = theirs.load(Ordering::Acquire);
            told.store(now, Ordering::Release);
            if now == rounds { Poll::Ready(()) } else { Poll::Pending }
        }));
        eventually("it is polled", || waker.lock().unwrap().is_some());
        for round in 1..=rounds {
            announced.store(round, Ordering::Release);
            let current = waker.lock().unwrap().clone().unwrap();
            current.wake();
            eventually("the poll that follows", || seen.load(Ordering::Acquire) == round);
        }
        future.result(LONG).unwrap();
    }
}

/// futures' ThreadPool and tokio's rt_common: `channel` between a thread and a future, and between futures.
#[test]
fn messages_to_and_fro() {
    let _watchdog = watchdog();
    for workers in WORKERS {
        let pool = pool(workers);
        let (mut to, mut from_main) = mpsc::channel::<usize>(1);
        let (mut back, mut from_future) = mpsc::channel::<usize>(1);
        let echo = pool.spawn(async move {
            while let Some(number) = from_main.next().await {
                futures::SinkExt::send(&mut back, number + 1).await.unwrap();
            }
        });
        futures::executor::block_on(async {
            for number in 0..scaled(5_000) {
                futures::SinkExt::send(&mut to, number).await.unwrap();
                assert_eq!(from_future.next().await, Some(number + 1));
            }
        });
        drop(to);
        echo.result(LONG).unwrap();
    }
}

/// Pairs that throw a ball to each other; each throw is a wake from a poll.
#[test]
fn pairs_of_futures_that_wake_each_other() {
    let _watchdog = watchdog();
    for workers in WORKERS {
        let pool = pool(workers);
        let throws = scaled(2_000);
        let players: Vec<_> = (0..8)
            .flat_map(|_| {
                let (to_right, right) = mpsc::unbounded::<usize>();
                let (to_left, left) = mpsc::unbounded::<usize>();
                to_right.unbounded_send(0).unwrap();
                let play = |to: mpsc::UnboundedSender<usize>, mut from: mpsc::UnboundedReceiver<usize>| async move {
                    while let Some(ball) = from.next().await {
                        if ball == throws || to.unbounded_send(ball + 1).is_err() {
                            break;
                        }
                    }
                };
                [pool.spawn(play(to_left, right)), pool.spawn(play(to_right, left))]
            })
            .collect();
        for player in players {
            player.result(LONG).unwrap();
        }
    }
}

/// async-task's cancel and wake tests, thrown together: however they meet, it ends once, is dropped once, and `true`
/// from `cancel` is kept.
#[test]
fn wakes_cancels_and_polls() {
    let _watchdog = watchdog();
    for workers in WORKERS {
        let (pool, mut chance) = (pool(workers), Chance::new(11 + workers as u64));
        let (mut values, mut cancelled) = (0, 0);
        let rounds = scaled(3_000);
        for round in 0..rounds {
            let (strings, ledger) = (Strings::new(), Ledger::new());
            let (inner, value) = (strings.puppet(), ledger.value(Blast::Dud));
            let future = pool.spawn(async move {
                inner.await;
                value
            });
            if round % 4 != 0 {
                strings.wait_for_polls(1);
            }
            let (waking, mut other) = (strings.clone(), Chance::new(round as u64));
            let promised = thread::scope(|scope| {
                scope.spawn(move || {
                    other.dither();
                    waking.make_ready();
                    if waking.polls() > 0 {
                        waking.wake();
                    }
                });
                chance.dither();
                future.cancel()
            });
            let outcome = future.result(LONG);
            assert_eq!(promised, matches!(outcome, Err(TaskError::Cancelled)));
            assert_eq!(outcome.is_ok(), !promised);
            if promised {
                cancelled += 1
            } else {
                values += 1
            }
            drop((outcome, future));
            eventually("it is dropped", || strings.drops() == 1 && ledger.values_dropped() == 1);
        }
        assert_eq!(values + cancelled, rounds);
        assert!(cancelled > 0);
    }
}

/// The last references go on several threads at once, some of them with a wake: the body is dropped once, and memory is
/// freed once (which the sanitizers see).
#[test]
fn the_last_references_go_at_once() {
    let _watchdog = watchdog();
    for workers in WORKERS {
        let (pool, ledger) = (pool(workers), Ledger::new());
        let rounds = scaled(1_000);
        for round in 0..rounds {
            let strings = Strings::new();
            let (inner, capture) = (strings.puppet(), ledger.capture(Blast::Dud));
            let future = pool.spawn(async move {
                let _capture = capture;
                inner.await
            });
            strings.wait_for_polls(1);
            let (kept, last) = (strings.waker(), strings.take_waker());
            thread::scope(|scope| {
                scope.spawn(move || if round % 3 == 0 { kept.wake() } else { drop(kept) });
                scope.spawn(move || if round % 5 == 0 { last.wake_by_ref() } else { drop(last) });
                if round % 7 == 0 {
                    future.cancel();
                }
                drop(future);
            });
            // A wake may have led to a poll that left another waker.
            eventually("the body is dropped", || {
                let waker = (strings.drops() == 0).then(|| strings.try_take_waker()).flatten();
                drop(waker);
                strings.drops() == 1
            });
        }
        eventually("the captures are dropped", || ledger.captures_dropped() == rounds);
    }
}

/// A limit races the end: one of the two, and nothing in between.
#[test]
fn limits_race_the_end() {
    let _watchdog = watchdog();
    let (pool, mut chance) = (pool(2), Chance::new(5));
    let (mut values, mut late) = (0, 0);
    let rounds = scaled(2_000);
    for _ in 0..rounds {
        let (strings, ledger) = (Strings::new(), Ledger::new());
        let (inner, value) = (strings.puppet(), ledger.value(Blast::Dud));
        let options = SubmitOptions::new().timeout(Duration::from_micros(chance.below(300) as u64));
        let future = pool.spawn_with(options, async move {
            inner.await;
            value
        });
        for _ in 0..chance.below(2_000) {
            std::hint::spin_loop();
        }
        strings.make_ready();
        if let Some(waker) = strings.try_take_waker() {
            waker.wake();
        }
        let outcome = future.result(LONG);
        match &outcome {
            Ok(_) => values += 1,
            Err(TaskError::DeadlineExceeded) => late += 1,
            Err(other) => panic!("{other}"),
        }
        drop((outcome, future));
        eventually("it is dropped", || strings.drops() == 1 && ledger.values_dropped() == 1);
    }
    assert_eq!(values + late, rounds);
    println!("{values} values, {late} too late");
}

/// Futures are spawned, woken and cancelled by several threads while the pool is shut down by another: each ends, and
/// after the shutdown nothing of them is left.
#[test]
fn a_shutdown_in_the_middle_of_everything() {
    let _watchdog = watchdog();
    for round in 0..scaled(60) {
        let pool = ThreadPoolExecutor::new(1 + round % 4).unwrap();
        let (ledger, stop, spawned) = (Ledger::new(), AtomicBool::new(false), AtomicUsize::new(0));
        let cancelling = round % 2 == 0;
        thread::scope(|scope| {
            let spawners: Vec<_> = (0..3_u64)
                .map(|seed| {
                    let (pool, ledger, stop, spawned) = (&pool, &ledger, &stop, &spawned);
                    scope.spawn(move || {
                        let mut chance = Chance::new(seed + round as u64);
                        let mut futures = Vec::new();
                        while !stop.load(Ordering::Relaxed) {
                            let (strings, capture) = (Strings::new(), ledger.capture(Blast::Dud));
                            let inner = strings.puppet();
                            futures.push((
                                strings.clone(),
                                pool.spawn(async move {
                                    let _capture = capture;
                                    task::yield_now().await;
                                    inner.await
                                }),
                            ));
                            spawned.fetch_add(1, Ordering::Relaxed);
                            let (strings, future) = &futures[chance.below(futures.len())];
                            strings.make_ready();
                            match (strings.try_take_waker(), chance.below(4)) {
                                (_, 0) => drop(future.cancel()),
                                (Some(waker), _) => waker.wake(),
                                (None, _) => {}
                            }
                        }
                        for (strings, _) in &futures {
                            strings.make_ready();
                        }
                        // One that leaves its waker only now sees that it is ready.
                        for (strings, _) in &futures {
                            if let Some(waker) = strings.try_take_waker() {
                                waker.wake();
                            }
                        }
                        for (_, future) in &futures {
                            match future.result(LONG) {
                                Ok(SEVEN) | Err(TaskError::Cancelled | TaskError::Rejected(_)) => {}
                                other => panic!("{other:?}"),
                            }
                        }
                    })
                })
                .collect();
            eventually("some are spawned", || spawned.load(Ordering::Relaxed) > round * 7);
            let how = if cancelling { Shutdown::wait().cancel_pending() } else { Shutdown::no_wait() };
            pool.shutdown(how);
            stop.store(true, Ordering::Relaxed);
            spawners.into_iter().for_each(|spawner| spawner.join().unwrap());
        });
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
        assert_eq!(ledger.captures_dropped(), spawned.load(Ordering::Relaxed));
        assert_eq!(pool.stats().queued, 0);
    }
}
