//! What whoever starts a thread holds: the thread, and its result.

use super::thread_ref::ThreadRef;
use crate::error::TaskError;
use crate::sync::Deadline;
use crate::task::Future;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

/// A thread that was started, with the result that it will have. It is a [`ThreadRef`] too.
///
/// Dropping it detaches: the thread goes on, and the process still waits for it at its end, unless it is a daemon.
///
/// # Examples
/// ```
/// use concurrent_futures::threading::{Thread, enumerate};
///
/// let thread = Thread::new(|| "done").start()?;
/// assert!(thread.ident() > 1);
/// assert_eq!(thread.join(None)?, "done");
/// assert!(!thread.is_alive() && !enumerate().contains(&thread));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ThreadHandle<T> {
    thread: ThreadRef,
    future: Future<T>,
}

impl<T> ThreadHandle<T> {
    pub(super) fn new(thread: ThreadRef, future: Future<T>) -> Self {
        ThreadHandle { thread, future }
    }

    /// Waits for the thread's end, its thread-locals included, and takes its result. A worker of a pool lends its place
    /// meanwhile.
    ///
    /// Python's returns in any case, and has to be asked with `is_alive`; here a limit that passed is an error, after
    /// which the thread can be joined again. One caller gets the result; [`ThreadRef::join`] (`handle.thread().join()`)
    /// is for any number of threads, any number of times.
    ///
    /// # Errors
    /// [`TaskError::TimedOut`] if the limit came first. [`TaskError::Panicked`] with the message if a panic ended the
    /// thread. [`TaskError::ResultTaken`] by an earlier join. [`TaskError::Abandoned`] if the thread ends the process
    /// and so will never return. [`TaskError::Deadlock`] as for [`ThreadRef::join`].
    pub fn join(&self, timeout: impl Into<Option<Duration>>) -> Result<T, TaskError> {
        let deadline = Deadline::after(timeout.into());
        self.thread.join_until(deadline)?;
        self.future.result_until(deadline)
    }

    /// Waits for the end of the thread's function, without blocking, and takes its result. Its thread-locals may still
    /// be being dropped then.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    ///
    /// # Errors
    /// As [`join`](ThreadHandle::join), but that no limit passes.
    pub async fn join_async(&self) -> Result<T, TaskError> {
        (&self.future).await
    }

    /// The thread, whatever it returns.
    pub fn thread(&self) -> &ThreadRef {
        &self.thread
    }

    /// The result as a future: for [`wait`](crate::wait()) and [`as_completed`](crate::as_completed()), and to ask the
    /// thread to stop, which it sees with [`task::cancel_requested`](crate::task::cancel_requested).
    pub fn future(&self) -> &Future<T> {
        &self.future
    }

    /// The same, where the thread itself is of no interest any more.
    pub fn into_future(self) -> Future<T> {
        self.future
    }
}

impl<T> Deref for ThreadHandle<T> {
    type Target = ThreadRef;

    fn deref(&self) -> &ThreadRef {
        &self.thread
    }
}

impl<T> fmt::Debug for ThreadHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadHandle").field("thread", &self.thread).field("future", &self.future).finish()
    }
}
