//! What is called when a task ends: by whom, when, and with what.

use super::specimen::Handle;
use super::{Bench, Check};
use crate::{Future, task};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

const GROUP: &str = "callbacks";

pub(super) const CHECKS: &[Check] = &[
    check!(callbacks_run_in_order, "callbacks run once each, in the order in which they were added"),
    check!(callbacks_see_the_outcome, "a callback sees the outcome, and the value can still be taken afterwards"),
    check!(a_late_callback_runs_at_once, "a callback that is added after the end runs at once, on the adding thread"),
    check!(
        a_callbacks_panic_stays_there,
        "a callback's panic reaches neither the next one, nor the value, nor the executor"
    ),
    check!(cancelling_calls_back, "cancelling calls back before it returns, on the cancelling thread").in_background(),
    check!(callbacks_run_before_the_value_goes, "whoever takes the value comes after the callbacks").in_background(),
    check!(a_callback_may_submit, "a callback may submit the next task"),
];

/// Sends what it is called for, and what it saw, to the check.
fn report<T: Send + Clone + 'static>(future: &Future<T>, number: usize, to: &Sender<(usize, Result<T, String>)>) {
    let to = to.clone();
    future.add_done_callback(move |outcome| {
        // The check has failed already if it does not listen any more.
        let _ = to.send((number, outcome.cloned().map_err(ToString::to_string)));
    });
}

#[track_caller]
fn next<T>(bench: &Bench, calls: &Receiver<T>) -> T {
    match calls.recv_timeout(bench.limit()) {
        Ok(call) => call,
        Err(error) => bench.fail(format_args!("a callback was not called: {error}")),
    }
}

/// Callbacks run once each, in the order in which they were added, whether that was before the end or after it.
/// (Case 46.)
pub fn callbacks_run_in_order(bench: &Bench) {
    let specimen = bench.specimen();
    for _ in 0..20 {
        let (sender, calls) = mpsc::channel();
        let future = specimen.executor().submit(task!([] => 'x'));
        (0..6).for_each(|number| report(&future, number, &sender));
        drop(sender);
        let order: Vec<usize> = (0..6).map(|_| next(bench, &calls).0).collect();
        bench.ensure_equal(&order, &vec![0, 1, 2, 3, 4, 5], "the order of the callbacks");
        bench.ensure(calls.recv_timeout(bench.limit()).is_err(), "a callback was called twice");
    }
}

/// A callback sees the outcome, value or error, by reference; the value can still be taken afterwards. (Case 44.)
pub fn callbacks_see_the_outcome(bench: &Bench) {
    let specimen = bench.specimen();
    let (sender, calls) = mpsc::channel();
    let good = specimen.executor().submit(task!([] => "seen".to_owned()));
    report(&good, 0, &sender);
    bench.ensure_equal(&next(bench, &calls).1, &Ok::<_, String>("seen".to_owned()), "what a callback sees");
    bench.ensure_equal(&bench.value(&good), &"seen", "the value after a callback saw it");

    let (sender, calls) = mpsc::channel();
    let bad = specimen.executor().submit(task!([] => { super::panics::fails_on_purpose() }));
    report(&bad, 1, &sender);
    let seen = next(bench, &calls).1;
    bench.ensure(
        seen.as_ref().is_err_and(|text| text.contains("a panic on purpose")),
        format_args!("a callback saw {seen:?} of a task that panicked"),
    );
}

/// A callback that is added after the end, good or bad, runs at once, on the adding thread. (Cases 48 and 49.)
pub fn a_late_callback_runs_at_once(bench: &Bench) {
    let specimen = bench.specimen();
    let good = specimen.executor().submit(task!([] => 1));
    let bad = specimen.executor().submit(task!([] => { super::panics::fails_on_purpose(); 1 }));
    for future in [good, bad] {
        let failed = bench.error_or_none(&future).is_some();
        let (sender, calls) = mpsc::channel();
        future.add_done_callback(move |outcome| {
            let _ = sender.send((thread::current().id(), outcome.is_err()));
        });
        match calls.try_recv() {
            Ok(call) => bench.ensure_equal(&call, &(thread::current().id(), failed), "by whom, and for a failure"),
            Err(_) => bench.fail("a callback was not called at once"),
        }
    }
}

/// A callback's panic reaches neither the next one, nor the value, nor the executor; nor whoever adds it too late.
/// (Cases 46 and 50.)
pub fn a_callbacks_panic_stays_there(bench: &Bench) {
    let specimen = bench.specimen();
    let future = specimen.executor().submit(task!([] => 11));
    let (sender, calls) = mpsc::channel();
    future.add_done_callback(|_| super::panics::fails_on_purpose());
    report(&future, 1, &sender);
    bench.ensure_equal(&next(bench, &calls), &(1, Ok::<_, String>(11)), "the callback after one that panicked");
    future.add_done_callback(|_| super::panics::fails_on_purpose());
    bench.ensure_equal(&bench.value(&future), &11, "the value after callbacks that panicked");
    bench.ensure_equal(&bench.value(&specimen.executor().submit(task!([] => 12))), &12, "the next task");
}

/// Cancelling calls back before it returns, on the cancelling thread. (Case 45.)
pub fn cancelling_calls_back(bench: &Bench) {
    let specimen = bench.specimen();
    let hold = specimen.hold();
    let future = specimen.executor().submit(task!([] => ()));
    let (sender, calls) = mpsc::channel();
    future.add_done_callback(move |outcome| {
        let cancelled = outcome.is_err_and(crate::TaskError::is_cancelled);
        let _ = sender.send((thread::current().id(), cancelled));
    });
    bench.ensure(future.cancel(), "a pending task refuses to be cancelled");
    match calls.try_recv() {
        Ok(call) => bench.ensure_equal(&call, &(thread::current().id(), true), "by whom, and for a cancelled task"),
        Err(_) => bench.fail("`cancel` returned before the callback ran"),
    }
    hold.end();
}

/// Whoever takes the value comes after the callbacks that were there at the task's end.
pub fn callbacks_run_before_the_value_goes(bench: &Bench) {
    let specimen = bench.specimen();
    for _ in 0..20 {
        let hold = specimen.hold();
        let future = specimen.executor().submit(task!([] => 1));
        let (sender, calls) = mpsc::channel();
        report(&future, 0, &sender);
        hold.release();
        bench.ensure_equal(&bench.value(&future), &1, "the value");
        bench.ensure(calls.try_recv().is_ok(), "the value was taken before the callback saw it");
        hold.end();
    }
}

/// A callback may submit the next task, whose callback submits the next, and so on.
pub fn a_callback_may_submit(bench: &Bench) {
    fn chain(handle: Handle, left: u32, end: Sender<u32>) {
        let next = handle.clone();
        let future = handle.executor().submit(task!([left] => left));
        future.add_done_callback(move |outcome| match outcome {
            Ok(0) => {
                let _ = end.send(0);
            }
            Ok(left) => chain(next, left - 1, end),
            Err(_) => drop(end),
        });
    }
    let specimen = bench.specimen();
    let (sender, end) = mpsc::channel();
    chain(specimen.handle(), 30, sender);
    bench.ensure_equal(&next(bench, &end), &0, "the end of a chain of callbacks");
}
