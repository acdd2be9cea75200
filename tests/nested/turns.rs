//! What is broadcast waits for its slot's own thread: that one's turn is part of who waits for whom, for as long as it
//! has not come, and in every kind of wait.

use crate::torture::LastGate;
use crate::{parcel, pool, support};
use concurrent_futures::{
    Future, ReturnWhen, SharedFuture, TaskError, ThreadPoolExecutor, as_completed, promise, task, wait,
};
use std::sync::Arc;

/// Keeps all workers but one busy; a gate for each slot that is.
struct AllButOne {
    gates: Vec<Arc<LastGate>>,
    busy: Vec<Future<usize>>,
}

impl AllButOne {
    fn of(pool: &ThreadPoolExecutor) -> Self {
        let gates: Vec<_> = (0..pool.max_workers()).map(|_| Arc::new(LastGate::new())).collect();
        let busy = (1..pool.max_workers()).map(|_| {
            let gates = gates.clone();
            pool.submit(move || {
                let slot = task::slot().unwrap();
                gates[slot].wait();
                slot
            })
        });
        let busy: Vec<_> = busy.collect();
        support::eventually("they are busy", || busy.iter().all(Future::running));
        AllButOne { gates, busy }
    }
}

/// The other slots' threads take their mail one after the other. A task on the first of them that waits for the waiter
/// is in no circle: its thread has had its turn.
#[test]
fn a_turn_that_was_taken_holds_nobody_up() {
    let _watchdog = support::watchdog();
    let pool = pool(3);
    let others = AllButOne::of(&pool);
    let (go, may_go) = parcel::<()>();
    let (tell_slot, slot_told) = parcel::<usize>();
    let same = pool.clone();
    let waiting = pool.submit(move || {
        tell_slot.send(task::slot().unwrap());
        may_go.open();
        wait(&same.broadcast(|()| ()), None, ReturnWhen::AllCompleted).done.len()
    });
    let waiting = waiting.shared();
    let own = slot_told.open();
    let [first, second] = [(own + 1) % 3, (own + 2) % 3];
    go.send(());
    support::eventually("it waits for the others' turns", || pool.stats().blocked == 1);
    // Behind the mail that it waits for.
    let waits_for = waiting.clone();
    let look = move |(): &()| (task::slot() == Some(first)).then(|| waits_for.result(None).copied());
    let looks = pool.broadcast(look);
    others.gates[first].open();
    support::eventually("the look waits too", || pool.stats().blocked == 2 || looks[first].done());
    others.gates[second].open();
    assert_eq!(looks[first].result(None).unwrap().unwrap().unwrap(), 3, "it waits, and is not refused");
    assert_eq!(waiting.result(None).copied().unwrap(), 3);
    let busy: Vec<usize> = others.busy.iter().map(|future| future.result(None).unwrap()).collect();
    assert!(busy.contains(&first) && busy.contains(&second));
}

type Wait = fn(&[&Future<()>]) -> usize;

/// How many have ended.
const WAITS: [(&str, Wait); 5] = [
    ("all", |mail| wait(mail, None, ReturnWhen::AllCompleted).done.len()),
    ("first", |mail| wait(mail, None, ReturnWhen::FirstCompleted).done.len()),
    ("first error", |mail| wait(mail, None, ReturnWhen::FirstError).done.len()),
    ("as completed", |mail| as_completed(mail, None).filter(Result::is_ok).count()),
    ("result", |mail| mail.iter().filter(|one| one.result(None).is_ok()).count()),
];

/// The other slot's thread waits for us, and only it may run what we wait for.
#[test]
fn a_wait_for_the_turn_of_a_thread_that_waits_for_us_is_refused() {
    let _watchdog = support::watchdog();
    for (way, wait) in WAITS {
        let pool = pool(2);
        let (to_other, inbox) = parcel::<SharedFuture<usize>>();
        let (tell_slot, slot_told) = parcel::<usize>();
        let other = pool.submit(move || {
            let waits_for = inbox.open();
            tell_slot.send(task::slot().unwrap());
            waits_for.result(None).copied()
        });
        support::eventually("it runs", || other.running());
        let same = pool.clone();
        let waiting = pool.submit(move || {
            let slot = slot_told.open();
            support::eventually("the other one waits", || same.stats().blocked == 1);
            let mail = same.broadcast(|()| ());
            wait(&[&mail[slot]])
        });
        support::eventually("both run", || waiting.running());
        let waiting = waiting.shared();
        to_other.send(waiting.clone());
        // Whoever lies down last is refused, and the other one's wait ends.
        let ended = waiting.result(None).copied().unwrap();
        match other.result(None).unwrap() {
            Ok(seen) => assert_eq!((ended, seen), (0, 0), "{way}: nothing could end"),
            Err(error) => assert!(error.is_deadlock() && ended == 1, "{way}: {error}"),
        }
    }
}

/// With something among them that can come, it is waited for.
#[test]
fn a_wait_for_the_first_is_not_refused_for_a_turn_alone() {
    let _watchdog = support::watchdog();
    let pool = pool(2);
    let (to_other, inbox) = parcel::<SharedFuture<Result<(), TaskError>>>();
    let (tell_slot, slot_told) = parcel::<usize>();
    let other = pool.submit(move || {
        let waits_for = inbox.open();
        tell_slot.send(task::slot().unwrap());
        waits_for.result(None).is_ok()
    });
    support::eventually("it runs", || other.running());
    let (promise, promised) = promise::<()>();
    let same = pool.clone();
    let waiting = pool.submit(move || {
        let slot = slot_told.open();
        support::eventually("the other one waits", || same.stats().blocked == 1);
        let mail = same.broadcast(|()| ());
        let ended = wait([&mail[slot], &promised], None, ReturnWhen::FirstCompleted).done.len();
        assert_eq!(ended, 1);
        promised.result(None)
    });
    support::eventually("both run", || waiting.running());
    let waiting = waiting.shared();
    to_other.send(waiting.clone());
    support::eventually("both wait", || pool.stats().blocked == 2);
    promise.set_result(()).unwrap();
    assert!(waiting.result(None).unwrap().is_ok());
    assert!(other.result(None).unwrap());
}
