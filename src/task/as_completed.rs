//! Futures in the order in which they end.

use super::bell::Bell;
use super::blocking::Need;
use super::wait_set::{WaitSet, Waitable};
use crate::error::{TaskError, WaitTimedOut};
use crate::sync::Deadline;
use futures_core::{FusedStream, Stream};
use std::fmt;
use std::iter::FusedIterator;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Yields futures as they end: see [`as_completed`].
#[must_use = "iterators do nothing unless they are advanced"]
pub struct AsCompleted<W: Waitable> {
    set: WaitSet<W>,
    deadline: Deadline,
    ended: bool,
}

/// Yields each future once, as soon as it has ended; those that have ended already come first.
///
/// Takes what [`wait`](crate::wait()) takes; duplicates collapse, and futures of different executors mix. The clock
/// starts at the call (Python's starts at the first `next`). What has ended in time is still yielded after it; then
/// comes one error, and the end.
///
/// # Errors
/// The item [`WaitTimedOut`] when time is up, or on a worker when no future could ever end.
///
/// # Examples
/// ```
/// use concurrent_futures::{ThreadPoolExecutor, as_completed};
///
/// let pool = ThreadPoolExecutor::new(2)?;
/// let lengths: Vec<_> = ["a", "bb", "ccc"].map(|text| pool.submit(move || text.len())).into();
/// let mut sum = 0;
/// for future in as_completed(lengths, None) {
///     sum += future?.result(None)?;
/// }
/// assert_eq!(sum, 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn as_completed<W: Waitable>(
    futures: impl IntoIterator<Item = W>,
    timeout: impl Into<Option<Duration>>,
) -> AsCompleted<W> {
    let deadline = Deadline::after(timeout.into());
    AsCompleted { set: WaitSet::new(futures), deadline, ended: false }
}

impl<W: Waitable> Iterator for AsCompleted<W> {
    type Item = Result<W, WaitTimedOut>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut over = None;
        while self.goes_on() {
            if let Some(item) = self.look(over.take()) {
                return Some(item);
            }
            // One last look after this: the end and the deadline may have come together.
            over = match self.set.sleep(Need::First, 1, self.deadline) {
                Ok(true) => None,
                Ok(false) => Some(TaskError::TimedOut),
                Err(error) => Some(error),
            };
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(if self.ended { 0 } else { self.set.unfinished() }))
    }
}

impl<W: Waitable> FusedIterator for AsCompleted<W> {}

impl<W: Waitable> AsCompleted<W> {
    /// The same for async code. The deadline stays where it is.
    ///
    /// # Cancel safety
    /// Dropping a `next()` of it loses nothing: what has ended stays to be yielded.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::{ThreadPoolExecutor, as_completed};
    /// use futures::TryStreamExt;
    ///
    /// let pool = ThreadPoolExecutor::new(2)?;
    /// let squares: Vec<_> = (0..4).map(|n| pool.submit(move || n * n)).collect();
    /// let sum = pool.block_on(async {
    ///     as_completed(squares, None).stream().try_fold(0, async |sum, future| Ok(sum +
    ///     future.await.unwrap_or(0))).await
    /// })?;
    /// assert_eq!(sum, 14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stream(self) -> AsCompletedStream<W> {
        AsCompletedStream { futures: self, bell: Bell::default() }
    }

    fn goes_on(&self) -> bool {
        !self.ended && self.set.unfinished() > 0
    }

    /// `over`: what the wait has ended with.
    fn look(&mut self, over: Option<TaskError>) -> Option<Result<W, WaitTimedOut>> {
        if let Some((_, future)) = self.set.next_ready() {
            return Some(Ok(future));
        }
        over.map(|why| {
            self.ended = true;
            Err(WaitTimedOut::new(self.set.unfinished(), self.set.total(), &why))
        })
    }
}

/// [`as_completed`] as a stream: see [`AsCompleted::stream`].
#[must_use = "streams do nothing unless they are polled"]
pub struct AsCompletedStream<W: Waitable> {
    futures: AsCompleted<W>,
    bell: Bell,
}

// Nothing in it is ever pinned.
impl<W: Waitable> Unpin for AsCompletedStream<W> {}

impl<W: Waitable> Stream for AsCompletedStream<W> {
    type Item = Result<W, WaitTimedOut>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let AsCompletedStream { futures, bell } = self.get_mut();
        while futures.goes_on() {
            let over = futures.deadline.is_past().then_some(TaskError::TimedOut);
            if let Some(item) = futures.look(over) {
                return Poll::Ready(Some(item));
            }
            if futures.set.set_waker(1, cx.waker()) && bell.ring_at(futures.deadline, cx.waker()) {
                return Poll::Pending;
            }
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.futures.size_hint()
    }
}

impl<W: Waitable> FusedStream for AsCompletedStream<W> {
    fn is_terminated(&self) -> bool {
        !self.futures.goes_on()
    }
}

impl<W: Waitable> fmt::Debug for AsCompletedStream<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompletedStream").field("unfinished", &self.futures.set.unfinished()).finish_non_exhaustive()
    }
}

impl<W: Waitable> fmt::Debug for AsCompleted<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("unfinished", &self.set.unfinished()).finish_non_exhaustive()
    }
}
