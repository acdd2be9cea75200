//! When it is worth it to watch a slot, who does, and what whoever sleeps meanwhile is told.

use super::super::{Watched, spinning_may_pay};
use super::turns::task;
use super::*;
use crate::state::ring::{Spin, Turn};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::time::Duration;

const LONGEST: Option<Duration> = Some(Duration::from_micros(20));

#[test]
fn a_spin_is_never_longer_than_20_microseconds_and_failures_end_it() {
    let mut spin = Spin::new();
    for _ in 0..100 {
        assert_eq!(spin.begin(), LONGEST);
        spin.learn(true);
    }
    let mut last = spin.begin();
    let mut failures = 0;
    while last.is_some() {
        spin.learn(false);
        let next = spin.begin();
        assert!(next < last, "{next:?} after {last:?}");
        last = next;
        failures += 1;
    }
    assert!(failures <= 4, "{failures} failures in a row before it gave up");
}

#[test]
fn one_wait_of_64_tries_again_and_a_success_brings_it_back() {
    let mut spin = Spin::new();
    while spin.begin().is_some() {
        spin.learn(false);
    }
    for round in 0..5 {
        let waits = (1..1_000).find(|_| spin.begin() == LONGEST).expect("a probe");
        // The first round began with the wait that found it was over.
        assert_eq!(waits, if round == 0 { 63 } else { 64 });
        spin.learn(false);
    }
    (1..1_000).find(|_| spin.begin().is_some()).expect("a probe");
    spin.learn(true);
    assert!(spin.begin().is_some());
    spin.learn(true);
    spin.learn(true);
    assert_eq!(spin.begin(), LONGEST);
}

#[test]
fn one_thread_spins_at_a_time_and_leaves_what_it_has_learned() {
    let turn = Turn::new();
    let mut spin = turn.take().expect("nobody has it");
    assert_eq!(turn.take(), None);
    spin.learn(false);
    turn.give_back(spin);
    assert_eq!(turn.take(), Some(spin));
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
    assert_eq!(sender.watch(false).spin_on(ticket), Watched::NotYet, "it would have seen it");
    assert_eq!(sender.watch(true).spin_on(ticket), Watched::Done);
}

/// Three tasks, of which the second is watched while the parent's thread sleeps.
#[test]
fn who_watches_leaves_the_others_to_the_sleeper() {
    let (mut sender, mut receiver, heap) = pair(layout(4, 64, 64));
    let watch = sender.watch(true);
    let tickets = [0, 1, 2].map(|entry| sender.publish(plain(entry), &[]).unwrap());
    let mut bytes = Vec::new();
    assert_eq!(sender.may_sleep(false), Ok(true));
    assert_eq!(watch.spin_on(tickets[0]), Watched::NotYet);
    assert_eq!(heap.rings(), 0, "nothing has ended");
    // The word was handed back: the first end rings.
    assert!(task!(receiver, &mut bytes).finish(&[]).is_ok());
    assert_eq!(heap.rings(), 1);
    sender.awake();
    sender.take_result(tickets[0]).unwrap();
    // One that is DONE and that the watcher takes is not worth a ring.
    assert_eq!(sender.may_sleep(false), Ok(true));
    let running = task!(receiver, &mut bytes);
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            loop {
                if watch.spin_on(tickets[1]) == Watched::Done {
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
