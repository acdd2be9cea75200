//! When what a job took along, and what it returned, is let go.
#![expect(clippy::disallowed_types, reason = "uses the crate from outside, as its users do")]

use super::signal::Tally;
use super::{Bench, Check};
use crate::{Future, task};
use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

const GROUP: &str = "memory";

pub(super) const CHECKS: &[Check] = &[
    check!(captures_go_before_the_end_is_seen, "what a job took along is dropped before its future is done"),
    check!(
        no_copy_outlives_its_use,
        "of what a job takes along or returns, no copy is left once nobody can ask for it"
    ),
    check!(an_idle_executor_keeps_nothing, "no reference to a job or its result is kept after both are over")
        .in_process(),
    check!(an_unclaimed_value_is_dropped, "a value that nobody will take is dropped").in_process(),
    check!(a_map_keeps_no_result, "a map keeps no result that it has handed out").in_process(),
    check!(cancelling_drops_the_job, "cancelling drops the job before it returns").in_background(),
    check!(a_panicking_drop_costs_one_task, "a `Drop` that panics costs its own task at most"),
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

/// Counts how many of it are made, in whichever process, and how many of these are dropped.
struct Traced(Traces);

/// What becomes of [`Traced`] values.
#[derive(Clone, Serialize, Deserialize)]
struct Traces {
    made: Tally,
    dropped: Tally,
}

impl Traces {
    fn new(bench: &Bench) -> Self {
        Traces { made: bench.tally(), dropped: bench.tally() }
    }

    fn make(&self) -> Traced {
        self.made.add();
        Traced(self.clone())
    }

    /// At a moment at which none is being made.
    fn all_dropped(&self) -> bool {
        self.dropped.count() == self.made.count()
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.0.dropped.add();
    }
}

impl Serialize for Traced {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Traced {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Traces::deserialize(deserializer).map(|traces| traces.make())
    }
}

/// What a job took along, each copy of it, is dropped before its future is done: whoever sees the end may rely on it. A
/// panic changes nothing. (Case 76.)
pub fn captures_go_before_the_end_is_seen(bench: &Bench) {
    let specimen = bench.specimen();
    for n in 0..100 {
        let traces = Traces::new(bench);
        let captured = traces.make();
        let future = specimen.executor().submit(task!([captured, n] => {
            let _kept = &captured;
            assert!(n % 2 == 0, "an odd one");
        }));
        bench.eventually("a short task ends", || future.done());
        bench.ensure(traces.all_dropped(), "a future is done while what its job took along lives");
    }
}

/// Of what a job takes along or returns, no copy is left once nobody can ask for it, though the executor is there and
/// idle: after the value was taken, or the future dropped, before the end or after it; of a map too. (Cases 18, 20
/// and 76.)
pub fn no_copy_outlives_its_use(bench: &Bench) {
    let specimen = bench.specimen();
    let traces = Traces::new(bench);
    let submit = || -> Future<Traced> { specimen.executor().submit(task!([value = traces.make()] => value)) };
    for round in 0..20 {
        let future = submit();
        match round % 4 {
            0 => drop(bench.value(&future)),
            1 => {
                bench.eventually("a short task ends", || future.done());
                drop(future);
            }
            2 => {
                let shared = future.shared();
                bench.ensure(shared.result(bench.limit()).is_ok(), "a value for many readers");
            }
            _ => drop(future),
        }
        bench.eventually("every copy of a value is dropped", || traces.all_dropped());
    }
    for chunk in [0, 1, 4] {
        let inputs = (0..10).map(|_| traces.make());
        let mut map = specimen.executor().map(|value: Traced| value, inputs).chunksize(chunk).timeout(bench.limit());
        bench.ensure_equal(&map.by_ref().take(8).filter(Result::is_ok).count(), &8, "values of a map");
        drop(map);
        bench.eventually("every copy of a map's values is dropped", || traces.all_dropped());
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
    let traces = Traces::new(bench);
    let future = specimen.executor().submit(task!([captured = traces.make()] => drop(captured)));
    bench.ensure(future.cancel(), "a pending task refuses to be cancelled");
    bench.ensure(traces.all_dropped(), "`cancel` returned before the job was dropped");
    hold.end();
}

/// Panics when it is dropped.
#[derive(Serialize, Deserialize)]
struct Explodes;

impl Drop for Explodes {
    fn drop(&mut self) {
        super::panics::fails_on_purpose();
    }
}

/// A `Drop` that panics costs its own task at most: of what a job takes along it is the task's panic, and of a value
/// that nobody takes it is nobody's.
pub fn a_panicking_drop_costs_one_task(bench: &Bench) {
    let specimen = bench.specimen();
    let future = specimen.executor().submit(task!([captured = Explodes] => {
        let _kept = &captured;
        1
    }));
    let error = bench.error(&future);
    bench.ensure(error.is_panicked(), format_args!("a job whose captures panic in their drop ended as {error}"));
    for _ in 0..specimen.executor().max_workers() + 1 {
        let ran = bench.signal();
        let there = ran.clone();
        drop(specimen.executor().submit(task!([there] => {
            there.raise();
            Explodes
        })));
        bench.eventually("a task whose future was dropped runs", || ran.is_raised());
    }
    bench.ensure_equal(
        &bench.value(&specimen.executor().submit(task!([] => 2))),
        &2,
        "a task after drops that panicked",
    );
}
