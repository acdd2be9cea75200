//! What the holder of a future can do to a task that has left this process.

use super::findings::Findings;
use super::parked::Parked;
use super::roster::Stage;
use super::shared::{FORKED, ProcessPool};
use super::worker::{Because, Doom, Worker};
use crate::error::TaskError;
use crate::ring::Watched;
use crate::task::{Anybody, CancelOutcome, Header, Remote, ticket};
use std::time::{Duration, Instant};

impl ProcessPool {
    /// Takes a task out, if no worker has begun it.
    fn take_out(&self, task: &Header) -> Option<Parked> {
        if !self.is_usable_here() {
            return None;
        }
        let mut roster = self.roster.lock();
        let sequence = ticket(task);
        if let Some(taken) = roster.take_out(sequence) {
            self.tell_of_change(roster);
            return Some(taken);
        }
        let take_back = |worker: &mut Worker| Some((worker.take_back(sequence).ok()??, worker.time_is_up()));
        let (taken, time_is_up) = roster.workers().find_map(take_back)?;
        // Another one may be the first of its worker now.
        time_is_up.into_iter().for_each(|at| self.mind(&mut roster, at));
        if roster.has_queued() {
            // Its worker can be given another one.
            self.ring();
        }
        self.tell_of_change(roster);
        Some(taken)
    }
}

impl ProcessPool {
    /// Takes what has ended at the worker that has this task, for a thread that has seen that the task has.
    fn collect(&self, sequence: u64) {
        let mut findings = Findings::default();
        let mut roster = self.roster.lock();
        let now = Instant::now();
        let mut time_is_up = None;
        for place in &mut roster.places {
            let Some(worker) = place.worker.as_mut().filter(|worker| worker.has(sequence)) else { continue };
            worker.collect(&mut findings.ended, now);
            place.completed += findings.ended.len() as u64;
            time_is_up = worker.time_is_up();
            if worker.is_worn() || worker.damage.is_some() {
                // It is to be replaced.
                self.ring();
            }
            // What comes too late is met by the supervisor, which does not see it any more.
            let late = worker.doom.filter(|doom| doom.because == Because::Late).and_then(|doom| doom.sequence);
            late.into_iter().for_each(|sequence| findings.was_late(sequence));
        }
        time_is_up.into_iter().for_each(|at| self.mind(&mut roster, at));
        self.dispatch(&mut roster, &mut findings);
        let had_queued = roster.has_queued();
        self.share(&mut roster, now, &mut findings);
        if roster.has_queued() && !had_queued {
            // Perhaps workers can be started for it.
            self.ring();
        }
        if let Some(at) = self.config.idle_timeout.and_then(|limit| now.checked_add(limit)) {
            self.mind(&mut roster, at);
        }
        let rings = findings.has_ends() && roster.has_nothing() && !matches!(roster.stage, Stage::Open);
        drop(roster);
        findings.conclude(self);
        self.tell_of_room();
        if rings {
            self.ring();
        }
    }
}

impl Remote for ProcessPool {
    fn cancel(&self, task: &Header) -> Option<bool> {
        if !self.is_usable_here() {
            return Some(false);
        }
        match self.take_out(task) {
            Some(parked) => {
                parked.packed.cancel(&Anybody);
                Some(true)
            }
            None if task.snapshot().is_cancelled() => None,
            None => Some(false),
        }
    }

    fn expire(&self, task: &Header) {
        if !self.is_usable_here() {
            return;
        }
        if let Some(parked) = self.take_out(task) {
            parked.packed.fail(TaskError::DeadlineExceeded, &self.notifier);
        }
    }

    fn is_running(&self, task: &Header) -> bool {
        let sequence = ticket(task);
        self.is_usable_here() && self.roster.lock().workers().any(|worker| worker.runs(sequence).unwrap_or(true))
    }

    fn lost(&self) -> Option<TaskError> {
        (!self.is_usable_here()).then(|| TaskError::Broken(FORKED.into()))
    }

    fn watch(&self, task: &Header) {
        let sequence = ticket(task);
        let watched = self.roster.lock().workers().find_map(|worker| worker.watch(sequence));
        if watched.is_some_and(|(watch, ticket, worker)| watch.spin_on(ticket, worker) == Watched::Done) {
            self.collect(sequence);
        }
    }

    fn request_cancel(&self, task: &Header) {
        let sequence = ticket(task);
        if self.is_usable_here() {
            self.roster.lock().workers().for_each(|worker| worker.request_cancel(sequence));
        }
    }

    fn kill(&self, task: &Header, grace: Duration) -> CancelOutcome {
        if !self.is_usable_here() {
            // There is nothing here that could be ended; it goes on in the process that this one is a copy of.
            return CancelOutcome::AlreadyDone;
        }
        let sequence = ticket(task);
        let mut roster = self.roster.lock();
        let running = |worker: &mut Worker| worker.running().is_some_and(|handed| handed.parked.sequence == sequence);
        let Some(worker) = roster.workers().find_map(|worker| running(worker).then_some(worker)) else {
            drop(roster);
            // Its worker may have died meanwhile, and the task be queued to be run again.
            return if self.cancel(task) == Some(true) { CancelOutcome::Killed } else { CancelOutcome::AlreadyDone };
        };
        // Nothing but this task may be hit. What it would have run next goes to others.
        let back = worker.take_back_all();
        let still_runs = running(worker);
        // A shutdown has its own reason, and no patience.
        if still_runs && worker.doom.is_none_or(|doom| doom.because != Because::Shutdown) {
            worker.doom = Some(Doom { because: Because::Killed, sequence: Some(sequence), grace });
            worker.close(Instant::now());
        }
        for parked in back {
            roster.enqueue(parked);
        }
        drop(roster);
        self.ring();
        if still_runs { CancelOutcome::Killed } else { CancelOutcome::AlreadyDone }
    }
}
