//! The end of a pool: taking no more tasks, cancelling those that are queued, killing, breaking down, and waiting for
//! the last worker.

use super::report::Counts;
use super::roster::Stage;
use super::shared::ProcessPool;
use crate::error::TaskError;
use crate::sync::Deadline;
use crate::task::{SharedFuture, blocking};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the end of a pool waits for its workers' last words to be written.
const ECHO: Duration = Duration::from_secs(1);

impl ProcessPool {
    /// No more tasks; what is queued still runs. Idempotent. Gives the counts of that moment.
    pub(crate) fn close(&self) -> Counts {
        let mut roster = self.roster.lock();
        let counts = roster.counts();
        if matches!(roster.stage, Stage::Open) {
            roster.stage = Stage::Closed;
            roster.completed_before = roster.completed();
        }
        self.tell_of_change(roster);
        self.tell_ended();
        counts
    }

    /// Cancels what no worker has begun; says how many.
    pub(crate) fn cancel_queued(&self) -> usize {
        let mut roster = self.roster.lock();
        roster.cancels = true;
        let mut back = roster.take_queued();
        for worker in roster.workers() {
            back.extend(worker.take_back_all());
        }
        roster.cancelled += back.len();
        self.tell_of_change(roster);
        let cancelled = back.len();
        for parked in back {
            parked.cancel(&self.notifier);
        }
        cancelled
    }

    /// Kills the workers that are still there after `limit`, and cancels what they have not done.
    pub(crate) fn kill_after(&self, limit: Duration) {
        let mut roster = self.roster.lock();
        let at = Instant::now().checked_add(limit);
        roster.kill_at = roster.kill_at.into_iter().chain(at).min();
        // Sooner than it would look by itself.
        self.tell_of_change(roster);
    }

    /// Waits until the pool, which is closed, has no worker left, and everybody has been told of their tasks. `false`:
    /// the deadline came first.
    pub(crate) fn join(&self, deadline: Deadline) -> bool {
        // A thread of another pool lends its place there meanwhile.
        let over = blocking(|| {
            let mut roster = self.roster.lock();
            while roster.has_to_come() && !deadline.is_past() {
                roster = self.changed.wait_until(roster, deadline);
            }
            !roster.has_to_come()
        });
        // What workers wrote is mostly written by now; if it is not, perhaps nobody reads it.
        over && self.notifier.join(deadline) && {
            let limit = deadline.remaining().map_or(ECHO, |left| left.min(ECHO));
            let _ = self.echo.join(Deadline::after(Some(limit)));
            true
        }
    }

    /// Whether the calling thread is one that the pool's end would wait for: it calls a callback, or packs a task.
    pub(crate) fn is_own_thread(&self) -> bool {
        self.notifier.is_here()
    }

    /// The supervisor has nothing left to do.
    pub(in crate::process) fn supervision_ended(&self) {
        self.roster.lock().is_supervised = false;
        self.changed.notify_all();
        self.tell_ended();
    }

    /// Tells those who await the end, if it has come.
    pub(in crate::process) fn tell_ended(&self) {
        let roster = self.roster.lock();
        let ended = !matches!(roster.stage, Stage::Open) && !roster.is_supervised && roster.has_nothing();
        drop(roster);
        let promise = if ended { self.end.lock().take() } else { None };
        if let Some(promise) = promise {
            // Nobody cancels it: the future is shared, and kept here.
            let _ = promise.set_result(());
        }
    }

    /// Ready once the pool is closed and its last worker has gone.
    pub(crate) fn ended(&self) -> SharedFuture<()> {
        let future = self.end.lock().future();
        self.tell_ended();
        future
    }

    /// Ends everything that is queued, and takes nothing more.
    pub(in crate::process) fn break_down(&self, why: Arc<str>) {
        let mut roster = self.roster.lock();
        roster.stage = Stage::Broken(Arc::clone(&why));
        let lost = roster.take_queued();
        self.tell_of_change(roster);
        for parked in lost {
            parked.into_packed().fail(TaskError::Broken(Arc::clone(&why)), &self.notifier);
        }
    }
}
