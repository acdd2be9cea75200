//! Waits inside of callbacks, on whatever thread they run.

use crate::torture::LastGate;
use crate::{Inbox, LIMIT, parcel, pool, support};
use concurrent_futures::{
    Future, Promise, ReturnWhen, SharedFuture, TaskError, ThreadPoolExecutor, as_completed, promise, wait,
};
use std::fmt;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use support::Gate;

/// A task that runs, and ends when the gate is opened.
fn gated(pool: &ThreadPoolExecutor) -> (Arc<Future<u32>>, LastGate) {
    let gate = LastGate::new();
    let closed = gate.clone();
    let future = pool.submit(move || {
        closed.wait();
        1
    });
    // Otherwise whoever waits for it might run it.
    support::eventually("it runs", || future.running());
    (Arc::new(future), gate)
}

/// Runs `ask` in a callback of a task, on the pool's worker; gives it the task's own future.
fn in_a_callback<R: Send + 'static>(
    pool: &ThreadPoolExecutor,
    ask: impl FnOnce(&Future<u32>) -> R + Send + 'static,
) -> Receiver<R> {
    let (answer, answered) = channel();
    let (future, gate) = gated(pool);
    let own = Arc::clone(&future);
    future.add_done_callback(move |_| answer.send(ask(&own)).unwrap());
    gate.open();
    answered
}

#[test]
fn a_callback_on_the_only_worker_waits_for_a_new_task() {
    let _watchdog = support::watchdog();
    let pool = pool(1);
    for limit in [None, Some(LIMIT)] {
        let same = pool.clone();
        let answer = in_a_callback(&pool, move |_| same.submit(|| 5).result(limit));
        assert_eq!(answer.recv().unwrap().unwrap(), 5);
    }
    let same = pool.clone();
    let answer = in_a_callback(&pool, move |_| {
        let fives = [same.submit(|| 2), same.submit(|| 3)];
        as_completed(fives, None).map(|one| one.unwrap().result(None).unwrap()).sum::<u32>()
    });
    assert_eq!(answer.recv().unwrap(), 5);
    let same = pool.clone();
    let answer = in_a_callback(&pool, move |_| {
        let mut five = 0;
        same.scope(|s| drop(s.submit(|| five = 5)));
        five
    });
    assert_eq!(answer.recv().unwrap(), 5);
}

/// A way to ask for the value.
type Ask = fn(&Future<u32>) -> Option<Result<u32, TaskError>>;

#[test]
fn a_callback_that_asks_its_own_future_gets_an_error() {
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let asks: [Ask; 4] = [
        |own| Some(own.result(None)),
        |own| Some(own.result(LIMIT)),
        |own| own.try_result(),
        |own| Some(futures::executor::block_on(own)),
    ];
    for ask in asks {
        let answer = in_a_callback(&pool, ask).recv().unwrap();
        assert!(matches!(answer, Some(Err(TaskError::Deadlock(_)))), "{answer:?}");
    }
    // What only looks is fine.
    let looks: [fn(&Future<u32>) -> bool; 4] = [
        |own| own.done() && !own.cancelled() && !own.cancel(),
        |own| own.exception(None).is_ok_and(|error| error.is_none()),
        |own| wait([own], None, ReturnWhen::AllCompleted).done.len() == 1,
        |own| as_completed([own], None).filter_map(Result::ok).count() == 1,
    ];
    for look in looks {
        assert!(in_a_callback(&pool, look).recv().unwrap());
    }
}

/// What a callback waits for asks in its turn for the callback's own future, whose value nobody may take before the
/// callback has returned: one of the two gets an error.
fn circle_through_a_callback(pool: &ThreadPoolExecutor, ask: fn(&Future<u32>) -> Result<u32, TaskError>) {
    let (to_asker, inbox) = parcel::<Arc<Future<u32>>>();
    let asker = pool.submit(move || ask(&inbox.open())).shared();
    let (called, gate) = gated(pool);
    let (answer, answered) = channel();
    let waits_for = asker.clone();
    called.add_done_callback(move |_| answer.send(waits_for.result(None).cloned()).unwrap());
    to_asker.send(called);
    support::eventually("the other one asks", || asker.running() && pool.stats().blocked >= 1);
    gate.open();
    let (in_callback, in_task) = (answered.recv().unwrap(), asker.result(None).unwrap().clone());
    let refused = matches!(in_callback, Err(TaskError::Deadlock(_))) || matches!(in_task, Err(TaskError::Deadlock(_)));
    assert!(refused, "the callback got {in_callback:?}, the task {in_task:?}");
}

#[test]
fn a_circle_through_a_callback_is_seen() {
    let _watchdog = support::watchdog();
    circle_through_a_callback(&pool(2), |future| future.result(None));
    // A wait with a limit is no part of a circle; it ends by itself, and the callback then goes on.
    let pool = pool(2);
    let (to_asker, inbox): (_, Inbox<Arc<Future<u32>>>) = parcel();
    let asker = pool.submit(move || inbox.open().result(std::time::Duration::from_millis(50)).unwrap_err()).shared();
    let (called, gate) = gated(&pool);
    let (answer, answered) = channel();
    let waits_for = asker.clone();
    called.add_done_callback(move |_| answer.send(waits_for.result(None).is_ok()).unwrap());
    gate.open();
    to_asker.send(called);
    assert!(answered.recv().unwrap());
}

/// To look at whether it has ended, and how, does not take the callbacks' end.
#[test]
fn a_look_at_the_end_does_not_wait_for_callbacks() {
    let _watchdog = support::watchdog();
    let pool = pool(2);
    let (called, gate) = gated(&pool);
    let (in_callback, go_on) = (Gate::new(), Gate::new());
    let (announce, closed) = (in_callback.clone(), go_on.clone());
    called.add_done_callback(move |_| {
        announce.open();
        closed.wait();
    });
    gate.open();
    let looker = pool.submit(move || {
        in_callback.wait();
        let looked = called.exception(None).is_ok() && wait([&*called], None, ReturnWhen::AllCompleted).done.len() == 1;
        let refused = called.result(std::time::Duration::ZERO);
        go_on.open();
        (looked, refused, called.result(None))
    });
    let (looked, refused, taken) = looker.result(None).unwrap();
    assert!(looked);
    assert!(matches!(refused, Err(TaskError::TimedOut)), "{refused:?}");
    assert_eq!(taken.unwrap(), 1);
}

type Wait = fn(&SharedFuture<u8>) -> bool;

/// Each tells whether its wait came to an end; they are for futures that come from others.
const WAITS: [(&str, Wait); 5] = [
    ("result", |handed| handed.result(None).is_ok()),
    ("all", |handed| wait([handed], None, ReturnWhen::AllCompleted).done.len() == 1),
    ("first", |handed| wait([handed], None, ReturnWhen::FirstCompleted).done.len() == 1),
    ("first error", |handed| wait([handed], None, ReturnWhen::FirstError).done.len() == 1),
    ("as completed", |handed| as_completed([handed], None).all(|one| one.is_ok())),
];

type Source = Result<u8, fmt::Error>;

/// A source with a callback, and what `fallible` hands on from it afterwards.
struct CalledBack {
    promise: Promise<Source>,
    handed: SharedFuture<u8>,
    /// What the callback waits for, once it is put in.
    awaited: Arc<OnceLock<SharedFuture<u8>>>,
    answered: Inbox<bool>,
}

fn source_with_a_callback(wait: Wait) -> CalledBack {
    let (promise, source) = promise::<Source>();
    let awaited: Arc<OnceLock<SharedFuture<u8>>> = Arc::default();
    let (answer, answered) = parcel();
    let finds = Arc::clone(&awaited);
    source.add_done_callback(move |_| answer.send(wait(finds.wait())));
    CalledBack { promise, handed: source.fallible().shared(), awaited, answered }
}

/// A callback waits for what a later callback of the same future is to hand on.
#[test]
fn a_callback_that_waits_for_what_its_own_future_hands_on_is_refused() {
    let _watchdog = support::watchdog();
    for (way, wait) in WAITS {
        let called_back = source_with_a_callback(wait);
        called_back.awaited.set(called_back.handed.clone()).unwrap();
        called_back.promise.set_result(Ok(1)).unwrap();
        assert!(!called_back.answered.open(), "{way}");
        assert_eq!(called_back.handed.result(None).copied().unwrap(), 1, "{way}: afterwards it is handed on");
    }
}

/// Two callbacks, each of which waits for what comes after the other one.
#[test]
fn callbacks_that_wait_for_what_each_others_futures_hand_on() {
    let _watchdog = support::watchdog();
    for (way, wait) in WAITS {
        let (first, second) = (source_with_a_callback(wait), source_with_a_callback(wait));
        let handed = [first.handed, second.handed];
        first.awaited.set(handed[1].clone()).unwrap();
        second.awaited.set(handed[0].clone()).unwrap();
        let promises = [first.promise, second.promise]
            .map(|promise| std::thread::spawn(move || promise.set_result(Ok(1)).is_ok()));
        assert!(promises.into_iter().all(|thread| thread.join().unwrap()));
        let ended = [first.answered.open(), second.answered.open()];
        assert_eq!(ended.iter().filter(|ended| !**ended).count(), 1, "{way}: one of them is refused");
        assert!(handed.iter().all(|handed| handed.result(None).is_ok_and(|value| *value == 1)), "{way}");
    }
}

/// A plain future beside a handed one does not count as handed: its callbacks need not have come to their end.
#[test]
fn a_wait_for_a_plain_future_does_not_wait_for_its_callbacks() {
    let _watchdog = support::watchdog();
    let pool = pool(2);
    let (called, gate) = gated(&pool);
    let (to_callback, inbox) = parcel::<SharedFuture<usize>>();
    let (answer, answered) = channel();
    called.add_done_callback(move |_| answer.send(inbox.open().result(None).copied()).unwrap());
    gate.open();
    support::eventually("it has ended", || called.done());
    let handed = Future::ready(Source::Ok(1)).fallible().shared();
    let waiting = pool.submit(move || {
        let both: [&dyn concurrent_futures::Waitable; 2] = [&*called, &handed];
        wait(both, None, ReturnWhen::AllCompleted).done.len()
    });
    let waiting = waiting.shared();
    to_callback.send(waiting.clone());
    assert_eq!(waiting.result(None).copied().unwrap(), 2);
    assert_eq!(answered.recv().unwrap().unwrap(), 2);
}
