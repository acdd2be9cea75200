//! Sleeping on a word of memory, which may be shared with other processes.

use crate::sync::AtomicU32;
use rustix::io::Errno;
use rustix::thread::futex::{self, Flags};

/// Sleeps while the word has this value; may end early.
pub(in crate::ring) fn wait(word: &AtomicU32, value: u32) {
    match futex::wait(word, Flags::empty(), value, None) {
        Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
        // The kernel has no futexes for us; the caller asks again and again, and should not do so at full speed.
        Err(_) => rustix::thread::sched_yield(),
    }
}

/// Wakes one sleeper, if there is one.
pub(in crate::ring) fn wake(word: &AtomicU32) {
    // It fails only for a word that cannot be slept on either.
    let _ = futex::wake(word, Flags::empty(), 1);
}
