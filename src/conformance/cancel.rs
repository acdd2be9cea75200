//! Cancelling: what has not begun never runs, what has is left alone.
#![expect(clippy::disallowed_methods, reason = "uses the crate from outside, as its users do")]

use super::{Bench, Check};
use crate::{CancelOutcome, Future, TaskError, task};
use std::time::Duration;

const GROUP: &str = "cancel";

pub(super) const CHECKS: &[Check] = &[
    check!(an_ended_task_refuses, "a task that has ended cannot be cancelled"),
    check!(a_pending_task_can_be_cancelled, "a task that has not begun can be cancelled, and then never runs")
        .in_background(),
    check!(a_running_task_refuses, "a task that runs cannot be cancelled, only asked to stop").in_background(),
    check!(cancelling_one_leaves_the_others, "cancelling a task changes nothing for those around it").in_background(),
    check!(a_dropped_handle_can_cancel, "dropping a `cancel_on_drop` handle cancels a task that has not begun")
        .in_background(),
    check!(cancelling_never_hangs, "whoever wins, a cancelled future ends, and the executor can be shut down"),
];

/// A task that has ended, well or badly, cannot be cancelled; nothing changes by trying. (Case 53.)
pub fn an_ended_task_refuses(bench: &Bench) {
    let specimen = bench.specimen();
    let good = specimen.executor().submit(task!([] => 1));
    let bad = specimen.executor().submit(task!([] => { super::panics::fails_on_purpose() }));
    bench.ensure(bench.error_or_none(&good).is_none() && bench.error(&bad).is_panicked(), "a value, and a panic");
    bench.ensure(!good.cancel() && !bad.cancel(), "an ended task was cancelled");
    bench.ensure_equal(&good.request_cancel(), &CancelOutcome::AlreadyDone, "asking an ended task to stop");
    bench.ensure_equal(&bad.request_cancel(), &CancelOutcome::AlreadyDone, "asking a failed task to stop");
    bench.ensure(!good.cancelled() && !bad.cancelled(), "an ended task says that it was cancelled");
    bench.ensure_equal(&bench.value(&good), &1, "the value after trying to cancel");
}

/// A task that has not begun can be cancelled, as often as one likes; its future has ended at once, and it never runs.
/// (Cases 45, 53, 57 and 60.)
pub fn a_pending_task_can_be_cancelled(bench: &Bench) {
    let specimen = bench.specimen();
    let runs = bench.tally();
    let hold = specimen.hold();
    let there = runs.clone();
    let future = specimen.executor().submit(task!([there] => there.add()));
    bench.ensure(future.cancel(), "a pending task refuses to be cancelled");
    bench.ensure(future.cancel(), "a cancelled task refuses to be cancelled again");
    bench.ensure(future.done() && future.cancelled() && !future.running(), "a cancelled future does not say so");
    match future.result(Duration::ZERO) {
        Err(TaskError::Cancelled) => {}
        other => bench.fail(format_args!("a cancelled task's result: {other:?}")),
    }
    hold.end();
    specimen.finish(crate::Shutdown::wait());
    bench.ensure_equal(&runs.count(), &0, "runs of a cancelled task");
}

/// A task that runs cannot be cancelled, only asked to stop; its result is its own. (Case 53.)
pub fn a_running_task_refuses(bench: &Bench) {
    let specimen = bench.specimen();
    let hold = specimen.hold();
    for running in &hold.stays {
        bench.ensure(!running.cancel(), "a running task was cancelled");
        bench.ensure(!running.cancelled() && !running.done(), "a running task has ended by a refused cancel");
        bench.ensure_equal(&running.request_cancel(), &CancelOutcome::Signalled, "asking a running task to stop");
    }
    hold.end();
}

/// Cancelling a task changes nothing for those around it.
pub fn cancelling_one_leaves_the_others(bench: &Bench) {
    let specimen = bench.specimen();
    let hold = specimen.hold();
    let futures: Vec<Future<usize>> = (0..bench.room(9)).map(|n| specimen.executor().submit(task!([n] => n))).collect();
    for future in futures.iter().skip(1).step_by(2) {
        bench.ensure(future.cancel(), "a pending task refuses to be cancelled");
    }
    hold.end();
    for (n, future) in futures.iter().enumerate() {
        if n % 2 == 0 {
            bench.ensure_equal(&bench.value(future), &n, "a task between two that were cancelled");
        } else {
            let error = bench.error(future);
            bench.ensure(error.is_cancelled(), format_args!("a cancelled task ended as {error}"));
        }
    }
}

/// Dropping a `cancel_on_drop` handle cancels a task that has not begun.
pub fn a_dropped_handle_can_cancel(bench: &Bench) {
    let specimen = bench.specimen();
    let (dropped, detached) = (bench.tally(), bench.tally());
    let hold = specimen.hold();
    let there = dropped.clone();
    drop(specimen.executor().submit(task!([there] => there.add())).cancel_on_drop());
    let detaching = bench.room(2) > 1;
    if detaching {
        let there = detached.clone();
        drop(specimen.executor().submit(task!([there] => there.add())).cancel_on_drop().detach());
    }
    hold.end();
    specimen.finish(crate::Shutdown::wait());
    bench.ensure_equal(&dropped.count(), &0, "runs of a task whose handle was dropped");
    bench.ensure_equal(&detached.count(), &usize::from(detaching), "runs of a task whose handle was detached");
}

/// Cancelling at the moment when a worker takes the task: whoever wins, the future ends, as `cancel` said, and the
/// executor can be shut down. (Case 102.)
pub fn cancelling_never_hangs(bench: &Bench) {
    let specimen = bench.specimen();
    for n in 0..300_u32 {
        let future = specimen.executor().submit(task!([n] => n));
        if n % 3 == 0 {
            std::thread::yield_now();
        }
        let cancelled = future.cancel();
        match bench.error_or_none(&future) {
            None => bench.ensure(!cancelled, "a task has a value although it was cancelled"),
            Some(error) => bench.ensure(cancelled && error.is_cancelled(), format_args!("a task ended as {error}")),
        }
    }
    let report = specimen.finish(crate::Shutdown::wait());
    bench.ensure_equal(&report.abandoned, &0, "tasks that the shutdown left behind");
}
