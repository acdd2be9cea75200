//! The calling thread, known to itself: a thread-local that tells the registry when the thread is gone.

use super::registry;
use super::thread_ref::{Origin, ThreadRef};
use super::{ident, sys};
use crate::pool;
use crate::sync::thread_local;
use std::cell::RefCell;
use std::sync::Arc;

/// Leaves the registry with the thread.
struct Presence(ThreadRef);

impl Drop for Presence {
    fn drop(&mut self) {
        // A process that was forked off in the middle of what another thread did with the registry has it locked for
        // ever; and what is in there is not of this process.
        if registry::is_of_this_process() {
            registry::leave(self.0.ident());
        }
    }
}

thread_local! {
    static PRESENCE: RefCell<Option<Presence>> = RefCell::new(None)
}

/// The calling thread was started here, and has just begun. Thread-locals are dropped in the opposite order of their
/// making, so those that the thread makes from now on are gone when the registry hears of the end.
pub(super) fn begin(thread: &ThreadRef) {
    ident::adopt(thread.ident());
    sys::trim_own_name(thread.name());
    let presence = Presence(thread.clone());
    PRESENCE.with(|own| own.replace(Some(presence)));
    thread.begin(pool::thread_id());
}

/// The calling thread, also where it was not started here: then it is [listed](super::enumerate) from now on, until it
/// ends. It counts as a daemon, because the process does not wait for it.
///
/// # Examples
/// ```
/// use concurrent_futures::threading::{Thread, current};
///
/// let name = Thread::new(|| current().name().to_owned()).name("reader").start()?;
/// assert_eq!(name.join(None)?, "reader");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn current() -> ThreadRef {
    let known = PRESENCE.try_with(|own| own.borrow().as_ref().map(|presence| presence.0.clone()));
    match known {
        Ok(Some(thread)) => thread,
        Ok(None) => {
            let thread = find();
            let presence = Presence(thread.clone());
            PRESENCE.with(|own| own.replace(Some(presence)));
            thread
        }
        // So near its end that it cannot be listed any more.
        Err(_) => find_unlisted(),
    }
}

fn find() -> ThreadRef {
    if ident::current() == ident::MAIN {
        return registry::main_thread();
    }
    let thread = find_unlisted();
    registry::enter_found(&thread);
    thread
}

fn find_unlisted() -> ThreadRef {
    let ident = ident::current();
    let thread = std::thread::current();
    let name = thread.name().map_or_else(|| format!("Dummy-{ident}").into(), Arc::from);
    ThreadRef::found(ident, name, Origin::Foreign, pool::thread_id())
}

/// Whether the calling thread was started here, as a daemon: then so are the threads that it starts.
pub(super) fn is_within_daemon() -> bool {
    let daemon = |thread: &ThreadRef| thread.origin() == Origin::Started && thread.is_daemon();
    PRESENCE.try_with(|own| own.borrow().as_ref().is_some_and(|presence| daemon(&presence.0))).unwrap_or(false)
}
