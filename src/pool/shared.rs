//! The pool itself: taking tasks in, waking and starting threads, closing down.

use super::config::Config;
use super::queues::{Injector, Local};
use super::room::{Place, Room};
use super::roster::Roster;
use super::slot::Slot;
use super::worker;
use crate::error::{RejectReason, Rejected, TaskError};
use crate::state::{Crew, Roll};
use crate::sync::{AtomicU64, AtomicUsize, Deadline, Mutex, MutexGuard, Ordering, Unparker, spawn_thread};
use crate::task::{self, Header, Need, Owner, Pause, Promise, SharedFuture, Task, promise};
use std::sync::{Arc, OnceLock};

/// What all threads and handles of a pool share.
pub(crate) struct Pool {
    pub(super) config: Config,
    pub(super) crew: Crew,
    pub(super) injector: Injector,
    /// One for every thread that there could be, made when its first thread starts.
    slots: Box<[OnceLock<Box<Slot>>]>,
    /// How many of them, from the first, have been made.
    slots_made: AtomicUsize,
    roster: Mutex<Roster>,
    owner: Owner,
    counts: Arc<Counts>,
    broken: OnceLock<Arc<str>>,
    ending: Mutex<Ending>,
}

/// Who waits for the end without a thread of theirs, and what is to be told then.
#[derive(Default)]
struct Ending {
    promise: Option<Promise<()>>,
    future: Option<SharedFuture<()>>,
    completed_before: u64,
    cancelled: usize,
}

/// What tasks tell their pool about; apart from it, because the owner's hook keeps it.
struct Counts {
    /// Tasks that left the queue otherwise than by being taken from it.
    withdrawn: AtomicU64,
    /// Of these, how many were swept out by somebody who is no worker.
    swept: AtomicU64,
    /// How many there were when the injector was last swept.
    swept_at: AtomicU64,
    room: Option<Room>,
}

impl Counts {
    fn withdraw(&self) {
        // ORDERING: Relaxed: a figure for reports.
        self.withdrawn.fetch_add(1, Ordering::Relaxed);
        self.leave();
    }

    fn leave(&self) {
        if let Some(room) = &self.room {
            room.give_back();
        }
    }
}

/// How many withdrawn tasks may be left in the injector before it is swept.
const SWEEP_AFTER: u64 = 1024;

/// A place for a new thread, counted before the thread exists.
struct Opening {
    slot: usize,
    /// The slot's queue; absent only if the slot has a thread, which opening it rules out.
    local: Option<Local>,
}

/// What making somebody active came to.
enum Activation {
    /// Somebody will look, or need not.
    Settled,
    /// No thread could be added.
    Refused(Arc<str>),
}

impl Pool {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        let counts = Arc::new(Counts {
            withdrawn: AtomicU64::new(0),
            swept: AtomicU64::new(0),
            swept_at: AtomicU64::new(0),
            room: config.queue_bound.map(Room::new),
        });
        let told = Arc::clone(&counts);
        let slots = (0..config.max_workers + config.max_spares).map(|_| OnceLock::new()).collect();
        Arc::new(Pool {
            crew: Crew::new(),
            injector: Injector::new(config.max_workers == 1),
            slots,
            slots_made: AtomicUsize::new(0),
            roster: Mutex::new(Roster::default()),
            owner: Owner { withdrawn: Box::new(move || told.withdraw()) },
            counts,
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
    pub(super) fn count_withdrawn(&self) {
        self.counts.withdraw();
    }

    /// A task was taken from the queue and begun.
    pub(super) fn count_left(&self) {
        self.counts.leave();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock()
    }

    pub(super) fn slot(&self, slot: usize) -> Option<&Slot> {
        self.slots.get(slot)?.get().map(Box::as_ref)
    }

    pub(super) fn slots(&self) -> impl DoubleEndedIterator<Item = &Slot> + ExactSizeIterator {
        // ORDERING: Acquire pairs with the Release in `open_slot`.
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
    pub(crate) fn execute(self: &Arc<Self>, task: Task, room: Deadline) -> Result<(), Rejected<Task>> {
        if let Err(reason) = self.admit(room) {
            return Err(Rejected { job: task, reason });
        }
        if task.header().adopt(&self.owner) {
            self.push(task);
        } else {
            // Cancelled on its way here.
            self.count_left();
        }
        Ok(())
    }

    /// Whether a task would be taken now; takes a place in a bounded queue for it.
    pub(crate) fn admit(self: &Arc<Self>, room: Deadline) -> Result<(), RejectReason> {
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
    pub(crate) fn push(self: &Arc<Self>, task: Task) {
        if let Err(task) = worker::push_local(self, task) {
            self.injector.push(task);
            self.sweep_now_and_then();
        }
        self.after_push();
    }

    /// Takes what is left of withdrawn tasks out of the injector, once there may be more of it than of others: where all
    /// workers are busy for long, nobody else would.
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
        // Under the lock nobody leaves because the queues look empty while a task is in this thread's hand. Whoever looks
        // meanwhile is followed by the look after this push.
        let roster = self.lock();
        let dead = self.injector.sweep(|task| !task.header().snapshot().is_pending());
        drop(roster);
        for _ in &dead {
            self.count_swept();
        }
    }

    /// A thread has left its slot. If there is something in the queues, another takes its place, decided under the same
    /// lock: a submit may have found no other slot, and relied on this, and a pool is not deserted while it has work.
    pub(super) fn after_leaving(self: &Arc<Self>, mut roster: MutexGuard<'_, Roster>) {
        self.crew.before_look();
        let roll = self.crew.load();
        if (self.has_work() || roster.has_urgent()) && !roll.is_broken() && self.can_activate(roll) {
            if let Activation::Refused(why) = self.activate_with(roster) {
                self.fail_if_deserted(&why);
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
    pub(super) fn after_push(self: &Arc<Self>) {
        let roll = self.crew.load_after_push();
        if roll.is_closed() || roll.is_broken() {
            self.push_was_late();
        } else if roll.searching() == 0 && self.can_activate(roll) {
            self.activate();
        }
    }

    /// The pool was closed, or broke, while a task was being pushed: somebody may have emptied the queues before it.
    #[cold]
    fn push_was_late(self: &Arc<Self>) {
        if let Some(cause) = self.broken.get() {
            self.fail_queued(&TaskError::Broken(Arc::clone(cause)));
        } else if self.crew.load().threads() == 0 {
            self.fail_queued(&TaskError::Rejected(RejectReason::ShutDown));
        } else {
            self.activate();
        }
    }

    // ------------------------------------------------------------------------------------------ waking and starting

    pub(super) fn can_activate(&self, roll: Roll) -> bool {
        roll.active() < self.config.max_workers
    }

    /// Whether there is anything that a worker without mail could take.
    pub(super) fn has_work(&self) -> bool {
        !self.injector.is_empty() || self.slots().any(|slot| !slot.stealer.is_empty())
    }

    /// Wakes a sleeper, or starts a thread, if nobody searches and the limit allows it.
    pub(super) fn activate(self: &Arc<Self>) {
        let roster = self.lock();
        let roll = self.crew.load();
        // Somebody who was about to sleep may have taken what this call is for, and be busy with it by now.
        if roll.searching() > 0 || !self.can_activate(roll) || !self.has_work() {
            return;
        }
        if let Activation::Refused(why) = self.activate_with(roster) {
            self.fail_if_deserted(&why);
        }
    }

    /// As [`activate`](Self::activate), whether or not somebody searches, because a place has just been lent.
    /// Says why, if no thread could be added.
    pub(super) fn activate_for_lent_place(self: &Arc<Self>, roster: MutexGuard<'_, Roster>) -> Option<Arc<str>> {
        if !self.can_activate(self.crew.load()) {
            return None;
        }
        match self.activate_with(roster) {
            Activation::Settled => None,
            Activation::Refused(why) => Some(why),
        }
    }

    fn activate_with(self: &Arc<Self>, mut roster: MutexGuard<'_, Roster>) -> Activation {
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
            return Activation::Refused(format!("all {} threads that it may have wait", self.slots.len()).into());
        };
        let opening = self.open(&mut roster, slot);
        drop(roster);
        self.start(opening)
    }

    /// Counts a thread that is about to be started in a slot that was just occupied.
    fn open(&self, roster: &mut Roster, slot: usize) -> Opening {
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

    fn start(self: &Arc<Self>, opening: Opening) -> Activation {
        let Opening { slot, local } = opening;
        let pool = Arc::clone(self);
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
                self.tell_if_gone(&roster);
                // A submit may have relied on this searcher; those who are up will look, and so will this one.
                let sleeper = roster.wake_last(&self.crew);
                drop(roster);
                self.tell_ended();
                if let Some(sleeper) = sleeper {
                    sleeper.unpark();
                }
                Activation::Refused(format!("the system refuses another thread: {error}").into())
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
    fn fail_if_deserted(self: &Arc<Self>, why: &Arc<str>) {
        let stuck = self.is_stuck(&self.lock());
        if stuck {
            self.fail_queued(&TaskError::Broken(Arc::clone(why)));
        }
    }

    fn fail_queued(&self, error: &TaskError) {
        self.empty_queues(|pool, task| {
            let queued = pool.is_queued(task.header());
            match task.begin() {
                Some(begun) => {
                    if queued {
                        pool.count_left();
                    }
                    begun.fail(error.clone());
                }
                None if queued => pool.count_swept(),
                None => {}
            }
        });
    }

    /// Takes everything out of all queues.
    fn empty_queues(&self, mut each: impl FnMut(&Self, Task)) {
        while let Some(task) = self.take_from_any() {
            each(self, task);
        }
    }

    fn take_from_any(&self) -> Option<Task> {
        self.injector
            .take_one()
            .or_else(|| self.slots().find_map(|slot| slot.stealer.take_one().or_else(|| slot.pop_mail())))
    }

    /// Whether the task has, or had, a place in the queues; mail has none.
    fn is_queued(&self, task: &Header) -> bool {
        std::ptr::eq(task.owner(), &raw const self.owner)
    }

    /// What was left of a withdrawn task was swept out by somebody who is no worker.
    fn count_swept(&self) {
        // ORDERING: Relaxed: a figure for reports.
        self.counts.swept.fetch_add(1, Ordering::Relaxed);
    }

    // ------------------------------------------------------------------------------------------ mail

    /// Queues a task for one slot, whose thread is started if need be.
    pub(crate) fn send(self: &Arc<Self>, slot: usize, task: Task) {
        let roster = self.lock();
        if self.slot(slot).is_none() || !roster.is_occupied(slot) {
            drop(roster);
            self.send_to_new(slot, task);
            return;
        }
        if let Some(to) = self.slot(slot) {
            to.push_mail(task);
        }
        self.deliver(roster, slot);
    }

    fn deliver(&self, mut roster: MutexGuard<'_, Roster>, slot: usize) {
        let sleeper = roster.wake_slot(slot, &self.crew);
        drop(roster);
        if let Some(sleeper) = sleeper {
            sleeper.unpark();
        }
    }

    fn send_to_new(self: &Arc<Self>, slot: usize, task: Task) {
        let mut roster = self.lock();
        if roster.is_occupied(slot) {
            drop(roster);
            return self.send(slot, task);
        }
        roster.occupy(slot);
        let opening = self.open(&mut roster, slot);
        if let Some(to) = self.slot(slot) {
            to.push_mail(task);
        }
        drop(roster);
        if let Activation::Refused(why) = self.start(opening) {
            while let Some(mail) = self.slot(slot).and_then(Slot::pop_mail) {
                mail.fail(TaskError::Broken(Arc::clone(&why)));
            }
            self.fail_if_deserted(&why);
        }
    }

    // ------------------------------------------------------------------------------------------ closing down

    /// No more tasks; what is queued still runs. Idempotent.
    pub(crate) fn close(self: &Arc<Self>) {
        if self.crew.close() {
            self.ending.lock().completed_before = self.stats().completed;
        }
        if let Some(room) = &self.counts.room {
            room.close();
        }
        self.wake_all();
        if self.crew.load().threads() == 0 {
            // A submit that saw the pool open may have pushed after its last thread left.
            self.push_was_late();
        }
        self.tell_ended();
    }

    /// The pool is closed and its last thread has gone: tells those who await that.
    pub(super) fn tell_ended(&self) {
        if self.crew.load().is_closed() && self.is_deserted(&self.lock()) {
            let promise = self.ending.lock().promise.take();
            if let Some(promise) = promise {
                // Nobody cancels it: the future is shared, and kept here.
                let _ = promise.set_result(());
            }
        }
    }

    /// Ready once the pool is closed and its last thread has gone.
    pub(crate) fn ended(&self) -> SharedFuture<()> {
        let mut ending = self.ending.lock();
        let future = ending.future.clone().unwrap_or_else(|| {
            let (promise, future) = promise();
            ending.promise = Some(promise);
            future.shared()
        });
        ending.future = Some(future.clone());
        drop(ending);
        self.tell_ended();
        future
    }

    /// What came of the closing so far: tasks that ran to an end since, and tasks that were cancelled for it.
    pub(crate) fn since_close(&self) -> (usize, usize) {
        let completed = self.stats().completed;
        let ending = self.ending.lock();
        let finished = completed.saturating_sub(ending.completed_before);
        (usize::try_from(finished).unwrap_or(usize::MAX), ending.cancelled)
    }

    /// Cancels what no worker has begun; says how many.
    pub(crate) fn cancel_queued(&self) -> usize {
        let mut cancelled = 0;
        self.empty_queues(|pool, task| {
            // Whoever cancels it tells the owner of a task that stays in the queue.
            let queued = pool.is_queued(task.header());
            cancelled += usize::from(task.cancel());
            if queued {
                pool.count_swept();
            }
        });
        self.ending.lock().cancelled += cancelled;
        cancelled
    }

    /// The pool can run nothing any more; everything queued fails with the cause.
    pub(super) fn break_down(self: &Arc<Self>, cause: &str) {
        let cause: Arc<str> = cause.into();
        let _ = self.broken.set(Arc::clone(&cause));
        self.crew.break_down();
        self.fail_queued(&TaskError::Broken(cause));
        self.wake_all();
    }

    /// Why the pool can run nothing any more, if so.
    pub(crate) fn broken(&self) -> Option<TaskError> {
        self.broken.get().map(|cause| TaskError::Broken(Arc::clone(cause)))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.crew.load().is_closed()
    }

    fn wake_all(&self) {
        let mut roster = self.lock();
        let unparkers: Vec<Arc<Unparker>> = std::iter::from_fn(|| roster.wake_last(&self.crew)).collect();
        drop(roster);
        for unparker in unparkers {
            unparker.unpark();
        }
    }

    fn is_deserted(&self, roster: &Roster) -> bool {
        roster.starting == 0 && self.crew.load().threads() == 0
    }

    /// Under the lock: tells whoever waits for the last thread's end.
    pub(super) fn tell_if_gone(&self, roster: &Roster) {
        if self.is_deserted(roster) {
            for joiner in &roster.joiners {
                joiner.unpark();
            }
        }
    }

    /// Waits until the pool, which is closed, has no thread left, and joins them. `false`: the deadline came first, or
    /// the wait would never have ended.
    pub(crate) fn join(&self, deadline: Deadline) -> bool {
        // A worker of another pool lends its place there. If a task of this one waits for that very worker, neither
        // would ever end.
        let pause = Pause::new(&[], Need::End(&self.owner), deadline);
        let ticket = loop {
            match task::enter(&pause) {
                Ok(Some(ticket)) => break ticket,
                Ok(None) => {}
                Err(_) => return false,
            }
        };
        let unparker = ticket.parker.unparker();
        self.lock().joiners.push(Arc::clone(&unparker));
        let mut in_time = true;
        let handles = loop {
            let mut roster = self.lock();
            if self.is_deserted(&roster) {
                break Some(std::mem::take(&mut roster.handles));
            }
            if !in_time || ticket.check().is_err() {
                break None;
            }
            drop(roster);
            in_time = ticket.parker.park_until(deadline);
        };
        self.lock().joiners.retain(|joiner| !Arc::ptr_eq(joiner, &unparker));
        let gone = handles.is_some();
        for handle in handles.into_iter().flatten() {
            handle.join();
        }
        drop(ticket);
        gone
    }

    /// What has not ended: queued and running.
    pub(crate) fn unfinished(&self) -> usize {
        let queued = self.stats().queued;
        let roster = self.lock();
        let roll = self.crew.load();
        // A thread that has found a task is no searcher any more, and is one again only when the task's end is near.
        queued + roll.threads().saturating_sub(roll.sleeping() + roll.searching() + roster.leaving)
    }
}
