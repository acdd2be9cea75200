//! Waiting for many futures, after CPython's `test_wait.py`.

#[path = "cases/states.rs"]
mod states;
mod support;

use concurrent_futures::{
    DoneAndNotDone, Future, FutureId, Promise, ReturnWhen, Shutdown, ThreadPoolExecutor, Waitable, futures, promise,
    wait,
};
use states::{STATES, State, future_in};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;
use support::{Gate, eventually, quiet_panics_of, watchdog};

fn pool(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(workers).unwrap()
}

fn ids<W: Waitable>(list: &[W]) -> Vec<FutureId> {
    list.iter().map(Waitable::id).collect()
}

/// Both lists are just these, in this order.
#[track_caller]
fn assert_lists<W: Waitable>(found: DoneAndNotDone<W>, done: &[&Future<u32>], not_done: &[&Future<u32>]) {
    assert_eq!((ids(&found.done), ids(&found.not_done)), (ids(done), ids(not_done)));
}

/// A task that waits for its gate.
fn gated(pool: &ThreadPoolExecutor) -> (Gate, Future<u32>) {
    let gate = Gate::new();
    let released = gate.clone();
    let future = pool.submit(move || {
        released.wait();
        1
    });
    (gate, future)
}

// case 124
#[test]
fn first_completed_counts_a_cancelled_future_as_ended() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let (gate, blocked) = gated(&pool);
    let (_, cancelled) = future_in(State::Cancelled);
    // Python waits until a worker has seen the cancellation; here cancelling is the notification.
    let ended = wait([&blocked, &cancelled], None, ReturnWhen::FirstCompleted);
    assert_lists(ended, &[&cancelled], &[&blocked]);
    let quick = pool.submit(|| 2);
    assert_lists(wait([&quick, &blocked], None, ReturnWhen::FirstCompleted), &[&quick], &[&blocked]);
    gate.open();
    blocked.result(None).unwrap();
}

// case 125
#[test]
fn first_completed_gives_all_that_had_ended() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (gate, blocked) = gated(&pool);
    let (_, cancelled) = future_in(State::Cancelled);
    let (_, finished) = future_in(State::Finished);
    let ended = wait([&cancelled, &finished, &blocked], None, ReturnWhen::FirstCompleted);
    assert_lists(ended, &[&cancelled, &finished], &[&blocked]);
    gate.open();
}

// beside case 125
#[test]
fn first_completed_wakes_a_waiter() {
    let _watchdog = watchdog();
    let (promise, future) = promise::<u32>();
    let (_other, pending) = concurrent_futures::promise::<u32>();
    let waiting = Barrier::new(2);
    thread::scope(|threads| {
        let waits = threads.spawn(|| {
            waiting.wait();
            wait([&pending, &future], None, ReturnWhen::FirstCompleted).done[0].id()
        });
        waiting.wait();
        promise.set_result(1).unwrap();
        assert_eq!(waits.join().unwrap(), future.id());
    });
}

// case 126
#[test]
fn first_error_is_not_ended_by_a_value() {
    let _watchdog = watchdog();
    quiet_panics_of(&["ThreadPoolExecutor"]);
    let pool = pool(3);
    let good = pool.submit(|| 7);
    let (gate, blocked) = gated(&pool);
    let go_wrong = Gate::new();
    let released = go_wrong.clone();
    let failing = pool.submit(move || -> u32 {
        released.wait();
        panic!("this one fails")
    });
    good.exception(None).unwrap();
    let early = wait([&good, &failing, &blocked], Duration::from_millis(10), ReturnWhen::FirstError);
    assert_lists(early, &[&good], &[&failing, &blocked]);
    thread::scope(|threads| {
        let waits = threads.spawn(|| wait([&good, &failing, &blocked], None, ReturnWhen::FirstError));
        go_wrong.open();
        assert_lists(waits.join().unwrap(), &[&good, &failing], &[&blocked]);
    });
    gate.open();
}

// beside case 127
#[test]
fn first_error_without_an_error_waits_for_all() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let futures = [pool.submit(|| 1), pool.submit(|| 2), future_in(State::Cancelled).1, future_in(State::Finished).1];
    let all: Vec<&Future<u32>> = futures.iter().collect();
    assert_lists(wait(&futures, None, ReturnWhen::FirstError), &all, &[]);
}

// beside case 127
#[test]
fn an_err_counts_as_an_error_where_it_is_made_one() {
    let _watchdog = watchdog();
    let (_promise, pending) = promise::<u32>();
    let pool = pool(1);
    let plain = pool.submit(|| "x".parse::<u32>());
    plain.exception(None).unwrap();
    let ended = wait(futures![plain, pending], Duration::from_millis(5), ReturnWhen::FirstError);
    assert_eq!((ended.done.len(), ended.not_done.len()), (1, 1), "it waited until its time was up");
    let fallible = pool.submit(|| "x".parse::<u32>()).fallible();
    assert_lists(wait([&fallible, &pending], None, ReturnWhen::FirstError), &[&fallible], &[&pending]);
}

// case 128
#[test]
fn first_error_returns_at_once_for_an_old_failure() {
    let _watchdog = watchdog();
    let (_promise, pending) = promise::<u32>();
    let (_, failed) = future_in(State::Failed);
    assert_lists(wait([&failed, &pending], None, ReturnWhen::FirstError), &[&failed], &[&pending]);
}

// case 129
#[test]
fn all_completed_takes_every_kind_of_end() {
    let _watchdog = watchdog();
    quiet_panics_of(&["ThreadPoolExecutor"]);
    let pool = pool(2);
    let futures = [
        future_in(State::Finished).1,
        future_in(State::Cancelled).1,
        future_in(State::Failed).1,
        pool.submit(|| panic!("one of five")),
        pool.submit(|| 5),
    ];
    let all: Vec<&Future<u32>> = futures.iter().collect();
    assert_lists(wait(&futures, None, ReturnWhen::AllCompleted), &all, &[]);
}

// case 130
#[test]
fn running_out_of_time_is_no_error() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (gate, blocked) = gated(&pool);
    let futures = [State::Cancelled, State::Failed, State::Finished].map(|state| future_in(state).1);
    for limit in [Duration::ZERO, Duration::from_millis(50)] {
        let all = futures.iter().chain([&blocked]);
        let expected: Vec<&Future<u32>> = futures.iter().collect();
        assert_lists(wait(all, limit, ReturnWhen::AllCompleted), &expected, &[&blocked]);
    }
    gate.open();
}

// beside case 130
#[test]
fn a_limit_is_kept_and_not_cut_short() {
    let _watchdog = watchdog();
    let (_promise, pending) = promise::<u32>();
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstError, ReturnWhen::AllCompleted] {
        let began = std::time::Instant::now();
        assert_lists(wait([&pending], Duration::from_millis(30), when), &[], &[&pending]);
        assert!(began.elapsed() >= Duration::from_millis(30), "{when:?}");
    }
}

// beside case 130
#[test]
fn every_state_is_sorted_into_its_list() {
    let (_promises, futures): (Vec<Option<Promise<u32>>>, Vec<Future<u32>>) = STATES.into_iter().map(future_in).unzip();
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstError, ReturnWhen::AllCompleted] {
        let (not_done, done): (Vec<&Future<u32>>, Vec<_>) =
            (futures[..2].iter().collect(), futures[2..].iter().collect());
        assert_lists(wait(&futures, Duration::ZERO, when), &done, &not_done);
    }
}

// beside case 130
#[test]
fn nothing_to_wait_for_ends_at_once() {
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstError, ReturnWhen::AllCompleted] {
        let ended = wait(Vec::<Future<u32>>::new(), None, when);
        assert!(ended.done.is_empty() && ended.not_done.is_empty());
    }
}

// beside case 123
#[test]
fn a_future_that_is_given_twice_counts_once() {
    let _watchdog = watchdog();
    let future = pool(1).submit(|| 3);
    assert_lists(wait([&future, &future], None, ReturnWhen::AllCompleted), &[&future], &[]);
    let (_promise, pending) = promise::<u32>();
    let ended = wait([&pending, &future, &pending, &future], Duration::ZERO, ReturnWhen::AllCompleted);
    assert_lists(ended, &[&future], &[&pending]);
}

// beside case 131
#[test]
fn ends_that_come_all_at_once_wake_every_waiter() {
    let _watchdog = watchdog();
    for _ in 0..20 {
        let pool = pool(4);
        let gate = Gate::new();
        let futures: Vec<Future<u32>> = (0..100)
            .map(|n| {
                let released = gate.clone();
                pool.submit(move || {
                    released.wait();
                    n
                })
            })
            .collect();
        thread::scope(|threads| {
            let waits: Vec<_> =
                (0..3).map(|_| threads.spawn(|| wait(&futures, None, ReturnWhen::AllCompleted).done.len())).collect();
            gate.open();
            assert!(waits.into_iter().all(|wait| wait.join().unwrap() == 100));
        });
    }
}

// beside case 131
#[test]
fn waits_end_while_futures_are_cancelled_and_the_pool_shuts_down() {
    let _watchdog = watchdog();
    for _ in 0..50 {
        let pool = pool(2);
        let futures: Arc<Vec<Future<u32>>> = Arc::new((0..50).map(|n| pool.submit(move || n)).collect());
        let waited = Arc::clone(&futures);
        let waits = thread::spawn(move || wait(waited.iter(), None, ReturnWhen::AllCompleted).done.len());
        for future in futures.iter().rev().step_by(2) {
            future.request_cancel();
        }
        pool.shutdown(Shutdown::wait().cancel_pending());
        assert_eq!(waits.join().unwrap(), 50);
    }
}

// beside case 131
#[test]
fn futures_and_waiters_of_every_kind_mix() {
    let _watchdog = watchdog();
    let (one, other) = (pool(1), pool(1));
    let number = one.submit(|| 1);
    let shared = other.submit(|| String::from("text")).shared();
    let boxed: Box<Future<()>> = Box::new(one.submit(|| ()));
    let tied = other.submit(|| 2.5).cancel_on_drop();
    let ended = wait(futures![number, shared, boxed, tied], None, ReturnWhen::AllCompleted);
    assert_eq!(ended.done.len(), 4);
    assert!(ended.done.iter().all(|future| future.done() && future.error().is_none() && !future.cancel()));
}

// beside case 131
#[test]
fn a_wait_takes_and_gives_back_owned_futures() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (gate, blocked) = gated(&pool);
    eventually("it runs", || blocked.running());
    let ended = wait(vec![blocked, future_in(State::Finished).1], None, ReturnWhen::FirstCompleted);
    gate.open();
    let values: Vec<u32> =
        ended.not_done.into_iter().chain(ended.done).map(|future| future.result(None).unwrap()).collect();
    assert_eq!(values, [1, states::VALUE]);
}
