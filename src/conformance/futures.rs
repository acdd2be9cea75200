//! What a future tells of its task, and the ways to wait for one.
#![expect(clippy::disallowed_types, reason = "uses the crate from outside, as its users do")]

use super::{Bench, Check};
use crate::{SharedFuture, task};
use std::future::Future as _;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

const GROUP: &str = "futures";

pub(super) const CHECKS: &[Check] = &[
    check!(
        an_ended_future_says_so,
        "after its end a future is done, neither running nor cancelled, and keeps saying so"
    ),
    check!(a_value_is_taken_once, "one caller takes the value, and a later one is told that it is gone"),
    check!(exception_tells_the_error_alone, "`exception` gives the error, or that there is none, and takes nothing"),
    check!(a_future_can_be_awaited, "awaiting a future gives what `result` gives"),
    check!(many_readers_share_a_value, "all clones of a shared future read the same value"),
    check!(a_running_task_says_so, "a task that a worker has begun is running, and one in the queue is not")
        .in_background(),
    check!(a_wait_that_ends_early_leaves_the_future, "a wait whose time is up leaves the future as good as before")
        .in_background(),
    check!(awaiting_wakes_the_waiter, "the end of a task wakes whoever awaits it").in_background(),
];

/// After its end a future is done, neither running nor cancelled, and keeps saying so. (Cases 54 and 56.)
pub fn an_ended_future_says_so(bench: &Bench) {
    let specimen = bench.specimen();
    let future = specimen.executor().submit(task!([] => 5));
    bench.ensure_equal(&bench.error_or_none(&future).is_none(), &true, "no error");
    for look in ["before the value was taken", "after it was taken"] {
        bench.ensure(future.done(), format_args!("an ended future is not done {look}"));
        bench.ensure(!future.running(), format_args!("an ended future is running {look}"));
        bench.ensure(!future.cancelled(), format_args!("an ended future was cancelled {look}"));
        let _ = future.try_result();
    }
}

/// One caller takes the value, and a later one is told that it is gone.
pub fn a_value_is_taken_once(bench: &Bench) {
    let specimen = bench.specimen();
    let future = specimen.executor().submit(task!([] => "only one".to_owned()));
    bench.ensure_equal(&bench.value(&future), &"only one", "the first caller's value");
    match future.result(Duration::ZERO) {
        Err(error) if error.is_result_taken() => {}
        other => bench.fail(format_args!("the second caller got {other:?}")),
    }
}

/// `exception` gives the error, or that there is none, and takes nothing. (Cases 60 and 61.)
pub fn exception_tells_the_error_alone(bench: &Bench) {
    let specimen = bench.specimen();
    let good = specimen.executor().submit(task!([] => 1));
    bench.ensure(bench.error_or_none(&good).is_none(), "a task with a value has an error");
    bench.ensure_equal(&bench.value(&good), &1, "the value after `exception`");
    let bad = specimen.executor().submit(task!([] => { super::panics::fails_on_purpose() }));
    for look in 1..=2 {
        let error = bench.error(&bad);
        bench.ensure(error.is_panicked(), format_args!("look {look} at a panicked task's error: {error}"));
    }
}

/// Awaiting a future gives what `result` gives, by value and by reference. (Case 584.)
pub fn a_future_can_be_awaited(bench: &Bench) {
    let specimen = bench.specimen();
    let future = specimen.executor().submit(task!([] => 8));
    bench.ensure_equal(&block_on(bench, &future).ok(), &Some(8), "awaited by reference");
    let future = specimen.executor().submit(task!([] => 9));
    bench.ensure_equal(&block_on(bench, future).ok(), &Some(9), "awaited by value");
    let failing = specimen.executor().submit(task!([] => { super::panics::fails_on_purpose() }));
    bench.ensure(block_on(bench, failing).is_err_and(|error| error.is_panicked()), "the panic of an awaited task");
}

/// All clones of a shared future read the same value, as often as they like.
pub fn many_readers_share_a_value(bench: &Bench) {
    let specimen = bench.specimen();
    let shared = specimen.executor().submit(task!([] => "for all".to_owned())).shared();
    let readers: Vec<_> = (0..4).map(|_| shared.clone()).collect();
    let limit = bench.limit();
    let read: Vec<Option<String>> = std::thread::scope(|threads| {
        let read = |reader: SharedFuture<String>| threads.spawn(move || reader.result(limit).ok().cloned());
        let reading: Vec<_> = readers.into_iter().map(read).collect();
        reading.into_iter().map(|thread| thread.join().ok().flatten()).collect()
    });
    bench.ensure_equal(&read, &vec![Some("for all".to_owned()); 4], "what four threads read");
    bench.ensure_equal(&shared.result(limit).ok().map(String::as_str), &Some("for all"), "what was read afterwards");
}

/// A task that a worker has begun is running, and one in the queue is not. (Case 56.)
pub fn a_running_task_says_so(bench: &Bench) {
    let specimen = bench.specimen();
    let hold = specimen.hold();
    let pending = specimen.executor().submit(task!([] => ()));
    for future in &hold.stays {
        bench.ensure(future.running() && !future.done(), "a task that has begun is not running");
    }
    bench.ensure(!pending.running() && !pending.done(), "a task is running that cannot have begun");
    hold.end();
    bench.value(&pending);
}

/// A wait whose time is up leaves the future as good as before: the value can still be had. (Cases 57 and 389.)
pub fn a_wait_that_ends_early_leaves_the_future(bench: &Bench) {
    let specimen = bench.specimen();
    let hold = specimen.hold();
    let pending = specimen.executor().submit(task!([] => 3));
    for limit in [Duration::ZERO, Duration::from_millis(5)] {
        for early in
            std::iter::once(pending.result(limit).map(drop)).chain(hold.stays.iter().map(|f| f.result(limit).map(drop)))
        {
            match early {
                Err(error) if error.is_timed_out() => {}
                other => bench.fail(format_args!("after a wait for {limit:?}: {other:?}")),
            }
        }
        bench.ensure(pending.exception(limit).is_err(), "a pending task has an outcome");
    }
    hold.end();
    bench.ensure_equal(&bench.value(&pending), &3, "the value after waits that were too short");
}

/// The end of a task wakes whoever awaits it. (Case 142.)
pub fn awaiting_wakes_the_waiter(bench: &Bench) {
    let specimen = bench.specimen();
    let hold = specimen.hold();
    let pending = specimen.executor().submit(task!([] => 4));
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let mut awaited = pin!(&pending);
    let first = awaited.as_mut().poll(&mut Context::from_waker(&waker));
    bench.ensure(first.is_pending(), "a pending task has a result");
    bench.ensure(!bell.rang(Duration::ZERO), "a waker was woken before there was anything to tell");
    hold.end();
    bench.ensure(bell.rang(bench.limit()), "the end of a task woke nobody");
    match awaited.as_mut().poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(Ok(4)) => {}
        other => bench.fail(format_args!("after the waker was woken: {other:?}")),
    }
}

/// Wakes a thread that drives one future.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl Bell {
    /// Takes a ring back, which may still be to come. `false`: it did not in time.
    fn rang(&self, limit: Duration) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ring.wait_timeout_while(rung, limit, |rung| !*rung);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut rung)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ring.notify_one();
    }
}

/// The smallest runtime that there is.
fn block_on<F: IntoFuture>(bench: &Bench, future: F) -> F::Output {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let mut future = pin!(future.into_future());
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => bench.ensure(bell.rang(bench.limit()), "nothing woke whoever awaits"),
        }
    }
}
