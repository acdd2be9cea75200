//! From a caught panic to a report: the message from its payload, place and backtrace from a hook.
//!
//! Only a panic hook is told where a panic happened. The crate adds one, once, in front of the one that is there; it
//! notes what it sees while a task runs, and then calls the other, so that what is printed does not change.

use super::frame;
use crate::error::{PanicReport, TaskError};
use crate::sync::Payload;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::PanicHookInfo;
use std::sync::{Arc, Once};

struct Noted {
    location: Option<String>,
    backtrace: Option<String>,
}

std::thread_local! {
    /// Whether there is something in `LAST`; apart from it, because looking at it costs nothing.
    static NOTED: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<Noted>> = const { RefCell::new(None) };
}

/// Puts the hook in place, if it is not.
pub(super) fn install_hook() {
    static INSTALLED: Once = Once::new();
    // Changing the hook from a panicking thread would panic; the next task tries again.
    // A model's panics happen outside of loom's threads too, where the frames cannot be looked at.
    if INSTALLED.is_completed() || std::thread::panicking() || cfg!(concurrent_futures_loom) {
        return;
    }
    INSTALLED.call_once(|| {
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            note(info);
            next(info);
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    if frame::is_empty() {
        return;
    }
    let backtrace = Backtrace::capture();
    let noted = Noted {
        location: info.location().map(ToString::to_string),
        backtrace: (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string()),
    };
    NOTED.with(|noted| noted.set(true));
    // A thread that is being torn down, or one that panics inside this very function, goes without.
    let _ = LAST.try_with(|last| last.try_borrow_mut().map(|mut last| last.replace(noted)));
}

/// A new task begins: a panic that the last one caught by itself is none of its own.
pub(super) fn forget_noted() {
    if NOTED.with(|noted| noted.replace(false)) {
        let _ = LAST.try_with(|last| last.try_borrow_mut().map(|mut last| last.take()));
    }
}

/// Turns a caught payload into the error of the task of that name. A payload whose own `Drop` panics does no harm.
pub(crate) fn report(payload: Payload, name: Option<&str>) -> TaskError {
    TaskError::Panicked(Arc::new(describe(&payload, name)))
}

/// What is known of the panic that was caught last on this thread.
pub(crate) fn describe(payload: &Payload, name: Option<&str>) -> PanicReport {
    let noted = LAST.try_with(|last| last.try_borrow_mut().ok().and_then(|mut last| last.take())).ok().flatten();
    let (location, backtrace) = noted.map_or((None, None), |noted| (noted.location, noted.backtrace));
    PanicReport { task: name.map(str::to_owned), message: payload.text(), location, backtrace }
}
