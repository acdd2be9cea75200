//! What only some tasks carry, so that the others need not pay for it.

use super::header::Header;
use super::remote::Travel;
use super::spawned::Spawned;
use super::timer::Alarm;
use crate::sync::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// The rarely needed part of a task; its cell has room for it only if it was asked for.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) name: Option<Arc<str>>,
    /// How long the task may run, from its first step.
    pub(crate) run_limit: Option<Duration>,
    /// How often the task may be run again where the one who ran it has died.
    pub(crate) retries: u32,
    pub(crate) watcher: Option<Arc<dyn Watcher>>,
    /// In a worker process: whether the task was asked to stop by its parent.
    pub(crate) asked_to_stop: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// What fails the task if it has not begun in time. It keeps the cell, so it goes as soon as it has no meaning.
    pub(crate) expiry: Mutex<Option<Alarm>>,
}

impl Extras {
    pub(crate) fn new(name: Option<Arc<str>>, run_limit: Option<Duration>) -> Self {
        Extras { name, run_limit, ..Self::default() }
    }

    pub(crate) fn arm(&self, expiry: Alarm) {
        *self.expiry.lock() = Some(expiry);
    }

    /// The task was begun, or has ended otherwise.
    pub(super) fn disarm(&self) {
        let expiry = self.expiry.lock().take();
        // Letting go of it takes the timer's lock.
        drop(expiry);
    }
}

/// Somebody who has to know of a task's end besides those who hold its future: a scope.
pub(crate) trait Watcher: Send + Sync {
    /// The task has reached its end; called once, before the last step.
    fn ended(&self, task: &Header);

    /// Nothing of the job, and no value that nobody holds, is left in memory. The very last step of a task.
    fn retired(&self);
}

/// What stands behind the slot of a cell.
pub(crate) trait Attached {
    fn extras(&self) -> Option<&Extras> {
        None
    }

    /// The cell from which this one gets its outcome.
    fn source(&self) -> Option<&Header> {
        None
    }

    /// For a job that can leave this process: where it is.
    fn travel(&self) -> Option<&Travel> {
        None
    }

    /// For a future: what is needed to poll it more than once.
    fn spawned(&self) -> Option<&Spawned> {
        None
    }
}

impl Attached for () {}

impl Attached for Extras {
    fn extras(&self) -> Option<&Extras> {
        Some(self)
    }
}
