//! A spawned future: a task that is run once for every wake, until it is ready.
//!
//! The state word tells whether the task has begun and how it has ended, as for any task; the poll word
//! (`state::polling`) tells who may poll it in between. A waker is a counted reference to the cell, and so is the
//! copy of the task that goes through the queues; a future that waits to be woken is kept by its wakers and by its
//! `Future`, and where it has one by the alarm of its time limit, or by its scope. When the last of these goes, nobody
//! can ever wake it, and it is queued a last time, to be dropped by a worker.
//!
//! A future that has to wait moves in with its pool: it keeps the pool, and the pool can find it (see `residents`).
//! One that is ready at once, or only yields, never does, and pays nothing for it.
#![expect(unsafe_code, reason = "wakers are raw pointers to cells")]

use super::cell::{NewCell, value};
use super::erased::Task;
use super::extras::{Attached, Extras};
use super::frame::{self, Role};
use super::header::{CellRef, Header, Ran};
use super::run::{self, Runner};
use crate::error::TaskError;
use crate::state::{Ending, Polling, Stop, Stopping, Suspend};
use crate::sync::thread_local;
use std::cell::Cell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// Where futures wait to be woken: a pool.
pub(crate) trait Home: Send + Sync {
    /// Queues a future that was woken.
    fn woken(&self, task: Task);

    /// A future that lived here has ended.
    fn leaves(&self, key: usize);

    /// A future that lives here is about to wait to be woken, unless it finds that it was. For who counts them.
    fn begins_to_wait(&self, _key: usize) {}

    /// It does not, or not any more: told once for each of the above, before it is queued or ended.
    fn waits_no_more(&self, _key: usize) {}

    /// Why nothing can be run any more.
    fn broken(&self) -> TaskError;
}

/// Where a future lives, and under which key.
pub(crate) struct Residence {
    pub(crate) home: Arc<dyn Home>,
    pub(crate) key: usize,
}

/// What a spawned future has that other tasks do not.
pub(crate) struct Spawned {
    polling: Polling,
    /// Set by the runner before the future is idle for the first time.
    residence: OnceLock<Residence>,
}

impl Spawned {
    pub(super) fn is_woken(&self) -> bool {
        self.polling.is_woken()
    }

    /// It was woken, and nobody polls it yet.
    pub(super) fn awaits_its_turn(&self) -> bool {
        self.polling.awaits_its_turn()
    }

    /// The turn since which it waits to be woken, if it does.
    pub(super) fn idle_since(&self) -> Option<usize> {
        self.polling.idle_since()
    }

    /// For whoever has resumed it: which turn it is.
    pub(super) fn turn(&self) -> usize {
        self.polling.turn()
    }

    /// Somebody asked it to end after it had begun.
    pub(super) fn is_stopping(&self) -> bool {
        self.polling.stop_asked().is_some()
    }

    /// For whoever found it in a queue: `true` if it is to be polled, by the caller.
    pub(super) fn resume(&self) -> bool {
        self.polling.resume()
    }

    /// The same for one that was not woken.
    pub(super) fn resume_idle(&self) -> bool {
        let resumed = self.polling.resume_idle();
        if let (Some(residence), true) = (self.residence.get(), resumed) {
            residence.home.waits_no_more(residence.key);
        }
        resumed
    }
}

/// The part behind the slot of a future's cell.
struct Parts<X> {
    spawned: Spawned,
    extras: X,
}

impl<X: Attached> Attached for Parts<X> {
    fn extras(&self) -> Option<&Extras> {
        self.extras.extras()
    }

    fn spawned(&self) -> Option<&Spawned> {
        Some(&self.spawned)
    }
}

/// A cell with two references, for a future to be polled by a pool.
pub(crate) fn cell_for<F: Future>(future: F, extras: Option<Extras>) -> NonNull<Header> {
    let spawned = Spawned { polling: Polling::new(), residence: OnceLock::new() };
    match extras {
        None => NewCell::pending().attach(Parts { spawned, extras: () }).with_future(future),
        Some(extras) => NewCell::pending().attach(Parts { spawned, extras }).with_future(future),
    }
}

/// The turn since which the task waits to be woken, if it is a future that does.
pub(super) fn suspended_since(task: &Header) -> Option<usize> {
    task.snapshot().is_running().then(|| task.spawned().and_then(Spawned::idle_since))?
}

// ---------------------------------------------------------------------------------------------- polling

/// Polls a future that the caller has begun, or resumed. Never unwinds.
pub(super) fn poll(task: CellRef, runner: &impl Runner) {
    let polling = &spawned(&task).polling;
    if polling.stop_asked().is_some() {
        return match polling.finish() {
            Some(why) => leave(task, |task| stopped(task, why)),
            None => unreachable!("a request to stop is never taken back"),
        };
    }
    let ran = frame::within(&task, Role::Running, || {
        // SAFETY: the caller won `PENDING -> RUNNING`, or the way to `POLLED`, so it is the runner.
        unsafe { (task.vtable().run)(task.pointer()) }
    });
    let failed = match ran {
        Ran::Suspended => return suspended(task, runner),
        Ran::Value => false,
        Ran::Error => true,
    };
    match polling.finish() {
        None => {
            if let Some(extras) = task.extras() {
                extras.disarm();
            }
            runner.ran();
            leave(task, |task| run::finish_on(task, Ending::of(failed), runner));
        }
        Some(why) => leave(task, |task| {
            run::clear(&task, failed);
            end_as(task, why);
        }),
    }
}

fn suspended(task: CellRef, runner: &impl Runner) {
    let spawned = spawned(&task);
    let mut refusal = runner.stops();
    if refusal.is_none() && !spawned.polling.is_woken() && spawned.residence.get().is_none() {
        match runner.house(&task) {
            Ok(residence) => {
                let _ = spawned.residence.set(residence);
            }
            Err(why) => refusal = Some(why),
        }
    }
    if let Some(why) = refusal {
        if spawned.polling.stop(why) == Stopping::Asked {
            runner.stopped();
        }
    }
    // Before it can be woken, so that nobody counts it off first. One that was woken already will not be idle now.
    let residence = spawned.residence.get().filter(|_| !spawned.polling.is_woken());
    if let Some(residence) = residence {
        residence.home.begins_to_wait(residence.key);
    }
    let suspend = spawned.polling.suspend();
    if let (Some(residence), false) = (residence, suspend == Suspend::Idle) {
        residence.home.waits_no_more(residence.key);
    }
    match suspend {
        // The runner's reference goes. If it was the last one, nobody has kept a waker.
        Suspend::Idle => drop(task),
        Suspend::Woken => runner.again(Task::new(task)),
        Suspend::Stopped(Stop::Broken) => leave(task, |task| run::fail_owned(task, runner.broken())),
        Suspend::Stopped(why) => leave(task, |task| stopped(task, why)),
    }
}

/// Ends a future that the caller owns, for good, and that is still in the slot.
fn stopped(task: CellRef, why: Stop) {
    run::drop_job(&task);
    end_as(task, why);
}

/// The same where the slot is empty.
fn end_as(task: CellRef, why: Stop) {
    if let Some(extras) = task.extras() {
        extras.disarm();
    }
    let error = match why {
        Stop::Cancelled => return run::cancel_owned(task, &run::Anybody),
        Stop::Late => TaskError::DeadlineExceeded,
        Stop::Broken => broken(&task),
    };
    // SAFETY: by this function's contract the caller owns the slot, which is empty.
    unsafe { value::write_error(&task, error) };
    run::finish(task, true);
}

fn broken(task: &Header) -> TaskError {
    spawned(task).residence.get().map_or(TaskError::Abandoned, |residence| residence.home.broken())
}

/// The error of a future that the caller has begun, or resumed, but will not poll.
pub(super) fn fail(task: CellRef, error: TaskError) {
    match spawned(&task).polling.finish() {
        Some(why) => leave(task, |task| stopped(task, why)),
        None => leave(task, |task| run::fail_owned(task, error)),
    }
}

// ---------------------------------------------------------------------------------------------- leaving

/// A future that this thread is just ending; a link of a list on the stack, as in `frame`.
struct Leaving {
    home: *const (),
    outer: *const Leaving,
}

thread_local! {
    static LEAVING: Cell<*const Leaving> = Cell::new(std::ptr::null())
}

/// Ends a task, and then tells the pool that it lives there no more. The cell is kept until then, because the pool
/// finds it by its address.
fn leave(task: CellRef, end: impl FnOnce(CellRef)) {
    struct Unlink(*const Leaving);
    impl Drop for Unlink {
        fn drop(&mut self) {
            LEAVING.with(|leaving| leaving.set(self.0));
        }
    }
    let kept = task.clone();
    let Some(residence) = spawned(&kept).residence.get() else {
        drop(kept);
        return end(task);
    };
    let link = Leaving { home: Arc::as_ptr(&residence.home).cast(), outer: LEAVING.with(Cell::get) };
    {
        let _unlink = Unlink(link.outer);
        LEAVING.with(|leaving| leaving.set(&raw const link));
        end(task);
    }
    residence.home.leaves(residence.key);
}

/// Whether this thread is just ending a future that lives there. If it waited for the home's end, that would be in
/// vain.
pub(crate) fn is_leaving<H>(home: &Arc<H>) -> bool {
    let home = Arc::as_ptr(home).cast::<()>();
    let mut link = LEAVING.with(Cell::get);
    // SAFETY: `leave` unlinks a link before it leaves the stack, so every pointer leads to a living one.
    while let Some(leaving) = unsafe { link.as_ref() } {
        if std::ptr::eq(leaving.home, home) {
            return true;
        }
        link = leaving.outer;
    }
    false
}

// ---------------------------------------------------------------------------------------------- stopping

/// Ends a future that has begun: now if nobody polls it, else after that. `None`: it ends, or has ended, for the same
/// reason already; `false`: it has ended, or will end, otherwise.
pub(crate) fn stop(task: &Header, why: Stop) -> Option<bool> {
    let Some(spawned) = task.spawned() else {
        return Some(false);
    };
    // Whoever comes by the dead copy in the queue waits for the unlock, and so the owner is there until then.
    let before = task.life.lock();
    let stopping = spawned.polling.stop(why);
    match stopping {
        Stopping::Claimed { queued: true, .. } => {
            // SAFETY: as just said.
            if let Some(owner) = unsafe { task.owner().as_ref() } {
                (owner.left_behind)();
            }
        }
        Stopping::Claimed { queued: false, .. } => {
            if let Some(residence) = spawned.residence.get() {
                residence.home.waits_no_more(residence.key);
            }
        }
        Stopping::Asked | Stopping::Before(_) => {}
    }
    task.life.unlock(before, before.has_waiters());
    match stopping {
        Stopping::Claimed { why: reason, .. } => {
            leave(CellRef::to(task), |task| stopped(task, reason));
            Some(reason == why)
        }
        Stopping::Asked => {
            let _ = task.life.request_cancel();
            Some(true)
        }
        Stopping::Before(Some(reason)) if reason == why => None,
        Stopping::Before(_) => Some(false),
    }
}

/// The last reference to a future that has begun and not ended is gone: a worker is to drop it, because whoever lets go
/// of a waker may hold locks that the future wants when it is dropped.
pub(super) fn abandon(task: &Header) {
    let spawned = spawned(task);
    let kept = CellRef::to(task);
    if spawned.polling.wake_to_stop() {
        queue(spawned, kept.clone());
    } else if !spawned.polling.is_over() {
        // Nobody could have come here; without this it would come here again, for ever.
        debug_assert!(false, "the last reference to a future was let go of by its runner or its queue");
        std::mem::forget(kept);
    }
}

// ---------------------------------------------------------------------------------------------- wakers

/// The waker for a poll; it borrows the runner's reference.
pub(super) fn waker(task: &Header) -> ManuallyDrop<Waker> {
    // SAFETY: the functions of the vtable keep the contract of `RawWaker` for a pointer to a cell: see each.
    ManuallyDrop::new(unsafe { Waker::from_raw(raw(task.pointer())) })
}

fn raw(cell: NonNull<Header>) -> RawWaker {
    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone_raw, wake_raw, wake_by_ref_raw, drop_raw);
    RawWaker::new(cell.as_ptr().cast_const().cast(), &VTABLE)
}

/// # Safety
/// `data` is what `raw` made, and the reference that the waker owns or borrows is alive.
unsafe fn borrow<'a>(data: *const ()) -> &'a Header {
    // SAFETY: by the contract.
    unsafe { &*data.cast::<Header>() }
}

/// # Safety
/// As `borrow`; the waker owns a reference, and the caller consumes the waker.
unsafe fn consume(data: *const ()) -> CellRef {
    // SAFETY: by the contract.
    let cell = unsafe { borrow(data) }.pointer();
    // SAFETY: by the contract.
    unsafe { CellRef::from_owned(cell) }
}

unsafe fn clone_raw(data: *const ()) -> RawWaker {
    // SAFETY: the waker that is cloned is alive.
    let task = unsafe { borrow(data) };
    task.life.add_reference();
    raw(task.pointer())
}

unsafe fn wake_raw(data: *const ()) {
    // SAFETY: `wake` consumes the waker.
    let task = unsafe { consume(data) };
    wake(&task);
}

unsafe fn wake_by_ref_raw(data: *const ()) {
    // SAFETY: the waker is alive.
    wake(unsafe { borrow(data) });
}

unsafe fn drop_raw(data: *const ()) {
    // SAFETY: `drop` consumes the waker.
    drop(unsafe { consume(data) });
}

/// The caller's own reference keeps the cell, and with it the pool, until the pool has the future in its queue.
fn wake(task: &Header) {
    let spawned = spawned(task);
    if spawned.polling.wake() {
        queue(spawned, CellRef::to(task));
    }
}

/// By whoever woke it.
fn queue(spawned: &Spawned, task: CellRef) {
    match spawned.residence.get() {
        Some(residence) => {
            residence.home.waits_no_more(residence.key);
            residence.home.woken(Task::new(task));
        }
        None => unreachable!("a future is idle only after it has moved in somewhere"),
    }
}

fn spawned(task: &Header) -> &Spawned {
    match task.spawned() {
        Some(spawned) => spawned,
        None => unreachable!("only futures come here"),
    }
}
