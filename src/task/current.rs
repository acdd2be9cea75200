//! What a running task can ask about itself.

use super::blocking;
use super::frame;
use super::header::Header;
use crate::error::TaskError;

/// Whether somebody has asked this task to stop: [`request_cancel`](crate::Future::request_cancel), a dropped
/// [`cancel_on_drop`](crate::Future::cancel_on_drop), its time limit, or its scope.
///
/// `false` outside a task. A long job asks now and then, and returns early.
///
/// # Examples
/// ```
/// use concurrent_futures::{ThreadPoolExecutor, task};
///
/// let pool = ThreadPoolExecutor::new(1)?;
/// let spins = pool.submit(|| {
///     let mut spins = 0u64;
///     while !task::cancel_requested() {
///         spins += 1;
///         std::thread::yield_now();
///     }
///     spins
/// });
/// while !spins.running() {
///     std::thread::yield_now();
/// }
/// spins.request_cancel();
/// spins.result(None)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn cancel_requested() -> bool {
    with_stop_sign(|stop| stop.is_set())
}

/// Answers [`cancel_requested`] again and again, for somebody who runs many short things in one task: finding the task
/// takes longer than asking it.
pub(crate) struct StopSign<'a> {
    task: Option<&'a Header>,
    asked: Option<&'a (dyn Fn() -> bool + Send + Sync)>,
}

impl StopSign<'_> {
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.task.is_some_and(|task| task.snapshot().is_cancel_requested()) || self.asked.is_some_and(|asked| asked())
    }
}

/// Lends the sign of the task that runs here; outside of one it is never set.
pub(crate) fn with_stop_sign<R>(f: impl FnOnce(&StopSign<'_>) -> R) -> R {
    frame::current(|task| {
        let extras = task.and_then(Header::extras);
        f(&StopSign { task, asked: extras.and_then(|extras| extras.asked_to_stop.as_deref()) })
    })
}

/// [`cancel_requested`] for the `?` operator.
///
/// # Errors
/// [`TaskError::Cancelled`] once somebody has asked this task to stop.
pub fn check_cancelled() -> Result<(), TaskError> {
    if cancel_requested() { Err(TaskError::Cancelled) } else { Ok(()) }
}

/// The name that [`SubmitOptions::name`](crate::SubmitOptions::name) gave this task.
pub fn name() -> Option<String> {
    frame::current(|task| task?.name().map(str::to_owned))
}

/// The slot of the worker that runs this task: 0..max_workers, and above that for a thread that stands in for a blocked
/// one. `None` on a thread that is no pool's worker.
pub fn slot() -> Option<usize> {
    blocking::slot()
}
