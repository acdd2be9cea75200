//! Tasks that wait for each other in a circle: the last one that closes it gets an error, and everybody ends.

use crate::{LIMIT, circle, parcel, pool, support};
use concurrent_futures::{Future, ReturnWhen, Shutdown, TaskError, ThreadPoolExecutor, as_completed, wait};
use std::sync::mpsc::channel;
use std::time::Duration;

/// What a wait came to: the others' value, or why it was refused.
type Answer = Result<(), String>;

type Wait = fn(Future<Answer>) -> Answer;

/// Every wait that can be part of a circle.
const WAITS: [(&str, Wait); 7] = [
    ("result", |other| refused(other.result(None).map(drop))),
    ("exception", |other| other.exception(None).map(drop).map_err(|error| error.to_string())),
    ("shared", |other| refused(other.shared().result(None).map(drop))),
    ("fallible", |other| refused(other.fallible().result(None).map(drop))),
    ("all", |other| ended(wait([other], None, ReturnWhen::AllCompleted).not_done.len())),
    ("first", |other| ended(wait([other], None, ReturnWhen::FirstCompleted).not_done.len())),
    ("as completed", |other| ended(as_completed([other], None).filter(Result::is_err).count())),
];

fn refused(outcome: Result<(), TaskError>) -> Answer {
    match outcome {
        // A `Failed` is the other's own answer: it was refused, and said so.
        Ok(()) | Err(TaskError::Failed(_)) => Ok(()),
        Err(TaskError::Deadlock(chain)) => Err(chain.to_string()),
        Err(other) => panic!("neither a value nor a circle: {other}"),
    }
}

fn ended(unfinished: usize) -> Answer {
    if unfinished == 0 { Ok(()) } else { Err("not all have ended".to_owned()) }
}

#[test]
fn a_task_that_waits_for_itself() {
    let _watchdog = support::watchdog();
    for workers in [1, 2] {
        for (way, wait) in WAITS {
            let answers = circle(&[pool(workers)], wait);
            assert!(answers[0].recv().unwrap().is_err(), "{way}, {workers} workers");
        }
    }
}

#[test]
fn a_task_that_waits_for_itself_with_a_limit_times_out_or_is_refused() {
    let _watchdog = support::watchdog();
    let answers = circle(&[pool(1)], |own: Future<String>| format!("{:?}", own.result(Duration::from_millis(20))));
    let answer = answers[0].recv().unwrap();
    assert!(answer.contains("TimedOut") || answer.contains("Deadlock"), "{answer}");
}

#[test]
fn the_one_that_closes_the_circle_gets_the_error() {
    let _watchdog = support::watchdog();
    for length in [2, 3, 5] {
        for (way, wait) in WAITS {
            // On one pool, where some of the waits may be inlined and some lent, and on pools of their own.
            let shared = pool(length);
            let single = pool(1);
            let same_pool: Vec<_> = (0..length).map(|_| shared.clone()).collect();
            let one_worker: Vec<_> = (0..length).map(|_| single.clone()).collect();
            let own_pools: Vec<_> = (0..length).map(|_| pool(1)).collect();
            for (kind, pools) in [("one pool", same_pool), ("one worker", one_worker), ("own pools", own_pools)] {
                let answers: Vec<Answer> =
                    circle(&pools, wait).into_iter().map(|answer| answer.recv().unwrap()).collect();
                let errors = answers.iter().filter(|answer| answer.is_err()).count();
                assert_eq!(errors, 1, "{way}, a circle of {length} on {kind}: {answers:?}");
            }
        }
    }
}

/// The names in the error tell who waits for whom.
#[test]
fn the_error_names_the_chain() {
    let _watchdog = support::watchdog();
    let pool = pool(2);
    let (to_first, first_inbox) = parcel::<Future<Result<(), TaskError>>>();
    let (to_second, second_inbox) = parcel::<Future<Result<(), TaskError>>>();
    let named = |name: &str| concurrent_futures::SubmitOptions::new().name(name);
    let (tell, told) = channel();
    let tell_too = tell.clone();
    let first = pool.submit_with(named("cook"), move || {
        let outcome = first_inbox.open().result(None).map(drop);
        tell.send(outcome.clone()).unwrap();
        outcome
    });
    let second = pool.submit_with(named("waiter"), move || {
        let outcome = second_inbox.open().result(None).map(drop);
        tell_too.send(outcome.clone()).unwrap();
        outcome
    });
    // Otherwise one of them might be run by the other, and the chain would be a short one.
    support::eventually("both run", || first.running() && second.running());
    to_first.send(second);
    to_second.send(first);
    let texts: Vec<String> = told.iter().filter_map(Result::err).map(|error| error.to_string()).collect();
    assert_eq!(texts.len(), 1);
    assert!(texts[0].contains("`cook`") && texts[0].contains("`waiter`"), "{texts:?}");
}

/// A wait for the first of several is not refused while another one of them can still end.
#[test]
fn a_wait_for_the_first_goes_on_while_one_can_end() {
    let _watchdog = support::watchdog();
    let pool = pool(2);
    let (promise, promised) = concurrent_futures::promise::<usize>();
    let (to_task, inbox) = parcel::<Future<usize>>();
    let task = pool.submit(move || {
        let own = inbox.open();
        wait([own, promised], None, ReturnWhen::FirstCompleted).done.len()
    });
    let (to_looker, looker_inbox) = parcel();
    let looker = pool.submit(move || {
        let promise: concurrent_futures::Promise<usize> = looker_inbox.open();
        promise.set_result(1).is_ok()
    });
    to_task.send(task);
    support::eventually("it waits", || pool.stats().blocked == 1);
    to_looker.send(promise);
    assert!(looker.result(None).unwrap());
    let report = pool.shutdown(Shutdown::wait().deadline(LIMIT));
    assert_eq!(report.abandoned, 0);
}

/// Two pools whose tasks wait for each other's, without a circle.
#[test]
fn two_pools_wait_for_each_other() {
    fn bounce(here: &ThreadPoolExecutor, there: &ThreadPoolExecutor, left: u32) -> u32 {
        if left == 0 {
            return 0;
        }
        let (back, on) = (here.clone(), there.clone());
        1 + there.submit(move || bounce(&on, &back, left - 1)).result(None).unwrap()
    }
    let _watchdog = support::watchdog();
    let (a, b) = (pool(1), pool(1));
    let (first, second) = (a.clone(), b.clone());
    assert_eq!(a.submit(move || bounce(&first, &second, 40)).result(None).unwrap(), 40);
}

/// A task of A shuts B down and waits, while B's task waits for that task: in both orders.
#[test]
fn a_shutdown_in_a_circle_is_given_up() {
    let _watchdog = support::watchdog();
    for shutdown_first in [true, false] {
        let (a, b) = (pool(1), pool(1));
        let (to_waiter, inbox) = parcel::<Future<()>>();
        let (go_shut, go_wait) = (support::Gate::new(), support::Gate::new());
        let (may_shut, may_wait) = (go_shut.clone(), go_wait.clone());
        let waiting = b.submit(move || {
            let other = inbox.open();
            may_wait.wait();
            other.result(None)
        });
        let other_pool = b.clone();
        let (report, reported) = channel();
        let shutting = a.submit(move || {
            may_shut.wait();
            report.send(other_pool.shutdown(Shutdown::wait())).unwrap();
        });
        to_waiter.send(shutting);
        let first = if shutdown_first { &a } else { &b };
        let gates = if shutdown_first { [&go_shut, &go_wait] } else { [&go_wait, &go_shut] };
        gates[0].open();
        support::eventually("the first one waits", || first.stats().blocked == 1);
        gates[1].open();
        let report = reported.recv().unwrap();
        let waited = waiting.result(None).unwrap();
        let refused = matches!(waited, Err(TaskError::Deadlock(_)));
        assert!(refused || report.abandoned > 0, "{waited:?}, {report:?}");
    }
}

/// Two tasks that shut each other's pool down.
#[test]
fn two_pools_shut_each_other_down() {
    let _watchdog = support::watchdog();
    for _ in 0..20 {
        let (a, b) = (pool(1), pool(1));
        let (of_a, of_b) = (a.clone(), b.clone());
        let first = a.submit(move || of_b.shutdown(Shutdown::wait()));
        let second = b.submit(move || of_a.shutdown(Shutdown::wait()));
        // One of them may have been shut down before it got its task.
        for outcome in [first.result(None), second.result(None)] {
            assert!(outcome.is_ok() || outcome.is_err_and(|error| error.is_rejected()));
        }
    }
}

/// The last handle of a pool is dropped by a task of another one, whose end that pool's task waits for.
#[test]
fn a_last_handle_that_is_dropped_in_a_circle() {
    let _watchdog = support::watchdog();
    let (a, b) = (pool(1), pool(1));
    let (to_waiter, inbox) = parcel::<Future<()>>();
    let waiting = b.submit(move || inbox.open().result(None));
    let dropping = a.submit(move || drop(b));
    to_waiter.send(dropping);
    let waited = waiting.result(None).unwrap();
    assert!(waited.is_ok() || matches!(waited, Err(TaskError::Deadlock(_))), "{waited:?}");
}

/// What a worker broadcasts to its own slot, and waits for, is run by that worker, or refused.
#[test]
fn a_task_waits_for_its_own_pools_broadcast() {
    let _watchdog = support::watchdog();
    for workers in [1, 3] {
        for limit in [None, Some(LIMIT)] {
            let pool = pool(workers);
            let same = pool.clone();
            let told = pool.submit(move || {
                let all = same.broadcast(|()| concurrent_futures::task::slot());
                all.into_iter().map(|one| one.result(limit.map(|_| Duration::from_millis(200)))).collect::<Vec<_>>()
            });
            for (slot, answer) in told.result(None).unwrap().into_iter().enumerate() {
                match answer {
                    Ok(ran_on) => assert_eq!(ran_on, Some(slot)),
                    Err(error) => assert!(error.is_deadlock() || (limit.is_some() && error.is_timed_out()), "{error}"),
                }
            }
        }
    }
}
