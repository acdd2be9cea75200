//! What tasks know of themselves, and tasks that use the executor that runs them. The latter is for executors of this
//! process.

use super::signal::Signal;
use super::specimen::Handle;
use super::{Bench, Check};
use crate::{Future, Shutdown, SubmitOptions, task};
use std::sync::mpsc;
use std::time::Duration;

const GROUP: &str = "reentry";

pub(super) const CHECKS: &[Check] = &[
    check!(a_task_may_submit, "a task may submit others").in_process(),
    check!(a_task_may_shut_down, "a shutdown from a task does not hang, not even one that waits").in_process(),
    check!(a_task_knows_itself, "a task knows its name, and code outside of one that there is none"),
    check!(a_running_task_sees_the_request, "a running task sees that it was asked to stop").in_background(),
    check!(a_task_may_wait_for_others, "a task may wait for others of the same executor, several levels deep")
        .in_process()
        .with_nested_waits(),
    check!(a_task_may_map, "a task may map over the executor that runs it").in_process().with_nested_waits(),
];

/// A task may submit others, which run as well.
pub fn a_task_may_submit(bench: &Bench) {
    fn spread(handle: &Handle, depth: u32, ends: &mpsc::Sender<u32>) {
        if depth == 0 {
            let _ = ends.send(1);
            return;
        }
        for _ in 0..2 {
            let (inner, ends) = (handle.clone(), ends.clone());
            drop(handle.in_process().submit(move || spread(&inner, depth - 1, &ends)));
        }
    }
    let specimen = bench.specimen();
    let (sender, ends) = mpsc::channel();
    // A queue with a bound blocks a task that submits into it when it is full, unless waits in tasks are allowed.
    let depth = if bench.room(64) < 64 { 1 } else { 6 };
    spread(&specimen.handle(), depth, &sender);
    drop(sender);
    let sum: u32 = (0..1 << depth).map_while(|_| ends.recv_timeout(bench.limit()).ok()).sum();
    bench.ensure_equal(&sum, &(1 << depth), "tasks that tasks submitted");
}

/// A shutdown from a task does not hang, not even one that waits; the task goes on to its end. (Case 580.)
pub fn a_task_may_shut_down(bench: &Bench) {
    for how in [Shutdown::wait(), Shutdown::no_wait(), Shutdown::wait().cancel_pending()] {
        let specimen = bench.specimen();
        let (handle, inner) = (specimen.handle(), how.clone());
        let future = specimen.in_process().submit(move || {
            handle.executor().shutdown(inner);
            let late = handle.in_process().submit(|| ());
            drop(handle);
            late.exception(Duration::ZERO).is_ok_and(|error| error.is_some_and(|error| error.is_rejected()))
        });
        bench.ensure(bench.value(&future), format_args!("a submit in a task that called {how:?} was not rejected"));
        bench.ensure_equal(&specimen.finish(Shutdown::wait()).abandoned, &0, "tasks left behind");
    }
}

/// A task knows its name, and code outside of one that there is none.
pub fn a_task_knows_itself(bench: &Bench) {
    let specimen = bench.specimen();
    let named = specimen.executor().submit_with(SubmitOptions::new().name("inner"), call!(task::name()));
    bench.ensure_equal(&bench.value(&named), &Some("inner".to_owned()), "the name inside the task");
    bench.ensure_equal(&bench.value(&specimen.executor().submit(call!(task::name()))), &None::<String>, "no name");
    bench.ensure_equal(&task::name(), &None::<String>, "the name outside");
    bench.ensure(!task::cancel_requested(), "somebody asked code outside of a task to stop");
}

/// A running task sees that it was asked to stop; one that was not asked does not.
pub fn a_running_task_sees_the_request(bench: &Bench) {
    fn run_until_asked(begun: Signal, limit: Duration) -> (bool, bool) {
        let before = task::cancel_requested();
        begun.raise();
        let began = std::time::Instant::now();
        while !task::cancel_requested() && began.elapsed() < limit {
            std::thread::sleep(Duration::from_micros(100));
        }
        (before, task::check_cancelled().is_err())
    }
    let specimen = bench.specimen();
    let (begun, limit) = (bench.signal(), bench.limit());
    let future = specimen.executor().submit(call!(run_until_asked(begun.clone(), limit)));
    bench.ensure(begun.wait(limit), "a task begins");
    future.request_cancel();
    bench.ensure_equal(&bench.value(&future), &(false, true), "asked to stop, before and after");
    let next = specimen.executor().submit(call!(task::cancel_requested()));
    bench.ensure_equal(&bench.value(&next), &false, "the next task");
}

/// A task may wait for others of the same executor, several levels deep.
pub fn a_task_may_wait_for_others(bench: &Bench) {
    fn count(handle: &Handle, depth: u32, limit: Duration) -> u32 {
        if depth == 0 {
            return 1;
        }
        let submit = |_| {
            let inner = handle.clone();
            handle.in_process().submit(move || count(&inner, depth - 1, limit))
        };
        let below: Vec<Future<u32>> = (0..2).map(submit).collect();
        below.iter().map(|future| future.result(limit).unwrap_or(0)).sum()
    }
    let specimen = bench.specimen();
    let (handle, limit) = (specimen.handle(), bench.limit());
    let future = specimen.in_process().submit(move || count(&handle, 4, limit));
    bench.ensure_equal(&bench.value(&future), &16, "tasks at the bottom");
}

/// A task may map over the executor that runs it.
pub fn a_task_may_map(bench: &Bench) {
    let specimen = bench.specimen();
    let (handle, limit) = (specimen.handle(), bench.limit());
    let future = specimen.in_process().submit(move || -> u32 {
        let map = handle.in_process().map(|n: u32| n + 1, 0..10).buffersize(2).timeout(limit);
        map.map(|item| item.unwrap_or(0)).sum()
    });
    bench.ensure_equal(&bench.value(&future), &55, "the sum of a map within a task");
}
