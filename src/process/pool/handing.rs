//! Handing tasks to workers, and taking them back where others could run them sooner.

use super::parked::Parked;
use super::roster::{Place, Roster};
use super::shared::ProcessPool;
use super::worker::{Handing, Worker};
use crate::error::TaskError;
use std::time::{Duration, Instant};

/// How often the system may refuse what it takes to hand a task out, a few seconds in all.
const MOST_ATTEMPTS: u32 = 10;

/// A task that cannot be handed to any worker, and why.
pub(in crate::process) type Undeliverable = (Parked, TaskError);

impl ProcessPool {
    /// Gives workers what they have an appetite for, those with least first.
    pub(in crate::process) fn dispatch(&self, roster: &mut Roster, undeliverable: &mut Vec<Undeliverable>) {
        if !roster.has_queued() {
            return;
        }
        let now = Instant::now();
        if roster.retry_at.is_some_and(|at| now < at) {
            return;
        }
        roster.retry_at = None;
        for slot in 0..roster.places.len() {
            while roster.places[slot].wants_mail(now) {
                let Some((_, parked)) = roster.places[slot].mail.pop_first() else { break };
                if !self.hand(roster, slot, parked, now, undeliverable) {
                    break;
                }
            }
        }
        while let Some(slot) = roster.hungriest(now) {
            let Some((_, parked)) = roster.queue.pop_first() else { return };
            if !self.hand(roster, slot, parked, now, undeliverable) {
                return;
            }
        }
    }

    /// `false`: this is not the moment for more.
    fn hand(
        &self,
        roster: &mut Roster,
        slot: usize,
        parked: Parked,
        now: Instant,
        undeliverable: &mut Vec<Undeliverable>,
    ) -> bool {
        let Some(worker) = &mut roster.places[slot].worker else {
            roster.enqueue(parked);
            return false;
        };
        let (limit, behind, lacked_room) = (parked.limit, !worker.handed.is_empty(), worker.lacks_room);
        match worker.hand(parked, now) {
            Handing::Taken => {
                // A worker's first task waits no more, so there may be room for another.
                if self.config.queue_bound.is_some() {
                    self.changed.notify_all();
                }
                let limit = limit.and_then(|limit| now.checked_add(limit));
                let help = worker.stuck_from().filter(|_| behind);
                let help = help.filter(|_| roster.has_others());
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
            Handing::Refused(mut parked, error) => {
                parked.attempts += 1;
                if parked.attempts > MOST_ATTEMPTS {
                    let why = format!("its arguments cannot be sent to a worker: {error}");
                    undeliverable.push((parked, TaskError::Codec(why.into())));
                    return true;
                }
                let later = now + Duration::from_millis(2 << parked.attempts);
                roster.retry_at = Some(later);
                roster.enqueue(parked);
                self.mind(roster, later);
                false
            }
        }
    }

    /// Takes back what others could run sooner: all that stands behind a long task, which then is before everything
    /// that came later; and what some have been handed ahead while others are idle.
    pub(in crate::process) fn share(&self, roster: &mut Roster, now: Instant, undeliverable: &mut Vec<Undeliverable>) {
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
            let idle = roster.workers().filter(|worker| worker.is_idle() && !worker.is_closed).count();
            for _ in back.len()..idle {
                let fullest = roster.workers().max_by_key(|worker| worker.movable());
                let Some(Ok(Some(parked))) = fullest.map(Worker::take_back_last) else { break };
                back.push(parked);
            }
        }
        if !back.is_empty() {
            back.into_iter().for_each(|parked| roster.enqueue(parked));
            self.dispatch(roster, undeliverable);
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
