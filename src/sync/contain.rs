//! Running code that is not ours where its panic can do no harm.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a panic left. However it is let go of, no second panic comes of it.
///
/// A payload may panic in its own `Drop`; the payload of *that* panic is leaked, because nothing says that its `Drop`
/// would behave better.
pub(crate) struct Payload(Option<Box<dyn Any + Send>>);

impl Payload {
    pub(crate) fn get(&self) -> Option<&(dyn Any + Send)> {
        self.0.as_deref()
    }

    /// What it says.
    pub(crate) fn text(&self) -> String {
        let text = self.get().and_then(|payload| {
            let literal = payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
            literal.or_else(|| payload.downcast_ref::<String>().cloned())
        });
        text.unwrap_or_else(|| "a payload that is no text".to_owned())
    }

    /// Lets the panic go on.
    pub(crate) fn resume(mut self) -> ! {
        // It is there until this, or the drop.
        std::panic::resume_unwind(self.0.take().unwrap_or_else(|| Box::new(())))
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        let payload = self.0.take();
        if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
            std::mem::forget(second);
        }
    }
}

/// Runs foreign code and hands its panic back as a value.
///
/// `AssertUnwindSafe` is right here because callers own what they pass in, and where they look at it afterwards they have
/// left it whole before each call of foreign code.
pub(crate) fn contain<R>(f: impl FnOnce() -> R) -> Result<R, Payload> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Payload(Some(payload)))
}

/// Drops a foreign value; a panic in its `Drop` ends here.
pub(crate) fn drop_contained<T>(value: T) {
    // To enter such a place costs as much as to decode a number.
    if std::mem::needs_drop::<T>() {
        let _ = contain(move || drop(value));
    }
}
