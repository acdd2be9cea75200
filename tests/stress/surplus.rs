//! A thread that stood in for a waiting one is one too many when that one goes on: it begins nothing more, however
//! closely its last step and the other's next one meet.

use crate::support;
use crate::torture::{Chance, scaled};
use concurrent_futures::ThreadPoolExecutor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A task waits for another one, which a stand-in runs because the wait has a limit, and then submits a third: that
/// one's turn does not come while the first goes on.
#[test]
fn a_task_that_comes_back_from_a_wait_is_alone() {
    const TRIES: usize = 50;
    // Nobody looks at the roll and takes a task in one step: who is held up in between may still do it.
    const TOLERATED: usize = 16;
    let _watchdog = support::watchdog();
    let (mut together, rounds) = (0, scaled(200));
    for seed in 0..rounds as u64 {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let (same, mut chance) = (pool.clone(), Chance::new(seed));
        let first = pool.submit(move || {
            let alone = || {
                let spins = chance.below(3_000);
                let second = same.submit(move || (0..spins).for_each(|_| std::hint::spin_loop()));
                second.result(Duration::from_secs(60)).unwrap();
                let third = same.submit(|| ());
                // Time enough for whoever does not know its place.
                (0..500).for_each(|_| std::hint::spin_loop());
                third.cancel()
            };
            std::iter::repeat_with(alone).take(TRIES).filter(|alone| !alone).count()
        });
        together += first.result(None).unwrap();
    }
    println!("{together} times two at once");
    assert!(together <= TOLERATED, "{together} times two tasks at once in a pool of one worker, in {rounds} rounds");
}

/// The same with many of them: at any moment at most as many run as there are workers, but for those that came back.
#[test]
fn leaves_of_a_tree_run_one_at_a_time_on_one_worker() {
    fn grow(pool: &ThreadPoolExecutor, inside: &Arc<(AtomicUsize, AtomicUsize)>, depth: usize) {
        if depth == 0 {
            let (now, most) = &**inside;
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            (0..200).for_each(|_| std::hint::spin_loop());
            now.fetch_sub(1, Ordering::SeqCst);
            return;
        }
        let branches: Vec<_> = (0..2)
            .map(|_| {
                let (same, inside) = (pool.clone(), Arc::clone(inside));
                pool.submit(move || grow(&same, &inside, depth - 1))
            })
            .collect();
        // With a limit, so that each is run by another thread.
        branches.iter().for_each(|branch| branch.result(Duration::from_secs(60)).unwrap());
    }
    let _watchdog = support::watchdog();
    for _ in 0..scaled(20) {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let inside = Arc::default();
        grow(&pool, &inside, 6);
        // From outside: nobody comes back from a lent wait into a leaf, so leaves have the one place in turn.
        assert_eq!(inside.1.load(Ordering::SeqCst), 1);
    }
}
