//! What happens to a task from its first step to its last: run, finish, cancel, drop, and telling whoever waits.
#![expect(unsafe_code, reason = "uses the slot by the access rules of the state word")]

use super::cell::value;
use super::encoded;
use super::erased::Task;
use super::extras::Watcher;
use super::frame::{self, Role};
use super::header::{CellRef, Header, Ran};
use super::spawned::{self, Residence};
use super::waiters::Foreign;
use super::{panic, remote, timer};
use crate::error::TaskError;
use crate::state::{Cancel, Ending, Quiet, Release, Stop};
use crate::sync::{contain, drop_contained};
use std::sync::Arc;

/// Who runs a task, and wants to know how it goes.
///
/// A worker is told that it is about to be idle before the task's end is seen by anybody, so that whoever sees it and
/// submits the next task finds the worker looking for one, and does not start another thread.
pub(crate) trait Runner {
    /// Only the end of the task is left to do, and telling threads of it: nothing foreign.
    fn about_to_be_idle(&self) {}

    /// The job has come to its end, which nobody sees yet.
    fn ran(&self) {}

    /// It was not so: there is foreign code to be run first.
    fn not_idle(&self) {}

    /// The task has ended, and somebody has to be told by foreign code: here and now, or elsewhere.
    fn conclude(&self, conclusion: Conclusion) {
        conclusion.run();
    }

    /// Why a future that is not ready must end now, if it must.
    fn stops(&self) -> Option<Stop> {
        None
    }

    /// A future that it has polled ends for that.
    fn stopped(&self) {}

    /// What comes of a future if nothing can be run any more.
    fn broken(&self) -> TaskError {
        TaskError::Abandoned
    }

    /// A future is about to wait to be woken: where it lives from now on.
    ///
    /// # Errors
    /// Why it must end instead.
    fn house(&self, task: &CellRef) -> Result<Residence, Stop>;

    /// Queues a future that was woken while it was polled, behind what is queued.
    fn again(&self, task: Task);
}

/// Who does not care; nor are futures run by it.
pub(crate) struct Anybody;

impl Runner for Anybody {
    fn house(&self, _task: &CellRef) -> Result<Residence, Stop> {
        Err(Stop::Cancelled)
    }

    fn again(&self, task: Task) {
        drop(task);
    }
}

/// Runs a task that the caller has begun: a job to its end, a future until it is ready or has to wait. Never unwinds.
pub(super) fn run_begun(task: CellRef, runner: &impl Runner) {
    panic::install_hook();
    panic::forget_noted();
    let extras = task.extras();
    if let Some(extras) = extras {
        extras.disarm();
    }
    let limit = extras.and_then(|extras| extras.run_limit);
    let alarm = limit.map(|limit| timer::limit_after(limit, task.clone()));
    if task.is_future() {
        if let (Some(extras), Some(alarm)) = (extras, alarm) {
            // Until its end, which may be many polls away.
            extras.arm(alarm);
        }
        return spawned::poll(task, runner);
    }
    let ran = frame::within(&task, Role::Running, || {
        // SAFETY: the caller won `PENDING -> RUNNING`, so it is the runner.
        unsafe { (task.vtable().run)(task.pointer()) }
    });
    drop(alarm);
    runner.ran();
    finish_on(task, Ending::of(ran == Ran::Error), runner);
}

/// Polls a future that was woken, and that the caller has resumed. Never unwinds.
pub(super) fn run_resumed(task: CellRef, runner: &impl Runner) {
    panic::install_hook();
    panic::forget_noted();
    spawned::poll(task, runner);
}

/// The task has run for as long as it may: a future ends, any other job is asked to stop.
pub(super) fn out_of_time(task: &Header) {
    if task.is_future() {
        let _ = spawned::stop(task, Stop::Late);
    } else {
        let _ = task.life.request_cancel();
    }
}

/// Ends a task whose outcome its owner has written into the slot.
pub(super) fn finish(task: CellRef, failed: bool) {
    finish_on(task, Ending::of(failed), &Anybody);
}

pub(super) fn finish_on(task: CellRef, ending: Ending, runner: &impl Runner) {
    let watched = task.extras().is_some_and(|extras| extras.watcher.is_some());
    if !watched {
        runner.about_to_be_idle();
        match task.life.finish_quietly(ending) {
            Quiet::Finished => {
                // The transition gave this reference back; the cell may be gone.
                let _ = task.into_raw();
                return;
            }
            Quiet::Waiters | Quiet::Detached => {}
        }
    }
    let before = task.life.lock();
    // SAFETY: the lock is held.
    let waiters = unsafe { task.waiters.take() };
    debug_assert!(!before.is_terminal());
    if watched || before.is_detached() || waiters.has_foreign() {
        runner.not_idle();
    }
    let access = waiters.has_callbacks();
    let after = task.life.finish_locked(ending, access);
    if after.is_detached() {
        // Its value is dropped below, or in a callback's wake; both are foreign.
        runner.not_idle();
    }
    let foreign = waiters.notify_threads();
    if foreign.has_waker_of_set() {
        runner.not_idle();
    }
    if !access && after.is_detached() && after.holds_value() {
        drop_orphan(&task);
    }
    runner.conclude(Conclusion { task, foreign, access });
}

/// Fails a task that the caller has begun, or resumed, but will not run.
pub(super) fn fail_begun(task: CellRef, error: TaskError) {
    if task.is_future() { spawned::fail(task, error) } else { fail_owned(task, error) }
}

/// Fails a task whose slot the caller owns, for good, and which holds the job.
pub(super) fn fail_owned(task: CellRef, error: TaskError) {
    if let Some(extras) = task.extras() {
        extras.disarm();
    }
    drop_job(&task);
    // SAFETY: the caller owns the slot, and the job has left it.
    unsafe { value::write_error(&task, error) };
    finish(task, true);
}

/// Fails a task that nobody has begun, from outside of the executor that has it in its queue.
pub(crate) fn withdraw(task: CellRef, error: TaskError) {
    let Some(before) = task.life.begin_locked() else {
        remote::expire(&task);
        return;
    };
    tell_owner(&task);
    task.life.unlock(before, before.has_waiters());
    fail_begun(task, error);
}

/// Under the lock of a task that has just been taken from its owner's queue by somebody else.
fn tell_owner(task: &Header) {
    // SAFETY: the lock is held. The owner's queue cannot let go of a task that it did not begin itself, and so the
    // owner cannot go away, before the unlock (`Lifecycle::begin`).
    if let Some(owner) = unsafe { task.owner().as_ref() } {
        (owner.withdrawn)();
    }
}

/// Python's `cancel`: `true` if the task will never run, or never did.
pub(crate) fn cancel(task: &Header) -> bool {
    try_cancel(task).unwrap_or(true)
}

/// The same; `None` if it was cancelled before.
pub(super) fn try_cancel(task: &Header) -> Option<bool> {
    let task = task.resolve();
    match task.life.cancel() {
        Cancel::Won => {}
        Cancel::Already => return None,
        Cancel::Refused => {
            return match remote::engine(task) {
                Some(engine) => remote::cancel(task, &*engine),
                None => spawned::stop(task, Stop::Cancelled),
            };
        }
    }
    let task = CellRef::to(task);
    // SAFETY: `Cancel::Won` left the lock with this thread.
    let waiters = unsafe { task.waiters.take() };
    tell_owner(&task);
    let access = waiters.has_callbacks();
    task.life.unlock_cancelled(access);
    if let Some(extras) = task.extras() {
        extras.disarm();
    }
    // Before the job, whose drop is foreign: a thread that gives up waiting at this moment waits to be told.
    let foreign = waiters.notify_threads();
    drop_job(&task);
    Conclusion { task, foreign, access }.run();
    Some(true)
}

/// Ends a task as cancelled whose slot the caller owns, for good, and which is empty.
pub(super) fn cancel_owned(task: CellRef, runner: &impl Runner) {
    let _ = task.life.lock();
    // SAFETY: the lock is held.
    let waiters = unsafe { task.waiters.take() };
    let access = waiters.has_callbacks();
    task.life.unlock_cancelled(access);
    runner.conclude(Conclusion { task, foreign: waiters.notify_threads(), access });
}

/// The last steps of every end: wake the wakers, call the callbacks, let go.
#[must_use]
pub(crate) struct Conclusion {
    task: CellRef,
    foreign: Foreign,
    access: bool,
}

impl Conclusion {
    /// Whether there is nothing of somebody else's to be run.
    pub(crate) fn is_quiet(&self) -> bool {
        self.foreign.is_empty() && !self.access
    }

    pub(crate) fn run(self) {
        let Conclusion { task, foreign, access } = self;
        let watcher = watcher(&task);
        let callbacks = foreign.wake();
        if access {
            encoded::decode_held(&task);
            frame::within(&task, Role::Notifying, || {
                // SAFETY: ACCESS was taken with the terminal transition, and nodes are made by this task's own future.
                unsafe { callbacks.call(&task) };
            });
            release_access(&task);
        }
        if let (Some(watcher), false) = (&watcher, task.snapshot().is_forwarded()) {
            // A scope's policy may cancel its other tasks, which runs their callbacks.
            let _ = contain(|| watcher.ended(&task));
        }
        drop(task);
        if let Some(watcher) = watcher {
            watcher.retired();
        }
    }
}

/// Gives `ACCESS` back, after calling what was added while it was held. Takers that came meanwhile stay in the list
/// until then, so that one whose time is up can leave it.
pub(super) fn release_access(task: &CellRef) {
    let (release, waiters) = loop {
        match task.life.release_access() {
            Release::Waiters => {}
            released => break (released, None),
        }
        let before = task.life.lock();
        // SAFETY: the lock is held.
        let callbacks = unsafe { task.waiters.take_callbacks() };
        if callbacks.is_empty() {
            // SAFETY: the lock is held.
            let waiters = unsafe { task.waiters.take() };
            break (task.life.release_access_locked(), Some(waiters));
        }
        // SAFETY: the lock is held.
        let more = !unsafe { task.waiters.is_empty() };
        task.life.unlock(before, more);
        frame::within(task, Role::Notifying, || {
            // SAFETY: ACCESS is still held, and nodes are made by this task's own future.
            unsafe { callbacks.call(task) };
        });
    };
    if release == Release::Orphaned {
        drop_value(task);
    }
    if let Some(waiters) = waiters {
        let none_left = waiters.notify_threads().wake();
        debug_assert!(none_left.is_empty());
    }
}

/// Drops the value of a task whose future is gone.
fn drop_orphan(task: &CellRef) {
    task.life.mark_taken();
    drop_value(task);
}

/// Drops a job whose slot the caller owns; a panic in that ends here.
pub(super) fn drop_job(task: &Header) {
    // SAFETY: the caller owns the slot (access rules 2 and 3), which holds the job.
    let _ = contain(|| unsafe { (task.vtable().drop_job)(task.pointer()) });
}

/// Drops an outcome that nobody has seen, and nobody will.
pub(super) fn clear(task: &Header, failed: bool) {
    if failed {
        // SAFETY: the caller owns the slot (access rule 2), which holds an error.
        drop_contained(unsafe { value::read::<Box<TaskError>>(task) });
    } else {
        drop_value(task);
    }
}

/// Drops a value that belongs to the caller; a panic in that ends here.
pub(super) fn drop_value(task: &Header) {
    if task.snapshot().is_encoded() {
        return encoded::discard(task);
    }
    // SAFETY: the caller owns the value (access rule 4).
    let _ = contain(|| unsafe { (task.vtable().drop_value)(task.pointer()) });
}

fn watcher(task: &CellRef) -> Option<Arc<dyn Watcher>> {
    task.extras().and_then(|extras| extras.watcher.clone())
}
