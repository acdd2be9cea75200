//! Cells under loom, where each has memory of its own: the steps of slabs in every model would multiply what is explored,
//! and show nothing of the rest. They have models for themselves.
#![expect(unsafe_code, reason = "memory that is freed by hand")]

use crate::sync::drop_contained;
use std::ptr::NonNull;

/// Finds memory for a value.
pub(crate) fn place<T>(value: T) -> NonNull<T> {
    NonNull::from(Box::leak(Box::new(value)))
}

/// Drops a value, and frees its memory.
///
/// # Safety
/// It was placed, and nobody else uses it.
pub(crate) unsafe fn remove<T>(value: NonNull<T>) {
    // SAFETY: by the contract.
    drop_contained(unsafe { Box::from_raw(value.as_ptr()) });
}
