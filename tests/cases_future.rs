//! The states of a future and the ways to ask for them, after CPython's `test_future.py`. No executor is needed.

#[path = "cases/states.rs"]
mod states;
mod support;

use concurrent_futures::{
    CancelOutcome, Future, FutureId, ManualExecutor, Promise, ReturnWhen, TaskError, ThreadPoolExecutor, WaitTimedOut,
    promise, wait,
};
use states::{FAILURE, STATES, State, VALUE, future_in};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};
use support::watchdog;

/// Whether an outcome is what a future in that state has when nobody may wait.
#[track_caller]
fn assert_outcome(state: State, outcome: Result<u32, TaskError>) {
    let fits = match (state, &outcome) {
        (State::Pending | State::Running, Err(TaskError::TimedOut)) => true,
        (State::Cancelled, Err(TaskError::Cancelled)) => true,
        (State::Failed, Err(error)) => error.is_failed() && error.to_string().contains(FAILURE),
        (State::Finished, Ok(value)) => *value == VALUE,
        _ => false,
    };
    assert!(fits, "a future that is {state:?}: {outcome:?}");
}

// case 53
#[test]
fn cancel_in_every_state() {
    for state in STATES {
        let (promise, future) = future_in(state);
        let cancelled = matches!(state, State::Pending | State::Cancelled);
        assert_eq!(future.cancel(), cancelled, "{state:?}");
        assert_eq!(future.cancel(), cancelled, "{state:?}, again");
        assert_eq!(future.cancelled(), cancelled, "{state:?}");
        if !cancelled && promise.is_none() {
            assert_outcome(state, future.result(Duration::ZERO));
        }
    }
}

// beside case 53
#[test]
fn request_cancel_and_kill_in_every_state() {
    for state in STATES {
        let expected = match state {
            // A second request tells what the first one came to.
            State::Pending | State::Cancelled => CancelOutcome::NeverRan,
            State::Running => CancelOutcome::Signalled,
            _ => CancelOutcome::AlreadyDone,
        };
        let (promise, future) = future_in(state);
        assert_eq!(future.request_cancel(), expected, "{state:?}");
        assert_eq!(
            promise.is_some_and(|promise| promise.cancel_requested()),
            state == State::Pending || state == State::Running
        );
        let (_promise, future) = future_in(state);
        assert_eq!(future.kill(Duration::ZERO), expected, "{state:?}");
    }
}

// case 54
#[test]
fn cancelled_in_every_state() {
    for state in STATES {
        assert_eq!(future_in(state).1.cancelled(), state == State::Cancelled, "{state:?}");
    }
}

// beside case 55
#[test]
fn done_in_every_state() {
    for state in STATES {
        let (_promise, future) = future_in(state);
        assert_eq!(future.done(), !matches!(state, State::Pending | State::Running), "{state:?}");
    }
}

// case 56
#[test]
fn running_in_every_state() {
    for state in STATES {
        let (_promise, future) = future_in(state);
        assert_eq!(future.running(), state == State::Running, "{state:?}");
    }
}

// beside case 51
#[test]
fn the_debug_form_tells_the_state() {
    for (state, word) in STATES.into_iter().zip(["pending", "running", "cancelled", "finished", "finished"]) {
        let (_promise, future) = future_in(state);
        let text = format!("{future:?}");
        assert!(text.starts_with("Future") && text.to_lowercase().contains(word), "{state:?}: {text}");
    }
}

// case 57
#[test]
fn result_in_every_state_without_waiting() {
    for state in STATES {
        let (_promise, future) = future_in(state);
        assert_outcome(state, future.result(Duration::ZERO));
        let (_promise, future) = future_in(state);
        match future.try_result() {
            None => assert!(!future.done(), "{state:?}"),
            Some(outcome) => assert_outcome(state, outcome),
        }
    }
}

// beside case 57
#[test]
fn only_a_value_is_taken_once() {
    for state in STATES {
        let (_promise, future) = future_in(state);
        assert_outcome(state, future.result(Duration::ZERO));
        match state {
            State::Finished => assert!(future.result(None).unwrap_err().is_result_taken()),
            // An error can be had as often as one likes.
            _ => assert_outcome(state, future.result(Duration::ZERO)),
        }
    }
}

// beside case 57
#[test]
fn a_shared_future_gives_its_value_again_and_again() {
    let (_, future) = future_in(State::Finished);
    let shared = future.shared();
    for _ in 0..3 {
        assert_eq!(*shared.result(Duration::ZERO).unwrap(), VALUE);
    }
    let (_promise, pending) = future_in(State::Pending);
    assert!(pending.shared().result(Duration::ZERO).unwrap_err().is_timed_out());
}

// case 58
#[test]
fn a_value_from_another_thread_ends_the_wait() {
    let _watchdog = watchdog();
    let (promise, future) = promise();
    let waiting = Arc::new(Barrier::new(2));
    let about_to = Arc::clone(&waiting);
    let setter = thread::spawn(move || {
        about_to.wait();
        thread::sleep(Duration::from_millis(20));
        promise.set_result(42).unwrap();
    });
    waiting.wait();
    let began = Instant::now();
    assert_eq!(future.result(Duration::from_secs(60)).unwrap(), 42);
    assert!(began.elapsed() < Duration::from_secs(30), "woken by the value, not by the clock");
    setter.join().unwrap();
}

// beside case 59
#[test]
fn a_cancel_from_another_thread_ends_the_wait() {
    let _watchdog = watchdog();
    let (_promise, future) = promise::<u32>();
    thread::scope(|threads| {
        let waits: Vec<_> = (0..3).map(|_| threads.spawn(|| future.result(Duration::from_secs(60)))).collect();
        thread::sleep(Duration::from_millis(10));
        assert!(future.cancel());
        assert!(waits.into_iter().all(|wait| wait.join().unwrap().unwrap_err().is_cancelled()));
    });
}

// case 60
#[test]
fn exception_in_every_state_without_waiting() {
    for state in STATES {
        let (_promise, future) = future_in(state);
        for _ in 0..2 {
            match future.exception(Duration::ZERO) {
                Err(error) => {
                    assert_outcome(state, Err(error.into()));
                    let WaitTimedOut { unfinished, total, .. } = error;
                    assert_eq!((unfinished, total), (1, 1));
                }
                Ok(Some(error)) => assert_outcome(state, Err(error)),
                Ok(None) => assert_eq!(state, State::Finished),
            }
        }
        if state == State::Finished {
            assert_eq!(future.result(None).unwrap(), VALUE, "nothing was taken");
            assert!(future.exception(None).unwrap().is_none(), "there was a value");
        }
    }
}

// case 61
#[test]
fn an_error_from_another_thread_ends_the_wait() {
    let _watchdog = watchdog();
    let (promise, future) = promise::<u32>();
    let setter = thread::spawn(move || assert!(promise.set_exception(io::Error::from(io::ErrorKind::OutOfMemory))));
    let error = future.exception(None).unwrap().unwrap();
    assert_eq!(error.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::OutOfMemory);
    setter.join().unwrap();
}

// case 62
#[test]
fn a_promise_is_used_up_by_its_value() {
    // A second `set_result` does not compile, since the first takes the promise. One that comes too late:
    let (promise, future) = promise();
    assert!(future.cancel());
    assert_eq!(promise.set_result("unwanted"), Err("unwanted"), "the value comes back");
    assert!(future.result(None).unwrap_err().is_cancelled());
}

// beside case 63
#[test]
fn an_error_after_a_cancel_changes_nothing() {
    let (promise, future) = promise::<u32>();
    assert!(future.cancel());
    assert!(!promise.set_exception("unwanted"));
    assert!(future.result(None).unwrap_err().is_cancelled());
}

// beside case 63
#[test]
fn a_promise_can_be_begun_once_and_not_after_a_cancel() {
    let (mut promise, future) = promise();
    assert!(promise.set_running() && promise.set_running(), "it is running, both times");
    assert!(!future.cancel());
    promise.set_result(1).unwrap();
    let (mut promise, future) = concurrent_futures::promise::<u32>();
    assert!(future.cancel());
    assert!(!promise.set_running());
}

// beside case 63
#[test]
fn a_crates_own_error_is_set_as_it_is() {
    let (promise, future) = promise::<u32>();
    assert!(promise.set_exception(TaskError::DeadlineExceeded));
    assert!(future.result(None).unwrap_err().is_deadline_exceeded());
}

// beside case 63
#[test]
fn a_promise_that_is_dropped_leaves_nobody_waiting() {
    let _watchdog = watchdog();
    for begun in [false, true] {
        let (mut promise, future) = promise::<u32>();
        if begun {
            assert!(promise.set_running());
        }
        let dropper = thread::spawn(move || drop(promise));
        assert!(future.result(None).unwrap_err().is_abandoned());
        dropper.join().unwrap();
    }
}

// case 64
#[test]
fn all_readers_of_a_finished_future_agree() {
    let _watchdog = watchdog();
    for _ in 0..50 {
        let (promise, future) = promise();
        let shared = future.shared();
        let start = Arc::new(Barrier::new(5));
        thread::scope(|threads| {
            for _ in 0..4 {
                let (shared, start) = (shared.clone(), Arc::clone(&start));
                threads.spawn(move || {
                    start.wait();
                    let mut was_done = false;
                    for _ in 0..1000 {
                        let done = shared.done();
                        assert!(done || !was_done, "a future that was done is not");
                        // Whoever sees the end sees the value.
                        match shared.result(Duration::ZERO) {
                            Ok(value) => assert_eq!(value, &vec![1, 2, 3]),
                            Err(error) => assert!(error.is_timed_out() && !done, "{error}"),
                        }
                        was_done = done;
                    }
                });
            }
            start.wait();
            promise.set_result(vec![1, 2, 3]).unwrap();
        });
        assert_eq!(shared.result(None).unwrap(), &vec![1, 2, 3]);
    }
}

// beside case 64
#[test]
fn one_of_many_takers_gets_the_value() {
    let _watchdog = watchdog();
    for _ in 0..100 {
        let (promise, future) = promise::<String>();
        let taken = AtomicUsize::new(0);
        thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| match future.result(None) {
                    Ok(text) => assert_eq!((text.as_str(), taken.fetch_add(1, Ordering::Relaxed)), ("once", 0)),
                    Err(error) => assert!(error.is_result_taken(), "{error}"),
                });
            }
            promise.set_result("once".to_owned()).unwrap();
        });
        assert_eq!(taken.into_inner(), 1);
    }
}

// beside case 134
#[test]
fn futures_are_keys() {
    let manual = ManualExecutor::new();
    let urls: HashMap<Future<usize>, &str> =
        ["a", "bb"].into_iter().map(|url| (manual.submit(move || url.len()), url)).collect();
    manual.run_all();
    let keys: Vec<&Future<usize>> = urls.keys().collect();
    for future in wait(keys, None, ReturnWhen::AllCompleted).done {
        assert_eq!(future.result(None).unwrap(), urls[future].len());
    }
    let (first, second) = (Future::ready(1), Future::ready(1));
    assert!(first == first && first != second);
    let ids: [FutureId; 2] = [first.id(), second.id()];
    assert_ne!(ids[0], ids[1]);
}

// case 142
#[tokio::test]
async fn an_event_loop_can_await_cancel_and_forget() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    assert_eq!(pool.submit(|| 3).await.unwrap(), 3);

    let gate = support::Gate::new();
    let released = gate.clone();
    let running = pool.submit(move || released.wait());
    let pending = pool.submit(|| 4);
    let early = tokio::time::timeout(Duration::from_millis(5), &running).await;
    assert!(early.is_err(), "a wait that is dropped leaves the future");
    assert!(pending.cancel());
    assert!(pending.await.unwrap_err().is_cancelled());
    gate.open();
    running.await.unwrap();
}

// beside case 142
#[test]
fn an_end_after_the_event_loop_is_gone_harms_nobody() {
    let _watchdog = watchdog();
    let (promise, future): (Promise<u32>, Future<u32>) = promise();
    let mut future = future;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let early = runtime.block_on(async { tokio::time::timeout(Duration::from_millis(5), &mut future).await });
    assert!(early.is_err());
    drop(runtime);
    promise.set_result(5).unwrap();
    assert_eq!(future.result(None).unwrap(), 5);
}
