//! Seeing to it that somebody looks at the queues: waking sleepers, starting threads, and what happens where there is
//! nobody to wake and no thread to be had.

use super::config::Config;
use super::queues::Local;
use super::roster::Roster;
use super::shared::Pool;
use super::slot::Slot;
use super::worker;
use crate::error::{RejectReason, TaskError};
use crate::state::Roll;
use crate::sync::{Mutex, MutexGuard, Ordering, spawn_thread};
use crate::task::{Header, Task};
use std::io;
use std::sync::Arc;

/// A place for a new thread, counted before the thread exists.
pub(super) struct Opening {
    slot: usize,
    /// The slot's queue; absent only if the slot has a thread, which opening it rules out.
    local: Option<Local>,
}

/// What making somebody active came to.
pub(super) enum Activation {
    /// Somebody will look, or need not.
    Settled,
    /// No thread could be added.
    Refused(Refusal),
}

/// Why no thread could be added. Most often nobody asks, because others are up: the words are made by [`Pool::why`].
pub(super) enum Refusal {
    /// The pool has all the threads that it may have, and none that could be woken.
    AtTheLimit,
    BySystem(io::Error),
}

impl Pool {
    /// A thread has left its slot. If there is something in the queues, another takes its place, decided under the same
    /// lock: a submit may have found no other slot, and relied on this, and a pool is not deserted while it has work.
    pub(super) fn after_leaving(&self, mut roster: MutexGuard<'_, Roster>) {
        self.crew.before_look();
        let roll = self.crew.load();
        // In a pool that is over, what lies with a worker is dead: nobody who came for that would stay.
        let wanted = if self.is_over(roll) { self.has_work() } else { self.wants_a_searcher() };
        if (wanted || roster.has_urgent()) && !roll.is_broken() && self.can_activate(roll) {
            if let Activation::Refused(refusal) = self.activate_with(roster) {
                self.fail_if_deserted(&refusal);
            }
            return;
        }
        self.tell_if_gone(&roster);
        // A thread that lay down as one too many after the pool was closed waits for this one's place.
        let sleeper = if roll.is_closed() || roll.is_broken() { roster.wake_last(&self.crew) } else { None };
        drop(roster);
        if let Some(sleeper) = sleeper {
            sleeper.unpark();
        }
    }

    /// Sees to it that somebody looks at the queues.
    pub(super) fn after_push(&self) {
        let roll = self.crew.load_after_push();
        if roll.is_closed() || roll.is_broken() {
            self.push_was_late();
        } else if roll.searching() == 0 && self.can_activate(roll) {
            self.activate();
        }
    }

    /// Sees to it that somebody looks, before long, at a future that the calling worker keeps for itself.
    pub(super) fn after_handing_over(&self) {
        let roll = self.crew.load_after_push();
        if roll.is_closed() || roll.is_broken() {
            self.push_was_late();
        } else if roll.searching() == 0 && !roll.is_watched() && self.can_activate(roll) {
            self.activate();
        }
    }

    /// The pool was closed, or broke, while a task was being pushed: somebody may have emptied the queues before it.
    #[cold]
    pub(super) fn push_was_late(&self) {
        if let Some(cause) = self.broken.get() {
            self.fail_queued(&TaskError::Broken(Arc::clone(cause)));
        } else if self.is_now_deserted() {
            self.fail_queued(&TaskError::Rejected(RejectReason::ShutDown));
        } else {
            self.activate();
        }
    }

    pub(super) fn can_activate(&self, roll: Roll) -> bool {
        roll.active() < self.config.max_workers
    }

    /// Whether there is anything that a worker without mail could take.
    pub(super) fn has_work(&self) -> bool {
        !self.injector.is_empty() || self.slots().any(|slot| !slot.stealer.is_empty())
    }

    /// Whether there is anything that a worker keeps for itself: see `state::crew`.
    pub(super) fn has_handed_over(&self) -> bool {
        self.slots().any(|slot| !slot.woken.is_empty())
    }

    /// Whether somebody has to get up.
    pub(super) fn wants_a_searcher(&self) -> bool {
        self.has_work() || (!self.crew.load().is_watched() && self.has_handed_over())
    }

    /// Wakes a sleeper, or starts a thread, if nobody searches and the limit allows it.
    pub(super) fn activate(&self) {
        let roster = self.lock();
        let roll = self.crew.load();
        // Somebody who was about to sleep may have taken what this call is for, and be busy with it by now.
        if roll.searching() > 0 || !self.can_activate(roll) || !self.wants_a_searcher() {
            return;
        }
        if let Activation::Refused(refusal) = self.activate_with(roster) {
            self.fail_if_deserted(&refusal);
        }
    }

    /// As [`activate`](Self::activate), whether or not somebody searches, because a place has just been lent.
    /// Says why, if no thread could be added.
    pub(super) fn activate_for_lent_place(&self, roster: MutexGuard<'_, Roster>) -> Option<Refusal> {
        if !self.can_activate(self.crew.load()) {
            return None;
        }
        match self.activate_with(roster) {
            Activation::Settled => None,
            Activation::Refused(refusal) => Some(refusal),
        }
    }

    fn activate_with(&self, mut roster: MutexGuard<'_, Roster>) -> Activation {
        if let Some(unparker) = roster.wake_last(&self.crew) {
            drop(roster);
            unparker.unpark();
            return Activation::Settled;
        }
        let deserted = self.crew.load().active() == 0;
        if !deserted && !roster.may_ask_again() {
            // Those who are up will get to it.
            return Activation::Settled;
        }
        let Some(slot) = roster.occupy_lowest(self.slots.len()) else {
            if roster.leaving > 0 {
                // Whoever leaves its slot looks again afterwards.
                return Activation::Settled;
            }
            return Activation::Refused(Refusal::AtTheLimit);
        };
        let opening = self.open(&mut roster, slot);
        drop(roster);
        self.start(opening)
    }

    /// For who would need another thread.
    #[cold]
    pub(super) fn why(&self, refusal: &Refusal) -> Arc<str> {
        let Config { max_workers, max_spares, .. } = &self.config;
        match refusal {
            Refusal::AtTheLimit => format!(
                "pool `{}` has all the threads that it may have ({max_workers} by max_workers, {max_spares} by \
                 max_spares), and all of them wait: raise max_spares, or stack_size, so that waits have the room to run \
                 in place what they wait for",
                self.name()
            ),
            Refusal::BySystem(error) => format!("the system refuses pool `{}` another thread: {error}", self.name()),
        }
        .into()
    }

    /// Counts a thread that is about to be started in a slot that was just occupied.
    pub(super) fn open(&self, roster: &mut Roster, slot: usize) -> Opening {
        for place in &self.slots[roster.slots_made().min(slot + 1)..=slot] {
            let local = Local::new();
            let _ = place.set(Box::new(Slot::new(local.stealer())));
            roster.add_home(local);
        }
        // ORDERING: Release pairs with the Acquire in `slots`. Changes only under the lock.
        self.slots_made.store(roster.slots_made(), Ordering::Release);
        roster.starting += 1;
        self.crew.add_thread();
        Opening { slot, local: roster.take_home(slot) }
    }

    pub(super) fn start(&self, opening: Opening) -> Activation {
        let Opening { slot, local } = opening;
        let Some(pool) = self.me.upgrade() else { unreachable!("whoever calls this has the pool") };
        let name = format!("{}_{slot}", self.config.thread_name_prefix);
        // The queue travels in a place of its own, so that it can be had back where the thread is refused.
        let parcel = Arc::new(Mutex::new(local));
        let delivered = Arc::clone(&parcel);
        let started = spawn_thread(name, self.config.stack_size, move || worker::main(pool, slot, &delivered));
        let mut roster = self.lock();
        roster.starting -= 1;
        match started {
            Ok(handle) => {
                roster.keep_handle(handle);
                self.tell_if_gone(&roster);
                drop(roster);
                self.tell_ended();
                Activation::Settled
            }
            Err(error) => {
                roster.vacate(slot, parcel.lock().take());
                roster.note_refusal();
                self.crew.remove_searcher();
                self.crew.before_look();
                let mail = self.take_mail(slot);
                self.tell_if_gone(&roster);
                // A submit may have relied on this searcher; those who are up will look, and so will this one.
                let sleeper = roster.wake_last(&self.crew);
                drop(roster);
                self.tell_ended();
                if let Some(sleeper) = sleeper {
                    sleeper.unpark();
                }
                let refusal = Refusal::BySystem(error);
                for task in mail {
                    task.fail(TaskError::Broken(self.why(&refusal)));
                }
                Activation::Refused(refusal)
            }
        }
    }

    /// Whether no thread of the pool can go on unless another one does.
    pub(super) fn is_stuck(&self, roster: &Roster) -> bool {
        let roll = self.crew.load();
        let room = self.counts.room.as_ref().is_some_and(|room| !room.is_full());
        roll.threads() == roll.blocked() && roster.all_stuck(room)
    }

    /// No thread can be added. If there is none, or none that can go on, nobody will ever run what is queued.
    #[cold]
    pub(super) fn fail_if_deserted(&self, refusal: &Refusal) {
        let mut roster = self.lock();
        if self.crew.load().active() == 0 && roster.rouse_polling(&self.owner) {
            return;
        }
        if !self.is_stuck(&roster) {
            return;
        }
        let why = self.why(refusal);
        let goes_on = roster.refuse_last(&why);
        drop(roster);
        if !goes_on {
            self.fail_queued(&TaskError::Broken(why));
        }
    }

    pub(super) fn fail_queued(&self, error: &TaskError) {
        self.empty_queues(|pool, task| {
            let queued = pool.is_queued(task.header());
            match task.begin() {
                Some(begun) => {
                    if queued {
                        pool.count_left(&begun);
                    }
                    begun.fail(error.clone());
                }
                None if queued => pool.count_swept(),
                None => {}
            }
        });
    }

    /// Takes everything out of all queues.
    pub(super) fn empty_queues(&self, mut each: impl FnMut(&Self, Task)) {
        while let Some(task) = self.take_from_any() {
            each(self, task);
        }
    }

    fn take_from_any(&self) -> Option<Task> {
        self.injector.take_one().or_else(|| self.slots().find_map(Slot::take_any))
    }

    /// Whether the task has, or had, a place in the queues; mail has none.
    pub(super) fn is_queued(&self, task: &Header) -> bool {
        std::ptr::eq(task.owner(), &raw const self.owner)
    }

    /// What was left of a withdrawn task was swept out by somebody who is no worker.
    pub(super) fn count_swept(&self) {
        // ORDERING: Relaxed: a figure for reports.
        self.counts.swept.fetch_add(1, Ordering::Relaxed);
    }
}
