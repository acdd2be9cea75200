//! When the supervisor may sleep, as far as one worker goes, and for what it is woken.
//!
//! To be woken for each result of tasks that take a microsecond costs more than these. So where results come in quick
//! succession ([`LEISURE`]), it is woken for those that somebody waits for alone, and to hand out more in time; what has
//! ended otherwise it takes when it looks by itself, or whoever submits does. All of it happens under the pool's lock,
//! but for what the worker and a thread that watches one slot do with the word in the ring
//! ([`ParentSleep`](crate::state::ring::ParentSleep)).

use super::{LEISURE, MOST_AHEAD, WAKING, Worker};
use crate::process::pool::roster::Demand;
use crate::ring::{State, Ticket};
use std::time::Instant;

/// More results than these are for who submits to take: it costs less than to wake the supervisor for them.
const MANY: usize = 16;

impl Worker {
    /// `false`: there is something to collect already, or room that there was not when a task could not be handed out;
    /// or it is damaged.
    pub(in crate::process) fn may_sleep(&mut self, demand: Demand, now: Instant) -> bool {
        let before = self.lay_down_at.replace(now);
        let flows = std::mem::take(&mut self.flows) && before.is_some_and(|at| now.duration_since(at) < 2 * LEISURE);
        self.looks_at = None;
        if self.damage.is_some() {
            // Whoever met that has rung, and what is awaited is its end.
            return true;
        }
        // Whoever is refused room the next time rings for it anew.
        self.lacks_room &= demand != Demand::None;
        // Who asks for room without having been refused any finds some, again and again.
        let awaited = (flows && !self.lacks_room).then(|| self.awaited(demand));
        self.looks_at = awaited.map(|_| now + LEISURE);
        match self.sender.may_sleep(self.lacks_room, awaited) {
            Ok(may_sleep) => {
                self.lacks_room &= may_sleep;
                may_sleep
            }
            Err(damage) => {
                self.is_damaged(damage);
                false
            }
        }
    }

    pub(in crate::process) fn awake(&mut self) {
        self.sender.awake();
    }

    /// The supervisor was woken for what it has just taken. For what somebody waits for it has to be.
    pub(in crate::process) fn note_flow(&mut self) {
        self.flows |= self.took_unawaited;
    }

    /// The first of its tasks for which the supervisor is to be woken; it may be one that it has not been given.
    fn awaited(&self, demand: Demand) -> Ticket {
        let most = match demand {
            Demand::None => self.handed.len(),
            Demand::Tasks => self.handed.len() / 4 * 3,
            Demand::Threads => 0,
        };
        let mut before = self.handed.iter().take(most);
        let awaited = before.find(|handed| handed.is_awaited).or_else(|| self.handed.get(most));
        awaited.map_or_else(|| self.sender.later(MOST_AHEAD), |handed| handed.ticket)
    }

    /// After another thread has taken what had ended, while the supervisor is [not woken](Self::may_sleep) for that: nor is
    /// it for what comes next. `true`: it has to look for it before long.
    pub(in crate::process) fn put_off(&mut self, demand: Demand, now: Instant) -> bool {
        if self.looks_at.is_none() || self.lacks_room || self.damage.is_some() {
            return false;
        }
        self.looks_at = Some(now + LEISURE);
        self.sender.put_off(self.awaited(demand));
        true
    }

    /// Somebody waits for this task. `true`: it has it.
    pub(in crate::process) fn expect(&mut self, sequence: u64, demand: Demand) -> bool {
        let Some(at) = self.position(sequence) else { return false };
        self.handed[at].is_awaited = true;
        self.wake_in_time(demand);
        true
    }

    /// The supervisor is woken for what somebody waits for, and in time to hand out more. To be called again when somebody
    /// has watched meanwhile.
    pub(in crate::process) fn wake_in_time(&mut self, demand: Demand) {
        // Else it is woken for the next result, whatever that is.
        if self.looks_at.is_some() {
            self.sender.expect(self.awaited(demand));
        }
    }

    /// Whether so much has ended that somebody else than the supervisor should take it: more than a quarter of what should
    /// take as long as waking it, or, if more `waits` to be handed out, of what there is; else more than [`MANY`]. Or it
    /// is damaged.
    pub(in crate::process) fn has_many_ended(&mut self, waits: bool) -> bool {
        let has_much = waits || self.time_for(self.handed.len()) > WAKING;
        let many = if has_much { self.handed.len() / 4 } else { MANY };
        let Some(ticket) = self.handed.get(many).map(|handed| handed.ticket) else {
            return false;
        };
        match self.sender.state(ticket) {
            Ok(state) => {
                let has = many > 0 && state == State::Done;
                self.flows |= has;
                has
            }
            Err(damage) => {
                self.is_damaged(damage);
                true
            }
        }
    }
}
