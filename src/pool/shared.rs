//! The pool itself: what its threads and handles share, and how it takes tasks in.

use super::closing::Ending;
use super::config::Config;
use super::counts::Counts;
use super::queues::Injector;
use super::room::Place;
use super::roster::Roster;
use super::slot::Slot;
use super::worker;
use crate::error::{RejectReason, Rejected};
use crate::state::Crew;
use crate::sync::{AtomicUsize, Deadline, Mutex, MutexGuard, Ordering};
use crate::task::{self, Begun, Need, Owner, Pause, Residents, Task};
use std::sync::{Arc, OnceLock, Weak};

/// What all threads and handles of a pool share.
pub(crate) struct Pool {
    /// For the threads that it starts.
    pub(super) me: Weak<Pool>,
    pub(super) config: Config,
    pub(super) crew: Crew,
    pub(super) injector: Injector,
    /// One for every thread that there could be, made when its first thread starts.
    pub(super) slots: Box<[OnceLock<Box<Slot>>]>,
    /// How many of them, from the first, have been made.
    pub(super) slots_made: AtomicUsize,
    pub(super) roster: Mutex<Roster>,
    /// Held by whoever joins the threads.
    pub(super) joining: Mutex<()>,
    pub(super) owner: Owner,
    pub(super) counts: Arc<Counts>,
    /// Spawned futures that wait to be woken.
    pub(super) residents: Residents,
    pub(super) broken: OnceLock<Arc<str>>,
    pub(super) ending: Mutex<Ending>,
}

/// Over how many locks the futures that wait are spread, at most.
const MOST_SHARDS: usize = 32;
/// How many withdrawn tasks may be left in the injector before it is swept.
const SWEEP_AFTER: u64 = 1024;

impl Pool {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        let counts = Arc::new(Counts::new(config.queue_bound));
        let (told, told_of_future) = (Arc::clone(&counts), Arc::clone(&counts));
        let slots = (0..config.max_workers + config.max_spares).map(|_| OnceLock::new()).collect();
        Arc::new_cyclic(|me| Pool {
            me: Weak::clone(me),
            crew: Crew::new(),
            injector: Injector::new(config.max_workers == 1),
            slots,
            slots_made: AtomicUsize::new(0),
            roster: Mutex::new(Roster::default()),
            joining: Mutex::new(()),
            owner: Owner {
                withdrawn: Box::new(move || told.withdraw()),
                left_behind: Box::new(move || told_of_future.leave_behind()),
            },
            counts,
            residents: Residents::new(config.max_workers.min(MOST_SHARDS)),
            config,
            broken: OnceLock::new(),
            ending: Mutex::new(Ending::default()),
        })
    }

    pub(crate) fn max_workers(&self) -> usize {
        self.config.max_workers
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.thread_name_prefix
    }

    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    pub(super) fn withdrawn(&self) -> u64 {
        // ORDERING: Relaxed: a figure for reports.
        self.counts.withdrawn.load(Ordering::Relaxed)
    }

    pub(super) fn swept_elsewhere(&self) -> u64 {
        // ORDERING: Relaxed: a figure for reports.
        self.counts.swept.load(Ordering::Relaxed)
    }

    /// A task of the queue was begun by somebody who did not take it from there.
    pub(super) fn count_withdrawn(&self, begun: &Begun) {
        if begun.is_resumed() { self.counts.leave_behind() } else { self.counts.withdraw() }
    }

    /// A task was taken from the queue and begun.
    pub(super) fn count_left(&self, begun: &Begun) {
        if !begun.is_resumed() {
            self.counts.leave();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock()
    }

    pub(super) fn slot(&self, slot: usize) -> Option<&Slot> {
        self.slots.get(slot)?.get().map(Box::as_ref)
    }

    pub(super) fn slots(&self) -> impl DoubleEndedIterator<Item = &Slot> + ExactSizeIterator {
        // ORDERING: Acquire pairs with the Release in `open`.
        let made = self.slots_made.load(Ordering::Acquire);
        self.slots[..made].iter().map(|slot| match slot.get() {
            Some(slot) => &**slot,
            None => unreachable!("slots are made from the first on, and counted afterwards"),
        })
    }

    pub(super) fn occupied_slots(&self) -> Vec<usize> {
        let roster = self.lock();
        (0..self.slots.len()).filter(|slot| roster.is_occupied(*slot)).collect()
    }

    // ------------------------------------------------------------------------------------------ taking tasks in

    /// Takes a task, or gives it back. Waits for room in a bounded queue until the deadline.
    pub(crate) fn execute(&self, task: Task, room: Deadline) -> Result<(), Rejected<Task>> {
        if let Err(reason) = self.admit(room) {
            return Err(Rejected { job: task, reason });
        }
        if task.header().adopt(&self.owner) {
            self.push(task);
        } else {
            // Cancelled on its way here.
            self.counts.leave();
        }
        Ok(())
    }

    /// Whether a task would be taken now; takes a place in a bounded queue for it.
    pub(crate) fn admit(&self, room: Deadline) -> Result<(), RejectReason> {
        if self.crew.load().is_closed() {
            return Err(RejectReason::ShutDown);
        }
        let Some(bounded) = &self.counts.room else {
            return Ok(());
        };
        let mut place = bounded.try_take();
        if place == Place::Full && !room.is_past() {
            // A worker that waits for room lends its place, or else nobody might ever make room.
            let pause = Pause::new(&[], Need::Room(&self.owner), room);
            if let Ok(ticket) = task::enter(&pause) {
                place = bounded.take_until(room);
                drop(ticket);
            }
        }
        match place {
            Place::Got => Ok(()),
            Place::Full => Err(RejectReason::QueueFull),
            Place::Closed => Err(RejectReason::ShutDown),
        }
    }

    /// Queues a task that was admitted and that this pool owns.
    pub(crate) fn push(&self, task: Task) {
        if let Err(task) = worker::push_local(self, task) {
            self.injector.push(task);
            self.sweep_now_and_then();
        }
        self.after_push();
    }

    /// Takes what is left of withdrawn tasks out of the injector, once there may be more of it than of others: where
    /// all workers are busy for long, nobody else would.
    fn sweep_now_and_then(&self) {
        // ORDERING: Relaxed: how often this happens is no matter of order.
        let (withdrawn, mark) = (self.withdrawn(), self.counts.swept_at.load(Ordering::Relaxed));
        if withdrawn.saturating_sub(mark) < SWEEP_AFTER {
            return;
        }
        let length = self.injector.len();
        if withdrawn.saturating_sub(mark) < length as u64 / 2 {
            return;
        }
        // ORDERING: Relaxed, as above; whoever wins sweeps.
        let won = self.counts.swept_at.compare_exchange(mark, withdrawn, Ordering::Relaxed, Ordering::Relaxed);
        if won.is_err() {
            return;
        }
        // Under the lock nobody leaves because the queues look empty while a task is in this thread's hand. Whoever
        // looks meanwhile is followed by the look after this push.
        let roster = self.lock();
        let dead = self.injector.sweep(|task| !task.header().is_due());
        drop(roster);
        for task in dead {
            task.discard();
            self.count_swept();
        }
    }
}
