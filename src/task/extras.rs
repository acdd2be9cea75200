//! What only some tasks carry, so that the others need not pay for it.

use super::header::Header;
use std::sync::Arc;
use std::time::Duration;

/// The rarely needed part of a task; its cell has room for it only if it was asked for.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) name: Option<Arc<str>>,
    /// How long the task may run, from its first step.
    pub(crate) run_limit: Option<Duration>,
    pub(crate) watcher: Option<Arc<dyn Watcher>>,
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
}

impl Attached for () {}

impl Attached for Extras {
    fn extras(&self) -> Option<&Extras> {
        Some(self)
    }
}
