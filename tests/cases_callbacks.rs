//! Callbacks of futures, after the second half of CPython's `test_future.py`. No executor is needed.

#[path = "cases/states.rs"]
mod states;
mod support;

use concurrent_futures::{Future, Outcome, SubmitOptions, TaskError, ThreadPoolExecutor, promise};
use states::{FAILURE, STATES, State, VALUE, future_in};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;
use support::{Gate, quiet_panics_of, watchdog};

/// What a callback is told, in a form that can be kept.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    outcome: Result<u32, String>,
    thread: ThreadId,
}

fn seen(outcome: Outcome<'_, u32>) -> Seen {
    Seen { outcome: outcome.copied().map_err(ToString::to_string), thread: thread::current().id() }
}

fn watch(future: &Future<u32>) -> Receiver<Seen> {
    let (sender, calls) = mpsc::channel();
    future.add_done_callback(move |outcome| sender.send(seen(outcome)).unwrap());
    calls
}

/// The one call that there was.
#[track_caller]
fn only_call(calls: Receiver<Seen>) -> Seen {
    let call = calls.try_recv().expect("it was called");
    assert!(calls.try_recv().is_err(), "it was called twice");
    call
}

/// Runs `f` on a thread whose panics are not shown.
fn quietly<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    quiet_panics_of(&["panics-on-purpose", "ThreadPoolExecutor"]);
    thread::Builder::new()
        .name("panics-on-purpose".to_owned())
        .spawn(f)
        .unwrap()
        .join()
        .expect("the panic was contained")
}

// beside case 43
#[test]
fn a_callback_sees_the_value() {
    let (promise, future) = promise();
    let calls = watch(&future);
    assert!(calls.try_recv().is_err(), "too early");
    promise.set_result(5).unwrap();
    assert_eq!(only_call(calls).outcome, Ok(5));
    assert_eq!(future.result(None).unwrap(), 5, "it was only lent");
}

// case 44
#[test]
fn a_callback_sees_the_error() {
    let (promise, future) = promise::<u32>();
    let (sender, calls) = mpsc::channel();
    future.add_done_callback(move |outcome| {
        let error = outcome.unwrap_err();
        sender.send(error.downcast_ref::<std::num::ParseIntError>().cloned()).unwrap();
    });
    let error = "x".parse::<u32>().unwrap_err();
    assert!(promise.set_exception(error.clone()));
    assert_eq!(calls.recv().unwrap(), Some(error), "the very error, not only its text");
}

// case 45
#[test]
fn cancelling_calls_back_in_the_canceller() {
    let _watchdog = watchdog();
    let (_promise, future) = promise();
    let calls = watch(&future);
    let canceller = thread::spawn(move || {
        assert!(future.cancel());
        let call = only_call(calls);
        assert_eq!(call.thread, thread::current().id());
        assert_eq!(call.outcome, Err(TaskError::Cancelled.to_string()));
        assert!(future.cancelled() && future.cancel());
    });
    canceller.join().unwrap();
}

// case 46
#[test]
fn a_callback_that_panics_keeps_nothing_from_the_next() {
    let _watchdog = watchdog();
    let (promise, future) = promise();
    let order = Arc::new(Mutex::new(Vec::new()));
    for number in 0..4 {
        let order = Arc::clone(&order);
        future.add_done_callback(move |_| {
            order.lock().unwrap().push(number);
            assert!(number % 2 == 1, "callback {number} panics");
        });
    }
    // Not even whoever sets the result notices.
    quietly(move || promise.set_result(5).unwrap());
    assert_eq!(*order.lock().unwrap_or_else(std::sync::PoisonError::into_inner), [0, 1, 2, 3]);
    assert_eq!(future.result(None).unwrap(), 5);
}

// beside case 46
#[test]
fn a_callback_that_panics_costs_no_worker() {
    let _watchdog = watchdog();
    quiet_panics_of(&["panics-on-purpose", "ThreadPoolExecutor"]);
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let gate = Gate::new();
    for _ in 0..3 {
        let released = gate.clone();
        let future = pool.submit(move || released.wait());
        future.add_done_callback(|_| panic!("a callback on the worker"));
    }
    gate.open();
    assert_eq!(pool.submit(|| 1).result(None).unwrap(), 1);
    assert_eq!(pool.workers().len(), 1);
}

// beside case 47
#[test]
fn a_callback_on_a_finished_future_runs_at_once() {
    let (_, future) = future_in(State::Finished);
    let call = only_call(watch(&future));
    assert_eq!(call, Seen { outcome: Ok(VALUE), thread: thread::current().id() });
}

// case 48
#[test]
fn a_callback_on_a_failed_future_runs_at_once() {
    let (_, future) = future_in(State::Failed);
    let call = only_call(watch(&future));
    assert_eq!(call.thread, thread::current().id());
    assert!(call.outcome.unwrap_err().contains(FAILURE));
}

// case 49
#[test]
fn a_callback_on_a_cancelled_future_runs_at_once() {
    // There is one cancelled state: whoever cancelled, everybody has been told.
    let (_, future) = future_in(State::Cancelled);
    let call = only_call(watch(&future));
    assert_eq!(call, Seen { outcome: Err(TaskError::Cancelled.to_string()), thread: thread::current().id() });
}

// case 50
#[test]
fn an_immediate_callback_that_panics_leaves_the_adder_alone() {
    let _watchdog = watchdog();
    for state in [State::Finished, State::Failed, State::Cancelled] {
        let after = quietly(move || {
            let (_, future) = future_in(state);
            future.add_done_callback(|_| panic!("an immediate callback"));
            only_call(watch(&future)).outcome
        });
        assert_eq!(after.is_ok(), state == State::Finished);
    }
}

// beside case 47
#[test]
fn a_callback_that_comes_after_the_value_went_is_told() {
    let (_, future) = future_in(State::Finished);
    assert_eq!(future.result(None).unwrap(), VALUE);
    assert_eq!(only_call(watch(&future)).outcome, Err(TaskError::ResultTaken.to_string()));
}

// beside case 47
#[test]
fn every_end_calls_back_once() {
    for state in STATES {
        let (promise, future) = future_in(state);
        let calls: Vec<Receiver<Seen>> = (0..3).map(|_| watch(&future)).collect();
        match (state, promise) {
            (State::Pending, Some(promise)) => drop(promise),
            (State::Running, Some(promise)) => promise.set_result(VALUE).unwrap(),
            _ => {}
        }
        let outcomes: Vec<Seen> = calls.into_iter().map(only_call).collect();
        assert!(outcomes.windows(2).all(|two| two[0] == two[1]), "{state:?}: {outcomes:?}");
    }
}

// beside case 46
#[test]
fn a_callback_may_ask_its_future_everything_but_its_result() {
    let _watchdog = watchdog();
    let (promise, future) = promise::<u32>();
    let shared = Arc::new(future);
    let own = Arc::clone(&shared);
    let (sender, calls) = mpsc::channel();
    shared.add_done_callback(move |outcome| {
        assert!(own.done() && !own.running() && !own.cancelled() && !own.cancel());
        assert!(own.exception(None).unwrap().is_none());
        let errors = [own.result(None).unwrap_err(), own.result(Duration::ZERO).unwrap_err()];
        let inner = watch(&own);
        sender.send((*outcome.unwrap(), errors.map(|error| error.is_deadlock()), inner)).unwrap();
    });
    promise.set_result(3).unwrap();
    let (value, deadlocks, inner) = calls.recv().unwrap();
    assert_eq!((value, deadlocks), (3, [true, true]));
    assert_eq!(only_call(inner).outcome, Ok(3), "a callback that was added by a callback");
    assert_eq!(shared.result(None).unwrap(), 3, "the value is still there");
}

// beside case 46
#[test]
fn the_value_waits_until_the_callbacks_are_over() {
    let _watchdog = watchdog();
    let (promise, future) = promise::<u32>();
    let (entered, release) = (Gate::new(), Gate::new());
    let (enters, released) = (entered.clone(), release.clone());
    future.add_done_callback(move |_| {
        enters.open();
        released.wait();
    });
    let setter = thread::spawn(move || promise.set_result(9));
    entered.wait();
    assert!(future.done() && future.try_result().is_none());
    assert!(future.result(Duration::from_millis(5)).unwrap_err().is_timed_out(), "a taker's own limit counts");
    release.open();
    assert_eq!(future.result(None).unwrap(), 9);
    setter.join().unwrap().unwrap();
}

// beside case 46
#[test]
fn callbacks_may_drop_the_last_handle() {
    let (promise, future) = promise::<u32>();
    let shared = Arc::new(Mutex::new(None));
    let own = Arc::clone(&shared);
    let (sender, calls) = mpsc::channel();
    future.add_done_callback(move |outcome| {
        drop(own.lock().unwrap().take());
        sender.send(*outcome.unwrap()).unwrap();
    });
    *shared.lock().unwrap() = Some(future);
    promise.set_result(8).unwrap();
    assert_eq!(calls.recv().unwrap(), 8);
    assert!(shared.lock().unwrap().is_none());
}

// beside case 43
#[test]
fn a_callback_has_as_much_stack_as_on_any_thread_also_where_a_limit_calls_it() {
    // More than a thread that only keeps time would need; there are several of it in an unoptimised frame, and more
    // under a sanitizer.
    const MUCH: usize = 270 << 10;
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let gate = Gate::new();
    let closed = gate.clone();
    let busy = pool.submit(move || closed.wait());
    let late = pool.submit_with(SubmitOptions::new().queue_timeout(Duration::from_millis(1)), || 1_u32);
    let (sender, calls) = mpsc::channel();
    late.add_done_callback(move |outcome| {
        let frame = std::hint::black_box([1_u8; MUCH]);
        let is_late = outcome.is_err_and(TaskError::is_deadline_exceeded);
        sender.send((is_late, std::hint::black_box(&frame).len(), thread::current().id())).unwrap();
    });
    let (is_late, length, on) = calls.recv().unwrap();
    assert!(is_late && on != thread::current().id(), "on the thread that has the clock");
    assert_eq!(length, MUCH);
    gate.open();
    busy.result(None).unwrap();
}
