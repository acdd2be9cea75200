//! The executor's end of a task.
#![expect(unsafe_code, reason = "fills the slot by the access rules")]

use super::header::{CellRef, Header};
use super::run;
use crate::error::TaskError;
use crate::state::Begin;
use std::fmt;

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

    fn into_ref(mut self) -> CellRef {
        match self.task.take() {
            Some(task) => task,
            None => unreachable!("only what consumes the task empties it"),
        }
    }

    /// Runs the job on this thread, unless it was cancelled, and ends its future. Never unwinds: a panic in the job is
    /// the future's error.
    pub fn run(self) {
        if let Some(begun) = self.begin() {
            begun.run(&());
        }
    }

    /// The decision to run it, apart from doing so. `None`: it was cancelled, or somebody else was first.
    pub(crate) fn begin(self) -> Option<Begun> {
        Begun::of(self.into_ref())
    }

    /// Ends the future with an error, if nobody has begun the job.
    pub(crate) fn fail(self, error: TaskError) {
        run::fail_pending(self.into_ref(), error);
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
        if let Some(task) = self.task.take() {
            run::fail_pending(task, TaskError::Abandoned);
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::future::debug(self.header(), "Task", f)
    }
}

/// A task that the holder has begun and is to run.
#[must_use]
pub(crate) struct Begun(CellRef);

impl Begun {
    /// Begins a task by any reference to it, if nobody else has.
    pub(crate) fn of(task: CellRef) -> Option<Begun> {
        match task.life.begin() {
            Begin::Begun => Some(Begun(task)),
            Begin::Gone => None,
        }
    }

    pub(crate) fn header(&self) -> &CellRef {
        &self.0
    }

    /// Runs it. `idle` is told when the thread is about to have nothing left to do: see [`run::Idle`].
    pub(crate) fn run(self, idle: &impl run::Idle) {
        run::run_begun(self.0, idle);
    }

    /// The same where the job has left the slot.
    pub(crate) fn fail_taken(self, error: TaskError) {
        // SAFETY: the task was begun by whoever made this, and the job has left the slot.
        unsafe { super::cell::value::write_error(&self.0, error) };
        run::finish(self.0, true);
    }

    /// Ends the future with an error instead.
    pub(crate) fn fail(self, error: TaskError) {
        run::fail_begun(self.0, error);
    }
}
