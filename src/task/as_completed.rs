//! Futures in the order in which they end.

use super::blocking::Need;
use super::wait_set::{WaitSet, Waitable};
use crate::error::WaitTimedOut;
use crate::sync::Deadline;
use std::fmt;
use std::iter::FusedIterator;
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
        let mut expired = false;
        while !self.ended && self.set.unfinished() > 0 {
            if let Some((_, future)) = self.set.next_ready() {
                return Some(Ok(future));
            }
            if expired {
                self.ended = true;
                return Some(Err(WaitTimedOut { unfinished: self.set.unfinished(), total: self.set.total() }));
            }
            // One last look after this: the end and the deadline may have come together.
            expired = !matches!(self.set.sleep(Need::First, 1, self.deadline), Ok(true));
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(if self.ended { 0 } else { self.set.unfinished() }))
    }
}

impl<W: Waitable> FusedIterator for AsCompleted<W> {}

impl<W: Waitable> fmt::Debug for AsCompleted<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("unfinished", &self.set.unfinished()).finish_non_exhaustive()
    }
}
