//! Futures in the order of their ends, after CPython's `test_as_completed.py`.

#[path = "cases/states.rs"]
mod states;
mod support;

use concurrent_futures::{
    Future, FutureId, Promise, Shutdown, ThreadPoolExecutor, WaitTimedOut, as_completed, futures, promise,
};
use states::{STATES, State, future_in};
use std::collections::HashSet;
use std::iter;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};
use support::{Gate, quiet_panics_of, watchdog};

fn pool(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(workers).unwrap()
}

// case 22
#[test]
fn each_future_comes_once_whatever_its_state() {
    let _watchdog = watchdog();
    quiet_panics_of(&["ThreadPoolExecutor"]);
    let pool = pool(2);
    let (_, cancelled) = future_in(State::Cancelled);
    let (_, failed) = future_in(State::Failed);
    let (_, finished) = future_in(State::Finished);
    let futures = [cancelled, failed, finished, pool.submit(|| 1), pool.submit(|| panic!("fresh"))];
    let expected: HashSet<FutureId> = futures.iter().map(Future::id).collect();
    let yielded: Vec<FutureId> = as_completed(&futures, None).map(|future| future.unwrap().id()).collect();
    assert_eq!(yielded.len(), 5);
    assert_eq!(yielded.iter().copied().collect::<HashSet<_>>(), expected);
    assert!(yielded[..3].iter().all(|id| futures[..3].iter().any(|future| future.id() == *id)), "the ended ones first");
}

// beside case 22
#[test]
fn they_come_in_the_order_of_their_ends() {
    let _watchdog = watchdog();
    let (promises, futures): (Vec<Promise<usize>>, Vec<Future<usize>>) = (0..6).map(|_| promise()).unzip();
    let mut promises: Vec<Option<Promise<usize>>> = promises.into_iter().map(Some).collect();
    let mut ends = as_completed(&futures, None);
    for index in [3, 0, 5, 1, 4, 2] {
        promises[index].take().unwrap().set_result(index).unwrap();
        assert_eq!(ends.next().unwrap().unwrap().id(), futures[index].id());
    }
    assert!(ends.next().is_none() && ends.next().is_none());
}

// beside case 22
#[test]
fn nothing_to_wait_for_is_the_end_at_once() {
    assert!(as_completed(Vec::<Future<()>>::new(), None).next().is_none());
    assert!(as_completed(Vec::<Future<()>>::new(), Duration::ZERO).next().is_none(), "not out of time");
}

// beside case 23
#[test]
fn out_of_time_what_has_ended_comes_first() {
    let _watchdog = watchdog();
    let (_promise, pending) = promise::<u32>();
    for limit in [Duration::ZERO, Duration::from_millis(5)] {
        let (_, finished) = future_in(State::Finished);
        let mut ends = as_completed([&pending, &finished], limit);
        assert_eq!(ends.next().unwrap().unwrap().id(), finished.id());
        let WaitTimedOut { unfinished, total, .. } = ends.next().unwrap().unwrap_err();
        assert_eq!((unfinished, total), (1, 2));
        assert!(ends.next().is_none() && ends.next().is_none());
    }
}

// beside case 23
#[test]
fn the_clock_starts_at_the_call() {
    let _watchdog = watchdog();
    let (_promise, pending) = promise::<u32>();
    let limit = Duration::from_millis(30);
    let began = Instant::now();
    let mut ends = as_completed([&pending], limit);
    // Python's clock would start only now.
    thread::sleep(2 * limit);
    let waited = Instant::now();
    assert!(ends.next().unwrap().is_err());
    assert!(waited.elapsed() < Duration::from_secs(20) && began.elapsed() >= limit);
    let (promise, future) = promise::<u32>();
    let mut ends = as_completed([&future], limit);
    thread::sleep(2 * limit);
    promise.set_result(1).unwrap();
    assert!(ends.next().unwrap().is_ok(), "what has ended is yielded, though the time is up");
    assert!(ends.next().is_none());
}

// case 24
#[test]
fn duplicates_collapse() {
    let _watchdog = watchdog();
    let future = pool(1).submit(|| 7);
    assert_eq!(as_completed(iter::repeat_n(&future, 3), None).map(Result::unwrap).count(), 1);
    let shared = pool(1).submit(|| 7).shared();
    let clones = vec![shared.clone(), shared.clone(), shared];
    assert_eq!(as_completed(clones, None).map(Result::unwrap).count(), 1, "clones are one future");
}

// case 25
#[test]
fn what_was_yielded_is_not_kept() {
    let _watchdog = watchdog();
    let (promises, futures): (Vec<_>, Vec<_>) = (0..8).map(|_| promise()).unzip();
    let mut promises = promises.into_iter();
    let finished = Arc::new(100);
    let mut values: Vec<Weak<usize>> = vec![Arc::downgrade(&finished)];
    let mut all = vec![Future::ready(finished)];
    all.extend(futures);
    let mut ends = as_completed(all, Duration::from_secs(100));
    for number in 0..9 {
        let future = ends.next().unwrap().unwrap();
        assert!(values[number].upgrade().is_some(), "nobody has taken the value");
        drop(future);
        assert!(values[number].upgrade().is_none(), "the iterator keeps a future that it has yielded");
        // They end one by one while the others are waited for.
        if let Some(promise) = promises.next() {
            let value = Arc::new(number);
            values.push(Arc::downgrade(&value));
            promise.set_result(value).unwrap();
        }
    }
    assert!(ends.next().is_none());
}

// beside case 25
#[test]
fn an_iterator_that_is_let_go_waits_for_nobody() {
    let _watchdog = watchdog();
    for time_out_first in [false, true] {
        let (promise, future) = promise::<Arc<()>>();
        let limit = if time_out_first { Duration::ZERO } else { Duration::from_secs(100) };
        let mut ends = as_completed([&future], limit);
        if time_out_first {
            assert!(ends.next().unwrap().is_err());
        }
        drop(ends);
        let value = Arc::new(());
        let weak = Arc::downgrade(&value);
        promise.set_result(value).unwrap();
        drop(future);
        assert!(weak.upgrade().is_none(), "somebody keeps the future that was waited for");
    }
}

// case 26
#[test]
fn the_timeout_says_how_many_are_left() {
    let _watchdog = watchdog();
    let states = [State::Cancelled, State::Pending, State::Running, State::Finished];
    let (_promises, futures): (Vec<_>, Vec<Future<u32>>) = states.into_iter().map(future_in).unzip();
    let mut ends = as_completed(&futures, Duration::ZERO);
    assert_eq!(ends.by_ref().take(2).filter(Result::is_ok).count(), 2);
    let error = ends.next().unwrap().unwrap_err();
    assert_eq!((error.unfinished, error.total), (2, 4));
    assert_eq!(error.to_string(), "the wait timed out with 2 (of 4) futures unfinished");
    assert!(ends.next().is_none());
}

// beside case 26
#[test]
fn every_state_but_two_has_ended() {
    let _watchdog = watchdog();
    for state in STATES {
        let (_promise, future) = future_in(state);
        let ended = as_completed([&future], Duration::ZERO).next().unwrap().is_ok();
        assert_eq!(ended, !matches!(state, State::Pending | State::Running), "{state:?}");
    }
}

// beside case 26
#[test]
fn an_end_that_comes_while_somebody_waits_is_seen_at_once() {
    let _watchdog = watchdog();
    let (one, other) = (pool(1), pool(1));
    let gate = Gate::new();
    let (first, second) = (gate.clone(), gate.clone());
    let number = one.submit(move || {
        first.wait();
        1
    });
    let text = other.submit(move || {
        second.wait();
        String::from("two")
    });
    let opener = thread::spawn(move || gate.open());
    assert_eq!(as_completed(futures![number, text], None).map(Result::unwrap).count(), 2);
    opener.join().unwrap();
}

// beside case 26
#[test]
fn futures_that_a_shutdown_cancelled_come_too() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (begun, gate) = (Gate::new(), Gate::new());
    let (begins, released) = (begun.clone(), gate.clone());
    let running = pool.submit(move || {
        begins.open();
        released.wait();
    });
    let pending: Vec<Future<()>> = (0..10).map(|_| pool.submit(|| ())).collect();
    begun.wait();
    pool.shutdown(Shutdown::no_wait().cancel_pending());
    let cancelled = as_completed(&pending, Duration::ZERO).filter(|end| end.is_ok_and(|future| future.cancelled()));
    assert_eq!(cancelled.count(), 10);
    gate.open();
    running.result(None).unwrap();
}
