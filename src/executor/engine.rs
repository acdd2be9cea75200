//! From a job to a task and its future, on whatever engine: the one path that every submit takes.
#![expect(unsafe_code, reason = "makes both ends of a cell")]

use super::options::SubmitOptions;
use super::traits::Executor;
use crate::error::{RejectReason, Rejected, TaskError};
use crate::task::{self, CellRef, Extras, Future, NewCell, Task, Work, expire_after, value};
use crate::wire::Job;
use std::ptr::NonNull;
use std::time::Duration;

/// A job, as what a cell can run.
pub(super) struct Submitted<J>(pub(super) J);

impl<J: Job> Work for Submitted<J> {
    type Output = J::Output;

    fn work(self) -> J::Output {
        self.0.run()
    }
}

/// Something that takes tasks, seen from a map or a scope: an executor, by reference or by handle.
pub(super) trait Engine: Send + Sync {
    /// As [`Executor::execute`].
    fn execute(&self, task: Task, wait: Option<Duration>) -> Result<(), Rejected<Task>>;

    fn max_workers(&self) -> usize;

    fn help(&self) -> bool;

    /// What every task of this engine carries.
    fn extras(&self) -> Option<Extras> {
        None
    }
}

/// Any executor as an [`Engine`], whether or not its size is known.
pub(super) struct By<'e, E: ?Sized>(pub(super) &'e E);

impl<E: Executor + ?Sized> Engine for By<'_, E> {
    fn execute(&self, task: Task, wait: Option<Duration>) -> Result<(), Rejected<Task>> {
        self.0.execute(task, wait)
    }

    fn max_workers(&self) -> usize {
        self.0.max_workers()
    }

    fn help(&self) -> bool {
        self.0.help()
    }
}

/// Both ends of a new cell with two references.
///
/// # Safety
/// The cell's value is a `T`, and it was made with two references that nobody else uses.
pub(super) unsafe fn ends<T>(cell: NonNull<task::Header>) -> (Task, Future<T>) {
    // SAFETY: one of the two references is the task's.
    let task = unsafe { CellRef::from_owned(cell) };
    // SAFETY: the other is the future's, and the value is a `T` by the contract.
    let future = unsafe { Future::from_owned(cell) };
    (Task::new(task), future)
}

/// A task and its future, with room for what only some tasks carry.
pub(super) fn make<W: Work>(work: W, extras: Option<Extras>, portable: bool) -> (Task, Future<W::Output>) {
    let new = NewCell::pending().portable(portable);
    let cell = match extras {
        None => new.with_work(work),
        Some(extras) => new.attach(extras).with_work(work),
    };
    // SAFETY: `pending` makes two references, and the value is the work's output.
    unsafe { ends(cell) }
}

/// A task that polls a future, and the handle for its outcome.
pub(super) fn make_spawned<F: std::future::Future>(future: F, extras: Option<Extras>) -> (Task, Future<F::Output>) {
    let cell = task::cell_for(future, extras);
    // SAFETY: `cell_for` makes two references, and the value is the future's output.
    unsafe { ends(cell) }
}

/// As [`submit_with`], for a future to be polled.
pub(super) fn spawn_with<F: std::future::Future>(
    engine: &dyn Engine,
    options: &SubmitOptions,
    future: F,
) -> Future<F::Output> {
    let (task, handle) = make_spawned(future, Some(options.extras()));
    arm(options, &task);
    give(engine, task, handle, options.room_timeout)
}

/// Gives a task to an engine; a rejection becomes the future's error.
pub(super) fn give<T>(engine: &dyn Engine, task: Task, future: Future<T>, wait: Option<Duration>) -> Future<T> {
    if let Err(Rejected { job, reason }) = engine.execute(task, wait) {
        job.fail(TaskError::Rejected(reason));
    }
    future
}

pub(super) fn submit<J: Job>(engine: &dyn Engine, job: J, portable: bool) -> Future<J::Output> {
    let (task, future) = make(Submitted(job), None, portable);
    give(engine, task, future, None)
}

pub(super) fn submit_with<J: Job>(
    engine: &dyn Engine,
    options: &SubmitOptions,
    job: J,
    portable: bool,
) -> Future<J::Output> {
    let (task, future) = make(Submitted(job), Some(options.extras()), portable);
    arm(options, &task);
    give(engine, task, future, options.room_timeout)
}

/// Fails the task when it has been queued for too long.
fn arm(options: &SubmitOptions, task: &Task) {
    if let (Some(limit), Some(extras)) = (options.queue_timeout, task.header().extras()) {
        extras.arm(expire_after(limit, CellRef::to(task.header())));
    }
}

/// As [`submit`], without waiting for room, and with the job back where it was not taken.
pub(super) fn try_submit<J: Job, E: Executor + ?Sized>(
    executor: &E,
    job: J,
    portable: bool,
) -> Result<Future<J::Output>, Rejected<J>> {
    let (task, future) = make(Submitted(job), None, portable);
    let Err(Rejected { job: returned, reason }) = executor.try_execute(task) else {
        return Ok(future);
    };
    match take_back::<J>(returned, &future) {
        Some(job) => Err(Rejected { job, reason }),
        // The engine returned another task, or has let this one be begun meanwhile: its future tells how it ended.
        None => Ok(future),
    }
}

/// Takes the job out of a task that was not begun, if it is the future's.
fn take_back<J: Job>(returned: Task, future: &Future<J::Output>) -> Option<J> {
    if !std::ptr::eq(returned.header(), future.header()) {
        return None;
    }
    let begun = returned.begin()?;
    // SAFETY: the task is the future's own, whose job is a `Submitted<J>`, and beginning it made this caller its
    // runner; the slot is filled again below.
    let Submitted(job) = unsafe { value::take_job::<Submitted<J>>(begun.header()) };
    begun.fail_taken(TaskError::Rejected(RejectReason::ShutDown));
    Some(job)
}
