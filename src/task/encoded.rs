//! Values that came from another process as bytes. Whoever wants one first decodes it, so that a slow or failing
//! decoder costs those who wait for that value, and nobody else.
#![expect(unsafe_code, reason = "uses the slot by the access rules of the state word")]

use super::cell::value;
use super::frame::{self, Role};
use super::header::{CellRef, Header};
use super::panic;
use super::run;
use crate::error::TaskError;
use crate::state::Borrow;
use crate::sync::{contain, drop_contained};
use crate::wire::Encoded;

/// Sees to it that the task's outcome is decoded, if there is one. `false`: another thread is at it.
pub(super) fn decode(task: &Header) -> bool {
    while task.snapshot().is_encoded() {
        match task.life.borrow() {
            Borrow::Held => {
                let task = CellRef::to(task);
                decode_held(&task);
                run::release_access(&task);
            }
            // Its own decoder asks for the value: there is none to be had here, nor will there be one by waiting.
            Borrow::Busy => return frame::holds(task, Role::Notifying),
            Borrow::Pending => return true,
        }
    }
    true
}

/// The same by the holder of `ACCESS`, who keeps it.
pub(super) fn decode_held(task: &CellRef) {
    if !task.snapshot().is_encoded() {
        return;
    }
    let Some(decode) = task.vtable().decode else { unreachable!("only what has a decoder comes as bytes") };
    // SAFETY: ACCESS is held, and ENCODED says that the slot holds bytes (access rule 4); they are read once.
    let encoded = *unsafe { value::read::<Box<Encoded>>(task) };
    panic::forget_noted();
    let decoded = frame::within(task, Role::Notifying, || {
        // The slot is empty, and nobody else looks at it until ENCODED goes.
        // SAFETY: the pointer is this cell's own, whose type the vtable belongs to.
        contain(|| unsafe { decode(task.pointer(), encoded) })
    });
    let outcome = decoded.unwrap_or_else(|payload| {
        Err(TaskError::Codec(format!("decoding the result panicked: {}", payload.text()).into()))
    });
    let failed = outcome.is_err();
    if let Err(error) = outcome {
        // SAFETY: the decoder has left the slot empty.
        unsafe { value::write_error(task, error) };
    }
    task.life.decoded(failed);
}

/// Drops bytes that nobody wants.
pub(super) fn discard(task: &Header) {
    // SAFETY: the caller owns the value (access rule 4, or 5), which is still in bytes.
    drop_contained(unsafe { value::read::<Box<Encoded>>(task) });
}
