//! Shutting an executor down at the end of a block.

use super::shutdown::{Shutdown, ShutdownReport};
use super::traits::Executor;
use std::fmt;

/// Shuts its executor down when dropped, also when unwinding: Python's `with executor:`.
///
/// By default it waits for everything that was accepted ([`Shutdown::wait`]).
///
/// # Examples
/// ```
/// use concurrent_futures::{Shutdown, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::new(1)?;
/// let future = pool.submit(|| 1);
/// {
///     let _guard = pool.guard().on_drop(Shutdown::wait());
///     // ..
/// }
/// assert!(future.done() && pool.submit(|| 2).result(None).is_err());
/// # Ok::<(), concurrent_futures::BuildError>(())
/// ```
#[must_use = "`let _ = pool.guard()` shuts down at once; bind it: `let _guard = ..`"]
pub struct Guard<'e, E: Executor + ?Sized> {
    executor: &'e E,
    /// `None`: disarmed.
    how: Option<Shutdown>,
}

impl<'e, E: Executor + ?Sized> Guard<'e, E> {
    pub(super) fn new(executor: &'e E) -> Self {
        Guard { executor, how: Some(Shutdown::wait()) }
    }

    /// How to shut down when dropped.
    pub fn on_drop(mut self, how: Shutdown) -> Self {
        self.how = Some(how);
        self
    }

    /// Shuts down now, and tells what came of it.
    pub fn shutdown(mut self) -> ShutdownReport {
        self.how.take().map(|how| self.executor.shutdown(how)).unwrap_or_default()
    }

    /// Leaves the executor as it is.
    pub fn disarm(mut self) {
        self.how = None;
    }
}

impl<E: Executor + ?Sized> Drop for Guard<'_, E> {
    fn drop(&mut self) {
        if let Some(how) = self.how.take() {
            self.executor.shutdown(how);
        }
    }
}

impl<E: Executor + ?Sized> fmt::Debug for Guard<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("on_drop", &self.how).finish_non_exhaustive()
    }
}
