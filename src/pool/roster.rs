//! What the pool's lock guards: who sleeps, which slots are taken, what goes first, who is stuck.

use super::queues::Local;
use crate::state::Crew;
use crate::sync::{Deadline, JoinHandle, Unparker};
use crate::task::{Awaited, CellRef, Owner};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After the system refused a thread, how long the pool does not ask again unless it has to.
const AFTER_REFUSAL: Duration = Duration::from_millis(20);
/// How often whoever watches looks. After about twice this time a future that was woken by a task is begun, however long
/// that task goes on, if there is a worker to do it. Each look takes its processor a few microseconds.
const WATCH: Duration = Duration::from_micros(500);

#[derive(Default)]
pub(super) struct Roster {
    /// Who sleeps; the last one to lie down gets up first, since its caches are warm.
    sleepers: Vec<Sleeper>,
    /// The slot of the sleeper who watches.
    watcher: Option<usize>,
    /// When whoever watches looks, if he has not; kept for the next one where he is woken before.
    next_look: Option<Deadline>,
    /// How many futures workers had handed over to themselves at the last look.
    handed_over: usize,
    /// Which slots have a thread.
    occupied: Vec<bool>,
    /// Tasks that somebody waits for with a lent place, and who: slot and depth. They go before all others.
    urgent: VecDeque<((usize, usize), CellRef)>,
    /// Threads with a lent place: the slot, and its lent waits, the innermost last.
    waits: Vec<(usize, Vec<Lent>)>,
    /// Threads that are past their last task, and still in their slots.
    pub(super) leaving: usize,
    /// The queue of every slot that was made and has no thread.
    homes: Vec<Option<Local>>,
    pub(super) handles: Vec<JoinHandle>,
    /// Threads that are being started, whose handles are still to come.
    pub(super) starting: usize,
    /// Who waits for the last thread's end.
    pub(super) joiners: Vec<Arc<Unparker>>,
    refused: Option<Instant>,
}

pub(super) struct Sleeper {
    pub(super) slot: usize,
    pub(super) unparker: Arc<Unparker>,
}

/// A lent wait.
pub(super) struct Lent {
    pub(super) wait: LentWait,
    /// Whom to tell if the wait is refused after all, or is to go on by itself; `None`: it cannot be, or was told.
    pub(super) sleeper: Option<Arc<Unparker>>,
}

/// What a thread with a lent place waits for, as far as its own pool can tell.
pub(super) enum LentWait {
    /// It has a limit, or is for something else: it may end without any thread of the pool.
    Free,
    /// All of these tasks of the pool.
    All(Vec<CellRef>),
    /// Any of these tasks of the pool.
    First(Vec<CellRef>),
    /// What a future awaits that the thread polls: tasks of the pool, or something else.
    Polling {
        awaited: Arc<Awaited>,
        /// It could run tasks on top of the one that waits.
        can_run: bool,
    },
    /// Room in the pool's queue.
    Room,
}

impl LentWait {
    /// Whether only another thread of the pool can end it. A task that has ended has its waiter on its way already.
    fn is_stuck(&self, room: bool) -> bool {
        match self {
            LentWait::Free | LentWait::Polling { .. } => false,
            LentWait::All(tasks) => tasks.iter().any(|task| !task.snapshot().is_terminal()),
            LentWait::First(tasks) => tasks.iter().all(|task| !task.snapshot().is_terminal()),
            LentWait::Room => !room,
        }
    }
}

impl Roster {
    pub(super) fn push_urgent(&mut self, waits: (usize, usize), task: CellRef, crew: &Crew) {
        self.urgent.push_back((waits, task));
        crew.set_urgent(true);
    }

    /// Takes out what a wait that is over has put in, to be dropped outside the lock.
    pub(super) fn take_back_urgent(&mut self, waits: (usize, usize), crew: &Crew) -> Vec<CellRef> {
        if self.urgent.is_empty() {
            return Vec::new();
        }
        let all = std::mem::take(&mut self.urgent);
        let mut its = Vec::new();
        for (whose, task) in all {
            if whose == waits { its.push(task) } else { self.urgent.push_back((whose, task)) }
        }
        crew.set_urgent(!self.urgent.is_empty());
        its
    }

    pub(super) fn pop_urgent(&mut self, crew: &Crew) -> Option<CellRef> {
        let (_, task) = self.urgent.pop_front().unzip();
        if self.urgent.is_empty() {
            crew.set_urgent(false);
        }
        task
    }

    pub(super) fn has_urgent(&self) -> bool {
        !self.urgent.is_empty()
    }

    /// The lowest slot without a thread, below `limit`.
    pub(super) fn occupy_lowest(&mut self, limit: usize) -> Option<usize> {
        let slot = self.occupied.iter().position(|taken| !taken).unwrap_or(self.occupied.len());
        (slot < limit).then(|| {
            self.occupy(slot);
            slot
        })
    }

    pub(super) fn is_occupied(&self, slot: usize) -> bool {
        self.occupied.get(slot).copied().unwrap_or(false)
    }

    pub(super) fn occupy(&mut self, slot: usize) {
        if self.occupied.len() <= slot {
            self.occupied.resize(slot + 1, false);
        }
        self.occupied[slot] = true;
    }

    /// The slot's thread is gone, or did not come to be.
    pub(super) fn vacate(&mut self, slot: usize, local: Option<Local>) {
        self.occupied[slot] = false;
        self.homes[slot] = local;
    }

    /// A slot was made; slots are made from the first on.
    pub(super) fn add_home(&mut self, local: Local) {
        self.homes.push(Some(local));
    }

    pub(super) fn slots_made(&self) -> usize {
        self.homes.len()
    }

    /// The slot's queue, for its thread.
    pub(super) fn take_home(&mut self, slot: usize) -> Option<Local> {
        self.homes.get_mut(slot)?.take()
    }

    /// Keeps the handle of a new thread, and lets go of those whose threads have ended.
    pub(super) fn keep_handle(&mut self, handle: JoinHandle) {
        self.handles.retain(|old| !old.is_finished());
        self.handles.push(handle);
    }

    /// A thread begins a lent wait; `true` if it had none.
    pub(super) fn begin_wait(&mut self, slot: usize, wait: Lent) -> bool {
        match self.waits.iter_mut().find(|(waiting, _)| *waiting == slot) {
            Some((_, waits)) => {
                waits.push(wait);
                false
            }
            None => {
                self.waits.push((slot, vec![wait]));
                true
            }
        }
    }

    /// Says what a thread's innermost lent wait is for, and what was said before.
    pub(super) fn decide_wait(&mut self, slot: usize, wait: LentWait) -> Option<LentWait> {
        let (_, waits) = self.waits.iter_mut().find(|(waiting, _)| *waiting == slot)?;
        waits.last_mut().map(|innermost| std::mem::replace(&mut innermost.wait, wait))
    }

    /// A thread ends its innermost lent wait, which is to be dropped outside the lock; `true` if it has none left.
    pub(super) fn end_wait(&mut self, slot: usize) -> (Option<Lent>, bool) {
        let Some(at) = self.waits.iter().position(|(waiting, _)| *waiting == slot) else { return (None, false) };
        let wait = self.waits[at].1.pop();
        let last = self.waits[at].1.is_empty();
        if last {
            self.waits.swap_remove(at);
        }
        (wait, last)
    }

    /// Whether every thread with a lent place waits for others of the pool. `room`: there is some in its queue.
    pub(super) fn all_stuck(&self, room: bool) -> bool {
        self.leaving == 0
            && self.waits.iter().all(|(_, waits)| waits.last().is_some_and(|lent| lent.wait.is_stuck(room)))
    }

    /// Of waits that are all stuck, refuses the last that can be; `false`: there is none.
    pub(super) fn refuse_last(&mut self, why: &Arc<str>) -> bool {
        let innermost = self.waits.iter_mut().rev().filter_map(|(_, waits)| waits.last_mut());
        let refused = innermost.filter_map(|lent| Some((lent.sleeper.take()?, lent))).next();
        let Some((sleeper, lent)) = refused else { return false };
        // It goes on.
        lent.wait = LentWait::Free;
        sleeper.refuse(Arc::clone(why));
        true
    }

    /// Nobody is up, and no thread can be added: gets up one who can do something about what it waits for. `false`: there
    /// is none. If it then finds that there is nothing to be done, it is the last to lie down again, and looks for others.
    pub(super) fn rouse_polling(&mut self, owner: &Owner) -> bool {
        let innermost = self.waits.iter_mut().filter_map(|(_, waits)| waits.last_mut());
        let mut roused = innermost.filter_map(|lent| match &lent.wait {
            LentWait::Polling { awaited, can_run: true } if awaited.wants_a_thread(owner) => {
                Some((lent.sleeper.take()?, lent))
            }
            _ => None,
        });
        let Some((sleeper, lent)) = roused.next() else { return false };
        lent.wait = LentWait::Free;
        sleeper.unpark();
        true
    }

    pub(super) fn lie_down(&mut self, sleeper: Sleeper) {
        self.sleepers.push(sleeper);
    }

    pub(super) fn sleeps(&self, slot: usize) -> bool {
        self.sleepers.iter().any(|sleeper| sleeper.slot == slot)
    }

    /// Gets the last one up who lay down, and who watches only if there is nobody else.
    pub(super) fn wake_last(&mut self, crew: &Crew) -> Option<Arc<Unparker>> {
        let others = self.sleepers.iter().rfind(|sleeper| !self.watches(sleeper.slot));
        let slot = others.or(self.sleepers.last())?.slot;
        self.wake_slot(slot, crew)
    }

    /// Gets one sleeper up, unless it is up already.
    pub(super) fn wake_slot(&mut self, slot: usize, crew: &Crew) -> Option<Arc<Unparker>> {
        let unparker = self.take_sleeper(slot, crew)?;
        crew.wake();
        Some(unparker)
    }

    /// Takes one out of the list of sleepers, to get it up or to let it leave; it watches no more.
    pub(super) fn take_sleeper(&mut self, slot: usize, crew: &Crew) -> Option<Arc<Unparker>> {
        let at = self.sleepers.iter().rposition(|sleeper| sleeper.slot == slot)?;
        self.stop_watching(slot, crew);
        Some(self.sleepers.remove(at).unparker)
    }

    /// A sleeper watches from now on, unless another one does: when it looks next.
    pub(super) fn watch(&mut self, slot: usize, crew: &Crew) -> Option<Deadline> {
        if self.watcher.is_none() {
            self.watcher = Some(slot);
            crew.set_watched(true);
        }
        self.watches(slot).then(|| *self.next_look.get_or_insert_with(|| Deadline::after(Some(WATCH))))
    }

    /// Whoever watches looks now. Says whether futures have been handed over since the last look.
    pub(super) fn begin_look(&mut self, handed_over: usize) -> bool {
        self.next_look = None;
        std::mem::replace(&mut self.handed_over, handed_over) != handed_over
    }

    pub(super) fn watches(&self, slot: usize) -> bool {
        self.watcher == Some(slot)
    }

    pub(super) fn stop_watching(&mut self, slot: usize, crew: &Crew) {
        if self.watches(slot) {
            self.watcher = None;
            crew.set_watched(false);
        }
    }

    /// How many threads have lent their places.
    pub(super) fn lent(&self) -> usize {
        self.waits.len()
    }

    pub(super) fn note_refusal(&mut self) {
        self.refused = Some(Instant::now());
    }

    pub(super) fn may_ask_again(&self) -> bool {
        self.refused.is_none_or(|at| at.elapsed() >= AFTER_REFUSAL)
    }
}
