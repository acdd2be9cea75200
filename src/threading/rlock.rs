//! A lock that its owner may take again.
#![expect(unsafe_code, reason = "may be shared, although its depth is a plain cell, which only the owner touches")]

use super::error::TimedOut;
use super::ident;
use super::permits::Permits;
use crate::sync::{AtomicU64, Deadline, Ordering, const_fn};
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

/// Python's `RLock`, around what it guards: a thread that holds it may take it again, and releases it as often.
///
/// Because it can be held twice at once, it lends `&T`; a `RefCell` inside makes that writable. It belongs to a thread,
/// so it cannot be awaited, and its guards stay on their thread. A task that a worker runs in place, while another task
/// waits for it on the same thread, is on that thread too: it gets in.
///
/// # Examples
/// ```
/// use concurrent_futures::threading::RLock;
/// use std::cell::RefCell;
///
/// let log = RLock::new(RefCell::new(Vec::new()));
/// let outer = log.acquire(None)?;
/// let inner = log.acquire(None)?; // the same thread: no deadlock
/// inner.borrow_mut().push("twice");
/// drop(inner);
/// assert_eq!(*outer.borrow(), ["twice"]);
/// # Ok::<(), concurrent_futures::threading::TimedOut>(())
/// ```
pub struct RLock<T: ?Sized> {
    permit: Permits,
    /// The number of the thread that has the permit; 0 where nobody has.
    owner: AtomicU64,
    /// How often the owner has it. Touched only by the owner.
    depth: Cell<usize>,
    value: T,
}

// SAFETY: `depth` and `value` are reached by the owner alone, one thread at a time, so they only have to bear being
// moved from thread to thread.
unsafe impl<T: ?Sized + Send> Sync for RLock<T> {}

impl<T> RLock<T> {
    const_fn! {
        /// Around a value; nobody holds it.
        pub fn new(value: T) -> Self {
            RLock { permit: Permits::new(1), owner: AtomicU64::new(0), depth: Cell::new(0), value }
        }
    }

    /// The value, when nobody can hold the lock any more.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: ?Sized> RLock<T> {
    /// Takes it at once if this thread has it, else waits until nobody has. A worker of a pool lends its place while it
    /// waits.
    ///
    /// # Errors
    /// [`TimedOut`] if the limit came first.
    pub fn acquire(&self, timeout: impl Into<Option<Duration>>) -> Result<RLockGuard<'_, T>, TimedOut> {
        let taken = self.is_owned() || self.permit.take_until(Deadline::after(timeout.into()));
        if taken { Ok(self.enter()) } else { Err(TimedOut) }
    }

    /// Takes it if this thread has it already, or nobody has.
    pub fn try_acquire(&self) -> Option<RLockGuard<'_, T>> {
        let taken = self.is_owned() || self.permit.try_take();
        taken.then(|| self.enter())
    }

    /// Whether the calling thread has it.
    pub fn is_owned(&self) -> bool {
        // ORDERING: Relaxed. Only this thread ever stores its own number, and takes it away again; whatever else is
        // seen here is the number of another one.
        self.owner.load(Ordering::Relaxed) == ident::current()
    }

    /// Whether any thread has it.
    pub fn locked(&self) -> bool {
        self.permit.free() == 0
    }

    /// How often the calling thread has it.
    pub fn depth(&self) -> usize {
        if self.is_owned() { self.depth.get() } else { 0 }
    }

    /// The calling thread has the permit.
    fn enter(&self) -> RLockGuard<'_, T> {
        // ORDERING: Relaxed, see `is_owned`; what the lock guards is handed on by the permit.
        self.owner.store(ident::current(), Ordering::Relaxed);
        self.depth.set(self.depth.get() + 1);
        RLockGuard { lock: self, _of_this_thread: PhantomData }
    }
}

impl<T: Default> Default for RLock<T> {
    fn default() -> Self {
        RLock::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for RLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("RLock");
        text.field("locked", &self.locked()).field("depth", &self.depth()).finish_non_exhaustive()
    }
}

/// Lends what an [`RLock`] guards; the lock is released when the last guard of its owner is dropped.
#[must_use = "a guard that is not kept releases the lock at once"]
pub struct RLockGuard<'a, T: ?Sized> {
    lock: &'a RLock<T>,
    _of_this_thread: PhantomData<*const ()>,
}

// SAFETY: it lends `&T`, so it may be shared where `T` may; only its drop looks at the depth, on its own thread.
unsafe impl<T: ?Sized + Sync> Sync for RLockGuard<'_, T> {}

impl<T: ?Sized> Drop for RLockGuard<'_, T> {
    fn drop(&mut self) {
        let left = self.lock.depth.get() - 1;
        self.lock.depth.set(left);
        if left == 0 {
            // ORDERING: Relaxed, see `is_owned`.
            self.lock.owner.store(0, Ordering::Relaxed);
            let released = self.lock.permit.put(1, 1);
            debug_assert!(released.is_ok(), "only the owner releases");
        }
    }
}

impl<T: ?Sized> Deref for RLockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.lock.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RLockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
