//! What can be in the way of a put, a get, or a `task_done`.

use std::error::Error;
use std::fmt;

/// Why an item is not in the queue; it comes back.
///
/// Python's `Full` and `ShutDown`; a wait whose time is up is `Full` there.
///
/// # Examples
/// ```
/// use concurrent_futures::queue::{PutError, Queue};
///
/// let queue = Queue::bounded(1);
/// queue.try_put("first")?;
/// let error = queue.try_put("second").unwrap_err();
/// assert!(error.is_full());
/// assert_eq!(error.into_inner(), "second");
/// # Ok::<(), PutError<&str>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PutError<T> {
    /// There is no room now.
    Full(T),
    /// The queue was shut down; there will never be room.
    ShutDown(T),
    /// There was no room in time.
    TimedOut(T),
}

impl<T> PutError<T> {
    /// The item.
    pub fn into_inner(self) -> T {
        match self {
            PutError::Full(item) | PutError::ShutDown(item) | PutError::TimedOut(item) => item,
        }
    }

    /// There was no room, and nobody waited for it.
    pub fn is_full(&self) -> bool {
        matches!(self, PutError::Full(_))
    }

    /// The queue was shut down.
    pub fn is_shut_down(&self) -> bool {
        matches!(self, PutError::ShutDown(_))
    }

    /// The caller's wait for room ended first.
    pub fn is_timed_out(&self) -> bool {
        matches!(self, PutError::TimedOut(_))
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PutError::Full(_) => "Full(..)",
            PutError::ShutDown(_) => "ShutDown(..)",
            PutError::TimedOut(_) => "TimedOut(..)",
        })
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PutError::Full(_) => "the queue is full; `put` waits for room",
            PutError::ShutDown(_) => "the queue was shut down and takes no more items",
            PutError::TimedOut(_) => "the queue stayed full until the wait timed out",
        })
    }
}

impl<T> Error for PutError<T> {}

/// Why there is no item.
///
/// Python's `Empty` and `ShutDown`; a wait whose time is up is `Empty` there.
///
/// # Examples
/// ```
/// use concurrent_futures::queue::{GetError, Queue};
///
/// let queue = Queue::<u32>::unbounded();
/// assert_eq!(queue.try_get().unwrap_err(), GetError::Empty);
/// queue.shutdown(false);
/// assert_eq!(queue.get(None).unwrap_err(), GetError::ShutDown);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetError {
    /// There is no item now.
    Empty,
    /// The queue was shut down and is empty; there will never be an item.
    ShutDown,
    /// There was no item in time.
    TimedOut,
}

impl GetError {
    /// There was nothing, and nobody waited for it.
    pub fn is_empty(&self) -> bool {
        matches!(self, GetError::Empty)
    }

    /// The queue was shut down.
    pub fn is_shut_down(&self) -> bool {
        matches!(self, GetError::ShutDown)
    }

    /// The caller's wait for an item ended first.
    pub fn is_timed_out(&self) -> bool {
        matches!(self, GetError::TimedOut)
    }
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GetError::Empty => "the queue is empty; `get` waits for an item",
            GetError::ShutDown => "the queue was shut down and is empty",
            GetError::TimedOut => "the queue stayed empty until the wait timed out",
        })
    }
}

impl Error for GetError {}

/// `task_done` was called more often than items were put: Python's `ValueError`.
///
/// Whoever gets an item by [`Got`](super::Got) has called it already when that is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskDoneError(pub(super) ());

impl fmt::Display for TaskDoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "task_done was called too often: every item of this queue is done already. Dropping a `Got` calls it too; \
             take the item by `detach` to call it by hand",
        )
    }
}

impl Error for TaskDoneError {}
