//! Which threads there are, and which of them the end of the process has to wait for.
//!
//! A thread that is started is entered before it exists, so nobody can miss it. It is *listed* until its function has
//! ended, before anybody can hear of that; it stays *open*, if it is no daemon, until its thread-locals are gone. Both
//! are told by the thread itself: the first at the end of its function, the second from the thread-local that it made
//! before all others, and that is therefore dropped after them.
//!
//! The end of the process (`exit`) waits until no thread is open but the one that ends it, and in the same moment closes
//! the door: from then on no thread can be started.

use super::exit;
use super::ident;
use super::sys;
use super::thread_ref::{Origin, ThreadRef};
use crate::sync::{AtomicU64, Condvar, Deadline, Mutex, MutexGuard, Ordering, global};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// What a thread leaves behind that never comes to the end of its function.
pub(super) trait Unfinished: Send + Sync {
    /// Tells whoever waits for it; does nothing where it has finished.
    fn abandon(&self);
}

struct Entry {
    thread: ThreadRef,
    unfinished: Option<Arc<dyn Unfinished>>,
    listed: bool,
}

impl Entry {
    /// Whether the end of the process waits for it.
    fn is_open(&self) -> bool {
        self.thread.origin() == Origin::Started && !self.thread.is_daemon()
    }
}

struct Registry {
    threads: BTreeMap<u64, Entry>,
    /// How many are open.
    open: usize,
    /// The exit handler is in place.
    awaited: bool,
    /// The thread that ends the process.
    ended_by: Option<u64>,
    /// The main thread has left; whoever asks for it from then on learns that it is over.
    main_is_over: bool,
    closed: bool,
}

global! {
    static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
        threads: BTreeMap::new(),
        open: 0,
        awaited: false,
        ended_by: None,
        main_is_over: false,
        closed: false,
    })
}
// The process that the registry is of: one that was forked off has none of its threads.
global! {
    static PROCESS: AtomicU64 = AtomicU64::new(0)
}
// Fewer are open.
global! {
    static FEWER: Condvar = Condvar::new()
}

/// The lock, over what is true of this process.
fn registry() -> MutexGuard<'static, Registry> {
    let mut registry = REGISTRY.lock();
    if !is_of_this_process() {
        // ORDERING: Relaxed. It is changed under the lock, by the only thread of a new process.
        PROCESS.store(std::process::id().into(), Ordering::Relaxed);
        // Not dropped: what is in it belongs to threads that are not here.
        std::mem::forget(std::mem::take(&mut registry.threads));
        registry.open = 0;
        registry.ended_by = None;
        registry.main_is_over = false;
        registry.closed = false;
    }
    registry
}

/// Whether anything was entered since this process began, or was forked off. Takes no lock: a forked process may have a
/// copy of it that nobody will release.
pub(super) fn is_of_this_process() -> bool {
    // ORDERING: Relaxed, see `registry`.
    PROCESS.load(Ordering::Relaxed) == u64::from(std::process::id())
}

/// Enters a thread that is about to be started.
///
/// # Errors
/// The process has ended but for its last steps, or has no memory for an exit handler.
pub(super) fn enter(thread: &ThreadRef, unfinished: Arc<dyn Unfinished>) -> io::Result<()> {
    let mut registry = registry();
    if registry.closed {
        let name = thread.name();
        return Err(io::Error::other(format!("thread `{name}` cannot be started any more: the process is ending")));
    }
    let entry = Entry { thread: thread.clone(), unfinished: Some(unfinished), listed: true };
    if entry.is_open() {
        if !registry.awaited {
            sys::at_exit(exit::wait_for_threads)?;
            registry.awaited = true;
        }
        registry.open += 1;
    }
    registry.threads.insert(thread.ident(), entry);
    Ok(())
}

/// Enters a thread that runs already.
pub(super) fn enter_found(thread: &ThreadRef) {
    let entry = Entry { thread: thread.clone(), unfinished: None, listed: true };
    registry().threads.insert(thread.ident(), entry);
}

/// The thread's function has ended; nobody has heard of it yet.
pub(super) fn unlist(thread: &ThreadRef) {
    if let Some(entry) = registry().threads.get_mut(&thread.ident()) {
        entry.listed = false;
    }
    thread.set_over();
}

/// The thread is gone, or will never do anything again, or could not be started. Whatever of it was to be waited for
/// is over.
pub(super) fn leave(ident: u64) {
    let entry = {
        let mut registry = registry();
        registry.main_is_over |= ident == ident::MAIN;
        registry.threads.remove(&ident)
    };
    let Some(entry) = entry else { return };
    entry.thread.set_over();
    if let Some(unfinished) = &entry.unfinished {
        unfinished.abandon();
    }
    entry.thread.set_gone();
    if entry.is_open() {
        registry().open -= 1;
        FEWER.notify_all();
    }
}

/// All who are alive: the main thread, those that were started here, and those that have asked who they are.
pub fn enumerate() -> Vec<ThreadRef> {
    let main = main_thread();
    let registry = registry();
    let listed = registry.threads.values().filter(|entry| entry.listed && entry.thread != main);
    let others = listed.map(|entry| entry.thread.clone());
    std::iter::once(main.clone()).filter(ThreadRef::is_alive).chain(others).collect()
}

/// How many [`enumerate`] would list.
pub fn active_count() -> usize {
    enumerate().len()
}

/// The thread that runs `main`, also when it has not asked who it is.
pub fn main_thread() -> ThreadRef {
    let mut registry = registry();
    let native_id = (cfg!(target_os = "linux") && !cfg!(miri)).then(|| std::process::id().into());
    let is_over = registry.main_is_over;
    let entry = || {
        let thread = ThreadRef::found(ident::MAIN, Arc::from("main"), Origin::Main, native_id);
        if is_over {
            // Nobody has seen this one, so there is nobody to be woken.
            thread.set_gone();
        }
        Entry { thread, unfinished: None, listed: true }
    };
    registry.threads.entry(ident::MAIN).or_insert_with(entry).thread.clone()
}

/// Whether the calling thread ends the process, and waits for nobody any more.
pub(super) fn is_ending_here() -> bool {
    let registry = registry();
    registry.closed && registry.ended_by == Some(ident::current())
}

/// The calling thread begins to end the process.
pub(super) fn end_by(ident: u64) {
    registry().ended_by = Some(ident);
}

/// Waits until none is open, and closes the door.
///
/// # Errors
/// If some are still open when the deadline comes: all threads that are known.
pub(super) fn close_until(deadline: Deadline) -> Result<(), Vec<ThreadRef>> {
    let mut registry = registry();
    loop {
        if registry.open == 0 {
            registry.closed = true;
            return Ok(());
        }
        if deadline.is_past() {
            return Err(registry.threads.values().map(|entry| entry.thread.clone()).collect());
        }
        registry = FEWER.wait_until(registry, deadline);
    }
}
