//! crossbeam-deque, with its retries folded in.

use crate::task::Task;
use crossbeam_deque::Steal;

/// What comes from outside of the pool, first in, first out.
pub(in super::super) struct Injector(crossbeam_deque::Injector<Task>);

/// One thread's own queue; first in, first out, so that no task is overtaken for ever.
pub(in super::super) struct Local(crossbeam_deque::Worker<Task>);

/// The other threads' end of a [`Local`].
pub(in super::super) struct Stealer(crossbeam_deque::Stealer<Task>);

fn settle(mut attempt: impl FnMut() -> Steal<Task>) -> Option<Task> {
    loop {
        match attempt() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            // Somebody else took one at the same moment, so there was progress.
            Steal::Retry => {}
        }
    }
}

impl Injector {
    pub(in super::super) fn new() -> Self {
        Injector(crossbeam_deque::Injector::new())
    }

    pub(in super::super) fn push(&self, task: Task) {
        self.0.push(task);
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in super::super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes one task, and moves some more over to `local`.
    pub(in super::super) fn take(&self, local: &Local) -> Option<Task> {
        settle(|| self.0.steal_batch_and_pop(&local.0))
    }

    pub(in super::super) fn take_one(&self) -> Option<Task> {
        settle(|| self.0.steal())
    }
}

impl Local {
    pub(in super::super) fn new() -> Self {
        Local(crossbeam_deque::Worker::new_fifo())
    }

    pub(in super::super) fn push(&self, task: Task) {
        self.0.push(task);
    }

    pub(in super::super) fn pop(&self) -> Option<Task> {
        self.0.pop()
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in super::super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(in super::super) fn stealer(&self) -> Stealer {
        Stealer(self.0.stealer())
    }
}

impl Stealer {
    /// Takes one task, and moves some more over to `local`.
    pub(in super::super) fn take(&self, local: &Local) -> Option<Task> {
        settle(|| self.0.steal_batch_and_pop(&local.0))
    }

    pub(in super::super) fn take_one(&self) -> Option<Task> {
        settle(|| self.0.steal())
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in super::super) fn len(&self) -> usize {
        self.0.len()
    }
}
