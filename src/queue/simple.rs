//! The queue without a bound, a count or an end.

use super::engine::Engine;
use super::error::GetError;
use super::fifo::Fifo;
use std::fmt;
use std::time::Duration;

/// First in, first out, without a bound, and without `task_done`, `join` and `shutdown`: putting never waits and never
/// fails. Python's `queue.SimpleQueue`.
///
/// Items come as they are, because nobody counts them. An item may put others into the same queue while it is dropped.
///
/// # Examples
/// ```
/// use concurrent_futures::queue::SimpleQueue;
/// use std::time::Duration;
///
/// let queue = SimpleQueue::new();
/// queue.put(1);
/// queue.put(2);
/// assert_eq!(queue.get(None)?, 1);
/// assert_eq!(queue.try_get()?, 2);
/// assert!(queue.get(Duration::from_millis(1)).unwrap_err().is_timed_out());
/// # Ok::<(), concurrent_futures::queue::GetError>(())
/// ```
pub struct SimpleQueue<T>(Engine<Fifo<T>>);

impl<T> SimpleQueue<T> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        SimpleQueue(Engine::new(Fifo::new(None)))
    }

    /// Puts an item in.
    pub fn put(&self, item: T) {
        // It is never full, and nothing shuts it down, so that no item ever comes back.
        let _ = self.0.try_put(item);
    }

    /// Takes the next item, and waits for one as long as it takes (`None`) or for so long.
    ///
    /// On a worker of a pool, the place is lent meanwhile.
    ///
    /// # Errors
    /// [`TimedOut`](GetError::TimedOut) if there was no item in time.
    pub fn get(&self, timeout: impl Into<Option<Duration>>) -> Result<T, GetError> {
        self.0.get(timeout.into())
    }

    /// Takes the next item if there is one now. Python's `get_nowait`.
    ///
    /// # Errors
    /// [`Empty`](GetError::Empty).
    pub fn try_get(&self) -> Result<T, GetError> {
        self.0.try_get()
    }

    /// Takes the next item, and waits for one without blocking a thread.
    ///
    /// # Errors
    /// None: the type is that of the other queues, whose end this one does not have.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, it has taken nothing, and no item that came meanwhile waits for it.
    pub async fn get_async(&self) -> Result<T, GetError> {
        self.0.get_async().await
    }

    /// How many items are in it: Python's `qsize`. Others may have put or got more by the time it is looked at.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there was nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Default for SimpleQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for SimpleQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimpleQueue").field("len", &self.len()).finish()
    }
}
