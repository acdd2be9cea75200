//! Tasks that borrow from the stack. For executors of this process.
#![expect(clippy::disallowed_types, reason = "uses the crate from outside, as its users do")]

use super::{Bench, Check};
use crate::{ScopeOptions, ScopePolicy, TaskError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

const GROUP: &str = "scope";

pub(super) const CHECKS: &[Check] = &[
    check!(tasks_may_borrow, "scoped tasks may borrow from the stack, also to write").in_process(),
    check!(it_joins_everything, "a scope returns when all of its tasks have ended, also those that were let go")
        .in_process(),
    check!(a_panic_comes_after_the_join, "a scoped task's panic goes on in the scope, after all tasks have ended")
        .in_process(),
    check!(its_own_panic_comes_after_the_join, "a panic of the scope's own code goes on after all tasks have ended")
        .in_process(),
    check!(an_error_can_cancel_the_rest, "with the policy for it, a failure cancels what has not begun").in_process(),
    check!(a_scope_may_map, "a scope's map may borrow too").in_process(),
];

/// Scoped tasks may borrow from the stack, also to write, and their results can be taken inside.
pub fn tasks_may_borrow(bench: &Bench) {
    let specimen = bench.specimen();
    let words = ["borrowed", "not", "moved"];
    let mut lengths = [0; 3];
    let total: usize = specimen.in_process().scope(|scope| {
        let mut futures = Vec::new();
        for (word, length) in words.iter().zip(&mut lengths) {
            futures.push(scope.submit(move || {
                *length = word.len();
                word.len()
            }));
        }
        bench.values(&futures).into_iter().sum()
    });
    bench.ensure_equal(&lengths, &[8, 3, 5], "what the tasks wrote");
    bench.ensure_equal(&total, &16, "what the tasks returned");
}

/// Runs a scope with 50 counting tasks that are let go, and `rest`; says how many of them had run at its end.
fn counted(bench: &Bench, rest: impl FnOnce() + Send) -> (usize, std::thread::Result<()>) {
    let specimen = bench.specimen();
    let runs = AtomicUsize::new(0);
    let scope = || {
        specimen.in_process().scope(|scope| {
            let mut rest = Some(rest);
            for n in 0..50 {
                if n == 25 {
                    if let Some(rest) = rest.take() {
                        rest();
                    }
                }
                drop(scope.submit(|| runs.fetch_add(1, Ordering::Relaxed)));
            }
        });
    };
    let outcome = catch_unwind(AssertUnwindSafe(scope));
    // The tasks borrow the counter: if one of them were left, this would not be sound.
    (runs.into_inner(), outcome)
}

/// A scope returns when all of its tasks have ended, also those whose futures were dropped.
pub fn it_joins_everything(bench: &Bench) {
    for _ in 0..20 {
        let (runs, outcome) = counted(bench, || ());
        bench.ensure(outcome.is_ok(), "a scope without a panic panicked");
        bench.ensure_equal(&runs, &50, "tasks that had ended at the end of their scope");
    }
}

/// A scoped task's panic goes on in the scope, after all tasks have ended; `scope_with` returns it instead, and a panic
/// that somebody looked at is over.
pub fn a_panic_comes_after_the_join(bench: &Bench) {
    let specimen = bench.specimen();
    let runs = AtomicUsize::new(0);
    let scope = || {
        specimen.in_process().scope(|scope| {
            drop(scope.submit(super::panics::fails_on_purpose));
            (0..20).for_each(|_| drop(scope.submit(|| runs.fetch_add(1, Ordering::Relaxed))));
        });
    };
    bench.ensure(catch_unwind(AssertUnwindSafe(scope)).is_err(), "a scoped task's panic was lost");
    bench.ensure_equal(&runs.load(Ordering::Relaxed), &20, "tasks that had ended at the end of their scope");

    let returned = specimen.in_process().scope_with(ScopeOptions::new(), |scope| {
        drop(scope.submit(super::panics::fails_on_purpose));
    });
    bench.ensure(returned.is_err_and(|error| error.is_panicked()), "`scope_with` does not return a task's panic");
    let seen = specimen.in_process().scope_with(ScopeOptions::new(), |scope| {
        bench.error(&scope.submit(super::panics::fails_on_purpose)).is_panicked()
    });
    bench.ensure(seen.is_ok_and(|seen| seen), "a panic that was looked at went on all the same");
}

/// A panic of the scope's own code goes on after all tasks have ended.
pub fn its_own_panic_comes_after_the_join(bench: &Bench) {
    let (runs, outcome) = counted(bench, super::panics::fails_on_purpose);
    bench.ensure(outcome.is_err(), "the panic of the scope's own code was lost");
    bench.ensure_equal(&runs, &25, "tasks that had ended at the end of their scope");
}

/// With the policy for it, a failure cancels what has not begun, and what is submitted afterwards.
pub fn an_error_can_cancel_the_rest(bench: &Bench) {
    let specimen = bench.specimen();
    let options = ScopeOptions::new().policy(ScopePolicy::CancelOnError);
    let outcome = specimen.in_process().scope_with(options, |scope| {
        let failing = scope.submit(super::panics::fails_on_purpose);
        bench.ensure(bench.error(&failing).is_panicked(), "the task that fails");
        // The policy is carried out by whoever ended the task, perhaps after it was seen to have ended.
        bench.eventually("what is submitted after a failure is cancelled", || {
            matches!(scope.submit(|| ()).result(bench.limit()), Err(TaskError::Cancelled))
        });
    });
    bench.ensure(outcome.is_ok(), "a panic that was looked at went on all the same");
}

/// A scope's map may borrow, both its function and its inputs.
pub fn a_scope_may_map(bench: &Bench) {
    let specimen = bench.specimen();
    let (factor, numbers) = (3, [1, 2, 3, 4]);
    let sum: i32 = specimen.in_process().scope(|scope| {
        let map = scope.map(|n: &i32| n * factor, &numbers).timeout(bench.limit());
        map.map(|item| item.unwrap_or(0)).sum()
    });
    bench.ensure_equal(&sum, &30, "the sum of a borrowing map");
}
