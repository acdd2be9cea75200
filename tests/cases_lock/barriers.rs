//! Barriers.

use crate::support::{Gate, eventually, watchdog};
use crate::{SOON, bunch, join};
use concurrent_futures::threading::{Barrier, BrokenBarrier, Thread, ThreadHandle};
use futures::FutureExt;
use futures::executor::block_on;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

// case 286
#[test]
fn parties_go_in_lockstep_and_are_numbered() {
    let _watchdog = watchdog();
    for rounds in [1, 10] {
        let barrier = Arc::new(Barrier::new(5));
        let (waits, phases) = (Arc::clone(&barrier), Arc::new(AtomicUsize::new(0)));
        let counts = Arc::clone(&phases);
        let threads = bunch(5, move |_| {
            (0..rounds)
                .map(|round| {
                    counts.fetch_add(1, Ordering::SeqCst);
                    let number = waits.wait(None).unwrap();
                    // All have counted for this round, and nobody for the one after the next.
                    let counted = counts.load(Ordering::SeqCst);
                    assert!((5 * (round + 1)..=5 * (round + 2)).contains(&counted), "{counted} in {round}");
                    number
                })
                .collect::<Vec<usize>>()
        });
        let numbers = join(threads);
        for round in 0..rounds {
            let mut numbers: Vec<usize> = numbers.iter().map(|numbers| numbers[round]).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, [0, 1, 2, 3, 4]);
        }
        assert!(barrier.waiting() == 0 && !barrier.is_broken());
    }
    let alone = Barrier::new(1);
    assert_eq!((alone.wait(None), alone.wait(Duration::ZERO), block_on(alone.wait_async())), (Ok(0), Ok(0), Ok(0)));
    let refused = catch_unwind(|| Barrier::new(0)).unwrap_err();
    assert!(refused.downcast_ref::<&str>().is_some_and(|text| text.contains("0 parties")));
}

/// Threads that wait at a barrier which is one party short.
fn short_of_one(barrier: &Arc<Barrier>) -> Vec<ThreadHandle<Result<usize, BrokenBarrier>>> {
    let waits = Arc::clone(barrier);
    let threads = bunch(barrier.parties() - 1, move |_| waits.wait(None));
    eventually("they wait", || barrier.waiting() == barrier.parties() - 1);
    threads
}

// case 288
#[test]
fn an_abort_breaks_and_a_reset_mends() {
    let _watchdog = watchdog();
    let barrier = Arc::new(Barrier::new(5));
    let threads = short_of_one(&barrier);
    barrier.abort();
    assert!(join(threads).into_iter().all(|outcome| outcome == Err(BrokenBarrier::Aborted)));
    assert!(barrier.is_broken() && barrier.wait(None) == Err(BrokenBarrier::Aborted));
    assert_eq!(block_on(barrier.wait_async()), Err(BrokenBarrier::Aborted));
    barrier.reset();
    assert!(!barrier.is_broken());
    let threads = short_of_one(&barrier);
    barrier.reset();
    assert!(join(threads).into_iter().all(|outcome| outcome == Err(BrokenBarrier::Reset)));
    assert!(!barrier.is_broken() && barrier.waiting() == 0);
    // As good as new, also with futures among the parties.
    let threads = short_of_one(&barrier);
    let last = block_on(barrier.wait_async()).unwrap();
    let mut numbers: Vec<usize> = join(threads).into_iter().map(Result::unwrap).chain([last]).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}

// case 289
#[test]
fn one_who_waits_too_long_breaks_it_for_all() {
    let _watchdog = watchdog();
    for default in [None, Some(SOON)] {
        let barrier = Barrier::new(3);
        let barrier = Arc::new(if let Some(limit) = default { barrier.timeout(limit) } else { barrier });
        let waits = Arc::clone(&barrier);
        let began = Instant::now();
        let patient = Thread::new(move || waits.wait(Duration::from_secs(3600))).start().unwrap();
        eventually("it waits", || barrier.waiting() == 1);
        let hasty = if default.is_some() { barrier.wait(None) } else { barrier.wait(SOON) };
        assert_eq!(hasty, Err(BrokenBarrier::TimedOut));
        assert!(began.elapsed() >= SOON);
        assert!(patient.join(None).unwrap().unwrap_err().is_timed_out());
        assert!(barrier.is_broken() && barrier.wait(None).is_err());
    }
}

// beside case 286
#[test]
fn the_last_party_acts_before_any_goes_on() {
    let _watchdog = watchdog();
    let acted = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&acted);
    let barrier = Arc::new(Barrier::new(3).action(move || {
        counts.fetch_add(1, Ordering::SeqCst);
    }));
    let (waits, sees) = (Arc::clone(&barrier), Arc::clone(&acted));
    let threads = bunch(3, move |_| {
        for round in 1..5 {
            waits.wait(None).unwrap();
            assert!((round..=round + 1).contains(&sees.load(Ordering::SeqCst)));
        }
    });
    join(threads);
    assert_eq!(acted.load(Ordering::SeqCst), 4);
    let barrier = Arc::new(Barrier::new(3).action(|| std::panic::resume_unwind(Box::new("in the action"))));
    let threads = short_of_one(&barrier);
    assert!(catch_unwind(AssertUnwindSafe(|| barrier.wait(None))).is_err());
    assert!(join(threads).into_iter().all(|outcome| outcome == Err(BrokenBarrier::ActionPanicked)));
    assert_eq!(barrier.wait(None), Err(BrokenBarrier::ActionPanicked));
    barrier.reset();
    assert!(!barrier.is_broken() && barrier.waiting() == 0);
}

/// Whether an action that takes too long was begun before the limit of the first party passed.
fn is_broken_while_it_acts(limit: Duration) -> bool {
    let (acting, gate) = (Gate::new(), Gate::new());
    let (acts, waits) = (acting.clone(), gate.clone());
    let barrier = Arc::new(Barrier::new(2).action(move || {
        acts.open();
        waits.wait();
    }));
    let (first, last) = (Arc::clone(&barrier), Arc::clone(&barrier));
    let first = Thread::new(move || first.wait(limit)).start().unwrap();
    eventually("it waits", || barrier.waiting() == 1 || barrier.is_broken());
    let last = Thread::new(move || last.wait(None)).start().unwrap();
    // It comes back although the action runs.
    assert_eq!(first.join(None).unwrap(), Err(BrokenBarrier::TimedOut));
    assert!(barrier.is_broken());
    gate.open();
    assert_eq!(last.join(None).unwrap(), Err(BrokenBarrier::TimedOut));
    acting.is_open()
}

// beside case 289
#[test]
fn an_action_is_not_waited_for_longer_than_was_said() {
    let _watchdog = watchdog();
    let mut limits = (0..10).map(|doubled| SOON * (1 << doubled));
    assert!(limits.any(is_broken_while_it_acts));
}

// case 290
#[test]
fn a_barrier_says_how_it_is() {
    let _watchdog = watchdog();
    let barrier = Arc::new(Barrier::new(3));
    assert!(format!("{barrier:?}").contains("waiting: 0, parties: 3, broken: false"));
    let threads = short_of_one(&barrier);
    assert!(format!("{barrier:?}").contains("waiting: 2"));
    barrier.abort();
    join(threads).into_iter().for_each(|outcome| assert!(outcome.is_err()));
    assert!(format!("{barrier:?}").contains("broken: true"));
    assert!(BrokenBarrier::Aborted.to_string().contains("reset"));
}

#[test]
fn a_party_that_is_dropped_is_out_again() {
    let _watchdog = watchdog();
    let barrier = Barrier::new(2);
    let mut gone = Box::pin(barrier.wait_async());
    assert!((&mut gone).now_or_never().is_none() && barrier.waiting() == 1);
    drop(gone);
    assert!(barrier.waiting() == 0 && !barrier.is_broken());
    let mut first = Box::pin(barrier.wait_async());
    assert!((&mut first).now_or_never().is_none());
    let mut second = Box::pin(barrier.wait_async());
    let numbers = [(&mut second).now_or_never(), (&mut first).now_or_never()].map(|number| number.unwrap().unwrap());
    assert!(numbers == [0, 1] || numbers == [1, 0]);
}
