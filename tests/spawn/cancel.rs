//! Cancelling a spawned future: before its first poll, while it waits, while it is queued, while it is polled,
//! afterwards.

use crate::support::{Gate, eventually, watchdog};
use crate::tools::{SEVEN, Strings, assert_cancelled, assert_works, hold, pool};
use crate::torture::{Blast, LONG, LastGate, Ledger};
use concurrent_futures::{CancelOutcome, Future, ReturnWhen, TaskError, promise, task, wait};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::thread;

/// async-task's cancel test, `cancel_and_run`: it is never polled, and is dropped by who cancels.
#[test]
fn before_the_first_poll() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let held = hold(&pool);
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    assert!(!future.running() && !future.done());
    assert!(future.cancel());
    strings.assert_dropped_here();
    assert!(future.cancelled() && future.done());
    drop(held);
    assert_works(&pool);
    assert_eq!((strings.polls(), strings.drops()), (0, 1));
    assert_cancelled(future.result(None));
}

#[test]
fn while_it_waits() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_until_idle(&pool);
    assert!(future.running());
    assert!(future.cancel());
    strings.assert_dropped_here();
    assert!(future.cancelled() && !future.running());
    strings.wake();
    assert_works(&pool);
    assert_eq!((strings.polls(), strings.drops()), (1, 1));
    assert_cancelled(future.result(None));
}

/// Woken, and in a queue whose only worker is busy.
#[test]
fn while_it_is_queued_again() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_until_idle(&pool);
    let held = hold(&pool);
    strings.wake();
    assert!(future.cancel());
    strings.assert_dropped_here();
    drop(held);
    assert_works(&pool);
    assert_eq!(strings.polls(), 1);
    assert_cancelled(future.result(None));
}

/// A future whose first poll says that it has begun and goes on when it is told to.
fn slow(strings: &Strings, begun: &Gate, goes_on: &Gate) -> crate::tools::Puppet {
    let (begun, goes_on) = (begun.clone(), goes_on.clone());
    strings.acting(move |_, _| {
        begun.open();
        goes_on.wait();
    })
}

/// async-task's `cancel_during_run`: it is the worker that drops it, after the poll.
#[test]
fn while_it_is_polled_by_another_thread() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (strings, begun, goes_on) = (Strings::new(), Gate::new(), LastGate::new());
    let future = pool.spawn(slow(&strings, &begun, &goes_on));
    begun.wait();
    assert!(future.cancel() && future.cancel());
    assert!(!future.done() && future.running());
    assert_eq!(strings.drops(), 0);
    goes_on.open();
    assert_cancelled(future.result(LONG));
    assert_ne!(strings.wait_for_drop(), thread::current().id());
    assert_works(&pool);
    assert_eq!(strings.polls(), 1);
}

/// `true` was a promise: it ends as cancelled even if that very poll makes it ready; the output is dropped, once.
#[test]
fn while_it_is_polled_for_the_last_time() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let ledger = Ledger::new();
    let (begun, goes_on) = (Gate::new(), LastGate::new());
    let (tell, closed, value) = (begun.clone(), goes_on.clone(), ledger.value(Blast::Dud));
    let future = pool.spawn(async move {
        tell.open();
        closed.wait();
        value
    });
    begun.wait();
    assert!(future.cancel());
    goes_on.open();
    assert!(matches!(future.result(LONG), Err(TaskError::Cancelled)));
    assert_eq!(ledger.values_dropped(), 1);
    drop(future);
    assert_works(&pool);
    assert_eq!(ledger.values_dropped(), 1);
}

/// It cancels itself: what it does up to its next await it still does, and nothing of what comes after.
#[test]
fn by_itself_while_it_is_polled() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let own: Arc<OnceLock<Future<()>>> = Arc::default();
    let (handle, steps) = (Arc::clone(&own), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&steps);
    let held = hold(&pool);
    let future = pool.spawn(async move {
        let own = handle.get().unwrap();
        assert!(!task::cancel_requested());
        assert!(own.cancel());
        assert!(task::cancel_requested() && !own.done());
        counted.fetch_add(1, Ordering::SeqCst);
        task::yield_now().await;
        counted.fetch_add(1, Ordering::SeqCst);
    });
    own.set(future).unwrap();
    drop(held);
    assert_cancelled(own.get().unwrap().result(LONG));
    assert_works(&pool);
    assert_eq!(steps.load(Ordering::SeqCst), 1);
}

/// async-task's `cancel_after_run` and tokio's `test_abort_task_that_panics_on_drop_contained`'s simple sibling.
#[test]
fn after_its_end() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let ready = pool.spawn(async { SEVEN });
    assert!(ready.exception(LONG).unwrap().is_none());
    assert!(!ready.cancel() && !ready.cancelled());
    assert_eq!(ready.request_cancel(), CancelOutcome::AlreadyDone);
    assert_eq!(ready.result(None).unwrap(), SEVEN);
    assert!(!ready.cancel());
}

/// tokio's `abort` of a task that others await: they are told.
#[test]
fn whoever_waits_for_it_is_told() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let future = Arc::new(pool.spawn(strings.puppet()));
    let (tx, rx) = channel();
    future.add_done_callback(move |outcome| {
        tx.send((outcome.unwrap_err().is_cancelled(), thread::current().id())).unwrap();
    });
    let awaited = Arc::clone(&future);
    let awaiting = pool.spawn(async move { (&*awaited).await.unwrap_err().is_cancelled() });
    let waited = Arc::clone(&future);
    let waiting = thread::spawn(move || waited.result(LONG));
    strings.wait_until_idle(&pool);
    assert!(future.cancel());
    // The callback was called before `cancel` returned, on this thread.
    assert_eq!(rx.try_recv().unwrap(), (true, thread::current().id()));
    assert!(awaiting.result(LONG).unwrap());
    assert_cancelled(waiting.join().unwrap());
    assert_eq!(wait([&*future], LONG, ReturnWhen::AllCompleted).done.len(), 1);
}

/// What it awaits is let go of with it: a promise's future, whose promise then has nobody to tell.
#[test]
fn what_it_awaits_is_let_go_of() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (sender, receiver) = futures::channel::oneshot::channel::<u32>();
    let future = pool.spawn(receiver);
    eventually("it waits", || future.running());
    assert!(future.cancel());
    eventually("the receiver is dropped", || sender.is_canceled());
    assert!(sender.send(1).is_err());

    let (promise, awaited) = promise::<u32>();
    let awaited = awaited.cancel_on_drop();
    let future = pool.spawn(awaited);
    eventually("it waits", || future.running());
    assert!(future.cancel());
    eventually("the promise is told", || promise.cancel_requested());
}

/// The same on one thread: cancelling one ends the next with it, and so on.
#[test]
fn a_chain_tied_by_cancel_on_drop() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let mut last = pool.spawn(strings.puppet());
    for _ in 0..100 {
        let before = last.cancel_on_drop();
        last = pool.spawn(async move { before.await.unwrap() });
    }
    strings.wait_until_idle(&pool);
    crate::tools::settle(&pool);
    assert!(last.cancel());
    strings.assert_dropped_here();
}

#[test]
fn a_handle_that_cancels_when_it_is_dropped() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let tied = pool.spawn(strings.puppet()).cancel_on_drop();
    strings.wait_until_idle(&pool);
    drop(tied);
    strings.assert_dropped_here();

    let strings = Strings::new();
    let tied = pool.spawn(strings.puppet()).cancel_on_drop();
    strings.wait_until_idle(&pool);
    drop(tied.detach());
    assert_eq!(strings.drops(), 0);
    strings.finish();
    strings.wait_for_drop();

    let tied = pool.spawn(async { SEVEN }).cancel_on_drop();
    assert_eq!(futures::executor::block_on(tied).unwrap(), SEVEN);
}

#[test]
fn what_a_request_comes_to() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let held = hold(&pool);
    let unbegun = pool.spawn(pending::<()>());
    assert_eq!(unbegun.request_cancel(), CancelOutcome::NeverRan);
    drop(held);
    assert_cancelled(unbegun.result(LONG));

    let strings = Strings::new();
    let waiting = pool.spawn(strings.puppet());
    strings.wait_until_idle(&pool);
    assert_eq!(waiting.request_cancel(), CancelOutcome::Signalled);
    strings.assert_dropped_here();
    assert_eq!(waiting.request_cancel(), CancelOutcome::AlreadyDone);

    let (strings, begun, goes_on) = (Strings::new(), Gate::new(), LastGate::new());
    let polled = pool.spawn(slow(&strings, &begun, &goes_on));
    begun.wait();
    assert_eq!(polled.request_cancel(), CancelOutcome::Signalled);
    assert_eq!(polled.kill(LONG), CancelOutcome::Signalled);
    goes_on.open();
    assert_cancelled(polled.result(LONG));
}

/// A second answer is as good as the first, also about a future that was never polled: a closure's says `NeverRan`
/// again.
#[test]
fn a_second_request_says_the_same_of_a_future_as_of_a_closure() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let _held = hold(&pool);
    let (closure, future) = (pool.submit(|| ()), pool.spawn(async {}));
    assert_eq!(closure.request_cancel(), future.request_cancel());
    assert_eq!(closure.request_cancel(), future.request_cancel());
}

/// Who asks first decides how it ends, also while it is being polled.
#[test]
fn a_panic_after_the_request_is_a_cancelled_future() {
    let _watchdog = watchdog();
    crate::tools::quiet();
    let pool = pool(1);
    let (begun, goes_on) = (Gate::new(), LastGate::new());
    let (tell, closed) = (begun.clone(), goes_on.clone());
    let future = pool.spawn(async move {
        tell.open();
        closed.wait();
        panic!("too late to count");
    });
    begun.wait();
    assert!(future.cancel());
    goes_on.open();
    let outcome: Result<(), _> = future.result(LONG);
    assert_cancelled(outcome);
    assert_works(&pool);
}
