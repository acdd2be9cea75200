//! What errors say: once, with the name of the task, and with what to do.

mod support;

use concurrent_futures::{
    SharedFuture, SubmitOptions, TaskError, ThreadPoolExecutor, WaitTimedOut, as_completed, promise, wait,
};
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll};
use std::time::Duration;
use support::{quiet_panics_of, watchdog};

/// An error with a cause.
#[derive(Debug)]
struct Unreadable(std::num::ParseIntError);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("line 3 is no number")
    }
}

impl Error for Unreadable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn read_line() -> Result<u8, Unreadable> {
    "x".parse().map_err(Unreadable)
}

#[test]
fn a_jobs_own_error_is_told_once_with_its_cause() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let error = pool.submit(read_line).fallible().result(None).unwrap_err();
    assert_eq!(error.to_string(), "the task failed: line 3 is no number");
    assert_eq!(error.source().unwrap().to_string(), "invalid digit found in string");
    assert!(error.downcast_ref::<Unreadable>().is_some(), "the error itself");
    assert!(error.downcast_ref::<std::num::ParseIntError>().is_some(), "and its cause");
    assert!(error.downcast_ref::<fmt::Error>().is_none());
    let chain = format!("{:#}", anyhow::Error::from(error));
    assert_eq!(chain, "the task failed: line 3 is no number: invalid digit found in string");

    let (promise, future) = promise::<()>();
    assert!(promise.set_exception("nothing came"));
    let error = future.result(None).unwrap_err();
    assert_eq!(error.to_string(), "the task failed: nothing came");
    assert!(error.source().is_none());
}

#[test]
fn a_panic_is_told_with_the_name_of_its_task() {
    quiet_panics_of(&["named"]);
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::builder().max_workers(1).thread_name_prefix("named").build().unwrap();
    let options = || SubmitOptions::new().name("resize cat.png");
    let told = |error: TaskError| match &error {
        TaskError::Panicked(report) => {
            let expected = report.task.as_deref().map_or("the task panicked: no".to_owned(), |name| {
                assert_eq!(name, "resize cat.png");
                "the task `resize cat.png` panicked: no".to_owned()
            });
            assert!(error.to_string().starts_with(&expected), "{error}");
            report.task.is_some()
        }
        other => panic!("{other:?}"),
    };
    let job = || -> u32 { panic!("no") };
    assert!(told(pool.submit_with(options(), job).result(None).unwrap_err()), "of a job");
    assert!(!told(pool.submit(job).result(None).unwrap_err()), "of one without a name");
    let ready = async || -> u32 { panic!("no") };
    assert!(told(pool.spawn_with(options(), ready()).result(None).unwrap_err()), "of a future");

    /// Panics when it is dropped.
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("no");
        }
    }
    /// A future that still holds something when it is ready.
    struct Holding(Bomb);
    impl Future for Holding {
        type Output = u32;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
            Poll::Ready(1)
        }
    }
    let spawned = pool.spawn_with(options(), Holding(Bomb));
    assert!(told(spawned.result(None).unwrap_err()), "of what a future held");

    /// Panics when it is turned into an error that can be kept.
    struct Stubborn;
    impl From<Stubborn> for Box<dyn Error + Send + Sync> {
        fn from(_: Stubborn) -> Self {
            panic!("no")
        }
    }
    let failed = pool.submit_with(options(), || Err::<u32, _>(Stubborn)).fallible();
    assert!(told(failed.result(None).unwrap_err()), "of the conversion of its error");
}

#[test]
fn a_dropped_promise_is_told_as_one() {
    let _watchdog = watchdog();
    let (promise, future) = promise::<u32>();
    drop(promise);
    let error = future.result(None).unwrap_err();
    assert!(error.is_abandoned() && error.to_string().contains("its promise was dropped"), "{error}");
}

#[test]
fn a_wait_that_is_over_says_that_its_time_was_up() {
    let (_promise, future) = promise::<u32>();
    let (_other, second) = promise::<u32>();
    let error = future.exception(Duration::ZERO).unwrap_err();
    assert_eq!(error.to_string(), "the wait timed out before the future had ended");
    let error = as_completed([&future, &second], Duration::ZERO).next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the wait timed out with 2 (of 2) futures unfinished");
    assert_eq!(wait([&future], Duration::ZERO, concurrent_futures::ReturnWhen::AllCompleted).done.len(), 0);
}

/// A wait that was refused had no time that could be up.
#[test]
fn a_wait_that_would_never_end_says_so() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let (give, given) = channel::<SharedFuture<[String; 2]>>();
    let narcissus = pool.submit_with(SubmitOptions::new().name("narcissus"), move || {
        let own = given.recv().unwrap();
        let single = own.exception(None).unwrap_err();
        let many = as_completed([&own], None).next().unwrap().unwrap_err();
        [single, many].map(|error: WaitTimedOut| {
            let text = error.to_string();
            assert!(error.is_deadlock() && !error.is_timed_out(), "{text}");
            assert_eq!((error.unfinished, error.total), (1, 1));
            let error = TaskError::from(error);
            assert!(error.is_deadlock() && !error.is_timed_out(), "{error}");
            text
        })
    });
    let narcissus = narcissus.shared();
    give.send(narcissus.clone()).unwrap();
    let [single, many] = narcissus.result(None).unwrap();
    assert_eq!(single, "waiting would never end: a future's `result` says why");
    assert_eq!(many, single);
}

/// What a shared future says that was made too late.
#[test]
fn a_result_that_was_taken_is_told_so_to_whoever_shares_the_future() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let future = pool.submit(|| 1);
    assert_eq!(future.result(None).unwrap(), 1);
    let error = future.shared().result(None).unwrap_err();
    assert!(error.is_result_taken());
    assert!(error.to_string().contains("as long as nobody has taken it"), "{error}");
}

/// Whether there is room for one more is asked at several depths of the same wait: between two answers that differ it
/// must not go round for ever. The sizes are close together, and further apart than what one task takes.
#[test]
fn wherever_the_stack_ends_a_wait_is_refused() {
    fn nest(pool: &ThreadPoolExecutor, is_refused: &Arc<AtomicBool>) {
        if is_refused.load(Ordering::SeqCst) {
            return;
        }
        let (same, seen) = (pool.clone(), Arc::clone(is_refused));
        if let Err(error) = pool.spawn(async move { nest(&same, &seen) }).result(None) {
            assert!(error.is_deadlock(), "{error}");
            is_refused.store(true, Ordering::SeqCst);
        }
    }
    let _watchdog = watchdog();
    for size in (512 << 10..520 << 10).step_by(16) {
        let pool = ThreadPoolExecutor::builder().max_workers(1).max_spares(0).stack_size(size).build().unwrap();
        let is_refused = Arc::new(AtomicBool::new(false));
        let (same, seen) = (pool.clone(), Arc::clone(&is_refused));
        pool.submit(move || nest(&same, &seen)).result(None).unwrap();
        assert!(is_refused.load(Ordering::SeqCst));
    }
}

/// Each task waits for the next, and no thread may be added.
#[test]
fn who_needs_another_thread_is_told_how_to_allow_it() {
    let _watchdog = watchdog();
    fn nest(pool: &ThreadPoolExecutor, depth: usize) -> Result<(), TaskError> {
        let inner = pool.clone();
        if depth == 0 { Ok(()) } else { pool.submit(move || nest(&inner, depth - 1)).result(None)? }
    }
    let pool = ThreadPoolExecutor::builder().max_workers(1).max_spares(0).stack_size(512 * 1024).build().unwrap();
    let deep = pool.clone();
    let error = pool.submit(move || nest(&deep, 10_000)).result(None).unwrap().unwrap_err();
    let text = error.to_string();
    assert!(error.is_deadlock(), "{text}");
    assert!(text.contains("(1 by max_workers, 0 by max_spares)") && text.contains("raise max_spares, or"), "{text}");
    assert!(text.starts_with("waiting would never end: waiting for an unnamed task; pool `"), "{text}");
    let all_wait = text.matches("all of them wait").count() + text.matches("waiting too").count();
    assert_eq!(all_wait, 1, "it is said once: {text}");
}
