//! How an executor ends: what it still takes, what it still runs, what it tells.

use super::{Bench, Check};
use crate::{Future, Job, RejectReason, ReturnWhen, Shutdown, ShutdownReport, TaskError, task, wait};
use std::sync::mpsc;
use std::time::Duration;

const GROUP: &str = "shutdown";

pub(super) const CHECKS: &[Check] = &[
    check!(nothing_is_taken_afterwards, "after a shutdown a submit gives a future that is rejected already"),
    check!(the_job_comes_back, "after a shutdown `try_submit` gives the very job back, not run"),
    check!(a_full_queue_gives_the_job_back, "`try_submit` on a full queue gives the very job back, not run")
        .in_background()
        .with_bound(),
    check!(whoever_waits_for_room_is_let_go, "a submit that waits for room when the executor is shut down is rejected")
        .in_background()
        .with_bound(),
    check!(waiting_finishes_everything, "a shutdown that waits returns when everything that was accepted has ended"),
    check!(running_tasks_are_waited_for, "a shutdown that waits does not return while a task runs").unattended(),
    check!(it_can_be_repeated, "a second shutdown finds nothing to do"),
    check!(not_waiting_lets_work_go_on, "a shutdown that does not wait returns at once, and accepted tasks still run")
        .in_background(),
    check!(
        pending_tasks_are_cancelled,
        "a shutdown that cancels ends what has not begun, counts it, and spares the rest"
    )
    .in_background(),
    check!(its_deadline_holds, "a shutdown stops waiting at its deadline and tells what goes on").unattended(),
    check!(it_may_come_at_any_time, "whatever is submitted while it shuts down either runs or is rejected"),
    check!(it_works_from_a_callback, "a shutdown from a callback does not hang"),
    check!(a_guard_shuts_down, "a guard shuts its executor down when dropped, unless it was disarmed"),
    check!(dropping_leaves_no_future_pending, "no future stays pending when its executor is dropped"),
    check!(starting_and_ending_is_cheap_to_repeat, "an executor can be made, used and shut down many times"),
];

fn is_shut_down(error: &TaskError) -> bool {
    matches!(error, TaskError::Rejected(RejectReason::ShutDown))
}

/// After a shutdown, of whatever kind, a submit gives a future that is rejected already. (Case 96.)
pub fn nothing_is_taken_afterwards(bench: &Bench) {
    for how in [Shutdown::wait(), Shutdown::no_wait(), Shutdown::wait().cancel_pending()] {
        let specimen = bench.specimen();
        specimen.finish(how.clone());
        let future = specimen.executor().submit(task!([] => 1));
        bench.ensure(future.done(), format_args!("a future from after {how:?} is pending"));
        let error = bench.error(&future);
        bench.ensure(is_shut_down(&error), format_args!("a submit after {how:?} ended as {error}"));
    }
}

/// After a shutdown `try_submit` gives the very job back, not run: it can still be run elsewhere. (Case 96.)
pub fn the_job_comes_back(bench: &Bench) {
    let specimen = bench.specimen();
    specimen.finish(Shutdown::wait());
    let runs = bench.tally();
    let there = runs.clone();
    match specimen.executor().try_submit(task!([there, n = 5] => { there.add(); n })) {
        Ok(_) => bench.fail("an executor that is shut down takes a job"),
        Err(rejected) => {
            bench.ensure_equal(&rejected.reason, &RejectReason::ShutDown, "why the job came back");
            bench.ensure_equal(&runs.count(), &0, "runs of a job that was not taken");
            bench.ensure_equal(&rejected.job.run(), &5, "the job that came back");
            bench.ensure_equal(&runs.count(), &1, "runs of the job that came back");
        }
    }
}

/// `try_submit` on a full queue gives the very job back, not run; with room again it takes it.
pub fn a_full_queue_gives_the_job_back(bench: &Bench) {
    let specimen = bench.specimen();
    let hold = specimen.hold();
    let fill: Vec<Future<usize>> =
        (0..bench.room(usize::MAX)).map(|n| specimen.executor().submit(task!([n] => n))).collect();
    let Err(rejected) = specimen.executor().try_submit(task!([] => 9)) else {
        bench.fail("a full queue takes a job");
    };
    bench.ensure_equal(&rejected.reason, &RejectReason::QueueFull, "why the job came back");
    let limited = crate::SubmitOptions::new().room_timeout(Duration::from_millis(5));
    let error = bench.error(&specimen.executor().submit_with(limited, task!([] => ())));
    let full = matches!(error, TaskError::Rejected(RejectReason::QueueFull));
    bench.ensure(full, format_args!("a submit that waits a little for room ended as {error}"));
    hold.end();
    bench.ensure_equal(&bench.values(&fill), &(0..fill.len()).collect::<Vec<_>>(), "what filled the queue");
    match specimen.executor().try_submit(rejected.job) {
        Ok(future) => bench.ensure_equal(&bench.value(&future), &9, "the job that came back"),
        Err(again) => bench.fail(format_args!("an idle executor does not take a job: {again}")),
    }
}

/// A submit that waits for room when the executor is shut down is rejected, though no room ever came.
pub fn whoever_waits_for_room_is_let_go(bench: &Bench) {
    let specimen = bench.specimen();
    let hold = specimen.hold();
    let fill: Vec<Future<usize>> =
        (0..bench.room(usize::MAX)).map(|n| specimen.executor().submit(task!([n] => n))).collect();
    let handle = specimen.handle();
    let (sender, submitting) = mpsc::channel();
    let late = std::thread::scope(|threads| {
        let waits = threads.spawn(move || {
            let _ = sender.send(());
            handle.executor().submit(task!([] => 0))
        });
        let _ = submitting.recv_timeout(bench.limit());
        // Time to begin the wait; without it, the submit is rejected at once, which is as right.
        std::thread::sleep(Duration::from_millis(5));
        specimen.executor().shutdown(Shutdown::no_wait());
        waits.join().ok()
    });
    let Some(late) = late else { bench.fail("a submit that waits for room panicked") };
    let error = bench.error(&late);
    bench.ensure(is_shut_down(&error), format_args!("a submit that waited for room ended as {error}"));
    hold.end();
    bench.ensure_equal(&bench.values(&fill), &(0..fill.len()).collect::<Vec<_>>(), "what filled the queue");
}

/// A shutdown that waits returns when everything that was accepted has ended. (Cases 17 and 104.)
pub fn waiting_finishes_everything(bench: &Bench) {
    let specimen = bench.specimen();
    let futures: Vec<Future<u32>> = (0..200).map(|n| specimen.executor().submit(task!([n] => n))).collect();
    let report = specimen.finish(Shutdown::wait());
    bench.ensure(futures.iter().all(Future::done), "a task has not ended when the shutdown returns");
    bench.ensure_equal(&bench.values(&futures), &(0..200).collect::<Vec<_>>(), "the results");
    bench.ensure_equal(&(report.cancelled, report.abandoned), &(0, 0), "cancelled and abandoned tasks");
    bench.ensure(report.finished <= futures.len(), "more tasks finished than were submitted");
}

/// A shutdown that waits does not return while a task runs. (Case 104.)
pub fn running_tasks_are_waited_for(bench: &Bench) {
    let specimen = bench.specimen();
    let hold = specimen.hold();
    let handle = specimen.handle();
    let (sender, calling) = mpsc::channel();
    let too_early = std::thread::scope(|threads| {
        let stays = &hold.stays;
        let waits = threads.spawn(move || {
            let _ = sender.send(());
            handle.executor().shutdown(Shutdown::wait());
            stays.iter().any(|stay| !stay.done())
        });
        let _ = calling.recv_timeout(bench.limit());
        // Time for a wrong executor to return; a right one has all it wants.
        std::thread::sleep(Duration::from_millis(20));
        hold.release();
        waits.join().unwrap_or(true)
    });
    bench.ensure(!too_early, "a shutdown that waits returned while a task ran");
    hold.end();
}

/// A second shutdown finds nothing to do, of whatever kind the two are.
pub fn it_can_be_repeated(bench: &Bench) {
    let repetitions = || [Shutdown::wait(), Shutdown::no_wait(), Shutdown::wait().cancel_pending()];
    for first in repetitions() {
        let specimen = bench.specimen();
        bench.value(&specimen.executor().submit(task!([] => ())));
        specimen.finish(first);
        // The first need not have waited; this one does.
        let second = specimen.finish(Shutdown::wait());
        bench.ensure_equal(&(second.cancelled, second.abandoned), &(0, 0), "cancelled and abandoned tasks");
        for again in repetitions() {
            bench.ensure_equal(&specimen.finish(again), &ShutdownReport::default(), "the report of a repetition");
        }
    }
}

/// A shutdown that does not wait returns at once, though tasks run, and what was accepted still runs. (Cases 106
/// and 109.)
pub fn not_waiting_lets_work_go_on(bench: &Bench) {
    let specimen = bench.specimen();
    let hold = specimen.hold();
    let futures: Vec<Future<usize>> =
        (0..bench.room(20)).map(|n| specimen.executor().submit(task!([n] => n))).collect();
    // The workers are held: a shutdown that waited would not return.
    specimen.executor().shutdown(Shutdown::no_wait());
    bench.ensure(futures.iter().all(|future| !future.done()), "a task has ended that cannot have begun");
    let late = bench.error(&specimen.executor().submit(task!([] => ())));
    bench.ensure(is_shut_down(&late), format_args!("a submit afterwards ended as {late}"));
    hold.end();
    bench.ensure_equal(&bench.values(&futures), &(0..futures.len()).collect::<Vec<_>>(), "the results");
    bench.ensure_equal(&specimen.finish(Shutdown::wait()).abandoned, &0, "tasks left behind by a later wait");
}

/// A shutdown that cancels ends what has not begun, counts it, and spares what runs. Whoever waits for a cancelled
/// future gets it at once. (Case 100.)
pub fn pending_tasks_are_cancelled(bench: &Bench) {
    let specimen = bench.specimen();
    let runs = bench.tally();
    let hold = specimen.hold();
    let submit = |_| {
        let there = runs.clone();
        specimen.executor().submit(task!([there] => there.add()))
    };
    let pending: Vec<Future<()>> = (0..bench.room(20)).map(submit).collect();
    // One that is cancelled already counts for whoever did it.
    let cancelled_before = pending.iter().take(1).filter(|future| future.cancel()).count();
    let report = specimen.executor().shutdown(Shutdown::no_wait().cancel_pending());
    bench.ensure_equal(&report.cancelled, &(pending.len() - cancelled_before), "tasks that the shutdown cancelled");
    let ended = wait(&pending, Duration::ZERO, ReturnWhen::AllCompleted);
    bench.ensure_equal(&ended.not_done.len(), &0, "cancelled tasks that have not ended");
    for future in &pending {
        let error = bench.error(future);
        bench.ensure(error.is_cancelled(), format_args!("a task that the shutdown cancelled ended as {error}"));
    }
    hold.end();
    specimen.finish(Shutdown::wait());
    bench.ensure_equal(&runs.count(), &0, "runs of cancelled tasks");
}

/// A shutdown stops waiting at its deadline, and tells what goes on as abandoned; that still ends by itself.
pub fn its_deadline_holds(bench: &Bench) {
    let specimen = bench.specimen();
    let hold = specimen.hold();
    let report = specimen.executor().shutdown(Shutdown::wait().deadline(Duration::from_millis(20)));
    bench.ensure_equal(&report.abandoned, &hold.stays.len(), "tasks that run when the deadline passes");
    bench.ensure_equal(&(report.finished, report.cancelled), &(0, 0), "finished and cancelled tasks");
    hold.end();
    bench.ensure_equal(&specimen.finish(Shutdown::wait()).abandoned, &0, "tasks left behind by a later wait");
}

/// Whatever is submitted while it shuts down either runs or is rejected: every future ends. (Case 17.)
pub fn it_may_come_at_any_time(bench: &Bench) {
    let each = 50;
    for round in 0..10 {
        let specimen = bench.specimen();
        let (executor, limit) = (specimen.handle(), bench.limit());
        let (begun, beginning) = mpsc::channel();
        let submitted: Vec<Future<u32>> = std::thread::scope(|threads| {
            let submit = |_| {
                let (executor, begun) = (executor.clone(), begun.clone());
                threads.spawn(move || {
                    let submit = |n| {
                        let _ = begun.send(n);
                        executor.executor().submit(task!([n] => n))
                    };
                    (0..each).map(submit).collect::<Vec<_>>()
                })
            };
            let submitters: Vec<_> = (0..4).map(submit).collect();
            // At a different point in each round.
            for _ in 0..round * 20 {
                let _ = beginning.recv_timeout(limit);
            }
            specimen.finish(Shutdown::wait());
            submitters.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
        });
        bench.ensure_equal(&submitted.len(), &(4 * each as usize), "futures");
        for (n, future) in submitted.iter().enumerate() {
            match bench.error_or_none(future) {
                None => bench.ensure_equal(&bench.value(future), &(n as u32 % each), "a result"),
                Some(error) => bench.ensure(is_shut_down(&error), format_args!("a task ended as {error}")),
            }
        }
    }
}

/// A shutdown from a callback does not hang, not even one that waits. (Case 581.)
pub fn it_works_from_a_callback(bench: &Bench) {
    let specimen = bench.specimen();
    let (sender, called) = mpsc::channel();
    let add = |future: &Future<bool>| {
        let (handle, sender) = (specimen.handle(), sender.clone());
        future.add_done_callback(move |_| {
            handle.executor().shutdown(Shutdown::wait());
            let _ = sender.send(());
        });
    };
    let mut expected = 0;
    if bench.runs_at_submit() {
        add(&specimen.executor().submit(task!([] => true)));
        expected += 1;
    } else {
        let hold = specimen.hold();
        hold.stays.iter().for_each(add);
        expected += hold.stays.len();
        hold.end();
    }
    for _ in 0..expected {
        bench.ensure(called.recv_timeout(bench.limit()).is_ok(), "a callback that shuts down did not come back");
    }
    bench.ensure_equal(&specimen.finish(Shutdown::wait()).abandoned, &0, "tasks left behind");
}

/// A guard shuts its executor down when dropped, also by unwinding, unless it was disarmed.
pub fn a_guard_shuts_down(bench: &Bench) {
    let specimen = bench.specimen();
    specimen.executor().guard().disarm();
    let future = specimen.executor().submit(task!([] => 1));
    specimen.pause();
    drop(specimen.executor().guard());
    bench.ensure(future.done(), "a guard did not wait for a task");
    bench.ensure_equal(&bench.value(&future), &1, "a task that was submitted before the guard was dropped");
    let error = bench.error(&specimen.executor().submit(task!([] => ())));
    bench.ensure(is_shut_down(&error), format_args!("a submit after the guard ended as {error}"));
}

/// No future stays pending when its executor is dropped: its task has run, or ends as cancelled or abandoned.
/// (Case 105.)
pub fn dropping_leaves_no_future_pending(bench: &Bench) {
    for tasks in [0, 1, 100] {
        let mut specimen = bench.specimen();
        let futures: Vec<Future<u32>> = (0..tasks).map(|n| specimen.executor().submit(task!([n] => n))).collect();
        specimen.drop_executor();
        for (n, future) in (0..).zip(&futures) {
            match bench.error_or_none(future) {
                None => bench.ensure_equal(&bench.value(future), &n, "a result"),
                Some(TaskError::Cancelled | TaskError::Abandoned) => {}
                Some(error) => bench.fail(format_args!("a task whose executor was dropped ended as {error}")),
            }
        }
    }
}

/// An executor can be made, used and shut down many times: a task more than there are workers, and the end at once.
/// (Case 17.)
pub fn starting_and_ending_is_cheap_to_repeat(bench: &Bench) {
    for _ in 0..50 {
        let specimen = bench.specimen();
        let tasks = specimen.executor().max_workers() + 1;
        let futures: Vec<Future<()>> = (0..tasks).map(|_| specimen.executor().submit(task!([] => ()))).collect();
        specimen.finish(Shutdown::wait());
        bench.ensure(futures.iter().all(Future::done), "a task has not ended when the shutdown returns");
    }
}
