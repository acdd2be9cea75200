//! What happens beside when a panic ends a thread.

use super::thread_ref::ThreadRef;
use crate::error::PanicReport;
use crate::sync::{Mutex, contain, drop_contained, global};
use std::any::Any;
use std::sync::Arc;

/// What an [excepthook](set_excepthook) is told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ExceptHookArgs<'a> {
    /// The thread that ends; the hook runs on it.
    pub thread: &'a ThreadRef,
    /// Message, place, and backtrace where enabled.
    pub panic: &'a PanicReport,
    /// What was panicked with, where it is more than a text (`std::panic::panic_any`).
    pub payload: &'a (dyn Any + Send),
}

/// A function that is called when a panic ends a thread.
pub type ExceptHook = Arc<dyn Fn(&ExceptHookArgs<'_>) + Send + Sync>;

global! {
    static HOOK: Mutex<Option<ExceptHook>> = Mutex::new(None)
}

/// Has `hook` called, on the thread itself, whenever a panic has ended the function of a [`Thread`](super::Thread), and
/// before anybody can join it: to log it, to raise an alarm, to start another one. Panics that are caught before do not
/// count. There is one hook at a time.
///
/// As long as there is none nothing happens here, because the panic was printed when it began, with the thread's name,
/// by std's panic hook. So it is with a hook too: this one comes in addition. (Python's prints, and so takes over what
/// is printed; here that is `std::panic::set_hook`.) A panic in the hook is printed like any other, and goes no
/// further.
///
/// # Examples
/// ```
/// use concurrent_futures::threading::{Thread, set_excepthook, take_excepthook};
/// use std::sync::mpsc;
///
/// let (log, logged) = mpsc::channel();
/// set_excepthook(move |args| {
///     let _ = log.send(format!("{} died: {}", args.thread.name(), args.panic.message));
/// });
/// let thread = Thread::new(|| panic!("no input")).name("reader").start()?;
/// assert!(thread.join(None).is_err_and(|error| error.is_panicked()));
/// assert_eq!(logged.recv()?, "reader died: no input");
/// take_excepthook();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn set_excepthook(hook: impl Fn(&ExceptHookArgs<'_>) + Send + Sync + 'static) {
    let old = HOOK.lock().replace(Arc::new(hook));
    drop_contained(old);
}

/// Takes the hook away, so that there is none; for one that wants to call it, or put it back later.
pub fn take_excepthook() -> Option<ExceptHook> {
    HOOK.lock().take()
}

/// Tells the hook. Whatever it does, the thread goes on to its end.
pub(super) fn call(args: &ExceptHookArgs<'_>) {
    let hook = HOOK.lock().clone();
    if let Some(hook) = hook {
        let _ = contain(|| hook(args));
        drop_contained(hook);
    }
}
