//! A lock that can be waited for with a limit, and awaited.
#![expect(unsafe_code, reason = "lends what it guards to whoever holds the one permit")]

use super::error::TimedOut;
use super::permits::Permits;
use crate::sync::{Access, Deadline, const_fn};
use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// Python's `Lock`, around what it guards: one at a time, and whoever comes in second waits.
///
/// std's `Mutex` is smaller and faster, and is the one to use where nobody waits with a limit, awaits, or blocks a
/// pool's worker. This one can do these, and a [`Condition`](super::Condition) goes with it. It is not poisoned by a
/// panic: what it guards stays as it was left. It is not reentrant ([`RLock`](super::RLock) is).
///
/// # Cancel safety
/// Dropping an [`acquire_async`](Lock::acquire_async) gives up the place in the line.
///
/// # Examples
/// ```
/// use concurrent_futures::threading::Lock;
/// use std::time::Duration;
///
/// let numbers = Lock::new(vec![1]);
/// numbers.acquire(None)?.push(2);
/// let held = numbers.acquire(None)?;
/// assert!(numbers.try_acquire().is_none());
/// assert!(numbers.acquire(Duration::from_millis(1)).is_err());
/// assert_eq!(*held, [1, 2]);
/// # Ok::<(), concurrent_futures::threading::TimedOut>(())
/// ```
pub struct Lock<T: ?Sized> {
    /// One, or none while it is held.
    permit: Permits,
    access: Access,
    /// Touched only by who holds the permit.
    value: UnsafeCell<T>,
}

// SAFETY: as for any lock, the value is reached by one thread at a time, so it only has to bear being moved.
unsafe impl<T: ?Sized + Send> Send for Lock<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    const_fn! {
        /// Around a value; nobody holds it.
        pub fn new(value: T) -> Self {
            Lock { permit: Permits::new(1), access: Access::new(), value: UnsafeCell::new(value) }
        }
    }

    /// The value, when nobody can hold the lock any more.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Lock<T> {
    /// Waits until nobody else holds it. A worker of a pool lends its place while it waits.
    ///
    /// # Errors
    /// [`TimedOut`] if the limit came first.
    pub fn acquire(&self, timeout: impl Into<Option<Duration>>) -> Result<LockGuard<'_, T>, TimedOut> {
        let taken = self.permit.take_until(Deadline::after(timeout.into()));
        if taken { Ok(LockGuard { lock: self }) } else { Err(TimedOut) }
    }

    /// Takes it if nobody holds it.
    pub fn try_acquire(&self) -> Option<LockGuard<'_, T>> {
        // Not before it is known: a guard that is made releases.
        self.permit.try_take().then(|| LockGuard { lock: self })
    }

    /// Waits until nobody else holds it, without blocking the thread. The guard may be kept over an await.
    pub async fn acquire_async(&self) -> LockGuard<'_, T> {
        self.permit.take().await;
        LockGuard { lock: self }
    }

    /// Whether somebody holds it.
    pub fn locked(&self) -> bool {
        self.permit.free() == 0
    }

    /// The value, which nobody else can reach meanwhile.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Lock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Lock");
        match self.try_acquire() {
            Some(value) => text.field("value", &&*value),
            None => text.field("value", &format_args!("<locked>")),
        };
        text.finish()
    }
}

/// Lends what a [`Lock`] guards; dropping it releases the lock.
#[must_use = "a guard that is not kept releases the lock at once"]
pub struct LockGuard<'a, T: ?Sized> {
    /// Its permit is this guard's.
    lock: &'a Lock<T>,
}

// SAFETY: it lends `&T`, so it may be shared where `T` may. (That it is Send where `T` is follows from the lock.)
unsafe impl<T: ?Sized + Sync> Sync for LockGuard<'_, T> {}

impl<T: ?Sized> LockGuard<'_, T> {
    /// Lets others in, runs `f`, and waits until this one is in again.
    pub(super) fn outside<R>(&mut self, f: impl FnOnce() -> R) -> R {
        /// Takes the permit back also on unwinding, because the guard will release it.
        struct Back<'a>(&'a Permits);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.0.take_until(Deadline::NEVER);
            }
        }
        let back = Back(&self.lock.permit);
        release(back.0);
        f()
    }
}

impl<'a, T: ?Sized> LockGuard<'a, T> {
    /// Releases it, and says which lock it was.
    pub(super) fn unlock(self) -> &'a Lock<T> {
        self.lock
    }
}

fn release(permit: &Permits) {
    let released = permit.put(1, 1);
    debug_assert!(released.is_ok(), "only the holder of the one permit releases it");
}

impl<T: ?Sized> Drop for LockGuard<'_, T> {
    fn drop(&mut self) {
        release(&self.lock.permit);
    }
}

impl<T: ?Sized> Deref for LockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard has the one permit, and lends itself as shared for as long.
        self.lock.access.shared(|| unsafe { &*self.lock.value.get() })
    }
}

impl<T: ?Sized> DerefMut for LockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard has the one permit, and lends itself exclusively for as long.
        self.lock.access.exclusive(|| unsafe { &mut *self.lock.value.get() })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for LockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
