//! The three queues that count what is unfinished: one face over three stores.

use super::engine::Engine;
use super::error::{GetError, PutError, TaskDoneError};
use super::got::Got;
use super::in_order::InOrder;
use super::ordered::Ordered;
use super::pile::{Heap, Stack};
use std::fmt;
use std::time::Duration;

/// A queue's type, with everything that it can do. `$panics` is what stands in the docs of what compares items.
macro_rules! queue {
    ($(#[$about:meta])* $name:ident, $store:ty, ($($items:tt)*), ($($panics:literal)*)) => {
        $(#[$about])*
        pub struct $name<T>(Engine<$store>);

        impl<$($items)*> $name<T> {
            /// A queue for as many items as there is memory for.
            ///
            /// Python's `maxsize=0`.
            #[must_use]
            pub fn unbounded() -> Self {
                Self(Engine::new(<$store>::new(None)))
            }

            /// A queue that holds at most so many items; who puts more waits for room.
            ///
            /// # Panics
            /// If `bound` is 0, which would be a queue that holds nothing. (In Python that means no bound.)
            #[track_caller]
            #[must_use]
            pub fn bounded(bound: usize) -> Self {
                assert!(bound > 0, "a queue with a bound of 0 could hold nothing; `unbounded` makes one without a bound");
                Self(Engine::new(<$store>::new(Some(bound))))
            }

            /// Puts an item in, and waits for room as long as it takes (`None`) or for so long.
            ///
            /// On a worker of a pool, the place is lent meanwhile.
            ///
            /// # Errors
            /// The item comes back with the error: [`TimedOut`](PutError::TimedOut) if there was no room in time,
            /// [`ShutDown`](PutError::ShutDown) if the queue was shut down, also while this waited.
            $(#[doc = $panics])*
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use concurrent_futures::queue::", stringify!($name), ";")]
            /// use std::time::Duration;
            ///
            #[doc = concat!("let queue = ", stringify!($name), "::bounded(1);")]
            /// queue.put(1, None)?;
            /// let error = queue.put(2, Duration::from_millis(1)).unwrap_err();
            /// assert_eq!(error.into_inner(), 2);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn put(&self, item: T, timeout: impl Into<Option<Duration>>) -> Result<(), PutError<T>> {
                self.0.put(item, timeout.into())
            }

            /// Puts an item in if there is room now. Python's `put_nowait`.
            ///
            /// # Errors
            /// The item comes back with the error: [`Full`](PutError::Full), [`ShutDown`](PutError::ShutDown).
            $(#[doc = $panics])*
            pub fn try_put(&self, item: T) -> Result<(), PutError<T>> {
                self.0.try_put(item)
            }

            /// Puts an item in, and waits for room without blocking a thread.
            ///
            /// # Errors
            /// [`ShutDown`](PutError::ShutDown), with the item.
            $(#[doc = $panics])*
            ///
            /// # Cancel safety
            /// If the future is dropped before it is ready, the item was not put, and is dropped with it. Nobody else
            /// loses the room that this waited for.
            pub async fn put_async(&self, item: T) -> Result<(), PutError<T>> {
                self.0.put_async(item).await
            }

            /// Takes the next item, and waits for one as long as it takes (`None`) or for so long.
            ///
            /// What it gives calls [`task_done`](Self::task_done) when it is dropped. On a worker of a pool, the place
            /// is lent while this waits.
            ///
            /// # Errors
            /// [`TimedOut`](GetError::TimedOut) if there was no item in time; [`ShutDown`](GetError::ShutDown) if the
            /// queue was shut down and is empty, also while this waited.
            $(#[doc = $panics])*
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use concurrent_futures::queue::", stringify!($name), ";")]
            /// use std::thread;
            ///
            #[doc = concat!("let queue = ", stringify!($name), "::<u32>::unbounded();")]
            /// thread::scope(|scope| {
            ///     let consumer = scope.spawn(|| queue.get(None).map(|item| item.into_inner()));
            ///     queue.put(7, None).unwrap();
            ///     assert_eq!(consumer.join().unwrap(), Ok(7));
            /// });
            /// ```
            pub fn get(&self, timeout: impl Into<Option<Duration>>) -> Result<Got<'_, T>, GetError> {
                self.0.get(timeout.into()).map(|item| self.got(item))
            }

            /// Takes the next item if there is one now. Python's `get_nowait`.
            ///
            /// # Errors
            /// [`Empty`](GetError::Empty), [`ShutDown`](GetError::ShutDown).
            $(#[doc = $panics])*
            pub fn try_get(&self) -> Result<Got<'_, T>, GetError> {
                self.0.try_get().map(|item| self.got(item))
            }

            /// Takes the next item, and waits for one without blocking a thread.
            ///
            /// # Errors
            /// [`ShutDown`](GetError::ShutDown).
            $(#[doc = $panics])*
            ///
            /// # Cancel safety
            /// If the future is dropped before it is ready, it has taken nothing, and no item that came meanwhile waits
            /// for it.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use concurrent_futures::{ThreadPoolExecutor, queue::", stringify!($name), "};")]
            ///
            /// let pool = ThreadPoolExecutor::new(1)?;
            #[doc = concat!("let queue = ", stringify!($name), "::bounded(2);")]
            /// pool.block_on(async {
            ///     queue.put_async("tea").await.unwrap();
            ///     assert_eq!(*queue.get_async().await.unwrap(), "tea");
            ///     queue.join_async().await;
            /// });
            /// # Ok::<(), concurrent_futures::BuildError>(())
            /// ```
            pub async fn get_async(&self) -> Result<Got<'_, T>, GetError> {
                self.0.get_async().await.map(|item| self.got(item))
            }

            /// The items as they come, until the queue is shut down and empty; waits for the next one.
            ///
            /// Python's queues cannot be iterated over. Each item is done when it is dropped, so normally with its turn.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use concurrent_futures::queue::", stringify!($name), ";")]
            ///
            #[doc = concat!("let queue = ", stringify!($name), "::unbounded();")]
            /// for number in 1..=4 {
            ///     queue.put(number, None)?;
            /// }
            /// queue.shutdown(false);
            /// assert_eq!(queue.iter().map(|number| *number).sum::<i32>(), 10);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn iter(&self) -> impl Iterator<Item = Got<'_, T>> {
                std::iter::from_fn(|| self.get(None).ok())
            }

            /// Says that an item is done which was [detached](Got::detach): once for each.
            ///
            /// # Errors
            /// If it is called more often than items were put; Python raises `ValueError`.
            pub fn task_done(&self) -> Result<(), TaskDoneError> {
                self.0.task_done()
            }

            /// Waits until every item that was put is done: as long as it takes (`None`), or for so long. Says whether
            /// they were.
            ///
            /// It can be called again and again, by several threads; not by one that has a [`Got`] itself, which would
            /// wait for itself. Python's `join` has no limit. A shutdown alone does not end it, because what is there
            /// can still be got and done; an immediate one does, as soon as those are done that somebody has.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use concurrent_futures::queue::", stringify!($name), ";")]
            /// use std::{thread, time::Duration};
            ///
            #[doc = concat!("let queue = ", stringify!($name), "::unbounded();")]
            /// queue.put(7, None)?;
            /// assert!(!queue.join(Duration::from_millis(1)));
            /// thread::scope(|scope| {
            ///     scope.spawn(|| drop(queue.get(None)));
            ///     assert!(queue.join(None));
            /// });
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            #[must_use = "it says whether everything is done"]
            pub fn join(&self, timeout: impl Into<Option<Duration>>) -> bool {
                self.0.join(timeout.into())
            }

            /// Waits until every item that was put is done, without blocking a thread.
            ///
            /// # Cancel safety
            /// It only waits.
            pub async fn join_async(&self) {
                self.0.accounts().join_async().await;
            }

            /// Lets no more items in. What is there can still be got; after it, `get` gives
            /// [`ShutDown`](GetError::ShutDown), and so does every put from now on. Who waits in either hears of it.
            ///
            /// With `immediate`, what is there is thrown away and counts as done. It may be called again, with either.
            /// This is Python's `shutdown`, since 3.13.
            ///
            /// The items are dropped by the caller, after everybody was woken; a panic in an item's drop ends there.
            pub fn shutdown(&self, immediate: bool) {
                self.0.shutdown(immediate);
            }

            /// Whether [`shutdown`](Self::shutdown) was called.
            pub fn is_shut_down(&self) -> bool {
                self.0.is_shut_down()
            }

            /// How many items are in it: Python's `qsize`. Others may have put or got more by the time it is looked at.
            pub fn len(&self) -> usize {
                self.0.len()
            }

            /// Whether there was nothing in it.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }

            /// Whether there was no room in it.
            pub fn is_full(&self) -> bool {
                self.0.is_full()
            }

            /// How many items it holds at most: Python's `maxsize`. `None` for no bound.
            pub fn bound(&self) -> Option<usize> {
                self.0.bound()
            }

            /// How many items were put and are not done, whether they are in it or somebody has them. Python's
            /// `unfinished_tasks`.
            pub fn unfinished(&self) -> u64 {
                self.0.accounts().unfinished()
            }

            fn got(&self, item: T) -> Got<'_, T> {
                Got::new(item, self.0.accounts())
            }
        }

        impl<$($items)*> Default for $name<T> {
            fn default() -> Self {
                Self::unbounded()
            }
        }

        impl<$($items)*> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.debug(stringify!($name), f)
            }
        }
    };
}

queue! {
    /// First in, first out, for any number of threads and futures that put and get. Python's `queue.Queue`.
    ///
    /// Different from Python on purpose: what [`get`](Self::get) gives calls [`task_done`](Self::task_done) by itself;
    /// a limit on waiting is an error of its own; `join` has a limit; there are async forms.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::queue::Queue;
    /// use std::thread;
    ///
    /// let queue = Queue::bounded(8);
    /// thread::scope(|scope| {
    ///     let sums: Vec<_> = (0..2)
    ///         .map(|_| scope.spawn(|| queue.iter().map(|number| *number).sum::<u64>()))
    ///         .collect();
    ///     for number in 1..=100 {
    ///         queue.put(number, None).unwrap();
    ///     }
    ///     assert!(queue.join(None)); // everything was got, and is done
    ///     queue.shutdown(false); // which ends the loops
    ///     assert_eq!(sums.into_iter().map(|sum| sum.join().unwrap()).sum::<u64>(), 5050);
    /// });
    /// ```
    Queue, InOrder<T>, (T), ()
}

queue! {
    /// Last in, first out; otherwise as [`Queue`]. Python's `queue.LifoQueue`.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::queue::LifoQueue;
    ///
    /// let queue = LifoQueue::unbounded();
    /// queue.put("first", None)?;
    /// queue.put("second", None)?;
    /// assert_eq!(*queue.get(None)?, "second");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    LifoQueue, Ordered<Stack<T>>, (T), ()
}

queue! {
    /// The smallest first, and of equal ones the one that came first; otherwise as [`Queue`]. Python's
    /// `queue.PriorityQueue`, whose order among equals is by chance.
    ///
    /// For the largest first, put [`Reverse`](std::cmp::Reverse)`(item)`. Items are compared while the queue is locked:
    /// `Ord` must not use the queue itself, and panics if it does. If it panics, that goes on to the caller, and the
    /// queue is as it was before the call; the item of a put is dropped then.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::queue::PriorityQueue;
    ///
    /// let queue = PriorityQueue::unbounded();
    /// for item in [(2, "soon"), (1, "now"), (3, "later")] {
    ///     queue.put(item, None)?;
    /// }
    /// assert_eq!(queue.get(None)?.1, "now");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    PriorityQueue, Ordered<Heap<T>>, (T: Ord),
    ("" "# Panics" "If comparing items does. The queue is as it was before; an item that was to be put is dropped.")
}
