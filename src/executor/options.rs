//! What can be asked for a single task.

use crate::task::Extras;
use std::sync::Arc;
use std::time::Duration;

/// Options of one submit: a name, limits.
///
/// # Examples
/// ```
/// use concurrent_futures::{SubmitOptions, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::new(1)?;
/// let future = pool.submit_with(SubmitOptions::new().name("answer"), || 42);
/// assert_eq!(future.name(), Some("answer"));
/// # future.result(None)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct SubmitOptions {
    name: Option<Arc<str>>,
    timeout: Option<Duration>,
    retries: u32,
    pub(super) queue_timeout: Option<Duration>,
    pub(super) room_timeout: Option<Duration>,
}

impl SubmitOptions {
    /// No name, no limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// A name for [`WorkerInfo`](crate::WorkerInfo), for `Debug`, for the error of a panic
    /// ([`PanicReport::task`](crate::PanicReport)), and for the chain of a [`Deadlock`](crate::TaskError::Deadlock).
    /// Errors that say no more than what they are, like [`Cancelled`](crate::TaskError::Cancelled), do not have it;
    /// [`Future::name`](crate::Future::name) does.
    pub fn name(self, name: impl Into<String>) -> Self {
        SubmitOptions { name: Some(Arc::from(name.into())), ..self }
    }

    /// Limits how long the task runs, from the moment a worker begins it.
    ///
    /// A running thread cannot be stopped: there the limit sets the task's cancel token
    /// ([`task::cancel_requested`](crate::task::cancel_requested)), and its outcome is then its own. A spawned future
    /// can: it ends as [`TaskError::DeadlineExceeded`](crate::TaskError::DeadlineExceeded). So does a task in a worker
    /// process, whose worker is ended for it: by SIGTERM, and by SIGKILL after the pool's `term_grace`.
    pub fn timeout(self, limit: Duration) -> Self {
        SubmitOptions { timeout: Some(limit), ..self }
    }

    /// Limits how long the task may wait to be begun, from the submit on; after that its future fails with
    /// [`TaskError::DeadlineExceeded`](crate::TaskError::DeadlineExceeded). A submit that waits for room in a bounded
    /// queue goes on waiting: see [`room_timeout`](SubmitOptions::room_timeout).
    pub fn queue_timeout(self, limit: Duration) -> Self {
        SubmitOptions { queue_timeout: Some(limit), ..self }
    }

    /// Limits how long the submit itself waits for room in a bounded queue; after that the task is rejected.
    pub fn room_timeout(self, limit: Duration) -> Self {
        SubmitOptions { room_timeout: Some(limit), ..self }
    }

    /// How often the task may be run again if the worker process that ran it has died. Default: 0, because a task that
    /// has begun may have had effects. An error, a panic or a limit that has passed is an outcome, and final.
    ///
    /// Where tasks run in this process nothing of this can happen, and the number means nothing.
    pub fn retries(self, times: u32) -> Self {
        SubmitOptions { retries: times, ..self }
    }

    pub(super) fn extras(&self) -> Extras {
        Extras { retries: self.retries, ..Extras::new(self.name.clone(), self.timeout) }
    }
}
