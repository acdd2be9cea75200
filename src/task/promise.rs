//! The completing end of a future that has no job.
#![expect(unsafe_code, reason = "fills the slot by the access rules")]

use super::cell::{NewCell, value};
use super::extras::{Attached, Extras};
use super::frame::{self, Role};
use super::future::Future;
use super::header::CellRef;
use super::panic;
use super::run;
use crate::error::TaskError;
use crate::state::Begin;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// The side that completes a future by hand: for engines, bridges to callback APIs, and tests.
///
/// Dropped without having completed it, the future ends as [`TaskError::Abandoned`]; nobody waits for ever. Python sets
/// results on the future itself, and raises if that happens twice; here the promise is used up by it.
#[must_use = "a dropped promise ends its future as Abandoned"]
pub struct Promise<T> {
    /// `None` once it was completed.
    task: Option<CellRef>,
    /// Whether this side owns the slot already.
    begun: bool,
    _value: PhantomData<T>,
}

/// A future and the side that completes it.
///
/// # Examples
/// ```
/// let (promise, future) = concurrent_futures::promise();
/// std::thread::spawn(move || promise.set_result(7));
/// assert_eq!(future.result(None)?, 7);
/// # Ok::<(), concurrent_futures::TaskError>(())
/// ```
pub fn promise<T: Send + 'static>() -> (Promise<T>, Future<T>) {
    pair(NewCell::pending())
}

/// With a name, for messages.
pub(crate) fn named_promise<T: Send + 'static>(name: Arc<str>) -> (Promise<T>, Future<T>) {
    pair(NewCell::pending().attach(Extras::new(Some(name), None)))
}

fn pair<T: Send + 'static>(new: NewCell<impl Attached>) -> (Promise<T>, Future<T>) {
    let cell = new.empty::<T>();
    // SAFETY: one of the two references is the promise's.
    let task = unsafe { CellRef::from_owned(cell) };
    // SAFETY: the other is the future's, and the value is a `T`.
    let future = unsafe { Future::from_owned(cell) };
    (Promise { task: Some(task), begun: false, _value: PhantomData }, future)
}

impl<T: Send + 'static> Promise<T> {
    /// Marks the future as running, so that `cancel` refuses from now on. `false`: it was cancelled before.
    pub fn set_running(&mut self) -> bool {
        if !self.begun {
            self.begun = self.task.as_ref().is_some_and(|task| task.life.begin() == Begin::Begun);
        }
        self.begun
    }

    /// Completes the future with a value.
    ///
    /// # Errors
    /// The value, if the future was cancelled.
    pub fn set_result(mut self, value: T) -> Result<(), T> {
        if !self.set_running() {
            return Err(value);
        }
        if let Some(task) = self.task.take() {
            // SAFETY: `begun` says that this side owns the slot, and the value is a `T`.
            unsafe { value::write(&task, value) };
            run::finish(task, false);
        }
        Ok(())
    }

    /// Completes the future with an error. `false`: it was cancelled before.
    ///
    /// The future's error is [`TaskError::Failed`] with `error` in it, or `error` itself if that is a [`TaskError`]
    /// that tells how a task ended. One that tells of a wait ([`TimedOut`](TaskError::TimedOut),
    /// [`ResultTaken`](TaskError::ResultTaken), [`Deadlock`](TaskError::Deadlock)) becomes the cause of a `Failed`, so
    /// that it is not taken for that of a wait for this future.
    pub fn set_exception(mut self, error: impl Into<Box<dyn Error + Send + Sync>>) -> bool {
        let error = match error.into().downcast::<TaskError>() {
            Ok(error) if error.is_of_a_wait() => TaskError::Failed(Arc::from(error as Box<dyn Error + Send + Sync>)),
            Ok(error) => *error,
            Err(error) => TaskError::Failed(Arc::from(error)),
        };
        let running = self.set_running();
        if running {
            self.fail(error);
        }
        running
    }

    /// Whether somebody has cancelled the future, or asked the work behind it to stop.
    pub fn cancel_requested(&self) -> bool {
        self.task.as_ref().is_some_and(|task| {
            let now = task.snapshot();
            now.is_cancelled() || now.is_cancel_requested()
        })
    }
}

/// The task of a promise that this thread is about to keep by running something.
pub(crate) struct Standing(CellRef);

impl Standing {
    /// Runs `f` as the task's job: a wait in it that needs the task's end is refused, and panics are noted with their
    /// place.
    pub(crate) fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        panic::install_hook();
        panic::forget_noted();
        frame::within(&self.0, Role::Running, f)
    }
}

impl<T> Promise<T> {
    /// `None` once it was kept.
    pub(crate) fn standing(&self) -> Option<Standing> {
        self.task.clone().map(Standing)
    }

    /// Only while this side owns the slot.
    fn fail(&mut self, error: TaskError) {
        if let Some(task) = self.task.take() {
            // SAFETY: `begun` says that this side owns the slot.
            unsafe { value::write_error(&task, error) };
            run::finish(task, true);
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let owned = self.begun || self.task.as_ref().is_some_and(|task| task.life.begin() == Begin::Begun);
        if owned {
            self.fail(TaskError::Abandoned);
        }
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("state", &self.task.as_ref().map(|task| task.snapshot())).finish()
    }
}
