//! The executor's end of a task.
#![expect(unsafe_code, reason = "fills the slot by the access rules")]

use super::header::{CellRef, Header};
use super::run;
use super::run_here::run_here;
use super::spawned::Spawned;
use crate::error::TaskError;
use crate::state::Begin;
use std::fmt;
use std::ptr::NonNull;

/// A job on its way to be run, whatever its type: what an [`Executor`](crate::Executor) gets.
///
/// One pointer. Run it, on whatever thread, or drop it, which ends its future as
/// [`Abandoned`](TaskError::Abandoned); a task that is neither run nor dropped leaves its future pending.
#[must_use = "a dropped task ends its future as Abandoned"]
pub struct Task {
    /// `None` only while it is being consumed.
    task: Option<CellRef>,
}

impl Task {
    pub(crate) fn new(task: CellRef) -> Self {
        Task { task: Some(task) }
    }

    pub(crate) fn header(&self) -> &Header {
        match &self.task {
            Some(task) => task,
            None => unreachable!("only what consumes the task empties it"),
        }
    }

    /// The reference, without a count of it, for [`from_raw`](Self::from_raw).
    pub(super) fn into_raw(self) -> NonNull<Header> {
        self.into_ref().into_raw()
    }

    /// # Safety
    /// `task` came from [`into_raw`](Self::into_raw), and is used once.
    pub(super) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        // SAFETY: by the contract.
        Task::new(unsafe { CellRef::from_owned(task) })
    }

    fn into_ref(mut self) -> CellRef {
        match self.task.take() {
            Some(task) => task,
            None => unreachable!("only what consumes the task empties it"),
        }
    }

    /// Runs the job on this thread, unless it was cancelled, and ends its future. Never unwinds: a panic in the job is
    /// the future's error.
    ///
    /// Where the job is itself a future ([`Scope::spawn`](crate::Scope::spawn)), it is polled until it is ready, and
    /// this thread sleeps while it waits.
    pub fn run(self) {
        if let Some(begun) = self.begin() {
            if begun.header().is_future() { run_here(begun) } else { begun.run(&run::Anybody) }
        }
    }

    /// The decision to run it, apart from doing so. `None`: it was cancelled, or somebody else was first.
    pub(crate) fn begin(self) -> Option<Begun> {
        Begun::of(self.into_ref())
    }

    /// Ends the future with an error, if nobody has begun the job.
    pub(crate) fn fail(self, error: TaskError) {
        if let Some(begun) = self.begin() {
            begun.fail(error);
        }
    }

    /// Lets go of what is left of a task in a queue after it has gone another way. Unlike a drop this ends nothing: a
    /// future may be under way, and be queued again.
    pub(crate) fn discard(self) {
        drop(self.into_ref());
    }

    /// Cancels the job, as its future's `cancel` would: for an engine that shuts down with tasks in its queue. `false`:
    /// it was cancelled, begun or failed before.
    pub fn cancel(self) -> bool {
        run::try_cancel(&self.into_ref()) == Some(true)
    }

    /// The name that [`SubmitOptions::name`](crate::SubmitOptions::name) gave it.
    pub fn name(&self) -> Option<&str> {
        self.header().name()
    }

    /// Whether the job could leave this process.
    pub fn is_portable(&self) -> bool {
        self.header().is_portable()
    }

    /// Whether its future was cancelled; then there is nothing left to run.
    pub fn is_cancelled(&self) -> bool {
        self.header().snapshot().is_cancelled()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(begun) = self.task.take().and_then(Begun::of) {
            begun.fail(TaskError::Abandoned);
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::future::debug(self.header(), "Task", f)
    }
}

/// A task that the holder has begun, or a future that it has resumed, and is to run.
#[must_use]
pub(crate) struct Begun {
    task: CellRef,
    resumed: bool,
}

impl Begun {
    /// Begins a task by any reference to it, or resumes a future that was woken, if nobody else has.
    pub(crate) fn of(task: CellRef) -> Option<Begun> {
        match task.life.begin() {
            Begin::Begun => Some(Begun { task, resumed: false }),
            Begin::Gone if task.is_future() && task.spawned().is_some_and(Spawned::resume) => {
                Some(Begun { task, resumed: true })
            }
            Begin::Gone => None,
        }
    }

    /// Resumes a future that waits to be woken: a poll out of turn.
    pub(crate) fn of_suspended(task: CellRef) -> Option<Begun> {
        let resumed = task.snapshot().is_running() && task.spawned().is_some_and(Spawned::resume_idle);
        resumed.then_some(Begun { task, resumed })
    }

    pub(crate) fn header(&self) -> &CellRef {
        &self.task
    }

    pub(super) fn into_ref(self) -> CellRef {
        self.task
    }

    /// It has been run before, and no longer counts among what the queue was given.
    pub(crate) fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Runs it. `runner` is told of what happens: see [`run::Runner`].
    pub(crate) fn run(self, runner: &impl run::Runner) {
        if self.resumed { run::run_resumed(self.task, runner) } else { run::run_begun(self.task, runner) }
    }

    /// The same where the job has left the slot.
    pub(crate) fn fail_taken(self, error: TaskError) {
        // SAFETY: the task was begun by whoever made this, and the job has left the slot.
        unsafe { super::cell::value::write_error(&self.task, error) };
        run::finish(self.task, true);
    }

    /// Ends the future with an error instead.
    pub(crate) fn fail(self, error: TaskError) {
        run::fail_begun(self.task, error);
    }
}
