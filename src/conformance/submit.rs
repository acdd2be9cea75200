//! What goes in and what comes back: results, arguments, names, errors that are values.

use super::{Bench, Check};
use crate::{Future, PortableError, SubmitOptions, task};

const GROUP: &str = "submit";

pub(super) const CHECKS: &[Check] = &[
    check!(the_result_comes_back, "a job's result is its future's"),
    check!(every_number_of_arguments_arrives, "a call's arguments arrive as they left, whatever their number and type"),
    check!(what_is_listed_travels, "what a task lists arrives with it"),
    check!(empty_values_are_values, "a result that holds nothing is told apart from no result"),
    check!(results_are_not_mixed_up, "each of many futures gets the result of its own job"),
    check!(large_values_pass, "arguments and results may be large"),
    check!(an_error_is_a_value, "an `Err` that a job returns is its value, and `fallible` makes it the future's error"),
    check!(a_name_stays_with_its_task, "a task's name is its future's"),
    check!(what_is_let_go_still_runs, "dropping a future detaches its task, which runs all the same"),
    check!(try_submit_runs_the_job_too, "`try_submit` with room runs the job as `submit` does"),
];

fn power(base: u32, exponent: u32) -> u32 {
    base.pow(exponent)
}

/// A job's result is its future's. (Case 1.)
pub fn the_result_comes_back(bench: &Bench) {
    let specimen = bench.specimen();
    let result = bench.value(&specimen.executor().submit(call!(power(2, 8))));
    bench.ensure_equal(&result, &256, "2 to the power of 8");
}

/// A call's arguments arrive as they left: none, one, and so on up to twelve, and of different types. (Case 2.)
pub fn every_number_of_arguments_arrives(bench: &Bench) {
    /// A function of so many arguments, called; and what it should return.
    macro_rules! echo {
        ($executor:expr; $($name:ident = $value:literal),*) => {
            ($executor.submit(call!((|$($name: u64),*| vec![$($name),*])($($value),*))), Vec::from([$($value),*]))
        };
    }
    let specimen = bench.specimen();
    let e = specimen.executor();
    let calls: Vec<(Future<Vec<u64>>, Vec<u64>)> = vec![
        echo!(e;),
        echo!(e; a = 1),
        echo!(e; a = 1, b = 2),
        echo!(e; a = 1, b = 2, c = 3),
        echo!(e; a = 1, b = 2, c = 3, d = 4),
        echo!(e; a = 1, b = 2, c = 3, d = 4, e = 5),
        echo!(e; a = 1, b = 2, c = 3, d = 4, e = 5, f = 6),
        echo!(e; a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7),
        echo!(e; a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8),
        echo!(e; a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9),
        echo!(e; a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10),
        echo!(e; a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10, k = 11),
        echo!(e; a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10, k = 11, l = 12),
    ];
    for (count, (future, expected)) in calls.iter().enumerate() {
        bench.ensure_equal(&bench.value(future), expected, &format!("{count} arguments"));
    }

    fn tell(number: i8, text: String, list: Vec<(char, f64)>, none: Option<bool>) -> String {
        format!("{number} {text} {list:?} {none:?}")
    }
    let mixed = e.submit(call!(tell(-3, "as it is".to_owned(), vec![('ß', 0.5)], None)));
    bench.ensure_equal(&bench.value(&mixed), &"-3 as it is [('ß', 0.5)] None", "arguments of four types");
}

/// What a task lists arrives with it: variables, and values made for it. (Case 2.)
pub fn what_is_listed_travels(bench: &Bench) {
    let specimen = bench.specimen();
    let words = vec!["one".to_owned(), "two".to_owned()];
    let length = words.len();
    let joined = specimen.executor().submit(task!([words, n = length + 1] => format!("{} {n}", words.join("+"))));
    bench.ensure_equal(&bench.value(&joined), &"one+two 3", "two things that travelled");
    let nothing = specimen.executor().submit(task!([] => 7));
    bench.ensure_equal(&bench.value(&nothing), &7, "a task that lists nothing");
}

/// A result that holds nothing (a unit, `None`, an empty error) is told apart from no result. (Case 21.)
pub fn empty_values_are_values(bench: &Bench) {
    let specimen = bench.specimen();
    let e = specimen.executor();
    bench.value(&e.submit(task!([] => ())));
    bench.ensure_equal(&bench.value(&e.submit(task!([] => None::<u8>))), &None::<u8>, "nothing");
    bench.ensure_equal(&bench.value(&e.submit(task!([] => Err::<(), ()>(())))), &Err::<(), ()>(()), "an empty error");
    bench.ensure_equal(&bench.value(&e.submit(task!([] => false))), &false, "a value that is false");
}

/// Each of many futures gets the result of its own job.
pub fn results_are_not_mixed_up(bench: &Bench) {
    let specimen = bench.specimen();
    let futures: Vec<Future<u32>> = (0..300).map(|n: u32| specimen.executor().submit(task!([n] => n * n))).collect();
    // The last first, so that most are taken long after they were ready.
    for (n, future) in (0..300u32).zip(&futures).rev() {
        bench.ensure_equal(&bench.value(future), &(n * n), &format!("the square of {n}"));
    }
}

/// Arguments and results may be large: a megabyte goes there and comes back.
pub fn large_values_pass(bench: &Bench) {
    fn reverse(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.reverse();
        bytes
    }
    let specimen = bench.specimen();
    let bytes: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
    let reversed = bench.value(&specimen.executor().submit(call!(reverse(bytes.clone()))));
    bench.ensure(reversed.iter().rev().eq(&bytes), "a megabyte came back other than it should");
}

/// An `Err` that a job returns is a value like any other; `fallible` makes it the future's error, with its text.
/// (Case 397.)
pub fn an_error_is_a_value(bench: &Bench) {
    fn parse(text: String) -> Result<u32, PortableError> {
        Ok(text.parse()?)
    }
    let specimen = bench.specimen();
    let plain = bench.value(&specimen.executor().submit(call!(parse("x".to_owned()))));
    bench.ensure(plain.is_err(), "the job's own error is not its value");
    let fallible = specimen.executor().submit(call!(parse("x".to_owned()))).fallible();
    let error = bench.error(&fallible);
    bench.ensure(error.is_failed(), format_args!("`fallible` gave another kind of error: {error}"));
    bench.ensure(error.to_string().contains("invalid digit"), format_args!("the error lost its text: {error}"));
    let good = specimen.executor().submit(call!(parse("12".to_owned()))).fallible();
    bench.ensure_equal(&bench.value(&good), &12, "a value through `fallible`");
}

/// A task's name is its future's, before and after it ran.
pub fn a_name_stays_with_its_task(bench: &Bench) {
    let specimen = bench.specimen();
    let named = specimen.executor().submit_with(SubmitOptions::new().name("sixth"), call!(power(6, 1)));
    bench.ensure_equal(&named.name(), &Some("sixth"), "the name at first");
    bench.ensure_equal(&bench.value(&named), &6, "the named task's result");
    bench.ensure_equal(&named.name(), &Some("sixth"), "the name afterwards");
}

/// Dropping a future detaches its task, which runs all the same.
pub fn what_is_let_go_still_runs(bench: &Bench) {
    let specimen = bench.specimen();
    let ran = bench.signal();
    let there = ran.clone();
    drop(specimen.executor().submit(task!([there] => there.raise())));
    bench.eventually("a task whose future was dropped runs", || ran.is_raised());
}

/// `try_submit` with room runs the job as `submit` does.
pub fn try_submit_runs_the_job_too(bench: &Bench) {
    let specimen = bench.specimen();
    match specimen.executor().try_submit(call!(power(3, 3))) {
        Ok(future) => bench.ensure_equal(&bench.value(&future), &27, "3 to the power of 3"),
        Err(rejected) => bench.fail(format_args!("an idle executor does not take a job: {rejected}")),
    }
}
