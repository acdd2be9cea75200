//! A function over many inputs: order, chunks, windows, forms.

use super::signal::Tally;
use super::{Bench, Check};
use crate::{Executor, Future, TaskError};
use std::cell::Cell;
use std::iter;

const GROUP: &str = "map";

pub(super) const CHECKS: &[Check] = &[
    check!(results_come_in_order, "results come in the order of the inputs, whatever the size of the chunks"),
    check!(an_error_costs_one_item, "one failure costs one item, in the middle of a chunk too"),
    check!(the_end_is_for_ever, "a map that has ended stays at its end"),
    check!(nothing_is_pulled_too_early, "never more inputs are pulled than were handed out and the window holds"),
    check!(endless_inputs_work, "an endless input can be mapped, alone or zipped with another"),
    check!(an_empty_input_ends_at_once, "an empty input has no results, in every form"),
    check!(unordered_gives_each_once, "an unordered map gives each result once"),
    check!(shared_context_reaches_every_item, "`map_with` lends its context to every item"),
    check!(eager_runs_without_iteration, "an eager map runs everything, whether or not it is iterated"),
    check!(into_futures_gives_one_for_each, "`into_futures` gives a future for each input, in their order"),
    check!(collecting_stops_at_an_error, "collecting into a `Result` gives the values, or the first error"),
];

fn double(n: u32) -> u32 {
    2 * n
}

/// Panics for every number that 5 divides without a 10.
fn picky(n: u32) -> u32 {
    assert!(n % 10 != 5, "does not like {n}");
    n
}

/// What an iterator of results gave; of errors, only whether they are panics.
fn outcomes<R>(results: impl Iterator<Item = Result<R, TaskError>>) -> Vec<Result<R, bool>> {
    results.map(|result| result.map_err(|error| error.is_panicked())).collect()
}

/// Results come in the order of the inputs, whatever the size of the chunks: one, some, all, more than all, automatic.
/// (Cases 10 and 384.)
pub fn results_come_in_order(bench: &Bench) {
    let specimen = bench.specimen();
    let expected: Vec<Result<u32, bool>> = (0..100).map(|n| Ok(2 * n)).collect();
    for chunk in [0, 1, 7, 20, 100, 1000] {
        let map = specimen.executor().map(double, 0..100).chunksize(chunk).timeout(bench.limit());
        bench.ensure_equal(&outcomes(map), &expected, &format!("results in chunks of {chunk}"));
    }
    for window in [1, 2, 100, 200] {
        let map = specimen.executor().map(double, 0..100).buffersize(window).timeout(bench.limit());
        bench.ensure_equal(&outcomes(map), &expected, &format!("results with a window of {window}"));
    }
}

/// One failure costs one item, in the middle of a chunk too. (Case 4.)
pub fn an_error_costs_one_item(bench: &Bench) {
    let specimen = bench.specimen();
    let expected: Vec<Result<u32, bool>> = (0..30).map(|n| if n % 10 == 5 { Err(true) } else { Ok(n) }).collect();
    for chunk in [0, 1, 3, 30] {
        let map = specimen.executor().map(picky, 0..30).chunksize(chunk).timeout(bench.limit());
        bench.ensure_equal(&outcomes(map), &expected, &format!("three failures in chunks of {chunk}"));
    }
    let futures: Vec<Future<u32>> = specimen.executor().map(picky, 0..30).into_futures();
    for (future, expected) in futures.iter().zip(&expected) {
        bench.ensure_equal(&bench.error_or_none(future).is_some(), &expected.is_err(), "failures among futures");
    }
}

/// A map that has ended stays at its end, also one that met an error. (Cases 4 and 390.)
pub fn the_end_is_for_ever(bench: &Bench) {
    let specimen = bench.specimen();
    let mut map = specimen.executor().map(picky, [1, 5]).timeout(bench.limit());
    bench.ensure_equal(&outcomes(map.by_ref()), &vec![Ok(1), Err(true)], "two results");
    bench.ensure((0..3).all(|_| map.next().is_none()), "something came after the end");
}

/// Never more inputs are pulled than were handed out and the window holds: none before the first `next`, and after the
/// m-th no more than m and the window. (Cases 10 and 16.)
pub fn nothing_is_pulled_too_early(bench: &Bench) {
    let specimen = bench.specimen();
    for chunk in [0, 1, 3] {
        for window in [1, 2, 5] {
            let pulled = Cell::new(0);
            let inputs = (0..).inspect(|_| pulled.set(pulled.get() + 1));
            let mut map = specimen.executor().map(double, inputs).chunksize(chunk).buffersize(window);
            bench.ensure_equal(&pulled.get(), &0, "inputs pulled before the first `next`");
            for handed_out in 1..=12_usize {
                let result = map.next();
                bench.ensure(result.is_some_and(|result| result.is_ok()), "an endless map has a next result");
                let most = handed_out + window;
                bench.ensure(
                    (handed_out..=most).contains(&pulled.get()),
                    format_args!(
                        "{} inputs pulled for {handed_out} results, a window of {window} and chunks of {chunk}",
                        pulled.get()
                    ),
                );
            }
        }
    }
}

/// An endless input can be mapped, alone or zipped with another. (Cases 12 and 13.)
pub fn endless_inputs_work(bench: &Bench) {
    let specimen = bench.specimen();
    let first = outcomes(specimen.executor().map(double, 0..).buffersize(2).take(3));
    bench.ensure_equal(&first, &vec![Ok(0), Ok(2), Ok(4)], "the first of an endless map");
    let zipped = iter::zip(0.., 10..);
    let sums = outcomes(specimen.executor().map(|(a, b): (u32, u32)| a + b, zipped).buffersize(2).take(3));
    bench.ensure_equal(&sums, &vec![Ok(10), Ok(12), Ok(14)], "the first of two endless inputs");
    let unbounded = outcomes(specimen.executor().map(double, 5..).take(2));
    bench.ensure_equal(&unbounded, &vec![Ok(10), Ok(12)], "the first of an endless map with the default window");
}

/// An empty input has no results, in every form. (Cases 14 and 394.)
pub fn an_empty_input_ends_at_once(bench: &Bench) {
    fn none() -> iter::Empty<u32> {
        iter::empty()
    }
    let specimen = bench.specimen();
    let map = || specimen.executor().map(double, none());
    bench.ensure_equal(&map().count(), &0, "results");
    bench.ensure_equal(&map().buffersize(2).count(), &0, "results with a window");
    bench.ensure_equal(&map().unordered().count(), &0, "results without order");
    bench.ensure_equal(&map().start().count(), &0, "results of a map that was started");
    bench.ensure_equal(&map().eager().count(), &0, "results of an eager map");
    bench.ensure_equal(&map().into_futures().len(), &0, "futures");
}

/// An unordered map gives each result once. (Case 390.)
pub fn unordered_gives_each_once(bench: &Bench) {
    let specimen = bench.specimen();
    for chunk in [0, 1, 10] {
        let map = specimen.executor().map(double, 0..100).chunksize(chunk).unordered().timeout(bench.limit());
        let mut results = outcomes(map);
        results.sort_unstable();
        let expected: Vec<Result<u32, bool>> = (0..100).map(|n| Ok(2 * n)).collect();
        bench.ensure_equal(&results, &expected, &format!("results without order, in chunks of {chunk}"));
    }
}

/// `map_with` lends its context to every item.
pub fn shared_context_reaches_every_item(bench: &Bench) {
    let specimen = bench.specimen();
    let words = ["zero".to_owned(), "one".to_owned(), "two".to_owned()];
    let map = specimen.executor().map_with(words, |words, n: usize| words[n % 3].len(), 0..9);
    let lengths = outcomes(map.timeout(bench.limit()));
    bench.ensure_equal(&lengths, &[4, 3, 3].repeat(3).into_iter().map(Ok).collect::<Vec<_>>(), "nine lengths");
}

/// Runs an eager map that nobody iterates, and says how many items ran.
fn eager_runs(executor: &dyn Executor, tally: &Tally, end: impl FnOnce()) -> usize {
    let map = executor.map_with(tally.clone(), |tally, _: u32| tally.add(), 0..10).eager();
    end();
    drop(map);
    tally.count()
}

/// An eager map runs everything, whether or not it is iterated. (Cases 106 and 116.)
pub fn eager_runs_without_iteration(bench: &Bench) {
    let specimen = bench.specimen();
    let tally = bench.tally();
    let runs = eager_runs(specimen.executor(), &tally, || {
        specimen.finish(crate::Shutdown::wait());
    });
    bench.ensure_equal(&runs, &10, "runs of an eager map that nobody iterated");
}

/// `into_futures` gives a future for each input, in their order.
pub fn into_futures_gives_one_for_each(bench: &Bench) {
    let specimen = bench.specimen();
    let futures = specimen.executor().map(double, 0..10).into_futures();
    bench.ensure_equal(&bench.values(&futures), &(0..10).map(double).collect::<Vec<_>>(), "ten values");
}

/// Collecting into a `Result` gives the values, or the first error; what comes after that may never run.
pub fn collecting_stops_at_an_error(bench: &Bench) {
    let specimen = bench.specimen();
    let good: Result<Vec<u32>, TaskError> = specimen.executor().map(picky, 0..4).collect();
    bench.ensure_equal(&good.ok(), &Some(vec![0, 1, 2, 3]), "values");
    let bad: Result<Vec<u32>, TaskError> = specimen.executor().map(picky, 0..).collect();
    bench.ensure(bad.is_err_and(|error| error.to_string().contains("does not like 5")), "the first error of many");
}
