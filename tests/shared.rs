//! Futures for many readers do what plain ones do, but lend the value.

mod support;

use concurrent_futures::{CancelOutcome, SubmitOptions, ThreadPoolExecutor, promise, task};
use std::sync::mpsc;
use std::time::Duration;
use support::{Gate, eventually, watchdog};

#[test]
fn try_result_lends_what_is_there() {
    let _watchdog = watchdog();
    let (promise, future) = promise();
    let shared = future.shared();
    assert!(shared.try_result().is_none());
    promise.set_result(vec![1, 2]).unwrap();
    let (first, again) = (shared.try_result().unwrap().unwrap(), shared.clone());
    assert!(std::ptr::eq(first, again.try_result().unwrap().unwrap()), "both lend the same");

    let (failing, future) = concurrent_futures::promise::<u32>();
    drop(failing);
    assert!(future.shared().try_result().unwrap().unwrap_err().is_abandoned());
    let taken = concurrent_futures::Future::ready(1);
    taken.result(None).unwrap();
    assert!(taken.shared().try_result().unwrap().unwrap_err().is_result_taken());
}

#[test]
fn exception_waits_for_the_end_and_lends_the_value_afterwards() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let gate = Gate::new();
    let closed = gate.clone();
    let shared = pool.submit(move || closed.wait()).shared();
    assert!(shared.exception(Duration::ZERO).is_err(), "it has not ended");
    gate.open();
    assert!(shared.exception(None).unwrap().is_none());
    assert!(shared.result(None).is_ok());
    let failed = pool.submit(|| "x".parse::<u32>()).fallible().shared();
    assert!(failed.exception(None).unwrap().unwrap().is_failed());
    assert!(failed.clone().exception(None).unwrap().is_some(), "any number of times");
}

#[test]
fn request_cancel_asks_the_one_task_of_all_clones() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let running = pool.submit(|| eventually("it is asked to stop", task::cancel_requested)).shared();
    eventually("it runs", || running.running());
    let queued = pool.submit(|| ()).shared();
    assert_eq!(queued.clone().request_cancel(), CancelOutcome::NeverRan);
    assert!(queued.cancelled());
    assert_eq!(running.clone().request_cancel(), CancelOutcome::Signalled);
    running.result(None).unwrap();
    assert_eq!(running.request_cancel(), CancelOutcome::AlreadyDone);
}

#[test]
fn callbacks_are_called_in_order_while_readers_read() {
    let _watchdog = watchdog();
    let (promise, future) = promise();
    let shared = future.shared();
    let (sender, receiver) = mpsc::channel();
    for number in [1, 2] {
        let (reader, sender) = (shared.clone(), sender.clone());
        shared.clone().add_done_callback(move |outcome| {
            let read = *reader.result(None).expect("a callback may read");
            sender.send((number, *outcome.unwrap(), read)).unwrap();
        });
    }
    promise.set_result(7).unwrap();
    assert_eq!(receiver.iter().take(2).collect::<Vec<_>>(), [(1, 7, 7), (2, 7, 7)]);
    shared.add_done_callback(move |outcome| sender.send((3, *outcome.unwrap(), 0)).unwrap());
    assert_eq!(receiver.recv(), Ok((3, 7, 0)), "one that comes late is called at once");
    assert_eq!(shared.result(None).unwrap(), &7, "and the value is still there");
}

#[test]
fn the_name_is_that_of_the_task() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let named = pool.submit_with(SubmitOptions::new().name("answer"), || 42).shared();
    assert_eq!(named.clone().name(), Some("answer"));
    assert_eq!(pool.submit(|| ()).shared().name(), None);
    named.result(None).unwrap();
}
