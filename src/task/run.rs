//! What happens to a task from its first step to its last: run, finish, cancel, drop, and telling whoever waits.
#![expect(unsafe_code, reason = "uses the slot by the access rules of the state word")]

use super::extras::Watcher;
use super::frame::{self, Role};
use super::header::{CellRef, Header};
use super::panic;
use super::waiters::Taken;
use super::{cell::value, timer};
use crate::error::TaskError;
use crate::state::{Begin, Cancel, Quiet, Release};
use crate::sync::contain;
use std::sync::Arc;

/// A worker that can be told that it is about to be idle: before the task's end is seen by anybody, so that whoever
/// sees it and submits the next task finds the worker looking for one, and does not start another thread.
pub(crate) trait Idle {
    /// Only the end of the task is left to do, and telling threads of it: nothing foreign.
    fn about_to_be_idle(&self);

    /// The job has come to its end, which nobody sees yet.
    fn ran(&self);

    /// It was not so: there is foreign code to be run first.
    fn not_idle(&self);
}

impl Idle for () {
    fn about_to_be_idle(&self) {}
    fn ran(&self) {}
    fn not_idle(&self) {}
}

/// Runs a task that the caller has begun, to its end. Never unwinds.
pub(super) fn run_begun(task: CellRef, idle: &impl Idle) {
    panic::install_hook();
    panic::forget_noted();
    if let Some(extras) = task.extras() {
        extras.disarm();
    }
    let limit = task.extras().and_then(|extras| extras.run_limit);
    let alarm = limit.map(|limit| timer::request_cancel_after(limit, task.clone()));
    let failed = frame::within(&task, Role::Running, || {
        // SAFETY: the caller won `PENDING -> RUNNING`, so it is the runner.
        unsafe { (task.vtable().run)(task.pointer()) }
    });
    drop(alarm);
    idle.ran();
    finish_on(task, failed, idle);
}

/// Ends a task whose outcome its owner has written into the slot.
pub(super) fn finish(task: CellRef, failed: bool) {
    finish_on(task, failed, &());
}

fn finish_on(task: CellRef, failed: bool, idle: &impl Idle) {
    let watched = watcher(&task).is_some();
    if !watched {
        idle.about_to_be_idle();
        match task.life.finish_quietly(failed) {
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
        idle.not_idle();
    }
    let access = waiters.has_callbacks();
    let after = task.life.finish_locked(failed, access);
    if after.is_detached() {
        // Its value is dropped below, or in a callback's wake; both are foreign.
        idle.not_idle();
    }
    if !access && after.is_detached() && after.holds_value() {
        drop_orphan(&task);
    }
    conclude(task, waiters, access);
}

/// Fails a task that the caller has begun but will not run.
pub(super) fn fail_begun(task: CellRef, error: TaskError) {
    if let Some(extras) = task.extras() {
        extras.disarm();
    }
    // SAFETY: the caller won `PENDING -> RUNNING`, so it owns the slot, which holds the job.
    let _ = contain(|| unsafe { (task.vtable().drop_job)(task.pointer()) });
    // SAFETY: as above, and the job has left the slot.
    unsafe { value::write_error(&task, error) };
    finish(task, true);
}

/// Fails a task that nobody has begun; leaves every other as it is.
pub(crate) fn fail_pending(task: CellRef, error: TaskError) {
    match task.life.begin() {
        Begin::Begun => fail_begun(task, error),
        Begin::Gone => {}
    }
}

/// Fails a task that nobody has begun, from outside of the executor that has it in its queue.
pub(super) fn withdraw(task: CellRef, error: TaskError) {
    let Some(before) = task.life.begin_locked() else {
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
        Cancel::Refused => return Some(false),
    }
    // The caller's own handle may be dropped by a callback below; this one keeps the cell.
    let task = CellRef::to(task);
    // SAFETY: `Cancel::Won` left the lock with this thread.
    let waiters = unsafe { task.waiters.take() };
    tell_owner(&task);
    let access = waiters.has_callbacks();
    task.life.unlock_cancelled(access);
    if let Some(extras) = task.extras() {
        extras.disarm();
    }
    // SAFETY: this thread won `PENDING -> CANCELLED`, so it owns the job.
    let _ = contain(|| unsafe { (task.vtable().drop_job)(task.pointer()) });
    conclude(task, waiters, access);
    Some(true)
}

/// Ends a handed cell whose source was cancelled.
pub(super) fn cancel_handed(task: CellRef) {
    let _ = task.life.lock();
    // SAFETY: the lock is held.
    let waiters = unsafe { task.waiters.take() };
    let access = waiters.has_callbacks();
    task.life.unlock_cancelled(access);
    conclude(task, waiters, access);
}

/// The last steps of every end: tell everybody, call the callbacks, let go.
fn conclude(task: CellRef, waiters: Taken, access: bool) {
    let watcher = watcher(&task);
    let callbacks = waiters.notify();
    if access {
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
        let none_left = waiters.notify();
        debug_assert!(none_left.is_empty());
    }
}

/// Drops the value of a task whose future is gone.
fn drop_orphan(task: &CellRef) {
    task.life.mark_taken();
    drop_value(task);
}

/// Drops a value that belongs to the caller; a panic in that ends here.
pub(super) fn drop_value(task: &Header) {
    // SAFETY: the caller owns the value (access rule 4).
    let _ = contain(|| unsafe { (task.vtable().drop_value)(task.pointer()) });
}

fn watcher(task: &CellRef) -> Option<Arc<dyn Watcher>> {
    task.extras().and_then(|extras| extras.watcher.clone())
}
