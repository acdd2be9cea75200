//! The end of a pool: taking no more tasks, cancelling those that are queued, breaking down, and waiting for the last
//! thread.

use super::roster::Roster;
use super::shared::Pool;
use super::worker::is_worker_of;
use crate::error::TaskError;
use crate::state::{Roll, Stop};
use crate::sync::{Deadline, JoinHandle, Parker, Unparker, spin_hint};
use crate::task::{self, Announcement, Need, Pause, SharedFuture, Task};
use std::sync::Arc;
use std::time::Duration;

/// A thread's last moments are short, unless it has slow destructors of thread-locals; how often to look, then.
const SPINS_FOR_EXIT: u32 = 32;
const LOOK_FOR_EXIT: Duration = Duration::from_millis(1);
/// Whoever searches in a closed pool has soon found something, or leaves; tasks that keep making others could have
/// somebody search at each look.
const LOOKS_FOR_SEARCHERS: u32 = 50;

/// Who waits for the end without a thread of theirs, and what is to be told then.
#[derive(Default)]
pub(super) struct Ending {
    announcement: Announcement,
    completed_before: u64,
    cancelled: usize,
    /// Of these, by workers who came by a task after the queues were emptied, and not yet in anybody's report.
    cancelled_late: usize,
}

impl Pool {
    /// No more tasks; what is queued still runs. Idempotent.
    pub(crate) fn close(&self) {
        {
            // Under the lock, so that nobody tells of the end before it is known what came before.
            let mut ending = self.ending.lock();
            let completed = self.completed();
            if self.crew.close() {
                ending.completed_before = completed;
            }
        }
        if let Some(room) = &self.counts.room {
            room.close();
        }
        self.wake_all();
        if self.crew.load().threads() == 0 {
            // A submit that saw the pool open may have pushed after its last thread left.
            self.push_was_late();
        }
        self.tell_ended();
    }

    /// The pool is closed and its last thread has gone: tells those who await that.
    pub(super) fn tell_ended(&self) {
        if self.crew.load().is_closed() && self.is_deserted(&self.lock()) {
            let promise = self.ending.lock().announcement.take();
            if let Some(promise) = promise {
                // Nobody cancels it: the future is shared, and kept here.
                let _ = promise.set_result(());
            }
        }
    }

    /// Ready once the pool is closed and its last thread has gone.
    pub(crate) fn ended(&self) -> SharedFuture<()> {
        let future = self.ending.lock().announcement.future();
        self.tell_ended();
        future
    }

    /// What came of the closing so far: tasks that ran to an end since, and tasks that were cancelled for it.
    pub(crate) fn since_close(&self) -> (usize, usize) {
        let ending = self.ending.lock();
        let completed = self.completed();
        let finished = completed.saturating_sub(ending.completed_before);
        (usize::try_from(finished).unwrap_or(usize::MAX), ending.cancelled)
    }

    /// Cancels what no worker has begun, and futures that are not ready; says how many.
    pub(crate) fn cancel_queued(&self) -> usize {
        let mut cancelled = 0;
        self.residents.close(Stop::Cancelled);
        self.empty_queues(|pool, task| {
            // Whoever cancels it tells the owner of a task that stays in the queue.
            let queued = pool.is_queued(task.header());
            cancelled += usize::from(task.cancel());
            if queued {
                pool.count_swept();
            }
        });
        for task in self.residents.living() {
            cancelled += usize::from(task::stop(&task, Stop::Cancelled) == Some(true));
        }
        self.ending.lock().cancelled += cancelled;
        cancelled
    }

    /// Cancels a task that a worker came by after [`cancel_queued`](Self::cancel_queued). `taken`: from a queue.
    pub(super) fn cancel(&self, task: Task, taken: bool) {
        let queued = taken && self.is_queued(task.header());
        let cancelled = usize::from(task.cancel());
        if queued {
            self.count_swept();
        }
        self.count_cancelled_late(cancelled);
    }

    /// A worker has cancelled tasks for a shutdown.
    pub(super) fn count_cancelled_late(&self, cancelled: usize) {
        let mut ending = self.ending.lock();
        ending.cancelled += cancelled;
        ending.cancelled_late += cancelled;
    }

    /// How many tasks workers have cancelled for a shutdown and nobody has reported.
    pub(crate) fn take_cancelled_late(&self) -> usize {
        std::mem::take(&mut self.ending.lock().cancelled_late)
    }

    /// The pool can run nothing any more; everything queued fails with the cause.
    pub(super) fn break_down(&self, cause: &str) {
        let cause: Arc<str> = cause.into();
        let _ = self.broken.set(Arc::clone(&cause));
        self.crew.break_down();
        self.residents.close(Stop::Broken);
        self.fail_queued(&TaskError::Broken(cause));
        for task in self.residents.living() {
            let _ = task::stop(&task, Stop::Broken);
        }
        self.wake_all();
    }

    /// Why the pool can run nothing any more, if so.
    pub(crate) fn broken(&self) -> Option<TaskError> {
        self.broken.get().map(|cause| TaskError::Broken(Arc::clone(cause)))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.crew.load().is_closed()
    }

    pub(super) fn wake_all(&self) {
        let mut roster = self.lock();
        let unparkers: Vec<Arc<Unparker>> = std::iter::from_fn(|| roster.wake_last(&self.crew)).collect();
        drop(roster);
        for unparker in unparkers {
            unparker.unpark();
        }
    }

    /// There is no thread, and nothing that will ever want one.
    pub(super) fn is_deserted(&self, roster: &Roster) -> bool {
        roster.starting == 0 && self.crew.load().threads() == 0 && self.residents.is_empty()
    }

    /// The same at this moment; of a pool that is closed it stays so.
    pub(super) fn is_now_deserted(&self) -> bool {
        self.is_deserted(&self.lock())
    }

    /// Whether threads that find nothing to do may leave a pool that is closed, or broken. Under the lock.
    pub(super) fn is_over(&self, roll: Roll) -> bool {
        roll.is_broken() || (roll.is_closed() && self.residents.is_empty())
    }

    /// Under the lock: tells whoever waits for the last thread's end.
    pub(super) fn tell_if_gone(&self, roster: &Roster) {
        if self.is_deserted(roster) {
            for joiner in &roster.joiners {
                joiner.unpark();
            }
        }
    }

    /// Waits until the pool, which is closed, has no thread left, and joins them. `false`: the deadline came first, or
    /// the wait would never have ended.
    pub(crate) fn join(&self, deadline: Deadline) -> bool {
        // A worker of another pool lends its place there. If a task of this one waits for that very worker, neither
        // would ever end.
        let pause = Pause::new(&[], Need::End(&self.owner), deadline);
        let ticket = loop {
            match task::enter(&pause) {
                Ok(Some(ticket)) => break ticket,
                Ok(None) => {}
                Err(_) => return false,
            }
        };
        let unparker = ticket.parker.unparker();
        self.lock().joiners.push(Arc::clone(&unparker));
        let mut in_time = true;
        let deserted = loop {
            if self.is_deserted(&self.lock()) {
                break true;
            }
            if !in_time || ticket.check().is_err() {
                break false;
            }
            in_time = ticket.parker.park_until(deadline);
        };
        self.lock().joiners.retain(|joiner| !Arc::ptr_eq(joiner, &unparker));
        let gone = deserted && self.join_threads(deadline);
        drop(ticket);
        gone
    }

    /// Waits for threads that are past their last step in the pool: what is left to them are destructors of
    /// thread-locals, which are foreign. `false`: the deadline came first.
    fn join_threads(&self, deadline: Deadline) -> bool {
        if deadline.is_never() {
            // One after another, so that the second who waits does not go before the threads have.
            let _joining = self.joining.lock();
            let handles = std::mem::take(&mut self.lock().handles);
            handles.into_iter().for_each(JoinHandle::join);
            return true;
        }
        let mut round = 0;
        loop {
            if self.lock().handles.iter().all(JoinHandle::is_finished) {
                return true;
            }
            if deadline.is_past() {
                return false;
            }
            if round < SPINS_FOR_EXIT {
                spin_hint(&mut round);
            } else {
                Parker::new().park_until(Deadline::after(Some(LOOK_FOR_EXIT)));
            }
        }
    }

    /// What has not ended: queued and running.
    pub(crate) fn unfinished(&self) -> usize {
        let mut looks = if is_worker_of(self) { 1 } else { LOOKS_FOR_SEARCHERS };
        loop {
            // A task in the hand of a searcher is in no queue any more, and not yet said to run. (One that a sleeper who
            // watches moves from a worker's place to the queue is in neither for a few instructions, too.)
            let certain = self.crew.load().searching() == 0;
            let stats = self.stats();
            let roster = self.lock();
            let roll = self.crew.load();
            // A thread that has found a task is no searcher any more, and is one again only when the task's end is near.
            let busy = roll.threads().saturating_sub(roll.sleeping() + roll.searching() + roster.leaving);
            drop(roster);
            looks -= 1;
            if certain || looks == 0 {
                return stats.queued + busy + stats.suspended;
            }
            Parker::new().park_until(Deadline::after(Some(LOOK_FOR_EXIT)));
        }
    }
}
