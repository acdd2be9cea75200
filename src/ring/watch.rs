//! What a thread does that waits for one task: it watches the slot for a few microseconds, before it sleeps.
//!
//! One thread does so for a worker at a time. Meanwhile it has the sleep of the parent's thread that polls for all
//! workers, so that a task that ends at once costs nobody a system call. What it reads is one word; the result is for
//! the [`Sender`](super::Sender) to take.

use super::{Medium, Ring, Ticket};
use crate::state::ring::{Found, SlotState, Turn};
use crate::sync::spin_for;
use std::sync::Arc;

/// For any thread, without a lock.
pub(crate) struct Watch<M> {
    ring: Arc<Ring<M>>,
    /// `None`: there is one processor only, where a spin keeps the worker from running.
    turn: Option<Arc<Turn>>,
}

impl<M> Clone for Watch<M> {
    fn clone(&self) -> Self {
        Watch { ring: Arc::clone(&self.ring), turn: self.turn.clone() }
    }
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    /// The task has ended, and the caller takes its result: nobody else may have been woken for it.
    Done,
    /// The caller goes to sleep; whoever polls has been told to look out for the task again.
    NotYet,
}

impl<M: Medium> Watch<M> {
    pub(super) fn new(ring: Arc<Ring<M>>, spin: bool) -> Self {
        Watch { ring, turn: spin.then(|| Arc::new(Turn::new())) }
    }

    /// Watches a task that is handed out, if that promises to be worth it. `worker`: how it was found then.
    pub(crate) fn spin_on(&self, ticket: Ticket, worker: Found) -> Watched {
        let Some(turn) = &self.turn else {
            return Watched::NotYet;
        };
        let Some(mut spins) = turn.take() else {
            return Watched::NotYet;
        };
        let watched = match spins.begin(worker) {
            Some(limit) => {
                let watched = self.watch(ticket, limit);
                spins.learn(worker, watched == Watched::Done);
                watched
            }
            None => Watched::NotYet,
        };
        turn.give_back(spins);
        watched
    }

    fn watch(&self, ticket: Ticket, limit: std::time::Duration) -> Watched {
        let sleep = self.ring.parent_sleep();
        let borrowed = sleep.borrow();
        let word = self.ring.word(ticket);
        let done = spin_for(limit, || word.state() == Ok(SlotState::Done));
        if let Some(accounted) = borrowed {
            // Who slept had accounted for everything before this task, and the caller accounts for this one.
            let takes_next = done && accounted == ticket.0;
            if sleep.hand_back(accounted.wrapping_add(u64::from(takes_next))) {
                self.ring.ring_parent(self.ring.position().get());
            }
        }
        if done { Watched::Done } else { Watched::NotYet }
    }
}
