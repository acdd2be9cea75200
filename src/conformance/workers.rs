//! How many run at once, and how often each runs.

use super::{Bench, Check};
use crate::{Future, Shutdown, task};

const GROUP: &str = "workers";

pub(super) const CHECKS: &[Check] = &[
    check!(each_task_runs_exactly_once, "each task runs once, however many threads submit"),
    check!(no_more_run_at_once_than_it_says, "never more tasks run at once than `max_workers` says"),
    check!(as_many_run_at_once_as_it_says, "as many tasks run at once as `max_workers` says, if there are that many")
        .in_background(),
    check!(a_cancelled_task_never_ran, "of tasks that are cancelled while they are begun, each ran or was cancelled"),
    check!(there_is_a_worker_at_least, "`max_workers` is at least one"),
];

/// Each task runs once, however many threads submit.
pub fn each_task_runs_exactly_once(bench: &Bench) {
    const SUBMITTERS: usize = 8;
    const EACH: usize = 100;
    let specimen = bench.specimen();
    let runs = bench.tally();
    let handle = specimen.handle();
    let submitted: Vec<Future<bool>> = std::thread::scope(|threads| {
        let submit = |submitter: usize| {
            let (handle, runs) = (handle.clone(), &runs);
            threads.spawn(move || {
                let submit = |n: usize| handle.executor().submit(task!([runs = runs.clone(), n] => runs.add_once(n)));
                (submitter * EACH..(submitter + 1) * EACH).map(submit).collect::<Vec<_>>()
            })
        };
        let submitters: Vec<_> = (0..SUBMITTERS).map(submit).collect();
        submitters.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    bench.ensure_equal(&submitted.len(), &(SUBMITTERS * EACH), "futures");
    let first_runs = bench.values(&submitted).into_iter().filter(|first| *first).count();
    bench.ensure_equal(&first_runs, &(SUBMITTERS * EACH), "tasks that found no earlier run of theirs");
    specimen.finish(Shutdown::wait());
    bench.ensure_equal(&runs.count(), &(SUBMITTERS * EACH), "tasks that ran");
}

/// Never more tasks run at once than `max_workers` says, where tasks do not wait.
pub fn no_more_run_at_once_than_it_says(bench: &Bench) {
    let specimen = bench.specimen();
    let running = bench.tally();
    let task = |n| {
        specimen.executor().submit(task!([running = running.clone(), n] => {
            running.add_once(n);
            // Long enough for another one to begin meanwhile.
            for _ in 0..5 {
                std::thread::sleep(std::time::Duration::from_micros(20));
            }
            let now = running.count();
            running.remove(n);
            now
        }))
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
    let runs = bench.tally();
    let mut expected = 0;
    for n in 0..300 {
        let future = specimen.executor().submit(task!([runs = runs.clone(), n] => runs.add_once(n)));
        // At different points of its way to a worker.
        for _ in 0..n % 7 {
            crate::sync::give_way();
        }
        let cancelled = future.cancel();
        let error = bench.error_or_none(&future);
        bench.ensure_equal(&error.is_some_and(|error| error.is_cancelled()), &cancelled, "whether it was cancelled");
        expected += usize::from(!cancelled);
        bench.ensure_equal(&runs.count(), &expected, "how many ran");
    }
    bench.ensure_equal(&specimen.finish(Shutdown::wait()).abandoned, &0, "tasks left behind");
    bench.ensure_equal(&runs.count(), &expected, "how many ran in the end");
}

/// `max_workers` is at least one. (Case 392.)
pub fn there_is_a_worker_at_least(bench: &Bench) {
    bench.ensure(bench.specimen().executor().max_workers() > 0, "`max_workers` is 0");
}
