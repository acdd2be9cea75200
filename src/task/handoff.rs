//! A place for one task, filled by one thread, which any thread can empty.
#![expect(unsafe_code, reason = "a task is one pointer, kept in an atomic")]

use super::erased::Task;
use super::header::Header;
use crate::sync::{AtomicPtr, AtomicUsize, Ordering};
use std::ptr::NonNull;

/// See the [module](self).
pub(crate) struct Handoff {
    task: AtomicPtr<Header>,
    /// How many tasks were put in; may wrap. Written by whoever fills it only.
    puts: AtomicUsize,
    /// The same at the last look for what is stale that found something.
    seen: AtomicUsize,
}

impl Handoff {
    pub(crate) fn new() -> Self {
        Handoff { task: AtomicPtr::new(std::ptr::null_mut()), puts: AtomicUsize::new(0), seen: AtomicUsize::new(0) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        // ORDERING: Relaxed, as with a queue's length; the pool's fences order it against sleeping.
        self.task.load(Ordering::Relaxed).is_null()
    }

    /// Puts a task in, and gives back the one that it takes the place of.
    pub(crate) fn put(&self, task: Task) -> Option<Task> {
        // ORDERING: Relaxed: one writer, and readers want to know whether anything happens here.
        self.puts.store(self.puts().wrapping_add(1), Ordering::Relaxed);
        self.swap(task.into_raw().as_ptr())
    }

    /// How many tasks were put in so far.
    pub(crate) fn puts(&self) -> usize {
        // ORDERING: Relaxed, as in `put`.
        self.puts.load(Ordering::Relaxed)
    }

    /// Takes what was there at the last such look too, whoever looked. It is a guess: two who look one right after the other
    /// take a task a little early.
    pub(crate) fn take_stale(&self) -> Option<Task> {
        if self.is_empty() {
            return None;
        }
        let puts = self.puts();
        // ORDERING: Relaxed: a guess.
        if puts == self.seen.swap(puts, Ordering::Relaxed) { self.take() } else { None }
    }

    pub(crate) fn take(&self) -> Option<Task> {
        if self.is_empty() { None } else { self.swap(std::ptr::null_mut()) }
    }

    fn swap(&self, new: *mut Header) -> Option<Task> {
        // ORDERING: Release hands the task over, Acquire takes one over.
        let old = NonNull::new(self.task.swap(new, Ordering::AcqRel));
        // SAFETY: what is in there came by `into_raw`, and the swap took it out.
        old.map(|old| unsafe { Task::from_raw(old) })
    }
}

impl Drop for Handoff {
    fn drop(&mut self) {
        drop(self.take());
    }
}
