//! The pool of worker processes: how it takes tasks.
//!
//! One lock guards the queue and every worker's record (`roster`). Whoever submits hands the task to a worker right
//! there, if one wants it (`handing`); all that comes from workers is the supervisor's (`supervisor`). Nothing foreign
//! runs under the lock: tasks are packed before it is taken, and end after it is released.

use super::echo::Echo;
use super::findings::Findings;
use super::notify::{Notifier, must_not_wait};
use super::parked::Parked;
use super::roster::{Roster, Stage};
use super::supervisor;
use crate::error::{RejectReason, Rejected, TaskError};
use crate::process::code::CodeTable;
use crate::process::launch::Origin;
use crate::process::launch::Program;
use crate::process::launch::Settings;
use crate::process::words::Initializer;
use crate::ring::bell;
use crate::sync::{Condvar, Deadline, Mutex, MutexGuard};
use crate::task::{Announcement, Packed, Remote, Task, blocking};
use crate::wire::attachments;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How a pool is to be: checked input.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) max_workers: usize,
    pub(crate) name: String,
    pub(crate) queue_bound: Option<usize>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_tasks_per_child: Option<u64>,
    /// Between the polite signal and the other.
    pub(crate) term_grace: Duration,
    pub(crate) initializer: Option<Initializer>,
    pub(crate) settings: Settings,
}

/// Why nothing comes of a pool's tasks in a copy of the process that made it.
pub(in crate::process) const FORKED: &str = "this process is a copy of the one that made the pool (by `fork`): a pool \
of processes has to be made where it is used";

/// See the [module](self).
pub(crate) struct ProcessPool {
    pub(in crate::process) me: Weak<ProcessPool>,
    pub(crate) config: Config,
    pub(in crate::process) program: Arc<Program>,
    /// A copy of this process, made by a fork, has no supervisor and cannot use the pool.
    origin: Origin,
    pub(in crate::process) code: CodeTable,
    pub(in crate::process) roster: Mutex<Roster>,
    /// What the supervisor sleeps on, rung by workers too.
    pub(in crate::process) bell: Arc<OwnedFd>,
    /// There is room in the queue, or the pool is over.
    pub(in crate::process) changed: Condvar,
    pub(in crate::process) notifier: Notifier,
    pub(in crate::process) echo: Echo,
    /// Told when the pool is closed and its last worker has gone.
    pub(in crate::process) end: Mutex<Announcement>,
}

impl ProcessPool {
    /// # Errors
    /// The system's reason.
    pub(crate) fn new(config: Config, program: Arc<Program>) -> io::Result<Arc<Self>> {
        let bell = Arc::new(bell::create()?);
        let echo = Echo::new(Arc::clone(&bell));
        Ok(Arc::new_cyclic(|me| ProcessPool {
            me: me.clone(),
            roster: Mutex::new(Roster::new(config.max_workers)),
            config,
            program,
            origin: Origin::here(),
            code: CodeTable::default(),
            bell,
            changed: Condvar::new(),
            notifier: Notifier::default(),
            echo,
            end: Mutex::new(Announcement::default()),
        }))
    }

    /// Whether this process is the one that made it. In a copy of that, made by a fork, its locks may be held for ever.
    pub(crate) fn is_usable_here(&self) -> bool {
        self.origin.is_here()
    }

    /// Takes a task, waiting for room until the deadline.
    pub(crate) fn execute(&self, task: Task, deadline: Deadline) -> Result<(), Rejected<Task>> {
        self.take(task, None, deadline)
    }

    /// Takes a task for the worker in one place, whose process is started if need be.
    pub(crate) fn send(&self, slot: usize, task: Task) {
        if let Err(Rejected { job, reason }) = self.take(task, Some(slot), Deadline::NEVER) {
            job.fail(TaskError::Rejected(reason));
        }
    }

    fn take(&self, task: Task, only: Option<usize>, deadline: Deadline) -> Result<(), Rejected<Task>> {
        if !task.is_portable() {
            return Err(Rejected { job: task, reason: RejectReason::NotPortable });
        }
        if !self.is_usable_here() {
            task.fail(TaskError::Broken(FORKED.into()));
            return Ok(());
        }
        let Reserved { sequence, is_next } = match self.reserve(only.is_some(), deadline) {
            Ok(reserved) => reserved,
            Err(Refused::Rejected(reason)) => return Err(Rejected { job: task, reason }),
            Err(Refused::Broken(why)) => {
                task.fail(TaskError::Broken(why));
                return Ok(());
            }
        };
        let mut parked = self.pack(task);
        if let (Some(parked), true) = (&mut parked, is_next) {
            // If the system refuses, that is met where the task is handed out.
            let sealed = parked.to_seal().and_then(|to_seal| to_seal.seal().ok());
            parked.was_sealed(sealed);
        }
        let mut roster = self.roster.lock();
        roster.reserved -= 1;
        let Some(mut parked) = parked else {
            self.tell_of_change(roster);
            return Ok(());
        };
        parked.sequence = sequence;
        if let Some(slot) = only {
            parked.pin_to(slot);
        }
        if let Err(fate) = parked.packed.set_ticket(sequence) {
            self.tell_of_change(roster);
            parked.into_packed().meet(fate, &self.notifier);
            return Ok(());
        }
        if let Stage::Broken(why) = &roster.stage {
            let why = TaskError::Broken(Arc::clone(why));
            self.tell_of_change(roster);
            parked.into_packed().fail(why, &self.notifier);
            return Ok(());
        }
        if roster.cancels {
            roster.cancelled += 1;
            roster.cancelled_late += 1;
            self.tell_of_change(roster);
            parked.cancel(&self.notifier);
            return Ok(());
        }
        let waited = roster.has_queued();
        let mut findings = Findings::default();
        let now = Instant::now();
        let relieved = self.relieve(&mut roster, now, &mut findings);
        self.enqueue_and_dispatch(&mut roster, parked, now, &mut findings);
        if relieved {
            self.leave_to_supervisor(&mut roster, now);
        }
        if !waited && roster.has_queued() {
            roster.wake_in_time();
        }
        self.see_to_supervision(roster, now);
        self.tell_of_room();
        findings.conclude(self);
        Ok(())
    }

    /// A place in the order of tasks, and in the queue if that is bounded.
    fn reserve(&self, unbounded: bool, deadline: Deadline) -> Result<Reserved, Refused> {
        if let Some(reserved) = self.try_reserve(&mut self.roster.lock(), unbounded)? {
            return Ok(reserved);
        }
        // What has ended need not have been taken.
        self.make_room();
        if let Some(reserved) = self.try_reserve(&mut self.roster.lock(), unbounded)? {
            return Ok(reserved);
        }
        if deadline.is_past() || must_not_wait() {
            return Err(Refused::Rejected(RejectReason::QueueFull));
        }
        // A thread of another pool lends its place there meanwhile.
        blocking(|| {
            let mut roster = self.roster.lock();
            loop {
                if let Some(reserved) = self.try_reserve(&mut roster, unbounded)? {
                    return Ok(reserved);
                }
                if deadline.is_past() {
                    return Err(Refused::Rejected(RejectReason::QueueFull));
                }
                roster.outside += 1;
                roster.wake_in_time();
                roster = self.changed.wait_until(roster, deadline);
                roster.outside -= 1;
            }
        })
    }

    /// `None`: there is no room now.
    fn try_reserve(&self, roster: &mut Roster, unbounded: bool) -> Result<Option<Reserved>, Refused> {
        match &roster.stage {
            Stage::Open => {}
            Stage::Closed => return Err(Refused::Rejected(RejectReason::ShutDown)),
            Stage::Broken(why) => return Err(Refused::Broken(Arc::clone(why))),
        }
        if self.config.queue_bound.is_some_and(|bound| !unbounded && roster.waiting() >= bound) {
            return Ok(None);
        }
        // So that no more tasks than there are workers have a descriptor in the queue.
        let is_next = roster.reserved + roster.queue.len() < roster.places.len();
        roster.reserved += 1;
        roster.next += 1;
        Ok(Some(Reserved { sequence: roster.next, is_next }))
    }

    /// `None`: it was cancelled, or cannot be packed; its future knows.
    fn pack(&self, task: Task) -> Option<Parked> {
        let begun = task.begin()?;
        let engine: Weak<dyn Remote> = self.me.clone();
        // What encodes its arguments may be the one who shuts the pool down.
        let pack = || attachments::collect(|| Packed::new(begun, engine, &self.code));
        let (packed, beside) = self.notifier.within(pack);
        let (packed, parcel) = packed?;
        match Parked::new(packed, parcel, beside, &self.code) {
            Ok(parked) => Some(parked),
            Err((packed, error)) => {
                packed.fail(error, &self.notifier);
                None
            }
        }
    }

    pub(in crate::process) fn ring(&self) {
        bell::ring(&*self.bell);
    }

    /// The supervisor has to look at that time, or before.
    pub(in crate::process) fn mind(&self, roster: &mut Roster, at: Instant) {
        if roster.looks_at.is_none_or(|looks_at| looks_at > at) {
            roster.looks_at = Some(at);
            self.ring();
        }
    }

    /// There may be more to do than those workers can who are there; and somebody has to watch over them.
    fn see_to_supervision(&self, mut roster: MutexGuard<'_, Roster>, now: Instant) {
        let starts = !roster.is_supervised;
        let wants_supervisor = roster.has_queued() && roster.wants_supervisor(now);
        roster.is_supervised = true;
        drop(roster);
        if starts {
            let Some(pool) = self.me.upgrade() else { return };
            if let Err(error) = supervisor::start(pool) {
                self.break_down(format!("the pool's own thread cannot be started: {error}").into());
                self.supervision_ended();
            }
        } else if wants_supervisor {
            self.ring();
        }
    }

    /// Tasks may have gone from the queue to workers.
    pub(in crate::process) fn tell_of_room(&self) {
        if self.config.queue_bound.is_some() {
            self.changed.notify_all();
        }
    }

    /// There is room, or less to wait for.
    pub(in crate::process) fn tell_of_change(&self, roster: MutexGuard<'_, Roster>) {
        let ends = !matches!(roster.stage, Stage::Open);
        drop(roster);
        self.changed.notify_all();
        if ends {
            self.ring();
            self.tell_ended();
        }
    }
}

/// A place in the order of tasks.
struct Reserved {
    sequence: u64,
    /// There is hardly anything before it.
    is_next: bool,
}

/// Why a task is not taken.
enum Refused {
    Rejected(RejectReason),
    Broken(Arc<str>),
}
