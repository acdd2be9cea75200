//! A place for one task, which any thread can empty.
#![expect(unsafe_code, reason = "a task is one pointer, kept in an atomic")]

use super::erased::Task;
use super::header::Header;
use crate::sync::{AtomicPtr, Ordering};
use std::ptr::NonNull;

/// See the [module](self).
pub(crate) struct Handoff(AtomicPtr<Header>);

impl Handoff {
    pub(crate) fn new() -> Self {
        Handoff(AtomicPtr::new(std::ptr::null_mut()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        // ORDERING: Relaxed, as with a queue's length; the pool's fences order it against sleeping.
        self.0.load(Ordering::Relaxed).is_null()
    }

    /// Puts a task in, and gives back the one that it takes the place of.
    pub(crate) fn put(&self, task: Task) -> Option<Task> {
        self.swap(task.into_raw().as_ptr())
    }

    pub(crate) fn take(&self) -> Option<Task> {
        if self.is_empty() { None } else { self.swap(std::ptr::null_mut()) }
    }

    fn swap(&self, new: *mut Header) -> Option<Task> {
        // ORDERING: Release hands the task over, Acquire takes one over.
        let old = NonNull::new(self.0.swap(new, Ordering::AcqRel));
        // SAFETY: what is in there came by `into_raw`, and the swap took it out.
        old.map(|old| unsafe { Task::from_raw(old) })
    }
}

impl Drop for Handoff {
    fn drop(&mut self) {
        drop(self.take());
    }
}
