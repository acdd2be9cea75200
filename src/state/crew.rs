//! The state word of a thread pool: how many threads it has, and what they are at.
//!
//! # The word
//! Four counters of fifteen bits, and flags.
//! * *threads*: started, or being started, and not gone.
//! * *blocked*: of these, in a wait that has lent its place, or past their last task and about to be gone.
//! * *sleeping*: of these, parked without a task. As many as the pool's list of sleepers is long; both change together
//!   under the pool's lock.
//! * *searching*: of these, looking for a task. A thread is started, and woken, as a searcher.
//! * *active* is what remains: threads - blocked - sleeping. The pool begins a task only on an active thread, and makes
//!   a thread active only while active < max_workers, but for one that has mail, or is to see that the pool was closed.
//!   A thread that returns from a lent wait becomes active without
//!   asking; a surplus that comes of it parks at its next task boundary.
//! * `CLOSED`, `BROKEN`: no task is taken any more. Never cleared.
//! * `URGENT`: the pool's list of tasks that go first is not empty. Changes with the list, under the pool's lock.
//! * `WATCHED`: one of the sleepers looks again before long at the futures that others have woken and kept for
//!   themselves. Changes under the pool's lock.
//!
//! # No task is left lying
//! A submit pushes, fences, and then reads the word; a searcher leaves the search (to sleep, or because it found a
//! task and was the last one), fences, and then looks at the queues. Both fences are `SeqCst`, so one of the two sees
//! the other: either the submit sees that nobody searches, and wakes or starts a thread itself, or the searcher sees
//! the task, and stays up or wakes another. The same pair of fences stands between a submit and the two flags that
//! never clear: a submit that did not see the flag was seen by whoever empties the queues after setting it.
//!
//! A worker that takes several tasks from one queue and puts them into its own does as a submit does: for a moment they
//! were in neither, and who looked then may be lying down.
//!
//! A future that a worker's task has woken is next on that worker, which most often comes to it at once. To get another
//! one up for it each time costs more than to run it; but the task may as well go on for long, or wait for the future by
//! means that nobody sees. So the worker puts it where it will look next, fences, and reads the word: if somebody watches
//! or searches, or nobody could get up, it does nothing. A watcher that stops (because nothing has happened for a while,
//! because it is to leave, or because it could not get up) takes the flag away, fences, and looks once more. A searcher, as
//! who watched and was woken is one, does so when it lies down, or when it has found something to do and nobody else
//! searches. Whoever makes room for another one to get up (lies down, leaves, or lends its place) fences and looks as well.
//! So either the worker sees that nobody is going to look, and gets somebody up, or the future is seen.
//!
//! Fences, not `SeqCst` loads: loom treats the latter as acquire loads, and a proof written with them could not be
//! checked.

use crate::sync::{AtomicU64, Ordering, fence};
use std::fmt;

const BITS: u32 = 15;
const FIELD: u64 = (1 << BITS) - 1;
const THREAD: u64 = 1;
const BLOCKED: u64 = 1 << BITS;
const SLEEPING: u64 = 1 << (2 * BITS);
const SEARCHING: u64 = 1 << (3 * BITS);
const CLOSED: u64 = 1 << (4 * BITS);
const BROKEN: u64 = CLOSED << 1;
const URGENT: u64 = CLOSED << 2;
const WATCHED: u64 = CLOSED << 3;

/// The most threads that one pool can count.
pub(crate) const MAX_THREADS: usize = FIELD as usize;

/// The word; see the [module](self).
pub(crate) struct Crew(AtomicU64);

/// The word at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Roll(u64);

impl Roll {
    fn field(self, unit: u64) -> usize {
        ((self.0 / unit) & FIELD) as usize
    }

    pub(crate) fn threads(self) -> usize {
        self.field(THREAD)
    }

    pub(crate) fn blocked(self) -> usize {
        self.field(BLOCKED)
    }

    pub(crate) fn sleeping(self) -> usize {
        self.field(SLEEPING)
    }

    pub(crate) fn searching(self) -> usize {
        self.field(SEARCHING)
    }

    pub(crate) fn active(self) -> usize {
        // One word, so the parts of one reading always fit together.
        self.threads() - self.blocked() - self.sleeping()
    }

    pub(crate) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    pub(crate) fn is_broken(self) -> bool {
        self.0 & BROKEN != 0
    }

    pub(crate) fn has_urgent(self) -> bool {
        self.0 & URGENT != 0
    }

    pub(crate) fn is_watched(self) -> bool {
        self.0 & WATCHED != 0
    }
}

impl Crew {
    pub(crate) fn new() -> Self {
        Crew(AtomicU64::new(0))
    }

    pub(crate) fn load(&self) -> Roll {
        // ORDERING: Acquire pairs with the AcqRel of the transitions: who sees a flag sees what was done before it.
        Roll(self.0.load(Ordering::Acquire))
    }

    /// The reading that follows a push: see the module.
    pub(crate) fn load_after_push(&self) -> Roll {
        fence(Ordering::SeqCst);
        self.load()
    }

    /// To be called between a transition that promises to look at the queues, and that look.
    pub(crate) fn before_look(&self) {
        fence(Ordering::SeqCst);
    }

    fn change(&self, add: u64, subtract: u64) -> Roll {
        // ORDERING: AcqRel, so that the transitions form one order that carries what was done before each.
        let before = self.0.fetch_add(add.wrapping_sub(subtract), Ordering::AcqRel);
        Roll(before.wrapping_add(add).wrapping_sub(subtract))
    }

    /// Under the pool's lock: a thread is about to be started.
    pub(crate) fn add_thread(&self) {
        self.change(THREAD + SEARCHING, 0);
    }

    /// Under the pool's lock: a searcher could not be started after all.
    pub(crate) fn remove_searcher(&self) {
        self.change(0, THREAD + SEARCHING);
    }

    /// Under the pool's lock: a searcher begins to leave. It counts as blocked until it is gone, since it takes no task
    /// any more. The caller then looks at the queues, after [`before_look`](Self::before_look).
    pub(crate) fn searcher_leaves(&self) {
        self.change(BLOCKED, SEARCHING);
    }

    /// Under the pool's lock: there was something in the queues, and it stays.
    pub(crate) fn leaver_stays(&self) {
        self.change(SEARCHING, BLOCKED);
    }

    /// Under the pool's lock: a sleeper begins to leave.
    pub(crate) fn sleeper_leaves(&self) {
        self.change(BLOCKED, SLEEPING);
    }

    /// Under the pool's lock: the thread is gone.
    pub(crate) fn remove_leaver(&self) {
        self.change(0, THREAD + BLOCKED);
    }

    /// A worker that has nothing left of its own begins to look elsewhere.
    pub(crate) fn begin_search(&self) {
        self.change(SEARCHING, 0);
    }

    /// A searcher found a task. `true`: nobody searches now, so the caller has to look, after
    /// [`before_look`](Self::before_look), whether there is more.
    #[must_use]
    pub(crate) fn end_search(&self) -> bool {
        self.change(0, SEARCHING).searching() == 0
    }

    /// Under the pool's lock: a searcher lies down.
    pub(crate) fn searcher_sleeps(&self) {
        self.change(SLEEPING, SEARCHING);
    }

    /// Under the pool's lock: a thread beyond the limit lies down between two tasks.
    pub(crate) fn surplus_sleeps(&self) {
        self.change(SLEEPING, 0);
    }

    /// Under the pool's lock: a sleeper gets up, as a searcher.
    pub(crate) fn wake(&self) {
        self.change(SEARCHING, SLEEPING);
    }

    /// Under the pool's lock: a worker lends its place.
    pub(crate) fn block(&self) -> Roll {
        self.change(BLOCKED, 0)
    }

    /// A worker takes its place again.
    pub(crate) fn unblock(&self) {
        self.change(0, BLOCKED);
    }

    fn flag(&self, flag: u64) -> bool {
        // ORDERING: AcqRel as in `change`; the fence stands between the flag and the caller's look at the queues.
        let before = self.0.fetch_or(flag, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        before & flag == 0
    }

    /// No more tasks. `true` for whoever was first. The caller then looks at the queues.
    pub(crate) fn close(&self) -> bool {
        self.flag(CLOSED)
    }

    /// No more tasks, because they could not be run. As [`close`](Self::close).
    pub(crate) fn break_down(&self) -> bool {
        self.flag(BROKEN)
    }

    /// Under the pool's lock: the list of urgent tasks is empty, or is not.
    pub(crate) fn set_urgent(&self, urgent: bool) {
        self.set(URGENT, urgent);
    }

    /// Under the pool's lock: one of the sleepers watches, or none does.
    pub(crate) fn set_watched(&self, watched: bool) {
        self.set(WATCHED, watched);
    }

    fn set(&self, flag: u64, on: bool) {
        if on {
            // ORDERING: AcqRel as in `change`.
            self.0.fetch_or(flag, Ordering::AcqRel);
        } else {
            // ORDERING: as above.
            self.0.fetch_and(!flag, Ordering::AcqRel);
        }
    }
}

impl fmt::Debug for Roll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew")
            .field("threads", &self.threads())
            .field("blocked", &self.blocked())
            .field("sleeping", &self.sleeping())
            .field("searching", &self.searching())
            .field("closed", &self.is_closed())
            .field("broken", &self.is_broken())
            .field("urgent", &self.has_urgent())
            .field("watched", &self.is_watched())
            .finish()
    }
}
