//! How an executor ends.

use std::time::Duration;

/// How an executor is to end. In every form it takes no more tasks from then on.
///
/// Python has `shutdown(wait, cancel_futures)`; the limits are ours.
///
/// # Examples
/// ```
/// use concurrent_futures::{Shutdown, ThreadPoolExecutor};
/// use std::time::Duration;
///
/// let pool = ThreadPoolExecutor::new(1)?;
/// let future = pool.submit(|| 1);
/// let report = pool.shutdown(Shutdown::wait().deadline(Duration::from_secs(60)));
/// assert_eq!(report.abandoned, 0);
/// assert_eq!(future.result(None)?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "this only describes a shutdown; give it to `shutdown`"]
pub struct Shutdown {
    pub(crate) wait: bool,
    pub(crate) cancel_pending: bool,
    pub(crate) deadline: Option<Duration>,
    pub(crate) kill_after: Option<Duration>,
}

impl Shutdown {
    /// Waits until everything that was accepted has ended, and the workers too.
    pub fn wait() -> Self {
        Shutdown { wait: true, cancel_pending: false, deadline: None, kill_after: None }
    }

    /// Returns at once; what was accepted still runs, and the workers end by themselves.
    pub fn no_wait() -> Self {
        Shutdown { wait: false, ..Self::wait() }
    }

    /// Cancels what has not begun, and spawned futures that are not ready: at once if they wait, at their next await if
    /// they are being polled.
    pub fn cancel_pending(self) -> Self {
        Shutdown { cancel_pending: true, ..self }
    }

    /// Stops waiting after `limit`; what has not ended by then goes on, and is reported as abandoned.
    pub fn deadline(self, limit: Duration) -> Self {
        Shutdown { deadline: Some(limit), ..self }
    }

    /// After `limit`, ends what still runs: worker processes are killed. A thread cannot be; there this is
    /// [`deadline`](Shutdown::deadline).
    pub fn kill_after(self, limit: Duration) -> Self {
        Shutdown { kill_after: Some(limit), ..self }
    }

    /// For engines: whether to wait at all.
    pub fn waits(&self) -> bool {
        self.wait
    }

    /// For engines: whether to cancel what has not begun.
    pub fn cancels_pending(&self) -> bool {
        self.cancel_pending
    }

    /// For engines: how long to wait at the most, the first of both limits.
    pub fn limit(&self) -> Option<Duration> {
        match (self.deadline, self.kill_after) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (limit, None) | (None, limit) => limit,
        }
    }
}

/// What a shutdown came to. All counts are of one moment, its return. What was cancelled by who holds its future, or never
/// begun because its time in the queue was over, is in none of them.
///
/// When everything had ended by then, they are exact. Otherwise those of a thread pool may be off by what its threads had
/// in their hands just then: a task on its way from one queue to another, and one that is cancelled a moment later, which
/// the next report has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Tasks that ran to an end while the shutdown waited.
    pub finished: usize,
    /// Tasks that it cancelled: they never ran, or were futures that were not ready.
    pub cancelled: usize,
    /// Tasks that had not ended when it returned.
    pub abandoned: usize,
    /// Tasks whose worker it killed.
    pub killed: usize,
}
