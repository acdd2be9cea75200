//! One thread sleeps until another says so.
//!
//! The flag is what counts; parking only saves the processor meanwhile. A wake-up that somebody else's code left
//! behind, or took away, on this thread is harmless for that reason.

use super::{AtomicBool, Deadline, Ordering, Thread};
use std::sync::Arc;

/// The sleeping side. One thread at a time may sleep on it.
#[derive(Debug)]
pub(crate) struct Parker {
    shared: Arc<Unparker>,
}

/// The waking side; any number of threads.
#[derive(Debug)]
pub(crate) struct Unparker {
    set: AtomicBool,
    thread: Thread,
}

impl Parker {
    /// For the calling thread.
    pub(crate) fn new() -> Self {
        Parker { shared: Arc::new(Unparker { set: AtomicBool::new(false), thread: Thread::current() }) }
    }

    pub(crate) fn unparker(&self) -> Arc<Unparker> {
        Arc::clone(&self.shared)
    }

    /// Sleeps until there was a wake-up since the last call, or the deadline passes. Says whether there was one.
    pub(crate) fn park_until(&self, deadline: Deadline) -> bool {
        let mut expired = false;
        loop {
            // ORDERING: Acquire pairs with the Release in `unpark`: what the waker did before is visible here.
            if self.shared.set.swap(false, Ordering::Acquire) {
                return true;
            }
            if expired {
                return false;
            }
            Thread::park_until(deadline);
            expired = deadline.is_past();
        }
    }
}

impl Unparker {
    pub(crate) fn unpark(&self) {
        // ORDERING: Release pairs with the Acquire in `park_until`.
        if !self.set.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}
