//! How a map ends before its input does: time limits, drops, panics, a shutdown.

use super::{Bench, Check};
use crate::{PortableError, Shutdown};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

const GROUP: &str = "map_ends";

pub(super) const CHECKS: &[Check] = &[
    check!(
        a_map_out_of_time_ends,
        "a map out of time gives one error, then its end, and what has not begun never runs"
    )
    .in_background(),
    check!(an_items_own_timeout_is_its_own, "an error that a job calls a timeout is no timeout of the map"),
    check!(dropping_a_map_cancels, "dropping a map cancels what has not begun").in_background(),
    check!(a_map_that_is_never_advanced_runs_nothing, "a map that is neither advanced nor started runs nothing"),
    check!(the_inputs_panic_reaches_the_caller, "an input that panics unwinds to the caller of `next`, once"),
    check!(a_map_on_a_closed_executor_fails_each_item, "on an executor that is shut down every item is an error"),
];

/// A map out of time gives one error, then its end for ever, and what has not begun never runs. (Cases 6 and 122.)
pub fn a_map_out_of_time_ends(bench: &Bench) {
    let specimen = bench.specimen();
    let tally = bench.tally();
    let hold = specimen.hold();
    let items = bench.room(3);
    let mut map = specimen
        .executor()
        .map_with(tally.clone(), |tally, _: usize| tally.add(), 0..items)
        .buffersize(items)
        .timeout(Duration::from_millis(20));
    match map.next() {
        Some(Err(error)) if error.is_timed_out() => {}
        other => bench.fail(format_args!("a map whose items cannot begin: {other:?}")),
    }
    bench.ensure(map.next().is_none() && map.next().is_none(), "something came after the error");
    hold.end();
    specimen.finish(Shutdown::wait());
    bench.ensure_equal(&tally.count(), &0, "items that ran after the map's time was up");
}

/// An error that a job itself calls a timeout is that item's value, and no timeout of the map. (Case 5.)
pub fn an_items_own_timeout_is_its_own(bench: &Bench) {
    fn slow(n: u32) -> Result<u32, PortableError> {
        if n == 1 { Err(crate::TaskError::TimedOut.into()) } else { Ok(n) }
    }
    let specimen = bench.specimen();
    for limit in [None, Some(bench.limit())] {
        let results: Vec<_> = specimen.executor().map(slow, 0..4).timeout(limit).collect();
        let values: Vec<Option<u32>> = results.into_iter().map(|item| item.ok().and_then(Result::ok)).collect();
        bench.ensure_equal(&values, &vec![Some(0), None, Some(2), Some(3)], "items, of which one has an error");
    }
    let mut map = specimen.executor().map(slow, 0..3).fallible().skip(1);
    match map.next() {
        Some(Err(error)) => bench.ensure(error.is_failed(), format_args!("the item's own error became {error}")),
        other => bench.fail(format_args!("the item with an error: {other:?}")),
    }
    bench.ensure(matches!(map.next(), Some(Ok(2))), "the item after the error");
}

/// Dropping a map cancels what has not begun, whether or not it was ever advanced.
pub fn dropping_a_map_cancels(bench: &Bench) {
    let specimen = bench.specimen();
    let tally = bench.tally();
    let hold = specimen.hold();
    let items = bench.room(5);
    let map = specimen.executor().map_with(tally.clone(), |tally, _: usize| tally.add(), 0..items).buffersize(items);
    drop(map.start());
    hold.end();
    specimen.finish(Shutdown::wait());
    bench.ensure_equal(&tally.count(), &0, "items that ran after their map was dropped");
}

/// A map that is neither advanced nor started runs nothing.
pub fn a_map_that_is_never_advanced_runs_nothing(bench: &Bench) {
    let specimen = bench.specimen();
    let tally = bench.tally();
    drop(specimen.executor().map_with(tally.clone(), |tally, _: u32| tally.add(), 0..5));
    specimen.finish(Shutdown::wait());
    bench.ensure_equal(&tally.count(), &0, "items that ran");
}

/// An input that panics unwinds to the caller of `next`, once; then the map is at its end, and the executor as before.
/// (Case 388.)
pub fn the_inputs_panic_reaches_the_caller(bench: &Bench) {
    let specimen = bench.specimen();
    for good in [0, 1, 3_u32] {
        let inputs = (0..).inspect(|n| assert!(*n < good, "no more inputs"));
        let mut map = specimen.executor().map(|n: u32| n, inputs).chunksize(1).buffersize(1);
        let mut values = Vec::new();
        let mut panics = 0;
        loop {
            match catch_unwind(AssertUnwindSafe(|| map.next())) {
                Ok(Some(Ok(value))) => values.push(value),
                Ok(Some(Err(error))) => bench.fail(format_args!("an item failed: {error}")),
                Ok(None) => break,
                Err(_) => panics += 1,
            }
        }
        bench.ensure_equal(&panics, &1, "how often the input's panic reached the caller");
        bench.ensure(values.iter().copied().eq(0..values.len() as u32), "values out of order before the panic");
        bench.ensure(values.len() <= good as usize, "values that had no input");
    }
    let sum: u32 = specimen.executor().map(|n: u32| n, 0..4).filter_map(Result::ok).sum();
    bench.ensure_equal(&sum, &6, "a map after one whose input panicked");
}

/// On an executor that is shut down every item is an error, and the map ends.
pub fn a_map_on_a_closed_executor_fails_each_item(bench: &Bench) {
    let specimen = bench.specimen();
    specimen.finish(Shutdown::wait());
    let results: Vec<_> = specimen.executor().map(|n: u32| n, 0..4).collect();
    bench.ensure_equal(&results.len(), &4, "items");
    bench.ensure(results.iter().all(|item| item.as_ref().is_err_and(|e| e.is_rejected())), "every item is rejected");
}
