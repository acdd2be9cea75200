//! Tasks for one slot alone: what a broadcast sends.

use super::activation::Activation;
use super::roster::Roster;
use super::shared::Pool;
use super::slot::Slot;
use crate::error::{RejectReason, TaskError};
use crate::sync::MutexGuard;
use crate::task::Task;

impl Pool {
    /// Queues a task for one slot, whose thread is started if need be.
    pub(crate) fn send(&self, slot: usize, task: Task) {
        let roster = self.lock();
        if self.slot(slot).is_none() || !roster.is_occupied(slot) {
            drop(roster);
            self.send_to_new(slot, task);
            return;
        }
        if let Some(to) = self.slot(slot) {
            to.push_mail(task);
        }
        self.deliver(roster, slot);
    }

    fn deliver(&self, mut roster: MutexGuard<'_, Roster>, slot: usize) {
        let sleeper = roster.wake_slot(slot, &self.crew);
        drop(roster);
        if let Some(sleeper) = sleeper {
            sleeper.unpark();
        }
    }

    fn send_to_new(&self, slot: usize, task: Task) {
        let mut roster = self.lock();
        if roster.is_occupied(slot) {
            drop(roster);
            return self.send(slot, task);
        }
        if self.crew.load().is_closed() && self.is_deserted(&roster) {
            drop(roster);
            return task.fail(TaskError::Rejected(RejectReason::ShutDown));
        }
        roster.occupy(slot);
        let opening = self.open(&mut roster, slot);
        if let Some(to) = self.slot(slot) {
            to.push_mail(task);
        }
        drop(roster);
        if let Activation::Refused(refusal) = self.start(opening) {
            self.fail_if_deserted(&refusal);
        }
    }

    /// Empties a slot's mail.
    pub(super) fn take_mail(&self, slot: usize) -> Vec<Task> {
        std::iter::from_fn(|| self.slot(slot).and_then(Slot::pop_mail)).collect()
    }
}
