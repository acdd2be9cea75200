//! Running code that is not ours where its panic can do no harm.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs foreign code and hands its panic back as a value.
///
/// `AssertUnwindSafe` is right here because nothing that the closure may have left half done is looked at afterwards:
/// callers own what they pass in.
pub(crate) fn contain<R>(f: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Drops a foreign value; a panic in its `Drop` ends here. Says whether there was one.
pub(crate) fn drop_contained<T>(value: T) -> bool {
    match contain(move || drop(value)) {
        Ok(()) => false,
        Err(payload) => {
            discard(payload);
            true
        }
    }
}

/// Drops a panic's payload. A payload may panic in its own `Drop`; the payload of *that* panic is leaked, because
/// nothing says that its `Drop` would behave better.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = contain(move || drop(payload)) {
        std::mem::forget(second);
    }
}
