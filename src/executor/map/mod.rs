//! A function over many inputs: options first, then iterate.
//!
//! `mod.rs` and `stream` have what people hold, `drive` what happens between two `next`s, `course` how far that has come,
//! `flight` what is under way, `chunk` what is run as one task, `runner` how a chunk gets to an engine, `portable` the same where that may be in
//! another process.

mod chunk;
mod course;
mod drive;
mod flight;
#[cfg(all(feature = "conformance", feature = "processes", target_os = "linux", not(concurrent_futures_loom)))]
pub(crate) mod fuzz;
mod portable;
mod runner;
mod stream;

use super::engine::Engine;
use crate::error::TaskError;
use crate::task::Future;
use crate::wire::Portable;
use drive::Drive;
use portable::{Plain, PortableRunner, With};
pub use stream::MapStream;

use runner::{ClosureRunner, FallibleRunner, Runner};
use std::error::Error;
use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

/// A function being mapped over inputs by an executor: a builder, and then an iterator of results.
///
/// Results come in the order of the inputs, each a `Result` of its own: one failure costs one item, in the middle of a
/// chunk too. Collecting into a `Result<Vec<_>, _>` stops at the first error; dropping the iterator cancels what has
/// not begun.
///
/// It is lazy with a strict window: nothing is pulled from the input before the first `next`, and then never more than
/// [`buffersize`](Map::buffersize) inputs ahead, so that endless inputs work. [`eager`](Map::eager) is Python's way,
/// which submits everything at once. `std::iter::zip` and a closure of a tuple make the form with several inputs.
///
/// Where pulling takes long, a `next` hands out what is there before it fills the rest of the window: an input that is
/// slow itself keeps a result waiting while one chunk is pulled, and not while a whole window is.
///
/// An executor that is shut down, or broken, while a map is under way gives an error for each item that is left: with an
/// endless input, an endless series of [`Rejected`](TaskError::Rejected) or [`Broken`](TaskError::Broken). A loop that
/// skips errors should end at those.
///
/// `size_hint` has as its upper bound what has not been handed out, as far as the input knows. A map may end early, with
/// one error, by its [`timeout`](Map::timeout) or where a wait would never end ([`Deadlock`](TaskError::Deadlock)), so
/// the lower bound is at most 1. (A stream does not wait: without a timeout its lower bound is the input's.)
///
/// # Panics
/// `next` does where the input iterator does, once; after that the map is at its end.
///
/// # Examples
/// ```
/// use concurrent_futures::ThreadPoolExecutor;
/// use std::time::Duration;
///
/// let pool = ThreadPoolExecutor::new(2)?;
/// for root in pool.map(|n: u32| f64::from(n).sqrt(), 0..100).timeout(Duration::from_secs(60)) {
///     assert!(root? < 10.0);
/// }
/// let sums: Vec<u32> = pool.map(|(a, b)| a + b, std::iter::zip([1, 2], [10, 20])).collect::<Result<_, _>>()?;
/// assert_eq!(sums, [11, 22]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a map that is not iterated runs nothing; `.eager()` starts it at once"]
pub struct Map<'e, I: Iterator, R> {
    drive: Drive<'e, I, R>,
}

/// How far a map has come: see [`Map::progress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Results handed out.
    pub done: usize,
    /// Inputs in all, if the input knows.
    pub total: Option<usize>,
}

impl<'e, I: Iterator, R: Send> Map<'e, I, R> {
    pub(super) fn with_closure<F>(engine: Arc<dyn Engine + 'e>, f: F, items: I) -> Self
    where
        F: Fn(I::Item) -> R + Send + Sync + 'e,
        I::Item: Send + 'e,
        R: 'e,
    {
        Map { drive: Drive::new(Box::new(ClosureRunner::new(engine, f)), items) }
    }

    pub(super) fn with_function(engine: Arc<dyn Engine + 'e>, f: fn(I::Item) -> R, items: I) -> Self
    where
        I::Item: Portable,
        R: Portable,
    {
        Map { drive: Drive::new(Box::new(PortableRunner { engine, mapped: Plain(f) }), items) }
    }

    pub(super) fn with_shared<C>(engine: Arc<dyn Engine + 'e>, shared: C, f: fn(&C, I::Item) -> R, items: I) -> Self
    where
        C: Portable + Sync,
        I::Item: Portable,
        R: Portable,
    {
        let mapped = With { shared: Arc::new(shared), f };
        Map { drive: Drive::new(Box::new(PortableRunner { engine, mapped }), items) }
    }

    /// How many items make one task; 0, the default, is automatic: sized from the time that items take, so that short
    /// ones share the cost of a task and long ones spread.
    pub fn chunksize(mut self, items: usize) -> Self {
        self.drive.options.chunksize = items;
        self
    }

    /// How many inputs may be pulled and not yet handed out as results: after the m-th `next`, at most m + this many
    /// were pulled. 0, the default, is four chunks for each worker.
    pub fn buffersize(mut self, items: usize) -> Self {
        self.drive.options.buffersize = items;
        self
    }

    /// Limits the whole map, from the first `next` (or `start`, `eager`) on. After it the results that are there are
    /// still handed out (in order: up to the first that is not), then one [`TaskError::TimedOut`], and then the end for
    /// ever; what has not begun is cancelled.
    ///
    /// The clock is looked at before each input that is pulled. An input that is slow itself is not interrupted, and so
    /// can delay the end by the one pull that is under way; what was pulled for a chunk that is not full by then is
    /// dropped. A limit of zero pulls nothing: there is one `TimedOut`, or the end where the input is known to be empty.
    ///
    /// [`into_futures`](Map::into_futures) has no end to delay: it is the pulling that is limited there.
    pub fn timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.drive.options.timeout = limit.into();
        self
    }

    /// Limits the run time of each item, which is then a task of its own.
    ///
    /// A running thread cannot be stopped: there the limit sets the item's cancel token
    /// ([`task::cancel_requested`](crate::task::cancel_requested)), and its outcome is then its own. So a limit of zero
    /// keeps no item from being run: its token is set from about its beginning on. A worker process is ended with the
    /// item, which fails with [`TaskError::DeadlineExceeded`], and another takes its place.
    pub fn item_timeout(mut self, limit: Duration) -> Self {
        self.drive.options.item_timeout = Some(limit);
        self
    }

    /// Hands results out as they come, instead of in the order of the inputs.
    pub fn unordered(mut self) -> Self {
        self.drive.options.unordered = true;
        self
    }

    /// Calls `f` for each result that is handed out, on the thread that iterates.
    pub fn progress(mut self, f: impl FnMut(Progress) + Send + 'e) -> Self {
        self.drive.options.progress = Some(Box::new(f));
        self
    }

    /// The same for async code; ends the options. What is in flight is bounded by the same window, and dropping the
    /// stream cancels what has not begun.
    ///
    /// A pool with a bounded queue makes a poll wait for room, on the thread that polls.
    ///
    /// # Cancel safety
    /// Dropping a `next()` of it loses nothing.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    /// use futures::TryStreamExt;
    ///
    /// let pool = ThreadPoolExecutor::new(2)?;
    /// let squares: Vec<u64> = pool.block_on(pool.map(|n: u64| n * n, 0..4).stream().try_collect())?;
    /// assert_eq!(squares, [0, 1, 4, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stream(self) -> MapStream<'e, I, R> {
        MapStream::new(self.drive)
    }

    /// Fills the window now, instead of at the first `next`; ends the options.
    pub fn start(mut self) -> MapIter<'e, R>
    where
        I: Send + 'e,
        I::Item: Send + 'e,
        R: 'e,
    {
        self.drive.start();
        MapIter { items: Box::new(self.drive) }
    }

    /// Submits everything now (Python's default); ends the options. Not for endless inputs.
    pub fn eager(mut self) -> MapIter<'e, R>
    where
        I::Item: Send + 'e,
        R: 'e,
    {
        self.drive.submit_all();
        MapIter { items: Box::new(self.drive.without_input()) }
    }

    /// Submits every item as a task of its own, and gives their futures, in the order of the inputs. Options other than
    /// limits have no meaning there.
    ///
    /// A [`timeout`](Map::timeout) limits the pulling, and neither the tasks nor the waits for them: once it is past,
    /// one last future that has failed with [`TaskError::DeadlineExceeded`] stands for the inputs that were not pulled.
    /// An input that waits for room in a bounded queue until then is rejected.
    pub fn into_futures(self) -> Vec<Future<R>> {
        self.drive.into_futures()
    }
}

impl<'e, I: Iterator, R: Send + 'e, E> Map<'e, I, Result<R, E>>
where
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'e,
    I::Item: 'e,
{
    /// Makes an item's own `Err` the item's error ([`TaskError::Failed`]), so that one `?` serves.
    ///
    /// It is not called `flatten`, because [`Iterator::flatten`] drops errors.
    pub fn fallible(self) -> Map<'e, I, R> {
        Map {
            drive: self
                .drive
                .convert(|runner: Box<dyn Runner<'e, I::Item, Result<R, E>> + 'e>| Box::new(FallibleRunner(runner))),
        }
    }
}

impl<I: Iterator, R: Send> Iterator for Map<'_, I, R> {
    type Item = Result<R, TaskError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.drive.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.drive.size_hint()
    }
}

impl<I: Iterator, R: Send> FusedIterator for Map<'_, I, R> {}

impl<I: Iterator, R> fmt::Debug for Map<'_, I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").finish_non_exhaustive()
    }
}

/// A map under way: see [`Map::start`] and [`Map::eager`].
#[must_use = "dropping it cancels what has not begun"]
pub struct MapIter<'e, R> {
    items: Box<dyn Iterator<Item = Result<R, TaskError>> + Send + 'e>,
}

impl<R> Iterator for MapIter<'_, R> {
    type Item = Result<R, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.items.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<R> FusedIterator for MapIter<'_, R> {}

impl<R> fmt::Debug for MapIter<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapIter").finish_non_exhaustive()
    }
}
