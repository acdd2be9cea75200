//! How many run at once, and how often each runs. For executors of this process.
#![expect(clippy::disallowed_types, reason = "uses the crate from outside, as its users do")]

use super::{Bench, Check};
use crate::{Future, Shutdown};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const GROUP: &str = "workers";

pub(super) const CHECKS: &[Check] = &[
    check!(each_task_runs_exactly_once, "each task runs once, however many threads submit").in_process(),
    check!(no_more_run_at_once_than_it_says, "never more tasks run at once than `max_workers` says").in_process(),
    check!(as_many_run_at_once_as_it_says, "as many tasks run at once as `max_workers` says, if there are that many")
        .in_background(),
    check!(a_cancelled_task_never_ran, "of tasks that are cancelled while they are begun, each ran or was cancelled")
        .in_process(),
    check!(there_is_a_worker_at_least, "`max_workers` is at least one"),
];

/// Each task runs once, however many threads submit.
pub fn each_task_runs_exactly_once(bench: &Bench) {
    const SUBMITTERS: usize = 8;
    const EACH: usize = 250;
    let specimen = bench.specimen();
    let runs: Arc<Vec<AtomicUsize>> = Arc::new((0..SUBMITTERS * EACH).map(|_| AtomicUsize::new(0)).collect());
    let handle = specimen.handle();
    let submitted: Vec<Future<usize>> = std::thread::scope(|threads| {
        let submit = |submitter: usize| {
            let (handle, runs) = (handle.clone(), &runs);
            threads.spawn(move || {
                let submit = |n: usize| {
                    let runs = Arc::clone(runs);
                    handle.in_process().submit(move || runs[n].fetch_add(1, Ordering::Relaxed))
                };
                (submitter * EACH..(submitter + 1) * EACH).map(submit).collect::<Vec<_>>()
            })
        };
        let submitters: Vec<_> = (0..SUBMITTERS).map(submit).collect();
        submitters.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    bench.ensure_equal(&submitted.len(), &(SUBMITTERS * EACH), "futures");
    let earlier_runs: HashSet<usize> = bench.values(&submitted).into_iter().collect();
    bench.ensure_equal(&earlier_runs, &HashSet::from([0]), "earlier runs that tasks found");
    specimen.finish(Shutdown::wait());
    bench.ensure(runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1), "a task did not run exactly once");
}

/// Never more tasks run at once than `max_workers` says, where tasks do not wait.
pub fn no_more_run_at_once_than_it_says(bench: &Bench) {
    let specimen = bench.specimen();
    let running = Arc::new(AtomicUsize::new(0));
    let task = |_| {
        let running = Arc::clone(&running);
        specimen.in_process().submit(move || {
            let now = running.fetch_add(1, Ordering::Relaxed) + 1;
            // Long enough for another one to begin meanwhile.
            for _ in 0..5 {
                std::thread::sleep(std::time::Duration::from_micros(20));
            }
            running.fetch_sub(1, Ordering::Relaxed);
            now
        })
    };
    let futures: Vec<Future<usize>> = (0..200).map(task).collect();
    let most = bench.values(&futures).into_iter().max().unwrap_or(0);
    let limit = specimen.executor().max_workers();
    bench.ensure(most <= limit, format_args!("{most} tasks ran at once, and `max_workers` says {limit}"));
}

/// As many tasks run at once as `max_workers` says, if there are that many: tasks may rely on each other's progress.
/// (Case 118.)
pub fn as_many_run_at_once_as_it_says(bench: &Bench) {
    let specimen = bench.specimen();
    for _ in 0..3 {
        // Fails unless all begin.
        let hold = specimen.hold();
        bench.ensure(hold.stays.iter().all(Future::running), "a task that has begun is not running");
        hold.end();
    }
}

/// Of tasks that are cancelled while workers begin them, each ran or was cancelled, as `cancel` said. (Case 102.)
pub fn a_cancelled_task_never_ran(bench: &Bench) {
    let specimen = bench.specimen();
    for _ in 0..500 {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let future = specimen.in_process().submit(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let cancelled = future.cancel();
        let error = bench.error_or_none(&future);
        bench.ensure_equal(&error.is_some_and(|error| error.is_cancelled()), &cancelled, "whether it was cancelled");
        bench.ensure_equal(&runs.load(Ordering::Relaxed), &usize::from(!cancelled), "how often it ran");
    }
    bench.ensure_equal(&specimen.finish(Shutdown::wait()).abandoned, &0, "tasks left behind");
}

/// `max_workers` is at least one. (Case 392.)
pub fn there_is_a_worker_at_least(bench: &Bench) {
    bench.ensure(bench.specimen().executor().max_workers() > 0, "`max_workers` is 0");
}
