//! Which thread this is: a number that no other thread of the process ever has.
//!
//! A system's own numbers are used again, and a `ThreadId` of std's cannot be known of a thread that has not said it.

use super::sys;
use crate::sync::{AtomicU64, Ordering, global, thread_local};
use std::cell::Cell;

/// The main thread's, also before it has asked for it.
pub(super) const MAIN: u64 = 1;

global! {
    static LAST: AtomicU64 = AtomicU64::new(MAIN)
}

thread_local! {
    // Without a destructor, so that it can be asked until the very end of a thread. 0: not asked for yet.
    static OWN: Cell<u64> = Cell::new(0)
}

/// The calling thread's.
pub(super) fn current() -> u64 {
    OWN.with(|own| {
        if own.get() == 0 {
            own.set(if sys::is_main_thread() { MAIN } else { next() });
        }
        own.get()
    })
}

/// For a thread that is about to be started.
pub(super) fn next() -> u64 {
    // ORDERING: Relaxed, only the number itself matters. Counted up for every thread of a process, it does not wrap.
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// The calling thread has just begun, and was given this number before.
pub(super) fn adopt(ident: u64) {
    OWN.with(|own| own.set(ident));
}
