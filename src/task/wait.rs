//! Waiting for several futures until enough of them have ended.

use super::blocking::Need;
use super::wait_set::{WaitSet, Waitable};
use crate::sync::Deadline;
use std::time::Duration;

/// When [`wait`] has seen enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnWhen {
    /// As soon as one has ended, or was cancelled.
    FirstCompleted,
    /// As soon as one has failed. A cancelled one does not count as failed (as in Python); without a failure this is
    /// `AllCompleted`.
    FirstError,
    /// When all have ended.
    AllCompleted,
}

/// What [`wait`] found, each list in the order of the input.
#[derive(Debug)]
pub struct DoneAndNotDone<W> {
    /// Those that have ended, in whatever way.
    pub done: Vec<W>,
    /// The others.
    pub not_done: Vec<W>,
}

/// Waits for futures, of one executor or of several, until enough of them have ended or the time is up.
///
/// Takes anything that yields futures: `&futures`, `futures`, [`futures![a, b]`](crate::futures) for different types.
/// Duplicates count once. The clock starts at the call; running out of time is no error, the lists tell. On a worker, a
/// wait that would never end returns too, with what there is.
///
/// A cancelled future has ended (Python waits for it until a worker has seen the cancellation).
///
/// # Examples
/// ```
/// use concurrent_futures::{ReturnWhen, ThreadPoolExecutor, wait};
///
/// let pool = ThreadPoolExecutor::new(2)?;
/// let squares: Vec<_> = (0..4).map(|n| pool.submit(move || n * n)).collect();
/// let ended = wait(&squares, None, ReturnWhen::AllCompleted);
/// assert_eq!((ended.done.len(), ended.not_done.len()), (4, 0));
/// # Ok::<(), concurrent_futures::BuildError>(())
/// ```
pub fn wait<W: Waitable>(
    futures: impl IntoIterator<Item = W>,
    timeout: impl Into<Option<Duration>>,
    when: ReturnWhen,
) -> DoneAndNotDone<W> {
    let deadline = Deadline::after(timeout.into());
    let mut set = WaitSet::new(futures);
    let mut done: Vec<(usize, W)> = Vec::with_capacity(set.total());
    let mut enough = false;
    let need = if when == ReturnWhen::AllCompleted { Need::All } else { Need::First };
    loop {
        while let Some((index, future)) = set.next_ready() {
            enough |= match when {
                ReturnWhen::FirstCompleted => true,
                ReturnWhen::FirstError => future.target().0.error(false).is_some_and(|error| !error.is_cancelled()),
                ReturnWhen::AllCompleted => false,
            };
            done.push((index, future));
        }
        if enough || set.unfinished() == 0 {
            break;
        }
        let wanted = if when == ReturnWhen::AllCompleted { set.unfinished() } else { 1 };
        match set.sleep(need, wanted, deadline) {
            Ok(true) => {}
            // One last look: the end and the deadline may have come together.
            Ok(false) | Err(_) => enough = true,
        }
    }
    done.sort_unstable_by_key(|(index, _)| *index);
    let done = done.into_iter().map(|(_, future)| future).collect();
    DoneAndNotDone { done, not_done: set.into_rest().into_iter().map(|(_, future)| future).collect() }
}
