//! Jobs that panic: an error for one future, and for nobody else.

use super::{Bench, Check};
use crate::{Future, InlineExecutor, TaskError, task};

const GROUP: &str = "panics";

pub(super) const CHECKS: &[Check] = &[
    check!(a_panic_is_its_futures_error, "a job's panic is its future's error, with the message and the place"),
    check!(a_payload_without_text_is_reported, "a panic whose payload is no text is an error like the others"),
    check!(panics_cost_no_worker, "however many tasks panic, the executor goes on with all of its workers"),
    check!(the_task_after_a_panic_runs, "a task that comes after one that panicked knows nothing of it"),
];

/// A job that panics.
pub(super) fn fails_on_purpose() {
    std::panic::panic_any("a panic on purpose".to_owned())
}

fn divide(a: u32, b: u32) -> u32 {
    assert!(b != 0, "{a} cannot be divided");
    a / b
}

/// A job's panic is its future's error, with the message and the place, however often it is asked for. (Case 397.)
///
/// The place is asked for only if the crate's panic hook is still in front, as a task that runs right here tells.
pub fn a_panic_is_its_futures_error(bench: &Bench) {
    let specimen = bench.specimen();
    let reference = InlineExecutor::new().submit(call!(divide(1, 0)));
    let future = specimen.executor().submit(call!(divide(7, 0)));
    for _ in 0..2 {
        let TaskError::Panicked(report) = bench.error(&future) else {
            bench.fail(format_args!("a job that panicked ended as {:?}", future.exception(None)));
        };
        bench.ensure_equal(&report.message, &"7 cannot be divided", "the panic's message");
        if let TaskError::Panicked(here) = bench.error(&reference) {
            bench.ensure_equal(&report.location, &here.location, "the panic's place");
        }
    }
    bench.ensure(future.result(bench.limit()).is_err_and(|error| error.is_panicked()), "`result` of a panicked task");
}

/// A panic whose payload is no text is an error like the others.
pub fn a_payload_without_text_is_reported(bench: &Bench) {
    let specimen = bench.specimen();
    let future: Future<()> = specimen.executor().submit(task!([] => std::panic::panic_any(5_u8)));
    match bench.error(&future) {
        TaskError::Panicked(report) => bench.ensure(!report.message.is_empty(), "the report says nothing"),
        other => bench.fail(format_args!("a job that panicked ended as {other}")),
    }
}

/// However many tasks panic, the executor goes on with all of its workers. (Case 582.)
pub fn panics_cost_no_worker(bench: &Bench) {
    let specimen = bench.specimen();
    let panics = 3 * specimen.executor().max_workers() + 10;
    let futures: Vec<Future<u32>> = (0..panics).map(|_| specimen.executor().submit(call!(divide(1, 0)))).collect();
    for future in &futures {
        let error = bench.error(future);
        bench.ensure(error.is_panicked(), format_args!("a job that panicked ended as {error}"));
    }
    if !bench.runs_at_submit() {
        specimen.hold().end();
    }
    bench.ensure_equal(&bench.value(&specimen.executor().submit(call!(divide(8, 2)))), &4, "a task after the panics");
}

/// A task that comes after one that panicked knows nothing of it. (Case 582.)
pub fn the_task_after_a_panic_runs(bench: &Bench) {
    let specimen = bench.specimen();
    for n in 1..20 {
        let bad = specimen.executor().submit(call!(divide(n, 0)));
        let good = specimen.executor().submit(task!([n] => (n, std::thread::panicking())));
        bench.ensure_equal(&bench.value(&good), &(n, false), "a task after one that panicked");
        bench.ensure(bench.error(&bad).is_panicked(), "the task that panicked");
    }
}
