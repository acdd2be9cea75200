//! How a worker comes by its next task.
//!
//! Order of search: what somebody waits for with a lent place, the slot's own mail, the future that this thread woke
//! last, the thread's own queue, the injector, and the other threads' queues. Every so often all others' queues come
//! before the own one, so that a task that keeps submitting others does not keep out what comes from outside; and futures
//! that keep waking each other let the queues have a turn. The future that another thread woke last is left to it, unless
//! it [lies there](super::sleeping) from one look to the next.

use super::shared::Pool;
use super::worker::Worker;
use crate::state::{Roll, Stop};
use crate::task::{CellRef, Handoff, Task};
use std::cell::Cell;
use std::sync::Arc;

/// One in so many turns begins with the injector, and the other threads' queues.
const INJECTOR_FIRST: u32 = 61;
/// How many futures in a row may overtake the queues because they were just woken.
const WOKEN_IN_A_ROW: u32 = 8;
/// How often a searcher looks everywhere before it sleeps.
const SEARCH_ROUNDS: u32 = 3;

/// A task to run, and where it stood.
pub(super) enum Found {
    /// In a queue, from which it was taken.
    Queued(Task),
    /// In a queue, in which it still is: somebody who waits for it put it on the list that goes first.
    Ahead(CellRef),
    /// In this slot's mail.
    Mail(Task),
}

impl Found {
    fn into_task(self) -> Task {
        match self {
            Found::Queued(task) | Found::Mail(task) => task,
            Found::Ahead(task) => Task::new(task),
        }
    }
}

/// What a worker keeps in mind from one search to the next.
pub(super) struct Search {
    turn: Cell<u32>,
    /// How many futures in a row have overtaken the queues.
    woken_in_a_row: Cell<u32>,
    /// There may be tasks in the own queue that nobody else was told of.
    unannounced: Cell<bool>,
    /// A future has just made way for others.
    yielded: Cell<bool>,
    /// Where the next round through the others begins.
    seed: Cell<u32>,
    /// The thread is counted as searching.
    pub(super) searching: Cell<bool>,
    /// How many futures workers had handed over to themselves when this thread last looked, lying down.
    pub(super) handed_over: Cell<usize>,
}

impl Search {
    /// A thread starts as a searcher.
    pub(super) fn new(number: usize) -> Self {
        Search {
            turn: Cell::new(0),
            woken_in_a_row: Cell::new(0),
            unannounced: Cell::new(false),
            yielded: Cell::new(false),
            seed: Cell::new(number as u32),
            searching: Cell::new(true),
            handed_over: Cell::new(0),
        }
    }
}

/// The last searcher, or not, has found something to do: if there is more, somebody else should look.
pub(super) fn end_search(pool: &Arc<Pool>) {
    if pool.crew.end_search() {
        pool.crew.before_look();
        if pool.wants_a_searcher() {
            pool.activate();
        }
    }
}

impl Worker {
    /// The next task; `None` when the thread is to end. Between two tasks is where a surplus thread parks.
    pub(super) fn next(&self) -> Option<Found> {
        loop {
            let roll = self.pool.crew.load();
            if self.is_surplus(roll) {
                if !self.sleep_as_surplus() {
                    return None;
                }
                continue;
            }
            if let Some(found) = self.look(roll) {
                if roll.is_closed() && self.pool.stops() == Some(Stop::Cancelled) {
                    // It was on its way from one queue to another when the queues were emptied.
                    let taken = !matches!(found, Found::Ahead(_));
                    self.pool.cancel(found.into_task(), taken);
                    continue;
                }
                if self.search.unannounced.replace(false) {
                    // What is in the own queue now waits for something else.
                    self.pool.after_push();
                }
                return Some(found);
            }
            if !self.is_surplus(self.pool.crew.load()) && !self.sleep_as_searcher() {
                return None;
            }
        }
    }

    /// One thread too many, as after the return from a lent wait. Its mail it runs all the same: nobody else may.
    fn is_surplus(&self, roll: Roll) -> bool {
        roll.active() > self.pool.config.max_workers && !self.own().has_mail()
    }

    fn look(&self, roll: Roll) -> Option<Found> {
        if !self.search.searching.get() {
            if let Some(task) = self.look_near(roll) {
                return Some(task);
            }
            self.begin_search();
        }
        for _ in 0..SEARCH_ROUNDS {
            let roll = self.pool.crew.load();
            if self.is_surplus(roll) {
                return None;
            }
            let found = self.look_near(roll).or_else(|| self.look_far().map(Found::Queued));
            if found.is_some() {
                // Others are told of what has come into the own queue by this.
                self.search.unannounced.set(false);
                self.stop_searching();
                return found;
            }
        }
        None
    }

    /// What this thread comes by without disturbing others.
    fn look_near(&self, roll: Roll) -> Option<Found> {
        if roll.has_urgent() {
            let urgent = self.pool.lock().pop_urgent(&self.pool.crew);
            if let Some(task) = urgent {
                return Some(Found::Ahead(task));
            }
        }
        let slot = self.own();
        if slot.has_mail() {
            if let Some(task) = slot.pop_mail() {
                return Some(Found::Mail(task));
            }
        }
        let in_a_row = &self.search.woken_in_a_row;
        if in_a_row.get() < WOKEN_IN_A_ROW {
            if let Some(task) = slot.woken.take() {
                in_a_row.set(in_a_row.get() + 1);
                return Some(Found::Queued(task));
            }
        }
        in_a_row.set(0);
        self.look_in_queues().or_else(|| slot.woken.take()).map(Found::Queued)
    }

    fn look_in_queues(&self) -> Option<Task> {
        let Search { turn, unannounced, yielded, .. } = &self.search;
        turn.set(turn.get().wrapping_add(1));
        let own = || {
            let task = self.local.pop()?;
            unannounced.set(false);
            Some(task)
        };
        let injector = || self.noting_what_moves(self.pool.injector.take(&self.local));
        let yielded = yielded.replace(false);
        if turn.get() % INJECTOR_FIRST != 0 {
            return if yielded { injector().or_else(own) } else { own().or_else(injector) };
        }
        // Others may be busy for ever with what is before the tasks in their queues, and the injector never be empty.
        if turn.get() % (2 * INJECTOR_FIRST) == 0 {
            self.take_stale().or_else(|| self.look_far()).or_else(injector).or_else(own)
        } else {
            injector().or_else(|| self.look_far()).or_else(own)
        }
    }

    fn look_far(&self) -> Option<Task> {
        let count = self.pool.slots().len();
        // A linear congruential step is enough to keep searchers from following each other.
        let seed = self.search.seed.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.search.seed.set(seed);
        let start = seed as usize % count.max(1);
        let slots = || self.pool.slots().enumerate();
        let mut others = slots().skip(start).chain(slots().take(start)).filter(|(number, _)| *number != self.number);
        self.noting_what_moves(others.find_map(|(_, slot)| slot.stealer.take(&self.local)))
    }

    /// A future that another thread has woken, and does not come to.
    fn take_stale(&self) -> Option<Task> {
        let others = self.pool.slots().enumerate().filter(|(number, _)| *number != self.number);
        others.map(|(_, slot)| &slot.woken).find_map(Handoff::take_stale)
    }

    /// Tasks that came with this one into the own queue were in no queue for a moment: who looked then, and lay down, is
    /// to be told of them.
    fn noting_what_moves(&self, task: Option<Task>) -> Option<Task> {
        if task.is_some() && !self.local.is_empty() {
            self.search.unannounced.set(true);
        }
        task
    }

    /// What this thread would have come to next is for whoever comes first, because it will not.
    pub(super) fn pass_on_woken(&self) {
        if let Some(task) = self.own().woken.take() {
            self.pool.injector.push(task);
        }
    }

    pub(super) fn begin_search(&self) {
        self.pool.crew.begin_search();
        self.search.searching.set(true);
    }

    /// Has no effect on a thread that is no searcher.
    pub(super) fn stop_searching(&self) {
        if self.search.searching.replace(false) {
            end_search(&self.pool);
        }
    }

    /// Queues a future that has made way for others, behind those of this thread.
    pub(super) fn queue_again(&self, task: Task, is_outermost: bool) {
        // With nothing before it this thread comes to it next, and nobody else need know.
        let next = self.local.is_empty() && is_outermost;
        self.search.yielded.set(true);
        self.push_last(task);
        if next && self.pool.config.max_workers > 1 {
            self.search.unannounced.set(true);
        } else {
            self.pool.after_push();
        }
    }
}
