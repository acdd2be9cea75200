//! An item that was taken, and is not done yet.

use super::accounts::Accounts;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// An item that was got from a queue. When it is dropped, `task_done` is called, also when that is because of a panic:
/// so nobody waits in vain in `join`.
///
/// Python has no counterpart; a consumer that raises before its `task_done` keeps `join` waiting for ever there.
///
/// The item itself is dropped first, so what it holds is free when `join` returns.
///
/// # Examples
/// ```
/// use concurrent_futures::queue::Queue;
///
/// let queue = Queue::unbounded();
/// queue.put(vec![3, 1, 2], None)?;
/// let mut numbers = queue.get(None)?;
/// numbers.sort();
/// assert_eq!(*numbers, [1, 2, 3]);
/// assert_eq!(queue.unfinished(), 1);
/// drop(numbers);
/// assert_eq!(queue.unfinished(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it says that the item is done"]
pub struct Got<'q, T> {
    // In this order: the item is dropped before it is called done, and what comes after a panic in its drop is this.
    item: T,
    done: TaskDone<'q>,
}

/// Calls `task_done` when it is dropped.
struct TaskDone<'q>(&'q Accounts);

impl Drop for TaskDone<'_> {
    fn drop(&mut self) {
        // Somebody else may have called it for this item, by mistake, and was told nothing. There is nobody to tell here.
        let _ = self.0.finish(1);
    }
}

impl<'q, T> Got<'q, T> {
    pub(super) fn new(item: T, accounts: &'q Accounts) -> Self {
        Got { item, done: TaskDone(accounts) }
    }

    /// The item. It counts as done from here on.
    pub fn into_inner(self) -> T {
        drop(self.done);
        self.item
    }

    /// The item, which stays unfinished until somebody calls `task_done`, as in Python.
    pub fn detach(self) -> T {
        std::mem::forget(self.done);
        self.item
    }
}

impl<T> Deref for Got<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T> DerefMut for Got<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

impl<T: fmt::Debug> fmt::Debug for Got<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Got").field(&self.item).finish()
    }
}

impl<T: fmt::Display> fmt::Display for Got<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.item.fmt(f)
    }
}
