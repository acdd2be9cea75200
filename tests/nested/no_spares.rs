//! Waits where no thread can be added: with a limit they time out, without one the task is run here, or the wait is
//! refused. None of them hangs, and none fails what could still go on.

use crate::torture::LastGate;
use crate::{lending_pool, parcel, pool_with_spares, support};
use concurrent_futures::{
    Future, RejectReason, ReturnWhen, Shutdown, TaskError, ThreadPoolExecutor, as_completed, blocking, promise, wait,
};
use std::sync::Arc;
use std::time::Duration;
use support::Gate;

const SHORT: Duration = Duration::from_millis(30);

/// Runs `wait` in a task of the pool, on the future of another task of it that nobody has begun.
fn wait_in_a_task<R: Send + 'static>(
    pool: &ThreadPoolExecutor,
    wait: impl FnOnce(&Future<u32>) -> R + Send + 'static,
) -> (R, Future<u32>) {
    let same = pool.clone();
    let waiting = pool.submit(move || {
        let future = same.submit(|| 5);
        let outcome = wait(&future);
        (outcome, future)
    });
    waiting.result(None).unwrap()
}

#[test]
fn a_wait_with_a_limit_times_out_and_the_future_stays_good() {
    let _watchdog = support::watchdog();
    let (outcome, future) = wait_in_a_task(&pool_with_spares(1, 0), |future| future.result(SHORT));
    assert!(matches!(outcome, Err(TaskError::TimedOut)), "{outcome:?}");
    assert_eq!(future.result(None).unwrap(), 5);
    let (counts, future) = wait_in_a_task(&pool_with_spares(1, 0), |future| {
        let ended = wait([future], SHORT, ReturnWhen::FirstCompleted);
        (ended.done.len(), ended.not_done.len())
    });
    assert_eq!(counts, (0, 1));
    assert_eq!(future.result(None).unwrap(), 5);
}

#[test]
fn a_wait_without_a_limit_runs_the_task_here() {
    let _watchdog = support::watchdog();
    let waits: [fn(&Future<u32>) -> bool; 4] = [
        |future| future.exception(None).is_ok(),
        |future| wait([future], None, ReturnWhen::AllCompleted).done.len() == 1,
        |future| wait([future], None, ReturnWhen::FirstCompleted).done.len() == 1,
        |future| as_completed([future], None).all(|one| one.is_ok()),
    ];
    for wait in waits {
        let (ended, future) = wait_in_a_task(&pool_with_spares(1, 0), wait);
        assert!(ended);
        assert_eq!(future.try_result().unwrap().unwrap(), 5);
    }
}

/// A wait for the first of several runs one of them, and not all.
#[test]
fn a_wait_for_the_first_runs_one_task_here() {
    let _watchdog = support::watchdog();
    let pool = pool_with_spares(1, 0);
    let same = pool.clone();
    let done = pool.submit(move || {
        let futures = [same.submit(|| 1), same.submit(|| 2), same.submit(|| 3)];
        wait(&futures, None, ReturnWhen::FirstCompleted).done.len()
    });
    assert_eq!(done.result(None).unwrap(), 1);
}

/// No room on the stack, and no spare thread: an error, after which the awaited task runs as ever.
#[test]
fn without_stack_and_spares_a_wait_is_refused() {
    let _watchdog = support::watchdog();
    let (outcome, future) = wait_in_a_task(&lending_pool(1, 0), |future| future.result(None));
    assert!(matches!(outcome, Err(TaskError::Deadlock(_))), "{outcome:?}");
    assert_eq!(future.result(None).unwrap(), 5);
    let (counts, future) = wait_in_a_task(&lending_pool(1, 0), |future| {
        (wait([future], None, ReturnWhen::AllCompleted).done.len(), as_completed([future], None).all(|one| one.is_ok()))
    });
    assert_eq!(counts, (0, false));
    assert_eq!(future.result(None).unwrap(), 5);
}

/// More levels than spare threads: the last that could go on is refused, and all others get their values.
#[test]
fn deeper_than_there_are_spares() {
    fn nest(pool: &ThreadPoolExecutor, depth: usize) -> Result<usize, TaskError> {
        if depth == 0 {
            return Ok(0);
        }
        let same = pool.clone();
        pool.submit(move || nest(&same, depth - 1)).result(None)?.map(|reached| reached + 1)
    }
    let _watchdog = support::watchdog();
    for spares in [0, 1, 5] {
        let pool = lending_pool(1, spares);
        let same = pool.clone();
        let outcome = pool.submit(move || nest(&same, 20)).result(None).unwrap();
        assert!(matches!(outcome, Err(TaskError::Deadlock(_))), "{spares} spares: {outcome:?}");
        // What was left without a waiter goes on by itself, and is refused in its turn.
        support::eventually("idle", || pool.stats().queued + pool.stats().running == 0);
        let same = pool.clone();
        assert_eq!(pool.submit(move || nest(&same, spares)).result(None).unwrap().unwrap(), spares);
    }
}

/// A task that waits for something outside keeps the pool's only thread; what is queued meanwhile waits, and does not
/// fail.
#[test]
fn what_is_queued_behind_a_wait_for_something_outside_waits() {
    let _watchdog = support::watchdog();
    for spares in [0, 1] {
        let pool = pool_with_spares(1, spares);
        let mut promises = Vec::new();
        let waiting: Vec<Future<u32>> = (0..=spares)
            .map(|_| {
                let (promise, promised) = promise::<u32>();
                promises.push(promise);
                pool.submit(move || promised.result(None).unwrap())
            })
            .collect();
        support::eventually("all wait", || pool.stats().blocked == spares + 1);
        let queued: Vec<Future<u32>> = (0..3).map(|_| pool.submit(|| 4)).collect();
        assert!(queued.iter().all(|future| !future.done()), "{queued:?}");
        for promise in promises {
            promise.set_result(1).unwrap();
        }
        assert!(waiting.iter().all(|future| future.result(None).is_ok()));
        assert!(queued.iter().all(|future| future.result(None).is_ok()));
    }
}

/// `blocking` around a wait is one wait of one thread, however it is counted.
#[test]
fn a_wait_inside_blocking() {
    let _watchdog = support::watchdog();
    for spares in [0, 1, 256] {
        let pool = pool_with_spares(1, spares);
        let (promise, promised) = promise::<u32>();
        let waiting = pool.submit(move || blocking(|| blocking(|| promised.result(None).unwrap())));
        support::eventually("it waits", || pool.stats().blocked > 0);
        let queued = pool.submit(|| 4);
        if spares > 0 {
            assert_eq!(queued.result(None).unwrap(), 4, "a spare thread takes the place");
        }
        assert_eq!(pool.stats().blocked, 1);
        promise.set_result(1).unwrap();
        assert_eq!(waiting.result(None).unwrap(), 1);
        assert!(spares > 0 || queued.result(None).is_ok());
        support::eventually("nobody waits", || pool.stats().blocked == 0);
    }
}

/// The awaited task has ended, and a callback on another thread looks at its value: that is no deadlock.
#[test]
fn a_wait_for_a_callback_on_another_thread() {
    let _watchdog = support::watchdog();
    let pool = pool_with_spares(1, 0);
    let ended = Arc::new(pool.submit(|| 1));
    support::eventually("it has ended", || ended.done());
    let gate = LastGate::new();
    let (same, closed) = (Arc::clone(&ended), gate.clone());
    let waiting = pool.submit(move || {
        closed.wait();
        same.result(None)
    });
    let (queued, submits) = (Arc::new(std::sync::Mutex::new(None)), pool.clone());
    let keep = Arc::clone(&queued);
    ended.add_done_callback(move |_| {
        gate.open();
        support::eventually("it waits for this callback", || submits.stats().blocked == 1);
        *keep.lock().unwrap() = Some(submits.submit(|| 2));
    });
    assert_eq!(waiting.result(None).unwrap().unwrap(), 1);
    assert_eq!(queued.lock().unwrap().take().unwrap().result(None).unwrap(), 2);
}

/// A pool whose only thread is about to leave, and does when the gate is opened.
fn pool_that_is_left() -> (ThreadPoolExecutor, Gate) {
    let (leaving, gate) = (Gate::new(), Gate::new());
    let (announce, closed) = (leaving.clone(), gate.clone());
    let builder = ThreadPoolExecutor::builder().max_workers(1).max_spares(0).idle_timeout(Duration::from_millis(1));
    let stop = move |_| {
        announce.open();
        closed.wait();
    };
    let pool = builder.on_thread_stop(stop).build().unwrap();
    pool.submit(|| ()).result(None).unwrap();
    leaving.wait();
    (pool, gate)
}

/// A worker that leaves still has its slot for a moment; a submit just then is served after that.
#[test]
fn a_submit_while_the_only_thread_leaves() {
    let _watchdog = support::watchdog();
    let (pool, gate) = pool_that_is_left();
    let future = pool.submit(|| 5);
    assert!(future.try_result().is_none(), "{future:?}");
    gate.open();
    assert_eq!(future.result(None).unwrap(), 5);
}

/// The same, and then a shutdown: what was accepted runs before that returns.
#[test]
fn a_submit_and_a_shutdown_while_the_only_thread_leaves() {
    let _watchdog = support::watchdog();
    let (pool, gate) = pool_that_is_left();
    let future = pool.submit(|| 5);
    let report = std::thread::scope(|scope| {
        let shutting = scope.spawn(|| pool.shutdown(Shutdown::wait()));
        support::eventually("it is closed", || pool.try_submit(|| ()).is_err());
        gate.open();
        shutting.join().unwrap()
    });
    assert_eq!(report.abandoned, 0);
    let outcome = future.try_result();
    assert!(matches!(outcome, Some(Ok(5))), "{outcome:?}");
}

/// A worker that submits into its own full queue.
#[test]
fn a_full_queue_of_ones_own() {
    let _watchdog = support::watchdog();
    for spares in [0, 1, 256] {
        let builder = ThreadPoolExecutor::builder().max_workers(1).max_spares(spares).queue_bound(1);
        let pool = builder.build().unwrap();
        let same = pool.clone();
        let submitted = pool.submit(move || (0..10).map(|number| same.submit(move || number)).collect::<Vec<_>>());
        let outcomes: Vec<_> = submitted.result(None).unwrap().iter().map(|future| future.result(None)).collect();
        if spares == 0 {
            // The first has its place; for the others nobody could ever make room.
            assert!(outcomes[0].is_ok());
            let full = |outcome: &Result<i32, _>| matches!(outcome, Err(TaskError::Rejected(RejectReason::QueueFull)));
            assert!(outcomes[1..].iter().all(full), "{outcomes:?}");
        } else {
            assert!(outcomes.iter().all(Result::is_ok), "{spares} spares: {outcomes:?}");
        }
    }
}

/// A worker that submits into another pool's full queue waits for that pool, not for its own.
#[test]
fn a_full_queue_of_another_pool() {
    let _watchdog = support::watchdog();
    for spares in [0, 1] {
        let pool = pool_with_spares(1, spares);
        let other = ThreadPoolExecutor::builder().max_workers(1).queue_bound(1).build().unwrap();
        let gate = LastGate::new();
        let closed = gate.clone();
        let busy = other.submit(move || closed.wait());
        support::eventually("it runs", || busy.running());
        let fills = other.submit(|| 0);
        let (to_task, inbox) = parcel::<()>();
        let there = other.clone();
        let waiting = pool.submit(move || {
            inbox.open();
            there.submit(|| 7).result(None)
        });
        let queued = pool.submit(|| 8);
        to_task.send(());
        support::eventually("it waits for room", || pool.stats().blocked == 1);
        let late = pool.submit(|| 9);
        gate.open();
        assert_eq!(waiting.result(None).unwrap().unwrap(), 7, "{spares} spares");
        let others = [busy.result(None).is_ok(), fills.result(None).is_ok()];
        assert_eq!((others, queued.result(None).unwrap(), late.result(None).unwrap()), ([true; 2], 8, 9));
    }
}

/// The last thread that could go on waits for another pool's end.
#[test]
fn a_shutdown_of_another_pool_without_spares() {
    let _watchdog = support::watchdog();
    let (pool, other) = (pool_with_spares(1, 0), pool_with_spares(1, 0));
    let slow = other.submit(std::thread::yield_now);
    let shut = pool.submit(move || other.shutdown(Shutdown::wait()));
    let queued = pool.submit(|| 3);
    assert_eq!(shut.result(None).unwrap().abandoned, 0);
    assert!(slow.done());
    assert_eq!(queued.result(None).unwrap(), 3);
}

/// The last thread that is up runs what it waits for, also where another one waits for something outside, which may be
/// what comes after that.
#[test]
fn beside_a_wait_for_something_outside() {
    let _watchdog = support::watchdog();
    let waits: [fn(&ThreadPoolExecutor) -> u32; 3] = [
        |pool| {
            let first = pool.submit(|| 5);
            wait([&first], None, ReturnWhen::FirstCompleted);
            first.result(None).unwrap()
        },
        |pool| as_completed([pool.submit(|| 5)], None).next().unwrap().unwrap().result(None).unwrap(),
        |pool| pool.spawn(async { 5 }).result(None).unwrap(),
    ];
    for waits in waits {
        let pool = pool_with_spares(2, 0);
        let gate = Gate::new();
        let outside = gate.clone();
        let beside = pool.submit(move || blocking(|| outside.wait()));
        support::eventually("its place is lent", || pool.stats().blocked == 1);
        let same = pool.clone();
        let last = pool.submit(move || {
            let value = waits(&same);
            gate.open();
            value
        });
        assert_eq!(last.result(None).unwrap(), 5);
        beside.result(None).unwrap();
    }
}
