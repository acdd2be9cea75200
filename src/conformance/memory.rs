//! When what a job captured, and what it returned, is let go. For executors of this process.
#![expect(clippy::disallowed_types, reason = "uses the crate from outside, as its users do")]

use super::{Bench, Check};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

const GROUP: &str = "memory";

pub(super) const CHECKS: &[Check] = &[
    check!(captures_go_before_the_end_is_seen, "what a job captured is dropped before its future is done").in_process(),
    check!(an_idle_executor_keeps_nothing, "no reference to a job or its result is kept after both are over")
        .in_process(),
    check!(an_unclaimed_value_is_dropped, "a value that nobody will take is dropped").in_process(),
    check!(a_map_keeps_no_result, "a map keeps no result that it has handed out").in_process(),
    check!(cancelling_drops_the_job, "cancelling drops the job before it returns").in_process().in_background(),
    check!(a_panicking_drop_costs_one_task, "a `Drop` that panics costs its own task at most").in_process(),
];

/// Says when it is dropped.
struct Tells(Arc<AtomicBool>);

impl Drop for Tells {
    fn drop(&mut self) {
        // ORDERING: Release pairs with the Acquire of `was_dropped`.
        self.0.store(true, Ordering::Release);
    }
}

fn tells() -> (Tells, Arc<AtomicBool>) {
    let dropped = Arc::new(AtomicBool::new(false));
    (Tells(Arc::clone(&dropped)), dropped)
}

fn was_dropped(flag: &AtomicBool) -> bool {
    // ORDERING: Acquire pairs with the Release in `Tells`.
    flag.load(Ordering::Acquire)
}

/// What a job captured is dropped before its future is done: whoever sees the end may rely on it. A panic changes
/// nothing.
pub fn captures_go_before_the_end_is_seen(bench: &Bench) {
    let specimen = bench.specimen();
    for n in 0..100 {
        let (captured, dropped) = tells();
        let future = specimen.in_process().submit(move || {
            let _kept = &captured;
            assert!(n % 2 == 0, "an odd one");
        });
        bench.eventually("a short task ends", || future.done());
        bench.ensure(was_dropped(&dropped), "a future is done while its job's captures live");
    }
}

/// No reference to a job or its result is kept after both are over, though the executor is there and idle. (Case 18.)
pub fn an_idle_executor_keeps_nothing(bench: &Bench) {
    let specimen = bench.specimen();
    for _ in 0..20 {
        let captured = Arc::new("captured");
        let weak: Weak<&str> = Arc::downgrade(&captured);
        let future = specimen.in_process().submit(move || Arc::clone(&captured));
        let result = bench.value(&future);
        bench.ensure_equal(&Arc::strong_count(&result), &1, "owners of a result, after the task and before the future");
        drop(result);
        bench.ensure(weak.upgrade().is_none(), "somebody keeps what a job captured or returned");
        drop(future);
    }
}

/// A value that nobody will take is dropped: its future was dropped before the task ended, or after. (Case 20.)
pub fn an_unclaimed_value_is_dropped(bench: &Bench) {
    let specimen = bench.specimen();
    for wait_first in [false, true] {
        let (value, dropped) = tells();
        let future = specimen.in_process().submit(move || value);
        if wait_first {
            bench.eventually("a short task ends", || future.done());
            bench.ensure(!was_dropped(&dropped), "a value was dropped that can still be taken");
        }
        drop(future);
        bench.eventually("a value without an owner is dropped", || was_dropped(&dropped));
    }
}

/// A map keeps no result that it has handed out. (Case 20.)
pub fn a_map_keeps_no_result(bench: &Bench) {
    let specimen = bench.specimen();
    for chunk in [0, 1, 4] {
        let map = specimen.in_process().map(Arc::new, 0..10).chunksize(chunk).timeout(bench.limit());
        for result in map {
            match result {
                Ok(result) => bench.ensure_equal(&Arc::strong_count(&result), &1, "owners of a result of a map"),
                Err(error) => bench.fail(error),
            }
        }
    }
}

/// Cancelling drops the job before it returns; nothing of it waits in a queue.
pub fn cancelling_drops_the_job(bench: &Bench) {
    let specimen = bench.specimen();
    let hold = specimen.hold();
    let (captured, dropped) = tells();
    let future = specimen.in_process().submit(move || drop(captured));
    bench.ensure(!was_dropped(&dropped), "a pending job was dropped");
    bench.ensure(future.cancel(), "a pending task refuses to be cancelled");
    bench.ensure(was_dropped(&dropped), "`cancel` returned before the job was dropped");
    hold.end();
}

/// Panics when it is dropped.
struct Explodes;

impl Drop for Explodes {
    fn drop(&mut self) {
        super::panics::fails_on_purpose();
    }
}

/// A `Drop` that panics costs its own task at most: of a capture it is the task's panic, and of a value that nobody
/// takes it is nobody's.
pub fn a_panicking_drop_costs_one_task(bench: &Bench) {
    let specimen = bench.specimen();
    let captured = Explodes;
    let future = specimen.in_process().submit(move || {
        let _kept = &captured;
        1
    });
    let error = bench.error(&future);
    bench.ensure(error.is_panicked(), format_args!("a job whose captures panic in their drop ended as {error}"));
    for _ in 0..specimen.executor().max_workers() + 1 {
        let ran = bench.signal();
        let there = ran.clone();
        drop(specimen.in_process().submit(move || {
            there.raise();
            Explodes
        }));
        bench.eventually("a task whose future was dropped runs", || ran.is_raised());
    }
    bench.ensure_equal(&bench.value(&specimen.in_process().submit(|| 2)), &2, "a task after drops that panicked");
}
