//! One thread sleeps until another says so.
//!
//! The flag is what counts; parking only saves the processor meanwhile. A wake-up that somebody else's code left
//! behind, or took away, on this thread is harmless for that reason.

use super::{AtomicBool, Deadline, Mutex, Ordering, Thread};
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
    /// Why the thread should sleep no longer although what it sleeps for has not come.
    refusal: Mutex<Option<Arc<str>>>,
}

impl Parker {
    /// For the calling thread.
    pub(crate) fn new() -> Self {
        Parker {
            shared: Arc::new(Unparker {
                set: AtomicBool::new(false),
                thread: Thread::current(),
                refusal: Mutex::new(None),
            }),
        }
    }

    pub(crate) fn unparker(&self) -> Arc<Unparker> {
        Arc::clone(&self.shared)
    }

    /// Why the sleep was refused, if it was.
    pub(crate) fn refusal(&self) -> Option<Arc<str>> {
        self.shared.refusal.lock().clone()
    }

    /// Whether there was a wake-up since the last call of [`park_until`](Self::park_until), which it leaves there.
    pub(crate) fn is_woken(&self) -> bool {
        // ORDERING: Relaxed, because `park_until` looks again.
        self.shared.set.load(Ordering::Relaxed)
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
    /// Wakes the thread and tells it why it would sleep for ever.
    pub(crate) fn refuse(&self, why: Arc<str>) {
        *self.refusal.lock() = Some(why);
        self.unpark();
    }

    pub(crate) fn unpark(&self) {
        // ORDERING: Release pairs with the Acquire in `park_until`.
        if !self.set.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}
