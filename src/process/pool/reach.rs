//! What the holder of a future can do to a task that has left this process.

use super::findings::Findings;
use super::parked::Parked;
use super::roster::{Roster, Stage};
use super::shared::{FORKED, ProcessPool};
use super::worker::{Because, Doom, LEISURE, Worker};
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
        // Another one may be the first of its worker now, or the worker idle.
        time_is_up.into_iter().for_each(|at| self.mind(&mut roster, at));
        self.mind_help(&mut roster, Instant::now());
        if roster.has_queued() {
            // Its worker can be given another one.
            self.ring();
        }
        self.tell_of_change(roster);
        Some(taken)
    }
}

impl ProcessPool {
    /// Takes what has ended at these workers, for a thread that is not the supervisor.
    fn collect(&self, at: impl Fn(&Worker) -> bool) {
        let mut findings = Findings::default();
        let mut roster = self.roster.lock();
        let now = Instant::now();
        for slot in 0..roster.places.len() {
            if roster.places[slot].worker.as_ref().is_some_and(&at) {
                self.collect_from(slot, &mut roster, now, &mut findings);
            }
        }
        self.dispatch(&mut roster, now, &mut findings);
        let had_queued = roster.has_queued();
        self.share(&mut roster, now, &mut findings);
        if roster.has_queued() && !had_queued {
            // Perhaps workers can be started for it.
            self.ring();
        }
        self.leave_to_supervisor(&mut roster, now);
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

    /// The same at one of them, under the lock.
    fn collect_from(&self, slot: usize, roster: &mut Roster, now: Instant, findings: &mut Findings) {
        let place = &mut roster.places[slot];
        let Some(worker) = &mut place.worker else { return };
        let before = findings.ended.len();
        worker.collect(&mut findings.ended, now);
        place.completed += (findings.ended.len() - before) as u64;
        let time_is_up = worker.time_is_up();
        if worker.is_worn() || worker.damage.is_some() {
            // It is to be replaced.
            self.ring();
        }
        // What comes too late is met by the supervisor, which does not see it any more.
        let late = worker.doom.filter(|doom| doom.because == Because::Late).and_then(|doom| doom.sequence);
        late.into_iter().for_each(|sequence| findings.was_late(sequence));
        time_is_up.into_iter().for_each(|at| self.mind(roster, at));
    }

    /// After what has ended was taken, and more was handed out: when the supervisor comes to look.
    pub(in crate::process) fn leave_to_supervisor(&self, roster: &mut Roster, now: Instant) {
        let demand = roster.demand();
        let mut looks = false;
        roster.workers().for_each(|worker| looks |= worker.put_off(demand, now));
        if looks {
            self.mind(roster, now + LEISURE);
        }
        self.mind_help(roster, now);
    }

    /// A worker may have become idle that could help others.
    pub(in crate::process) fn mind_help(&self, roster: &mut Roster, now: Instant) {
        if let Some(at) = roster.help_due(now) {
            self.mind(roster, at);
        }
    }

    /// By who finds no room in the queue: takes all that has ended.
    pub(in crate::process) fn make_room(&self) {
        self.collect(|_| true);
    }

    /// By who submits: takes what has ended where that may be much. So where many short tasks are submitted, the supervisor
    /// need not be woken for them, nor a worker because another one seems to have much to do.
    ///
    /// `true`: it did; the rest is to be [left](Self::leave_to_supervisor) to the supervisor once more is handed out.
    pub(in crate::process) fn relieve(&self, roster: &mut Roster, now: Instant, findings: &mut Findings) -> bool {
        let waits = !roster.queue.is_empty();
        let mut any = false;
        for slot in 0..roster.places.len() {
            if roster.places[slot].worker.as_mut().is_some_and(|worker| worker.has_many_ended(waits)) {
                self.collect_from(slot, roster, now, findings);
                any = true;
            }
        }
        any
    }
}

impl Remote for ProcessPool {
    fn cancel(&self, task: &Header) -> Option<bool> {
        if !self.is_usable_here() {
            return Some(false);
        }
        match self.take_out(task) {
            Some(parked) => {
                parked.into_packed().cancel(&Anybody);
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
            parked.into_packed().fail(TaskError::DeadlineExceeded, &self.notifier);
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
        match watched.map(|(watch, ticket, worker)| watch.spin_on(ticket, worker)) {
            Some(Watched::Done) => self.collect(|worker| worker.has(sequence)),
            // Others may have begun to wait meanwhile.
            Some(Watched::NotYet) => self.roster.lock().wake_in_time(),
            None => {}
        }
    }

    fn expect(&self, task: &Header) {
        if self.is_usable_here() {
            let mut roster = self.roster.lock();
            let (sequence, demand) = (ticket(task), roster.demand());
            roster.workers().any(|worker| worker.expect(sequence, demand));
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
