//! A worker's stable place: its number, its queue's other end, its counts. Kept when its thread is replaced.

use super::queues::Stealer;
use super::sys::CoarseTime;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};
use crate::task::{Handoff, Owner, Task};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Slot {
    /// Of its mail: tells apart what only this slot's thread may run.
    pub(super) owner: Owner,
    pub(super) stealer: Stealer,
    /// The future that the slot's thread woke last. It goes first there, and is anybody's if that does not come to it.
    pub(super) woken: Handoff,
    /// Tasks for this slot alone.
    mail: Mutex<VecDeque<Task>>,
    has_mail: AtomicBool,
    /// Written by the slot's thread only.
    completed: AtomicU64,
    /// Tasks that it took from a queue and found begun or ended already.
    swept: AtomicU64,
    now: Mutex<Now>,
    /// When the task that it runs began; 0: none.
    began: AtomicU64,
}

/// What the slot's thread is at, for whoever asks.
#[derive(Default)]
pub(super) struct Now {
    pub(super) os_id: Option<u64>,
    pub(super) blocked: bool,
    pub(super) task: Option<Arc<str>>,
}

impl Slot {
    pub(super) fn new(stealer: Stealer) -> Self {
        Slot {
            owner: Owner { withdrawn: Box::new(|| ()), left_behind: Box::new(|| ()) },
            stealer,
            woken: Handoff::new(),
            mail: Mutex::new(VecDeque::new()),
            has_mail: AtomicBool::new(false),
            completed: AtomicU64::new(0),
            swept: AtomicU64::new(0),
            now: Mutex::new(Now::default()),
            began: AtomicU64::new(0),
        }
    }

    pub(super) fn now<R>(&self, look: impl FnOnce(&mut Now) -> R) -> R {
        look(&mut self.now.lock())
    }

    /// A task begins. Gives what was there for the one beneath it.
    pub(super) fn set_began(&self, at: CoarseTime) -> u64 {
        // ORDERING: Relaxed: read for a report only.
        let before = self.began.load(Ordering::Relaxed);
        self.began.store(at.stamp(), Ordering::Relaxed);
        before
    }

    pub(super) fn restore_began(&self, stamp: u64) {
        // ORDERING: Relaxed, as above.
        self.began.store(stamp, Ordering::Relaxed);
    }

    /// For how long the task has run; `None`: there is none.
    pub(super) fn age(&self) -> Option<Duration> {
        // ORDERING: Relaxed, as above.
        let stamp = self.began.load(Ordering::Relaxed);
        (stamp != 0).then(|| CoarseTime::from_stamp(stamp).elapsed())
    }

    fn count(counter: &AtomicU64) {
        // ORDERING: Relaxed: one writer, and readers want a figure, not an order.
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    pub(super) fn count_completed(&self) {
        Self::count(&self.completed);
    }

    pub(super) fn count_swept(&self) {
        Self::count(&self.swept);
    }

    pub(super) fn completed(&self) -> u64 {
        // ORDERING: Relaxed, as in `count`.
        self.completed.load(Ordering::Relaxed)
    }

    pub(super) fn swept(&self) -> u64 {
        // ORDERING: Relaxed, as in `count`.
        self.swept.load(Ordering::Relaxed)
    }

    /// Takes anything that waits here.
    pub(super) fn take_any(&self) -> Option<Task> {
        self.stealer.take_one().or_else(|| self.woken.take()).or_else(|| self.pop_mail())
    }

    pub(super) fn push_mail(&self, task: Task) {
        if !task.header().adopt(&self.owner) {
            // Cancelled on its way here.
            return;
        }
        self.mail.lock().push_back(task);
        // ORDERING: Release pairs with the Acquire in `has_mail`; the pool's fences order it against sleeping.
        self.has_mail.store(true, Ordering::Release);
    }

    pub(super) fn mail_len(&self) -> usize {
        if !self.has_mail() {
            return 0;
        }
        self.mail.lock().iter().filter(|task| task.header().is_due()).count()
    }

    pub(super) fn has_mail(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `push_mail`.
        self.has_mail.load(Ordering::Acquire)
    }

    pub(super) fn pop_mail(&self) -> Option<Task> {
        let mut mail = self.mail.lock();
        let task = mail.pop_front();
        if mail.is_empty() {
            // ORDERING: Release; changes only under the lock from here on.
            self.has_mail.store(false, Ordering::Release);
        }
        task
    }
}
