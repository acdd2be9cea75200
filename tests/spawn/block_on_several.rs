//! Several `block_on` at once in a pool that can add no thread, and other waits beside them: who of those that sleep is
//! got up, and by whom.

use crate::support::{eventually, watchdog};
use crate::tools::{SEVEN, assert_works, builder, counted, strict, until_blocked};
use crate::torture::{Chance, LONG, scaled};
use concurrent_futures::{Future, ThreadPoolExecutor};
use futures::channel::oneshot;
use futures::future::{join, join_all};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Two such waits do not get each other up for ever; nor do two that wait for the same.
#[test]
fn two_that_wait_leave_each_other_alone() {
    let _watchdog = watchdog();
    for same_future in [false, true] {
        let pool = strict(2);
        let (mut tells, mut counts, mut waits) = (Vec::new(), Vec::new(), Vec::new());
        let mut shared = None;
        for number in 0..2 {
            if !same_future || number == 0 {
                let (tell, told) = oneshot::channel::<u32>();
                let (polls, counting) = counted(async { told.await.unwrap() });
                shared = Some(pool.spawn(counting).shared());
                tells.push(tell);
                counts.push(polls);
            }
            let (same, shared) = (pool.clone(), shared.clone().unwrap());
            waits.push(pool.submit(move || same.block_on(shared).unwrap()));
        }
        until_blocked(&pool, 2);
        let unrelated: Vec<_> = (0..100).map(|_| pool.submit(|| ())).collect();
        for tell in tells {
            tell.send(SEVEN).unwrap();
        }
        assert!(waits.into_iter().all(|wait| wait.result(LONG).unwrap() == SEVEN));
        for polls in counts {
            // In its turns, and once out of turn by each.
            assert!(polls.load(Ordering::SeqCst) <= 4, "{polls:?}");
        }
        assert!(unrelated.into_iter().all(|unrelated| unrelated.result(LONG).is_ok()));
    }
}

/// What one of them awaits is told by what the other one awaits.
#[test]
fn each_waits_for_what_the_other_can_run() {
    let _watchdog = watchdog();
    let pool = strict(2);
    for _ in 0..scaled(200) {
        let ((tell_first, first), (tell_second, second)) = (oneshot::channel::<u32>(), oneshot::channel::<u32>());
        let wait = |told: oneshot::Receiver<u32>, tells: oneshot::Sender<u32>| {
            let (same, met) = (pool.clone(), pool.clone());
            pool.submit(move || {
                // Spawned on whatever thread, and first polled there.
                let mine = met.spawn(async move { tells.send(SEVEN).unwrap() });
                let (told, mine) = same.block_on(join(told, mine));
                mine.unwrap();
                told.unwrap()
            })
        };
        let waits = [wait(first, tell_second), wait(second, tell_first)];
        assert!(waits.into_iter().all(|wait| wait.result(LONG).unwrap() == SEVEN));
    }
    assert_works(&pool);
}

/// Asked once, it was then polled by another worker, and waits for something new that nobody else can run.
#[test]
fn what_was_asked_before_its_last_poll() {
    let _watchdog = watchdog();
    let pool = strict(2);
    let (outside, is_outside) = oneshot::channel::<()>();
    let (gate, is_open) = oneshot::channel::<()>();
    let (finish, finished) = oneshot::channel::<()>();
    let same = pool.clone();
    let (polls, counting) = counted(async move {
        is_outside.await.unwrap();
        let blocked = same.clone();
        let _first = same.submit(move || blocked.block_on(finished).unwrap());
        same.submit(|| SEVEN).await.unwrap()
    });
    let waiting = pool.spawn(counting);
    eventually("it waits", || pool.stats().suspended == 1);
    let same = pool.clone();
    let other = pool.submit(move || {
        same.block_on(is_open).unwrap();
        outside.send(()).unwrap();
    });
    until_blocked(&pool, 1);
    let same = pool.clone();
    let around = pool.submit(move || {
        let value = same.block_on(waiting).unwrap();
        finish.send(()).unwrap();
        value
    });
    until_blocked(&pool, 2);
    let before = polls.load(Ordering::SeqCst);
    let _unrelated = pool.submit(|| ());
    eventually("it was asked", || polls.load(Ordering::SeqCst) > before);
    gate.send(()).unwrap();
    assert_eq!(around.result(LONG).unwrap(), SEVEN);
    other.result(LONG).unwrap();
}

/// The last thread that is up runs what it waits for, also where another one's `block_on` might end by itself.
#[test]
fn a_blocking_wait_beside_a_block_on() {
    let _watchdog = watchdog();
    for spawns in [false, true] {
        let pool = strict(2);
        let (tell, told) = oneshot::channel::<u32>();
        let same = pool.clone();
        let beside = pool.submit(move || {
            if spawns {
                same.block_on(same.spawn(async { told.await.unwrap() })).unwrap()
            } else {
                same.block_on(told).unwrap()
            }
        });
        until_blocked(&pool, 1);
        let same = pool.clone();
        let last = pool.submit(move || {
            let value = same.spawn(async { SEVEN }).result(None);
            tell.send(SEVEN).unwrap();
            value
        });
        assert_eq!(last.result(LONG).unwrap().unwrap(), SEVEN);
        assert_eq!(beside.result(LONG).unwrap(), SEVEN);
    }
}

/// Woken at any moment while the last thread lies down.
#[test]
fn a_wake_that_races_the_last_thread() {
    let _watchdog = watchdog();
    let pool = strict(1);
    let mut chance = Chance::new(7);
    for _ in 0..scaled(3_000) {
        let (tell, told) = oneshot::channel::<()>();
        // Its first poll is over before the block_on.
        let waiting = pool.spawn(told);
        pool.submit(|| ()).result(LONG).unwrap();
        let same = pool.clone();
        let begun = Arc::new(AtomicUsize::new(0));
        let begins = Arc::clone(&begun);
        let around = pool.submit(move || {
            begins.store(1, Ordering::SeqCst);
            same.block_on(waiting).unwrap().unwrap();
        });
        // Something is queued, so what waits is asked.
        let _unrelated = pool.submit(|| ());
        while begun.load(Ordering::SeqCst) == 0 {
            std::hint::spin_loop();
        }
        chance.dither();
        tell.send(()).unwrap();
        around.result(LONG).unwrap();
    }
}

/// A tree of tasks in which every closure waits by `block_on`, and every future awaits its children.
fn grow(pool: &ThreadPoolExecutor, chance: &mut Chance, depth: u32) -> Future<u32> {
    let children = if depth == 0 { 0 } else { chance.below(4) };
    let mut grown: Vec<Future<u32>> = Vec::new();
    let same = pool.clone();
    // Some of the children are there before, and may have begun, or wait; others come when it runs.
    for _ in 0..children / 2 {
        grown.push(grow(pool, chance, depth - 1));
    }
    let seeds: Vec<u64> = (children / 2..children).map(|_| chance.next()).collect();
    let more = move |pool: &ThreadPoolExecutor| {
        let grow = |seed| grow(pool, &mut Chance::new(seed), depth - 1);
        seeds.into_iter().map(grow).collect::<Vec<_>>()
    };
    match chance.below(3) {
        0 => pool.submit(move || {
            grown.extend(more(&same));
            1 + same.block_on(join_all(grown)).into_iter().map(Result::unwrap).sum::<u32>()
        }),
        1 => pool.spawn(async move {
            grown.extend(more(&same));
            1 + join_all(grown).await.into_iter().map(Result::unwrap).sum::<u32>()
        }),
        _ => pool.spawn(async move {
            let mut sum = 1;
            for child in grown {
                sum += child.await.unwrap();
            }
            for child in more(&same) {
                concurrent_futures::task::yield_now().await;
                sum += child.await.unwrap();
            }
            sum
        }),
    }
}

/// Trees of waits of all kinds, with one worker, with several, and with spare threads that are used up.
#[test]
fn trees() {
    let _watchdog = watchdog();
    let mut chance = Chance::new(3);
    for (workers, spares) in [(1, 0), (2, 0), (3, 0), (1, 1), (2, 2)] {
        let pool = builder(workers).max_spares(spares).stack_size(16 << 20).build().unwrap();
        for _ in 0..scaled(100) {
            let trees: Vec<_> = (0..4).map(|_| grow(&pool, &mut chance, 5)).collect();
            assert!(trees.into_iter().all(|tree| tree.result(LONG).unwrap() > 0));
        }
        assert_works(&pool);
    }
}
