//! From a job to a task and its future, on whatever engine: the one path that every submit takes.
#![expect(unsafe_code, reason = "makes both ends of a cell")]

use super::options::SubmitOptions;
use super::traits::Executor;
use crate::error::{RejectReason, Rejected, TaskError};
use crate::task::{self, CellRef, Extras, Future, PortableWork, Task, Work, expire_after, value};
use crate::wire::{CodeMap, Encoded, Job, Parcel, PortableJob};
use std::time::Duration;

/// A job, as what a cell can run.
pub(super) struct Submitted<J>(pub(super) J);

impl<J: Job> Work for Submitted<J> {
    type Output = J::Output;

    fn work(self) -> J::Output {
        self.0.run()
    }
}

impl<J: PortableJob> PortableWork for Submitted<J> {
    fn pack(&self, _code: &dyn CodeMap) -> Result<Parcel, TaskError> {
        let mut payload = Vec::new();
        self.0.encode(&mut payload).map_err(|error| TaskError::Codec(error.to_string().into()))?;
        Ok(Parcel { entry: self.0.entry(), payload, items: 1 })
    }

    fn unpack(encoded: Encoded) -> Result<J::Output, TaskError> {
        encoded.into_value()
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

/// A task for a job of any kind.
pub(super) fn make<J: Job>(job: J, extras: Option<Extras>) -> (Task, Future<J::Output>) {
    task::make(Submitted(job), extras)
}

/// A task for a job that can leave this process.
pub(super) fn make_portable<J: PortableJob>(job: J, extras: Option<Extras>) -> (Task, Future<J::Output>) {
    task::make_portable(Submitted(job), extras)
}

/// As [`submit_with`], for a future to be polled.
pub(super) fn spawn_with<F: std::future::Future>(
    engine: &dyn Engine,
    options: &SubmitOptions,
    future: F,
) -> Future<F::Output> {
    let (task, handle) = task::make_spawned(future, Some(options.extras()));
    submit_with(engine, options, (task, handle))
}

/// Gives a task to an engine; a rejection becomes the future's error.
pub(super) fn give<T>(engine: &dyn Engine, task: Task, future: Future<T>, wait: Option<Duration>) -> Future<T> {
    if let Err(Rejected { job, reason }) = engine.execute(task, wait) {
        job.fail(TaskError::Rejected(reason));
    }
    future
}

/// A new task, to an engine.
pub(super) fn submit<T>(engine: &dyn Engine, (task, future): (Task, Future<T>)) -> Future<T> {
    give(engine, task, future, None)
}

/// The same with options, which the task was made with.
pub(super) fn submit_with<T>(
    engine: &dyn Engine,
    options: &SubmitOptions,
    (task, future): (Task, Future<T>),
) -> Future<T> {
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
    (task, future): (Task, Future<J::Output>),
) -> Result<Future<J::Output>, Rejected<J>> {
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
