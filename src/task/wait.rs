//! Waiting for several futures until enough of them have ended.

use super::blocking::Need;
use super::wait_set::{WaitSet, Waitable};
use crate::sync::Deadline;
use std::future::poll_fn;
use std::task::Poll;
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
    let mut gathering = Gathering::new(futures, when);
    let need = if when == ReturnWhen::AllCompleted { Need::All } else { Need::First };
    let mut in_time = true;
    while let (Some(wanted), true) = (gathering.wanted(), in_time) {
        // After the deadline one last look: it and the end may have come together.
        in_time = matches!(gathering.set.sleep(need, wanted, deadline), Ok(true));
    }
    gathering.wanted();
    gathering.into_lists()
}

/// As [`wait`], for async code: awaits until enough of them have ended. A limit is the runtime's business.
///
/// # Cancel safety
/// Futures that were given by reference lose nothing when this is dropped; futures that were given by value go with it.
///
/// # Examples
/// ```
/// use concurrent_futures::{ReturnWhen, ThreadPoolExecutor, wait_async};
///
/// let pool = ThreadPoolExecutor::new(2)?;
/// let first = pool.block_on(async {
///     let futures: Vec<_> = (0..4).map(|n| pool.submit(move || n)).collect();
///     wait_async(&futures, ReturnWhen::FirstCompleted).await.done.len()
/// });
/// assert!(first >= 1);
/// # Ok::<(), concurrent_futures::BuildError>(())
/// ```
pub async fn wait_async<W: Waitable>(futures: impl IntoIterator<Item = W>, when: ReturnWhen) -> DoneAndNotDone<W> {
    let mut gathering = Gathering::new(futures, when);
    poll_fn(|cx| {
        while let Some(wanted) = gathering.wanted() {
            if gathering.set.set_waker(wanted, cx.waker()) {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    })
    .await;
    gathering.into_lists()
}

/// Futures that are being waited for, and those that have ended.
struct Gathering<W: Waitable> {
    set: WaitSet<W>,
    done: Vec<(usize, W)>,
    when: ReturnWhen,
    enough: bool,
}

impl<W: Waitable> Gathering<W> {
    fn new(futures: impl IntoIterator<Item = W>, when: ReturnWhen) -> Self {
        let set = WaitSet::new(futures);
        let done = Vec::with_capacity(set.total());
        Gathering { set, done, when, enough: false }
    }

    /// Collects those that have ended; says how many more are wanted at the least, if any.
    fn wanted(&mut self) -> Option<usize> {
        while let Some((index, future)) = self.set.next_ready() {
            self.enough |= match self.when {
                ReturnWhen::FirstCompleted => true,
                ReturnWhen::FirstError => future.target().0.error(false).is_some_and(|error| !error.is_cancelled()),
                ReturnWhen::AllCompleted => false,
            };
            self.done.push((index, future));
        }
        let left = self.set.unfinished();
        match self.when {
            _ if self.enough || left == 0 => None,
            ReturnWhen::AllCompleted => Some(left),
            ReturnWhen::FirstCompleted | ReturnWhen::FirstError => Some(1),
        }
    }

    fn into_lists(self) -> DoneAndNotDone<W> {
        let Gathering { set, mut done, .. } = self;
        done.sort_unstable_by_key(|(index, _)| *index);
        let done = done.into_iter().map(|(_, future)| future).collect();
        DoneAndNotDone { done, not_done: set.into_rest().into_iter().map(|(_, future)| future).collect() }
    }
}
