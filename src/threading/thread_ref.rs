//! A thread, as everybody may know it: whatever it returns, and whoever started it.

use super::event::Event;
use super::{ident, registry};
use crate::error::TaskError;
use crate::sync::{AtomicBool, AtomicU64, Deadline, Ordering};
use crate::task::SharedFuture;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A thread: its names and numbers, whether it is alive, and its end.
///
/// What Python's `current_thread()` and `enumerate()` give. [`ThreadHandle`](super::ThreadHandle) is one that also has
/// the thread's result.
#[derive(Clone)]
pub struct ThreadRef {
    shared: Arc<Shared>,
}

struct Shared {
    ident: u64,
    name: Arc<str>,
    daemon: bool,
    origin: Origin,
    /// The system's number; 0 where it is not known.
    native_id: AtomicU64,
    /// The thread itself has begun to run, and so has said its number.
    begun: Event,
    /// Its function has ended, or never will.
    over: AtomicBool,
    /// The same, to be waited for as a task's end is, so that circles are found.
    end: Option<SharedFuture<()>>,
    /// Its thread-locals are gone too. All that is left is the system's.
    gone: Event,
}

/// Where a thread comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Runs `main`.
    Main,
    /// Started by [`Thread`](super::Thread).
    Started,
    /// Started by somebody else.
    Foreign,
}

impl ThreadRef {
    pub(super) fn started(ident: u64, name: Arc<str>, daemon: bool, end: SharedFuture<()>) -> Self {
        Self::new(ident, name, daemon, Origin::Started, Some(end))
    }

    /// For the main thread, and for those that somebody else has started, which are running.
    pub(super) fn found(ident: u64, name: Arc<str>, origin: Origin, native_id: Option<u64>) -> Self {
        let found = Self::new(ident, name, origin == Origin::Foreign, origin, None);
        found.begin(native_id);
        found
    }

    fn new(ident: u64, name: Arc<str>, daemon: bool, origin: Origin, end: Option<SharedFuture<()>>) -> Self {
        let shared = Shared {
            ident,
            name,
            daemon,
            origin,
            native_id: AtomicU64::new(0),
            begun: Event::new(),
            over: AtomicBool::new(false),
            end,
            gone: Event::new(),
        };
        ThreadRef { shared: Arc::new(shared) }
    }

    /// The thread's name: the one that it was given, or `Thread-N`. The system shows the first 15 bytes of it.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// A number that no other thread of this process has, or will have. (Python's may be used again.)
    pub fn ident(&self) -> u64 {
        self.shared.ident
    }

    /// The system's number of the thread, as `top -H` shows it; used again after its end. Waits for the moment until a
    /// thread that was just started has begun to run. `None` where the system does not tell (everywhere but on Linux).
    pub fn native_id(&self) -> Option<u64> {
        self.shared.begun.wait(None);
        // ORDERING: Relaxed, it was stored before `begun` was set.
        Some(self.shared.native_id.load(Ordering::Relaxed)).filter(|number| *number != 0)
    }

    /// Whether the process may end without it. Threads of somebody else's are all like that.
    pub fn is_daemon(&self) -> bool {
        self.shared.daemon
    }

    /// Whether its function still runs, or is about to.
    pub fn is_alive(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `set_over`: who sees its end sees what it did.
        !self.shared.over.load(Ordering::Acquire)
    }

    /// Waits for the thread's end: its function's, and that of its thread-locals. Any number of threads may do that,
    /// any number of times. A worker of a pool lends its place meanwhile.
    ///
    /// It is fine whatever the thread came to: [`ThreadHandle::join`](super::ThreadHandle::join) tells that. The main
    /// thread, and a thread that calls `std::process::exit`, have come to their end when the process begins to end. For
    /// threads of somebody else's (Python refuses those) it is when their thread-locals are being dropped.
    ///
    /// # Errors
    /// [`TaskError::TimedOut`] if the limit came first. [`TaskError::Deadlock`] where it would wait for itself, for a
    /// thread that waits for it, or, in the last steps of the process, for a thread that those do not wait for.
    pub fn join(&self, timeout: impl Into<Option<Duration>>) -> Result<(), TaskError> {
        self.join_until(Deadline::after(timeout.into()))
    }

    pub(super) fn join_until(&self, deadline: Deadline) -> Result<(), TaskError> {
        if let Some(why) = self.never_ends_for_caller() {
            return Err(TaskError::Deadlock(why));
        }
        if let Some(end) = &self.shared.end {
            end.result_until(deadline)?;
        }
        if self.shared.gone.wait_until(deadline) { Ok(()) } else { Err(TaskError::TimedOut) }
    }

    /// Also where the wait has a limit: it would only be slower.
    fn never_ends_for_caller(&self) -> Option<Arc<str>> {
        if self.shared.ident == ident::current() {
            return Some(format!("thread `{}` waits for its own end", self.name()).into());
        }
        // Those that were waited for are over by then; of the others, and of `main`, nobody knows.
        (self.is_alive() && registry::is_ending_here()).then(|| {
            let name = self.name();
            format!("the process ends, and does not wait for thread `{name}`, which still runs: join it earlier").into()
        })
    }

    pub(super) fn origin(&self) -> Origin {
        self.shared.origin
    }

    /// The native number if the thread has begun to run; does not wait.
    pub(super) fn native_id_so_far(&self) -> Option<u64> {
        if self.shared.begun.is_set() { self.native_id() } else { None }
    }

    /// Called by the thread itself, or for one that is known to run.
    pub(super) fn begin(&self, native_id: Option<u64>) {
        // ORDERING: Relaxed, `begun` publishes it.
        self.shared.native_id.store(native_id.unwrap_or(0), Ordering::Relaxed);
        self.shared.begun.set();
    }

    pub(super) fn set_over(&self) {
        // ORDERING: Release pairs with the Acquire in `is_alive`.
        self.shared.over.store(true, Ordering::Release);
    }

    pub(super) fn set_gone(&self) {
        self.set_over();
        // It may have been started, and never have begun.
        self.shared.begun.set();
        self.shared.gone.set();
    }
}

impl PartialEq for ThreadRef {
    fn eq(&self, other: &Self) -> bool {
        self.shared.ident == other.shared.ident
    }
}

impl Eq for ThreadRef {}

impl std::hash::Hash for ThreadRef {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.shared.ident.hash(state);
    }
}

impl fmt::Debug for ThreadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("ThreadRef");
        text.field("name", &self.name()).field("ident", &self.ident());
        if self.is_daemon() {
            text.field("daemon", &true);
        }
        text.field("state", &format_args!("{}", if self.is_alive() { "started" } else { "stopped" })).finish()
    }
}
