//! Tasks whose jobs have left this process, and the engine that has them.
//!
//! From the moment in which its job is packed, such a task's word says `RUNNING`: its engine owns the slot, and ends
//! the task. Whether a worker has begun it is known to the engine alone, so it is asked: by `running`, by `cancel`, by a
//! limit on the time in the queue. Until the engine has it, they leave word ([`Packing`]).
//!
//! In a copy of this process, made by a fork, such a task never ends: it is *lost* there, and everybody who asks is told
//! so as if it had failed.
#![expect(unsafe_code, reason = "uses the slot by the access rules of the state word")]

use super::cell::value;
use super::erased::Begun;
use super::extras::{Attached, Extras};
use super::future::CancelOutcome;
use super::header::{CellRef, Header};
use super::run::{self, Runner};
use crate::error::TaskError;
use crate::state::{Ending, Fate, Left, Packing, Snapshot};
use crate::sync::{AtomicU64, Ordering};
use crate::wire::{CodeMap, Encoded, Parcel};
use std::ops::Deref;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// An engine that runs tasks elsewhere. Called on any thread, outside of every lock.
pub(crate) trait Remote: Send + Sync {
    /// As `Future::cancel`, for a task that this engine has: ends it if no worker has begun it. `None`: that has
    /// happened before.
    fn cancel(&self, task: &Header) -> Option<bool>;

    /// It has waited for as long as it may: ends it if no worker has begun it.
    fn expire(&self, task: &Header);

    /// Whether a worker has begun it.
    fn is_running(&self, task: &Header) -> bool;

    /// Tells the worker that the task should stop.
    fn request_cancel(&self, task: &Header);

    /// Somebody is about to sleep until it ends. If that promises to be soon, looks out for it for a moment.
    fn watch(&self, task: &Header);

    /// From now on somebody waits for it, by a waker or a callback or asleep.
    fn expect(&self, task: &Header);

    /// Why nothing will ever come of its tasks in the calling process, if that is so.
    fn lost(&self) -> Option<TaskError>;

    /// Ends the worker that runs it.
    fn kill(&self, task: &Header, grace: Duration) -> CancelOutcome;
}

/// What a task has that can leave this process.
pub(crate) struct Travel {
    engine: OnceLock<Weak<dyn Remote>>,
    /// Where the engine finds it; 0 until then. Changed under the engine's lock.
    ticket: AtomicU64,
    packing: Packing,
}

/// The part behind the slot of such a task's cell.
pub(crate) struct Luggage<X> {
    travel: Travel,
    extras: X,
}

impl<X> Luggage<X> {
    pub(crate) fn new(extras: X) -> Self {
        let travel = Travel { engine: OnceLock::new(), ticket: AtomicU64::new(0), packing: Packing::new() };
        Luggage { travel, extras }
    }
}

impl<X: Attached> Attached for Luggage<X> {
    fn extras(&self) -> Option<&Extras> {
        self.extras.extras()
    }

    fn travel(&self) -> Option<&Travel> {
        Some(&self.travel)
    }
}

/// The engine that has the task, or packs it, if it has left this process and the engine is still there.
pub(super) fn engine(task: &Header) -> Option<Arc<dyn Remote>> {
    task.travel()?.engine.get()?.upgrade()
}

/// Whether the task has left this process, or may do so at any time.
pub(super) fn may_travel(task: &Header) -> bool {
    task.resolve().travel().is_some()
}

/// Before a thread sleeps until the task ends.
pub(super) fn watch(task: &Header) {
    if let Some(engine) = engine(task) {
        engine.watch(task);
    }
}

/// After a waiter was added to a task that was like this `before`: its engine is told, if it is the first.
#[inline]
pub(super) fn expect_first(task: &Header, before: Snapshot) {
    if !before.has_waiters() {
        let task = task.resolve();
        if let Some(engine) = engine(task) {
            engine.expect(task);
        }
    }
}

/// Why the task will never end in this process, if that is so. Takes no lock.
pub(super) fn lost(task: &Header) -> Option<TaskError> {
    let task = task.resolve();
    engine(task)?.lost().filter(|_| !task.snapshot().is_terminal())
}

/// Whether the task is that of another process, of which this one is a copy, and has left it; whether or not it has ended.
/// Its lock may be held here, or its list of waiters taken, by a thread that is not there. Takes no lock.
pub(super) fn is_elsewhere(task: &Header) -> bool {
    engine(task.resolve()).is_some_and(|engine| engine.lost().is_some())
}

/// A task that its engine has, or is about to have, has waited for as long as it may.
pub(super) fn expire(task: &Header) {
    let Some(travel) = task.travel() else { return };
    if let (Left::Taken, Some(engine)) = (travel.packing.leave(Fate::Late), engine(task)) {
        engine.expire(task);
    }
}

/// As `Future::cancel`, of one that has begun. `None`: it was cancelled before.
pub(super) fn cancel(task: &Header, engine: &dyn Remote) -> Option<bool> {
    let lost = || engine.lost().is_some();
    match task.travel().map(|travel| travel.packing.leave(Fate::Cancelled)) {
        None | Some(Left::Taken) => engine.cancel(task),
        Some(Left::Now) => Some(!lost()),
        Some(Left::Before(Fate::Cancelled)) if !lost() => None,
        Some(Left::Before(_)) => Some(false),
    }
}

/// A task whose job was packed: the right to end it, and the duty.
#[must_use]
pub(crate) struct Packed {
    /// `None` only while it is being consumed.
    task: Option<CellRef>,
}

impl Packed {
    /// Packs a task that the caller has begun. `None`: its job cannot be packed, and its future has the reason.
    pub(crate) fn new(begun: Begun, engine: Weak<dyn Remote>, code: &dyn CodeMap) -> Option<(Packed, Parcel)> {
        let task = begun.header().clone();
        let (Some(travel), Some(pack)) = (task.travel(), task.vtable().pack) else {
            begun.fail(TaskError::Rejected(crate::error::RejectReason::NotPortable));
            return None;
        };
        // Not before it was begun: whoever sees the engine may rely on it that this is the one who has begun it.
        let _ = travel.engine.set(engine);
        // SAFETY: the task was begun, so the caller owns the slot, which holds the job (access rule 2).
        let parcel = unsafe { pack(task.pointer(), code) };
        let packed = Packed { task: Some(begun.into_ref()) };
        match parcel {
            Ok(parcel) => Some((packed, parcel)),
            Err(error) => {
                packed.fail(error, &run::Anybody);
                None
            }
        }
    }

    fn take(mut self) -> CellRef {
        match self.task.take() {
            Some(task) => {
                if let Some(extras) = task.extras() {
                    extras.disarm();
                }
                task
            }
            None => unreachable!("only what consumes it empties it"),
        }
    }

    /// Where the engine finds it; to be called under the engine's lock.
    ///
    /// # Errors
    /// What it is to [meet](Self::meet) instead.
    pub(crate) fn set_ticket(&self, ticket: u64) -> Result<(), Fate> {
        let Some(travel) = self.travel() else { return Ok(()) };
        // ORDERING: Relaxed: it is changed and read under the engine's lock.
        travel.ticket.store(ticket, Ordering::Relaxed);
        travel.packing.take()
    }

    /// Ends it as somebody wanted while it was being packed.
    pub(crate) fn meet(self, fate: Fate, runner: &impl Runner) {
        match fate {
            Fate::Late => self.end(TaskError::DeadlineExceeded, runner),
            Fate::Cancelled => self.cancel(runner),
        }
    }

    /// How long it may run.
    pub(crate) fn run_limit(&self) -> Option<Duration> {
        self.extras().and_then(|extras| extras.run_limit)
    }

    /// How often it may be run again after the death of its worker.
    pub(crate) fn retries(&self) -> u32 {
        self.extras().map_or(0, |extras| extras.retries)
    }

    /// Ends it with what came back. `runner` is told of what happens.
    pub(crate) fn arrived(self, encoded: Encoded, runner: &impl Runner) {
        let task = self.take();
        // SAFETY: the job has left the slot, which is this side's (access rule 2).
        unsafe { value::write(&task, Box::new(encoded)) };
        run::finish_on(task, Ending::Encoded, runner);
    }

    /// Fails it, unless somebody has left another fate while it was being packed.
    pub(crate) fn fail(self, error: TaskError, runner: &impl Runner) {
        match self.travel().map_or(Ok(()), |travel| travel.packing.take()) {
            Ok(()) => self.end(error, runner),
            Err(fate) => self.meet(fate, runner),
        }
    }

    fn end(self, error: TaskError, runner: &impl Runner) {
        let task = self.take();
        // SAFETY: as above.
        unsafe { value::write_error(&task, error) };
        run::finish_on(task, Ending::Error, runner);
    }

    pub(crate) fn cancel(self, runner: &impl Runner) {
        run::cancel_owned(self.take(), runner);
    }
}

impl Deref for Packed {
    type Target = Header;

    fn deref(&self) -> &Header {
        match &self.task {
            Some(task) => task,
            None => unreachable!("only what consumes it empties it"),
        }
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            Packed { task: Some(task) }.fail(TaskError::Abandoned, &run::Anybody);
        }
    }
}

/// Where the engine finds it, 0 if it has not got it yet; to be called under the engine's lock.
pub(crate) fn ticket(task: &Header) -> u64 {
    // ORDERING: Relaxed, as above.
    task.travel().map_or(0, |travel| travel.ticket.load(Ordering::Relaxed))
}
