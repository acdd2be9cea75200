//! How much of a worker's stack is left.

use super::config::LEAST_STACK;
use crate::error::BuildError;
use crate::sync::{JoinHandle, spawn_thread};
use std::hint::black_box;

/// Where a thread's stack begins, and how long it is.
#[derive(Clone, Copy)]
pub(super) struct Stack {
    base: usize,
    size: usize,
}

/// What the task that runs on top may need, whatever the stack's size.
const RESERVE: usize = 256 * 1024;

impl Stack {
    /// For a thread that has just begun, on a stack of `size` bytes.
    pub(super) fn begin(size: usize) -> Self {
        Stack { base: here(), size }
    }

    /// Whether another task may run on top of what is there: more than 256 KiB and a quarter of it all are left.
    pub(super) fn has_room(self) -> bool {
        let used = self.base.abs_diff(here());
        self.size.saturating_sub(used) > RESERVE.max(self.size / 4)
    }
}

#[inline(never)]
fn here() -> usize {
    let marker = 0u8;
    black_box(&raw const marker).addr()
}

/// Whether the system gives a thread such a stack: tried once, since a pool starts its threads late.
///
/// # Errors
/// [`BuildError`] with the size and the system's reason, unless it refuses any thread at the moment.
pub(crate) fn probe_stack(size: usize) -> Result<(), BuildError> {
    let attempt = |size| spawn_thread("cf-probe".to_owned(), size, || {}).map(JoinHandle::join);
    match attempt(size) {
        Err(error) if attempt(LEAST_STACK).is_ok() => {
            Err(BuildError::new(format!("stack_size is {size} bytes: the system refuses a thread with it ({error})")))
        }
        _ => Ok(()),
    }
}
