//! A lock for critical sections of a few instructions, in which nothing foreign is called and nothing waits. (Now and then
//! a buffer grows under it; so who waits for it gives way, and then naps.)
//!
//! It is let go of by a plain store, where a lock that can put threads to sleep needs a second read-modify-write; in the
//! queues that is a third of what an item costs. Who finds it taken stands by.
#![expect(unsafe_code, reason = "a lock is what makes a shared cell safe to write")]

use super::{Access, AtomicBool, Ordering, const_fn, stand_by};
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};

/// See [the module](self).
pub(crate) struct Latch<T> {
    taken: AtomicBool,
    access: Access,
    /// Touched by whoever has set `taken`, until it is cleared.
    value: UnsafeCell<T>,
}

// SAFETY: a reference to the latch gives access to the value to one thread at a time, so the value need only be able to
// be used by different threads in turn.
unsafe impl<T: Send> Sync for Latch<T> {}

// No foreign code runs while it is taken, so no panic leaves the value half changed.
impl<T> UnwindSafe for Latch<T> {}
impl<T> RefUnwindSafe for Latch<T> {}

impl<T> Latch<T> {
    const_fn! {
        pub(crate) fn new(value: T) -> Self {
            Latch { taken: AtomicBool::new(false), access: Access::new(), value: UnsafeCell::new(value) }
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> LatchGuard<'_, T> {
        if !self.take() {
            self.wait();
        }
        LatchGuard(self, PhantomData)
    }

    /// For who has something else to do where it is not free.
    #[inline]
    pub(crate) fn try_lock(&self) -> Option<LatchGuard<'_, T>> {
        self.take().then(|| LatchGuard(self, PhantomData))
    }

    #[inline]
    fn take(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in the guard's drop; a failure reads nothing that matters.
        self.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    fn wait(&self) {
        let mut round = 0;
        loop {
            stand_by(&mut round);
            // ORDERING: Relaxed only spares the others the bus; `take` decides. (Under loom a load may see an old value for
            // ever, so there it is alone.)
            let free = cfg!(concurrent_futures_loom) || !self.taken.load(Ordering::Relaxed);
            if free && self.take() {
                return;
            }
        }
    }
}

impl<T> fmt::Debug for Latch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latch").finish_non_exhaustive()
    }
}

/// The latch is taken for as long as this lives.
///
/// It stays on its thread, and is not shared either: the latch asks of the value only that it can be moved.
pub(crate) struct LatchGuard<'a, T>(&'a Latch<T>, PhantomData<*const ()>);

impl<T> Deref for LatchGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard's thread has set `taken`, so nobody else refers to the value.
        self.0.access.shared(|| unsafe { &*self.0.value.get() })
    }
}

impl<T> DerefMut for LatchGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed mutably for as long as the reference lives.
        self.0.access.exclusive(|| unsafe { &mut *self.0.value.get() })
    }
}

impl<T> Drop for LatchGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // ORDERING: Release pairs with the Acquire in `take`: what was done under the latch comes before the next one.
        self.0.taken.store(false, Ordering::Release);
    }
}
