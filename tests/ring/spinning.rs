//! When it is worth it to watch a slot, who does, and what whoever sleeps meanwhile is told.

use super::super::{Watched, spinning_may_pay};
use super::turns::task;
use super::*;
use crate::state::ring::{Found, Spins, Turn};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::time::Duration;

const FOUND: [(Found, Duration); 2] =
    [(Found::Awake, Duration::from_micros(20)), (Found::Asleep, Duration::from_micros(100))];

#[test]
fn a_spin_is_never_longer_than_it_takes_to_wake_somebody_and_failures_end_it() {
    for (found, longest) in FOUND {
        let mut spins = Spins::new();
        for _ in 0..100 {
            assert_eq!(spins.begin(found), Some(longest));
            spins.learn(found, true);
        }
        let mut last = spins.begin(found);
        let mut failures = 0;
        while last.is_some() {
            spins.learn(found, false);
            let next = spins.begin(found);
            assert!(next < last, "{next:?} after {last:?}");
            last = next;
            failures += 1;
        }
        assert!(failures <= 4, "{failures} failures in a row before it gave up");
    }
}

#[test]
fn one_wait_of_64_tries_again_and_a_success_brings_it_back() {
    for (found, longest) in FOUND {
        let mut spins = Spins::new();
        while spins.begin(found).is_some() {
            spins.learn(found, false);
        }
        for round in 0..5 {
            let waits = (1..1_000).find(|_| spins.begin(found) == Some(longest)).expect("a probe");
            // The first round began with the wait that found it was over.
            assert_eq!(waits, if round == 0 { 63 } else { 64 });
            spins.learn(found, false);
        }
        (1..1_000).find(|_| spins.begin(found).is_some()).expect("a probe");
        spins.learn(found, true);
        assert!(spins.begin(found).is_some());
        spins.learn(found, true);
        spins.learn(found, true);
        assert_eq!(spins.begin(found), Some(longest));
    }
}

#[test]
fn what_comes_of_waking_the_other_side_says_nothing_of_one_that_is_awake() {
    for (one, other) in [(0, 1), (1, 0)] {
        let ((failing, _), (found, longest)) = (FOUND[one], FOUND[other]);
        let mut spins = Spins::new();
        while spins.begin(failing).is_some() {
            spins.learn(failing, false);
        }
        assert_eq!(spins.begin(found), Some(longest));
    }
}

#[test]
fn a_worker_counts_as_asleep_until_it_has_done_what_it_was_woken_for() {
    let (mut sender, mut receiver, heap) = pair(layout(4, 64, 64));
    let worker = Ring::new(Arc::clone(&heap), layout(4, 64, 64));
    worker.worker_sleep().lie_down();
    let mut bytes = Vec::new();
    for entry in 0..2 {
        sender.publish(plain(entry), &[]).unwrap();
        assert_eq!(sender.worker(), Found::Asleep);
    }
    for _ in 0..2 {
        assert!(task!(receiver, &mut bytes).finish(&[]).is_ok());
        let done = sender.next_done().unwrap().expect("it has ended");
        sender.take_result(done).unwrap();
    }
    sender.publish(plain(2), &[]).unwrap();
    assert_eq!(sender.worker(), Found::Awake);
}

#[test]
fn one_thread_spins_at_a_time_and_leaves_what_it_has_learned() {
    let turn = Turn::new();
    let mut spins = turn.take().expect("nobody has it");
    assert_eq!(turn.take(), None);
    spins.learn(Found::Awake, false);
    for _ in 0..3 {
        spins.learn(Found::Asleep, false);
    }
    let _ = spins.begin(Found::Asleep);
    turn.give_back(spins);
    assert_eq!(turn.take(), Some(spins));
}

#[test]
fn with_one_processor_nobody_spins() {
    let alone = thread::spawn(|| {
        let all = sched_getaffinity(None).unwrap();
        let mut one = CpuSet::new();
        one.set((0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)).unwrap());
        sched_setaffinity(None, &one).unwrap();
        spinning_may_pay()
    });
    assert!(!alone.join().unwrap());
    let (mut sender, mut receiver, _heap) = pair(layout(2, 64, 64));
    let ticket = sender.publish(plain(0), &[]).unwrap();
    assert!(task!(receiver, &mut Vec::new()).finish(&[]).is_ok());
    assert_eq!(sender.watch(false).spin_on(ticket, Found::Awake), Watched::NotYet, "it would have seen it");
    assert_eq!(sender.watch(true).spin_on(ticket, Found::Awake), Watched::Done);
}

/// Three tasks, of which the second is watched while the parent's thread sleeps.
#[test]
fn who_watches_leaves_the_others_to_the_sleeper() {
    let (mut sender, mut receiver, heap) = pair(layout(4, 64, 64));
    let watch = sender.watch(true);
    let tickets = [0, 1, 2].map(|entry| sender.publish(plain(entry), &[]).unwrap());
    let mut bytes = Vec::new();
    assert_eq!(sender.may_sleep(false, None), Ok(true));
    assert_eq!(watch.spin_on(tickets[0], Found::Awake), Watched::NotYet);
    assert_eq!(heap.rings(), 0, "nothing has ended");
    // The word was handed back: the first end rings.
    assert!(task!(receiver, &mut bytes).finish(&[]).is_ok());
    assert_eq!(heap.rings(), 1);
    sender.awake();
    sender.take_result(tickets[0]).unwrap();
    // One that is DONE and that the watcher takes is not worth a ring.
    assert_eq!(sender.may_sleep(false, None), Ok(true));
    let running = task!(receiver, &mut bytes);
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            loop {
                if watch.spin_on(tickets[1], Found::Awake) == Watched::Done {
                    break;
                }
            }
        });
        // Whether it ends in a spin or between two, the sleeper is told once at most, and the watcher sees it.
        assert!(running.finish(&[]).is_ok());
        watching.join().unwrap();
    });
    assert!(heap.rings() <= 2);
    sender.awake();
    sender.take_result(tickets[1]).unwrap();
    assert_eq!(sender.next_done(), Ok(None));
}
