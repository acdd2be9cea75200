//! Semaphores: so many may be inside at once.

use super::error::{TimedOut, TooManyReleases};
use super::permits::Permits;
use crate::sync::{Deadline, const_fn};
use std::fmt;
use std::time::Duration;

/// A number of permits: who acquires one while there is none waits until somebody releases one.
///
/// Python's, but that acquiring lends a guard, which releases when it is dropped, on unwinding too. Releasing by hand,
/// also more than was acquired, is [`release`](Semaphore::release); a guard that should not release is
/// [forgotten](Permit::forget). Those who wait are woken in the order in which they came.
///
/// # Cancel safety
/// Dropping an [`acquire_async`](Semaphore::acquire_async) gives up the place in the line, and passes on a permit that
/// was meant for it.
///
/// # Examples
/// ```
/// use concurrent_futures::threading::Semaphore;
/// use std::time::Duration;
///
/// let seats = Semaphore::new(2);
/// let first = seats.acquire(None)?;
/// let second = seats.try_acquire().expect("there are two");
/// assert!(seats.acquire(Duration::from_millis(1)).is_err());
/// drop(first);
/// assert!(seats.try_acquire().is_some());
/// # drop(second);
/// # Ok::<(), concurrent_futures::threading::TimedOut>(())
/// ```
pub struct Semaphore {
    permits: Permits,
}

impl Semaphore {
    const_fn! {
        /// With so many permits; none is fine, they may come by [`release`](Semaphore::release).
        pub fn new(value: usize) -> Self {
            Semaphore { permits: Permits::new(value) }
        }
    }

    /// Takes a permit, and waits for one if need be. A worker of a pool lends its place while it waits.
    ///
    /// # Errors
    /// [`TimedOut`] if the limit came first.
    pub fn acquire(&self, timeout: impl Into<Option<Duration>>) -> Result<Permit<'_>, TimedOut> {
        Permit::of(&self.permits, usize::MAX, timeout.into())
    }

    /// Takes a permit if there is one.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        Permit::now(&self.permits, usize::MAX)
    }

    /// Takes a permit, and waits for one without blocking the thread.
    pub async fn acquire_async(&self) -> Permit<'_> {
        Permit::awaited(&self.permits, usize::MAX).await
    }

    /// Adds so many permits, whether or not they were acquired before, and wakes as many who wait.
    ///
    /// # Panics
    /// If there were more than `usize::MAX` of them.
    #[track_caller]
    pub fn release(&self, count: usize) {
        if let Err(free) = self.permits.put(count, usize::MAX) {
            panic!("a semaphore cannot hold {free} + {count} permits");
        }
    }

    /// How many permits there are now.
    pub fn available(&self) -> usize {
        self.permits.free()
    }
}

/// As in Python: one permit.
impl Default for Semaphore {
    fn default() -> Self {
        Semaphore::new(1)
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("available", &self.available()).finish()
    }
}

/// A [`Semaphore`] that never has more permits than it began with: releasing more than was acquired is an error.
///
/// # Examples
/// ```
/// use concurrent_futures::threading::BoundedSemaphore;
///
/// let seats = BoundedSemaphore::new(1);
/// seats.acquire(None)?.forget(); // to be released by hand, perhaps by somebody else
/// seats.release(1)?;
/// assert!(seats.release(1).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BoundedSemaphore {
    permits: Permits,
    bound: usize,
}

impl BoundedSemaphore {
    const_fn! {
        /// With so many permits, and never more.
        pub fn new(value: usize) -> Self {
            BoundedSemaphore { permits: Permits::new(value), bound: value }
        }
    }

    /// As [`Semaphore::acquire`].
    ///
    /// # Errors
    /// [`TimedOut`] if the limit came first.
    pub fn acquire(&self, timeout: impl Into<Option<Duration>>) -> Result<Permit<'_>, TimedOut> {
        Permit::of(&self.permits, self.bound, timeout.into())
    }

    /// As [`Semaphore::try_acquire`].
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        Permit::now(&self.permits, self.bound)
    }

    /// As [`Semaphore::acquire_async`].
    pub async fn acquire_async(&self) -> Permit<'_> {
        Permit::awaited(&self.permits, self.bound).await
    }

    /// Gives so many permits back, and wakes as many who wait.
    ///
    /// # Errors
    /// [`TooManyReleases`] if so many were not acquired; then none is given back.
    pub fn release(&self, count: usize) -> Result<(), TooManyReleases> {
        let too_many = |free| TooManyReleases { released: count, acquired: self.bound - free };
        self.permits.put(count, self.bound).map_err(too_many)
    }

    /// How many permits there are now.
    pub fn available(&self) -> usize {
        self.permits.free()
    }
}

/// As in Python: one permit.
impl Default for BoundedSemaphore {
    fn default() -> Self {
        BoundedSemaphore::new(1)
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("BoundedSemaphore");
        text.field("available", &self.available()).field("bound", &self.bound).finish()
    }
}

/// A permit of a [`Semaphore`] or [`BoundedSemaphore`], given back when this is dropped.
#[must_use = "a permit that is not kept is given back at once; `forget` keeps it taken"]
pub struct Permit<'a> {
    permits: &'a Permits,
    most: usize,
}

impl<'a> Permit<'a> {
    fn of(permits: &'a Permits, most: usize, timeout: Option<Duration>) -> Result<Self, TimedOut> {
        let taken = permits.take_until(Deadline::after(timeout));
        if taken { Ok(Permit { permits, most }) } else { Err(TimedOut) }
    }

    fn now(permits: &'a Permits, most: usize) -> Option<Self> {
        // Not before it is known: a permit that is made is given back.
        permits.try_take().then(|| Permit { permits, most })
    }

    async fn awaited(permits: &'a Permits, most: usize) -> Self {
        permits.take().await;
        Permit { permits, most }
    }

    /// Keeps it taken: somebody will call `release` for it.
    pub fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // Where it was released by hand too, there is nothing left to give back.
        let _ = self.permits.put(1, self.most);
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
