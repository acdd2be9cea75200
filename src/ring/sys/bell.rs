//! An event descriptor: rung by any process that has it, and polled together with others.

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, read, write};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Closed on exec, and never waited for by reading or writing.
pub(crate) fn create() -> io::Result<OwnedFd> {
    Ok(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)
}

/// Makes it readable.
pub(crate) fn ring(bell: impl AsFd) {
    // Refused only where it could not be more readable than it is.
    while write(&bell, &1u64.to_ne_bytes()) == Err(Errno::INTR) {}
}

/// Makes it not readable, until the next ring.
pub(crate) fn silence(bell: impl AsFd) {
    while read(&bell, &mut [0; 8]) == Err(Errno::INTR) {}
}
