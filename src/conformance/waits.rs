//! Waiting for many futures: `wait` and `as_completed`, also of several executors.

use super::{Bench, Check};
use crate::{Future, FutureId, ReturnWhen, ThreadPoolExecutor, as_completed, promise, task, wait};
use std::collections::HashSet;
use std::time::Duration;

const GROUP: &str = "waits";

pub(super) const CHECKS: &[Check] = &[
    check!(all_completed_waits_for_all, "`AllCompleted` waits for every end, whatever its kind"),
    check!(first_completed_needs_one, "`FirstCompleted` returns with the first that has ended"),
    check!(first_error_needs_a_failure, "`FirstError` returns with a failure, and a value does not end it"),
    check!(a_wait_that_runs_out_tells_both, "a wait whose time is up returns what has ended and what has not"),
    check!(each_is_yielded_once, "`as_completed` yields each future once, those that have ended first"),
    check!(duplicates_collapse, "a future that is given several times counts once"),
    check!(as_completed_tells_how_many_are_left, "`as_completed` out of time says how many are unfinished, and ends"),
    check!(executors_mix, "futures of different executors and types can be waited for together"),
];

fn ids<T>(futures: &[&Future<T>]) -> HashSet<FutureId> {
    futures.iter().map(|future| future.id()).collect()
}

/// `AllCompleted` waits for every end: values, a panic, a cancelled one, one that was ready before. (Case 129.)
pub fn all_completed_waits_for_all(bench: &Bench) {
    let specimen = bench.specimen();
    let (_promise, cancelled) = promise::<u32>();
    bench.ensure(cancelled.cancel(), "a promised future can be cancelled");
    let mut futures: Vec<Future<u32>> = (0..5).map(|n| specimen.executor().submit(task!([n] => n))).collect();
    futures.push(specimen.executor().submit(task!([] => { super::panics::fails_on_purpose(); 0 })));
    futures.extend([cancelled, Future::ready(7)]);
    let ended = wait(&futures, bench.limit(), ReturnWhen::AllCompleted);
    bench.ensure_equal(&(ended.done.len(), ended.not_done.len()), &(8, 0), "done and not done");
    let in_order = ended.done.iter().zip(&futures).all(|(found, expected)| found.id() == expected.id());
    bench.ensure(in_order, "the lists are not in the order of the input");
}

/// `FirstCompleted` returns with the first that has ended, though others have not. (Cases 124 and 125.)
pub fn first_completed_needs_one(bench: &Bench) {
    let specimen = bench.specimen();
    let (_promise, blocked) = promise();
    let quick = specimen.executor().submit(task!([] => 1));
    let ended = wait([&blocked, &quick], bench.limit(), ReturnWhen::FirstCompleted);
    bench.ensure_equal(&ids(&ended.done), &ids(&[&quick]), "what has ended");
    bench.ensure_equal(&ids(&ended.not_done), &ids(&[&blocked]), "what has not");
}

/// `FirstError` returns with a failure; a value or a cancelled future does not end it. (Cases 126 and 128.)
pub fn first_error_needs_a_failure(bench: &Bench) {
    let specimen = bench.specimen();
    let (_promise, blocked) = promise::<u32>();
    let (_other, cancelled) = promise::<u32>();
    bench.ensure(cancelled.cancel(), "a promised future can be cancelled");
    let good = specimen.executor().submit(task!([] => 1));
    bench.ensure(bench.error_or_none(&good).is_none(), "a value");
    let ended = wait([&good, &cancelled, &blocked], Duration::from_millis(20), ReturnWhen::FirstError);
    bench.ensure_equal(&ids(&ended.not_done), &ids(&[&blocked]), "what has not ended, without a failure");

    let bad = specimen.executor().submit(task!([] => { super::panics::fails_on_purpose(); 0 }));
    let ended = wait([&good, &blocked, &bad], bench.limit(), ReturnWhen::FirstError);
    bench.ensure_equal(&ids(&ended.done), &ids(&[&good, &bad]), "what has ended, with a failure");
    bench.ensure_equal(&ids(&ended.not_done), &ids(&[&blocked]), "what has not");
    let again = wait([&bad, &blocked], bench.limit(), ReturnWhen::FirstError);
    bench.ensure_equal(&ids(&again.done), &ids(&[&bad]), "what had failed before the wait");
}

/// A wait whose time is up returns what has ended and what has not; that is no error. (Case 130.)
pub fn a_wait_that_runs_out_tells_both(bench: &Bench) {
    let specimen = bench.specimen();
    let (_promise, blocked) = promise();
    let futures: Vec<Future<u32>> = (0..3).map(|n| specimen.executor().submit(task!([n] => n))).collect();
    futures.iter().for_each(|future| bench.ensure(bench.error_or_none(future).is_none(), "a value"));
    for limit in [Duration::ZERO, Duration::from_millis(20)] {
        let all = futures.iter().chain([&blocked]);
        let ended = wait(all, limit, ReturnWhen::AllCompleted);
        bench.ensure_equal(&ended.done.len(), &3, "how many have ended");
        bench.ensure_equal(&ids(&ended.not_done), &ids(&[&blocked]), "what has not");
    }
}

/// `as_completed` yields each future once, those that have ended first. (Case 22.)
pub fn each_is_yielded_once(bench: &Bench) {
    let specimen = bench.specimen();
    let (promise, late) = promise();
    let (_other, cancelled) = crate::promise::<u32>();
    bench.ensure(cancelled.cancel(), "a promised future can be cancelled");
    let bad = specimen.executor().submit(task!([] => { super::panics::fails_on_purpose(); 0 }));
    let good = specimen.executor().submit(task!([] => 1));
    let mut promise = Some(promise);
    let mut yielded = Vec::new();
    for future in as_completed([&late, &cancelled, &bad, &good], bench.limit()) {
        match future {
            Ok(future) => yielded.push(future.id()),
            Err(error) => bench.fail(error),
        }
        // Only once all others came.
        if let (3, Some(promise)) = (yielded.len(), promise.take_if(|_| yielded.len() == 3)) {
            bench.ensure(promise.set_result(2).is_ok(), "a promise is fulfilled");
        }
    }
    bench.ensure_equal(&yielded.len(), &4, "how many were yielded");
    bench.ensure_equal(
        &yielded.iter().copied().collect::<HashSet<_>>(),
        &ids(&[&late, &cancelled, &bad, &good]),
        "which",
    );
    bench.ensure_equal(&yielded.last(), &Some(&late.id()), "the one that ended last");
}

/// A future that is given several times counts once, in both forms. (Case 24.)
pub fn duplicates_collapse(bench: &Bench) {
    let specimen = bench.specimen();
    let future = specimen.executor().submit(task!([] => 1));
    let yielded = as_completed([&future, &future, &future], bench.limit()).filter(Result::is_ok).count();
    bench.ensure_equal(&yielded, &1, "how often one future was yielded");
    let ended = wait([&future, &future], bench.limit(), ReturnWhen::AllCompleted);
    bench.ensure_equal(&(ended.done.len(), ended.not_done.len()), &(1, 0), "how often one future was waited for");
}

/// `as_completed` out of time yields what has ended, says how many are unfinished, and ends for ever. (Case 26.)
pub fn as_completed_tells_how_many_are_left(bench: &Bench) {
    let specimen = bench.specimen();
    let (_first, never) = promise::<u32>();
    let (_second, nor_this) = promise::<u32>();
    let good = specimen.executor().submit(task!([] => 1));
    let bad = specimen.executor().submit(task!([] => { super::panics::fails_on_purpose(); 0 }));
    bench.ensure(bench.error_or_none(&good).is_none() && bench.error(&bad).is_panicked(), "a value, and a panic");
    let mut ends = as_completed([&never, &good, &nor_this, &bad], Duration::from_millis(20));
    let ready = ends.by_ref().take(2).filter(Result::is_ok).count();
    bench.ensure_equal(&ready, &2, "how many that had ended were yielded");
    match ends.next() {
        Some(Err(error)) => {
            bench.ensure_equal(&(error.unfinished, error.total), &(2, 4), "unfinished and all");
            bench.ensure_equal(&error.to_string(), &"the wait timed out with 2 (of 4) futures unfinished", "the text");
        }
        other => bench.fail(format_args!("out of time: {other:?}")),
    }
    bench.ensure(ends.next().is_none() && ends.next().is_none(), "something came after the error");
}

/// Futures of different executors and types can be waited for together.
pub fn executors_mix(bench: &Bench) {
    let (one, two) = (bench.specimen(), bench.specimen());
    let threads = match ThreadPoolExecutor::new(1) {
        Ok(threads) => threads,
        Err(error) => bench.fail(error),
    };
    let number = one.executor().submit(task!([] => 1));
    let text = two.executor().submit(task!([] => "two".to_owned()));
    let other = threads.submit(|| [3; 3]);
    let (promise, by_hand) = promise();
    bench.ensure(promise.set_result(4.0).is_ok(), "a promise is fulfilled");
    let ended = wait(futures![number, text, other, by_hand], bench.limit(), ReturnWhen::AllCompleted);
    bench.ensure_equal(&(ended.done.len(), ended.not_done.len()), &(4, 0), "done and not done");
    let yielded = as_completed(futures![number, text, other, by_hand], bench.limit()).filter(Result::is_ok).count();
    bench.ensure_equal(&yielded, &4, "how many were yielded");
}
