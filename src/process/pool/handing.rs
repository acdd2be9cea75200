//! Handing tasks to workers, and taking them back where others could run them sooner.
//!
//! What is too large for the ring has to be copied first to where a worker can be sent it, which takes long, and is not
//! done under the lock. So the worker is promised the task, and gets nothing else before it; whoever made the promise
//! copies the bytes, and then hands the task out, if it is still queued.

use super::findings::Findings;
use super::parked::{Parked, ToSeal};
use super::roster::{Place, Roster};
use super::shared::ProcessPool;
use super::worker::{Handing, Worker};
use crate::error::TaskError;
use crate::process::sys::socket::CROWDED;
use crate::sync::spawn_thread;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the system may refuse what it takes to hand a task out, a few seconds in all.
const MOST_ATTEMPTS: u8 = 10;
/// What takes longer to copy than to start a thread for it must not hold up the supervisor, nor who waits for a result.
const LONG: usize = 1 << 20;
const STACK: usize = 128 << 10;

impl ProcessPool {
    /// Gives workers what they have an appetite for, those with least first.
    pub(in crate::process) fn dispatch(&self, roster: &mut Roster, now: Instant, findings: &mut Findings) {
        if !roster.has_queued() {
            return;
        }
        if !roster.aside.is_empty() {
            roster.bring_back(now);
        }
        for slot in 0..roster.places.len() {
            while roster.places[slot].wants_mail(now) {
                let can_go = roster.can_go(now);
                let Place { mail, worker, .. } = &mut roster.places[slot];
                let next = mail.values_mut().find(|parked| can_go(parked));
                let Some(sequence) = next.and_then(|parked| promise(parked, worker, findings)) else { break };
                let Some(parked) = mail.remove(&sequence) else { break };
                if !self.hand(roster, slot, parked, now, findings) {
                    break;
                }
            }
        }
        // Who cannot take more for now does not keep others from it.
        let mut full = Vec::new();
        while !roster.queue.is_empty() {
            let Some(slot) = roster.hungriest(now, &full) else { return };
            let can_go = roster.can_go(now);
            let Roster { queue, places, .. } = roster;
            let next = queue.values_mut().find(|parked| !parked.is_being_sealed() && can_go(parked));
            let Some(parked) = next else { return };
            let Some(sequence) = promise(parked, &mut places[slot].worker, findings) else { continue };
            let Some(parked) = roster.queue.remove(&sequence) else { return };
            if !self.hand(roster, slot, parked, now, findings) {
                full.push(slot);
            }
        }
    }

    /// Puts a task in the queue, and gives workers what they have an appetite for. Where it is the only one, it need not
    /// stand in the queue for that.
    pub(in crate::process) fn enqueue_and_dispatch(
        &self,
        roster: &mut Roster,
        parked: Parked,
        now: Instant,
        findings: &mut Findings,
    ) {
        let is_alone = parked.only().is_none() && !parked.needs_descriptors() && !roster.has_queued();
        let slot = if is_alone { roster.hungriest(now, &[]) } else { None };
        if let Some(slot) = slot {
            // What is not taken is in the queue then.
            self.hand(roster, slot, parked, now, findings);
        } else {
            roster.enqueue(parked);
        }
        self.dispatch(roster, now, findings);
    }

    /// `false`: this is not the moment for more, for this worker.
    fn hand(&self, roster: &mut Roster, slot: usize, parked: Parked, now: Instant, findings: &mut Findings) -> bool {
        let Some(worker) = &mut roster.places[slot].worker else {
            roster.enqueue(parked);
            return false;
        };
        let (had_behind, lacked_room) = (worker.has_behind(), worker.lacks_room);
        match worker.hand(parked, now) {
            Handing::Taken => {
                // A worker's first task waits no more, so there may be room for another.
                if self.config.queue_bound.is_some() {
                    self.changed.notify_all();
                }
                let limit = worker.time_is_up();
                // For those behind the first one it is minded already, and anew by whoever makes another one the first.
                let help = if had_behind || !worker.has_behind() { None } else { roster.help_due(now) };
                for at in limit.into_iter().chain(help) {
                    self.mind(roster, at);
                }
                true
            }
            Handing::Later(parked) => {
                // Whoever sleeps has to look out for the room.
                if worker.lacks_room && !lacked_room {
                    self.ring();
                }
                roster.enqueue(parked);
                false
            }
            Handing::Damaged(parked) => {
                roster.enqueue(parked);
                self.ring();
                true
            }
            Handing::Crowded(parked) => {
                // It keeps its turn among those that wait for the same; however long that takes, it is not to blame.
                roster.enqueue(parked);
                let until = now + CROWDED;
                roster.crowded_until = Some(until);
                self.mind(roster, until);
                true
            }
            Handing::Refused(parked, error) => {
                self.was_refused(parked, &error, roster, now, findings);
                true
            }
        }
    }

    /// The system lacks something for this task: it is tried again later, and others go on meanwhile.
    fn was_refused(
        &self,
        mut parked: Parked,
        error: &io::Error,
        roster: &mut Roster,
        now: Instant,
        findings: &mut Findings,
    ) {
        parked.attempts += 1;
        if parked.attempts > MOST_ATTEMPTS {
            let why = format!("its arguments cannot be sent to a worker: {error}");
            return findings.failed.push((parked, TaskError::Codec(why.into())));
        }
        let later = now + Duration::from_millis(2 << parked.attempts);
        roster.put_aside(parked, later);
        self.mind(roster, later);
    }

    /// Copies a task's bytes to where the worker can be sent them that it was promised to, and hands it out; here, or,
    /// where that takes long, on a thread of its own.
    pub(in crate::process) fn seal(&self, to_seal: ToSeal) {
        let to_seal = Arc::new(to_seal);
        if let Some(pool) = self.me.upgrade().filter(|_| to_seal.length() >= LONG) {
            let theirs = Arc::clone(&to_seal);
            if spawn_thread("cf-seal".to_owned(), STACK, move || pool.seal_here(&theirs)).is_ok() {
                return;
            }
        }
        self.seal_here(&to_seal);
    }

    fn seal_here(&self, to_seal: &ToSeal) {
        let (sequence, sealed) = (to_seal.sequence, to_seal.seal());
        let mut findings = Findings::default();
        let mut roster = self.roster.lock();
        let now = Instant::now();
        let slot = roster.keep_promise(sequence);
        // It may have been cancelled meanwhile, and the worker may have died.
        match (roster.queued(sequence), sealed) {
            (Some(parked), Ok(sealed)) => {
                parked.was_sealed(Some(sealed));
                let slot = slot.filter(|slot| roster.places[*slot].has_appetite(now));
                if let Some((slot, parked)) = slot.and_then(|slot| Some((slot, roster.take_out(sequence)?))) {
                    self.hand(&mut roster, slot, parked, now, &mut findings);
                }
            }
            (Some(parked), Err(error)) => {
                parked.was_sealed(None);
                if let Some(parked) = roster.take_out(sequence) {
                    self.was_refused(parked, &error, &mut roster, now, &mut findings);
                }
            }
            (None, _) => {}
        }
        self.mind_help(&mut roster, now);
        // The next one is the supervisor's to hand out: this thread may have other things to do.
        let has_more = roster.has_queued();
        drop(roster);
        findings.conclude(self);
        self.tell_of_room();
        if has_more {
            self.ring();
        }
    }

    /// Takes back what others could run sooner: all that stands behind a long task, which then is before everything
    /// that came later; and what some have been handed ahead while others are idle.
    pub(in crate::process) fn share(&self, roster: &mut Roster, now: Instant, findings: &mut Findings) {
        if !roster.has_others() {
            return;
        }
        let mut back = Vec::new();
        for worker in roster.workers().filter(|worker| worker.stuck_from().is_some_and(|at| at <= now)) {
            while let Ok(Some(parked)) = worker.take_back_last() {
                back.push(parked);
            }
        }
        if roster.queue.is_empty() {
            let idle = roster.workers().filter(|worker| worker.could_help()).count();
            for _ in back.len()..idle {
                let keep_waiting = roster.workers().filter(|worker| worker.keeps_waiting(now));
                let fullest = keep_waiting.max_by_key(|worker| worker.movable());
                let Some(Ok(Some(parked))) = fullest.map(Worker::take_back_last) else { break };
                back.push(parked);
            }
        }
        if !back.is_empty() {
            // What they have learned of tasks is not true of these: so each is given one of them first.
            roster.workers().filter(|worker| worker.could_help()).for_each(Worker::forget_pace);
            back.into_iter().for_each(|parked| roster.enqueue(parked));
            self.dispatch(roster, now, findings);
        }
    }

    /// A place that should have a worker and has none; from now on one is being started for it.
    pub(in crate::process) fn missing(&self, roster: &mut Roster, now: Instant) -> Option<usize> {
        let coming = roster.workers().filter(|worker| !worker.is_ready).count();
        let wants = roster.queue.len() > coming;
        let is_missing = |place: &Place| place.is_free(now) && (wants || !place.mail.is_empty());
        let slot = roster.places.iter().position(is_missing)?;
        roster.places[slot].starting = true;
        Some(slot)
    }
}

/// A task that can be handed out now, by its sequence; one that cannot is promised to the worker.
fn promise(parked: &mut Parked, worker: &mut Option<Worker>, findings: &mut Findings) -> Option<u64> {
    if parked.is_being_sealed() {
        return None;
    }
    let Some(to_seal) = parked.give_to_seal() else { return Some(parked.sequence) };
    if let Some(worker) = worker {
        worker.promised = Some(to_seal.sequence);
    }
    findings.to_seal.push(to_seal);
    None
}
