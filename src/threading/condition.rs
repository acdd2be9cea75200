//! Waiting, with a lock let go of meanwhile, for something that changes under that lock.

use super::lock::LockGuard;
use crate::sync::{Deadline, Mutex, const_fn};
use crate::task::{Site, WaitList, Waiting};
use std::fmt;
use std::future::poll_fn;
use std::time::Duration;

/// Where threads and futures that hold a [`Lock`](super::Lock) wait until somebody says that something has changed.
///
/// Python's `Condition`, with the lock apart, so that one lock can have several of them (`not_empty`, `not_full`), and
/// so that waiting without the lock is impossible by type. [`wait_for`](Condition::wait_for) is what most code wants.
/// Who changes something notifies afterwards, with the lock or just after releasing it.
///
/// A notification goes to those who wait at that time, first come first served, and to exactly as many as were asked
/// for; one whose limit passes at that moment has got it. A future that is dropped with one, before it has the lock
/// again, passes it on to the next, who may have come later.
///
/// # Cancel safety
/// Dropping an async wait leaves the lock released.
///
/// # Examples
/// ```
/// use concurrent_futures::threading::{Condition, Lock, Thread};
/// use std::time::Duration;
///
/// static ITEMS: Lock<Vec<u32>> = Lock::new(Vec::new());
/// static NOT_EMPTY: Condition = Condition::new();
///
/// let consumer = Thread::new(|| {
///     let mut items = ITEMS.acquire(None).expect("no limit");
///     NOT_EMPTY.wait_for(&mut items, |items| !items.is_empty(), Duration::from_secs(30));
///     items.pop()
/// })
/// .start()?;
/// ITEMS.acquire(None)?.push(7);
/// NOT_EMPTY.notify(1);
/// assert_eq!(consumer.join(None)?, Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Condition {
    line: Mutex<WaitList>,
}

/// What they wait for is being chosen.
fn chosen(_line: &mut WaitList, chosen: bool) -> Option<()> {
    chosen.then_some(())
}

impl Condition {
    const_fn! {
        /// Nobody waits yet.
        pub fn new() -> Self {
            Condition { line: Mutex::new(WaitList::new()) }
        }
    }

    /// Releases the lock, waits for a notification, and takes the lock again, however long that takes. `false`: the
    /// limit came first. A worker of a pool lends its place while it waits.
    ///
    /// What was waited for need not be so when it returns: another thread may have been faster. Hence
    /// [`wait_for`](Condition::wait_for).
    pub fn wait<T: ?Sized>(&self, guard: &mut LockGuard<'_, T>, timeout: impl Into<Option<Duration>>) -> bool {
        self.wait_until(guard, Deadline::after(timeout.into()))
    }

    fn wait_until<T: ?Sized>(&self, guard: &mut LockGuard<'_, T>, deadline: Deadline) -> bool {
        let waiting = self.enlisted();
        guard.outside(|| waiting.block_until(deadline, chosen).is_some())
    }

    /// Waits until `predicate` is true, which is asked with the lock held: at once, and after each notification.
    /// `false`: the limit came first. The limit is for the whole wait.
    ///
    /// # Panics
    /// If `predicate` does; the lock is held then, and released with its guard.
    pub fn wait_for<T: ?Sized>(
        &self,
        guard: &mut LockGuard<'_, T>,
        mut predicate: impl FnMut(&mut T) -> bool,
        timeout: impl Into<Option<Duration>>,
    ) -> bool {
        let deadline = Deadline::after(timeout.into());
        loop {
            if predicate(guard) {
                return true;
            }
            if !self.wait_until(guard, deadline) {
                return predicate(guard);
            }
        }
    }

    /// As [`wait`](Condition::wait), without blocking the thread. The guard goes in and comes back, so that a wait that
    /// is dropped has released the lock.
    pub async fn wait_async<'a, T: ?Sized>(&self, guard: LockGuard<'a, T>) -> LockGuard<'a, T> {
        let mut waiting = self.enlisted();
        let lock = guard.unlock();
        poll_fn(|cx| waiting.poll(cx, chosen)).await;
        let pass_on = PassOn(self);
        let guard = lock.acquire_async().await;
        std::mem::forget(pass_on);
        guard
    }

    /// As [`wait_for`](Condition::wait_for), without blocking the thread.
    ///
    /// # Panics
    /// If `predicate` does.
    pub async fn wait_for_async<'a, T: ?Sized>(
        &self,
        mut guard: LockGuard<'a, T>,
        mut predicate: impl FnMut(&mut T) -> bool,
    ) -> LockGuard<'a, T> {
        while !predicate(&mut guard) {
            guard = self.wait_async(guard).await;
        }
        guard
    }

    /// Wakes so many of those who wait, or all if there are fewer.
    pub fn notify(&self, count: usize) {
        let wakes = self.line.lock().notify_many(count);
        wakes.wake();
    }

    /// Wakes all who wait.
    pub fn notify_all(&self) {
        let wakes = self.line.lock().notify_all();
        wakes.wake();
    }

    /// In the line before the lock is released: whoever changes something after that finds it there.
    fn enlisted(&self) -> Waiting<'_, WaitList> {
        let mut waiting = Waiting::new(Site::new(&self.line, |line| line));
        waiting.enlist(&mut self.line.lock());
        waiting
    }
}

/// Somebody was notified, and does not have the lock yet: if it goes away, another one is notified.
struct PassOn<'a>(&'a Condition);

impl Drop for PassOn<'_> {
    fn drop(&mut self) {
        self.0.notify(1);
    }
}

impl Default for Condition {
    fn default() -> Self {
        Condition::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("waiting", &self.line.lock().len()).finish()
    }
}
