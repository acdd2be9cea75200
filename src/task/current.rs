//! What a running task can ask about itself.

use super::blocking;
use super::extras::Extras;
use super::frame;
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
    frame::current(|task| {
        let asked = |extras: &Extras| extras.asked_to_stop.as_ref().is_some_and(|asked| asked());
        task.snapshot().is_cancel_requested() || task.extras().is_some_and(asked)
    })
    .unwrap_or(false)
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
    frame::current(|task| task.name().map(str::to_owned)).flatten()
}

/// The slot of the worker that runs this task: 0..max_workers, and above that for a thread that stands in for a blocked
/// one. `None` on a thread that is no pool's worker.
pub fn slot() -> Option<usize> {
    blocking::slot()
}
