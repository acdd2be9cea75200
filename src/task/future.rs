//! The caller's end of a task.
#![expect(unsafe_code, reason = "owns one reference, and takes the value by the access rules")]

use super::awaited;
use super::blocking::{self, Until};
use super::callback::{self, Outcome};
use super::cancel_on_drop::CancelOnDrop;
use super::cell::{NewCell, value};
use super::encoded;
use super::frame::{self, Role};
use super::header::{CellRef, Header, free};
use super::remote;
use super::run;
use super::shared::SharedFuture;
use super::spawned::Spawned;
use super::waiters::{self, Left};
use crate::error::{TaskError, WaitTimedOut};
use crate::state::{Birth, Detach, Take};
use crate::sync::{Deadline, drop_contained};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The result of a task that may not be there yet.
///
/// It can be waited for with a limit, polled, awaited from any async runtime, cancelled, asked for its state, and
/// collected with others by [`wait`](crate::wait()) and [`as_completed`](crate::as_completed()). It equals itself only:
/// `==` and hashing go by identity, so that it serves as a key (`HashMap<Future<T>, Url>` is an idiom of Python's
/// docs).
///
/// Dropping it detaches: the task still runs. [`cancel_on_drop`](Future::cancel_on_drop) is the opt-in for the other.
///
/// As in Python, but for these on purpose: [`result`](Future::result) moves the value out instead of sharing it
/// ([`shared`](Future::shared) is for many readers); there is one cancelled state, and cancelling is the notification.
///
/// # Cancel safety
/// Awaiting `&mut future` or `&future` and dropping that wait loses nothing: the handle is as before.
///
/// # Examples
/// ```
/// use concurrent_futures::ThreadPoolExecutor;
/// use std::time::Duration;
///
/// let pool = ThreadPoolExecutor::new(2)?;
/// let future = pool.submit(|| 6 * 7);
/// assert_eq!(future.result(Duration::from_secs(10))?, 42);
/// assert!(future.done());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping a Future detaches its task (a scope still joins it); `let _ = ..` says that this is meant"]
pub struct Future<T> {
    /// Owns one reference; the cell's value is a `T`.
    cell: NonNull<Header>,
    _value: PhantomData<T>,
}

// SAFETY: everything goes through the state word. Through the handle the value can be moved to, or dropped on, another
// thread, which asks for Send; it is never lent to two threads at once, so Sync is not asked for.
unsafe impl<T: Send> Send for Future<T> {}
// SAFETY: as above; `&Future` allows what `Future` does.
unsafe impl<T: Send> Sync for Future<T> {}

impl<T> Unpin for Future<T> {}
impl<T> UnwindSafe for Future<T> {}
impl<T> RefUnwindSafe for Future<T> {}

/// What a request to stop came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelOutcome {
    /// It had not begun, and now never will. (With [`retries`](crate::SubmitOptions::retries): not again.)
    NeverRan,
    /// It had ended before, in whatever way, also by a kill.
    AlreadyDone,
    /// It runs, and has been asked to stop: see [`task::cancel_requested`](crate::task::cancel_requested).
    Signalled,
    /// Its worker is being ended, by this call or by one before.
    Killed,
}

/// Which future it is. Like Python's `id()`, unique among those that are alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FutureId(u64);

impl<T: Send + 'static> Future<T> {
    /// A future that has its value already.
    ///
    /// # Examples
    /// ```
    /// let future = concurrent_futures::Future::ready(3);
    /// assert_eq!(future.result(None)?, 3);
    /// # Ok::<(), concurrent_futures::TaskError>(())
    /// ```
    pub fn ready(value: T) -> Self {
        let cell = NewCell { birth: Birth::Value, references: 1, attached: () }.with_value(value);
        // SAFETY: the one reference is the future's, and the value is a `T`.
        unsafe { Future::from_owned(cell) }
    }

    /// A future that has failed already.
    pub fn failed(error: TaskError) -> Self {
        Future::failed_any(error)
    }
}

impl<T> Future<T> {
    /// # Safety
    /// The caller owns one reference, which it gives to the result, and the cell's value is a `T`.
    pub(crate) unsafe fn from_owned(cell: NonNull<Header>) -> Self {
        Future { cell, _value: PhantomData }
    }

    pub(crate) fn failed_any(error: TaskError) -> Self {
        let cell = NewCell { birth: Birth::Error, references: 1, attached: () }.with_error::<T>(error);
        // SAFETY: the one reference is the future's, and a value would be a `T`.
        unsafe { Future::from_owned(cell) }
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the reference that this handle owns keeps the cell alive.
        unsafe { self.cell.as_ref() }
    }

    /// The outcome if it can be had without waiting; `None` while there is none, or while callbacks look at it.
    fn take_now(&self) -> Option<Result<T, TaskError>> {
        let task = self.header();
        let mut taken = task.life.take();
        if taken == Take::Encoded {
            // By this thread, unless another one is at it.
            let _ = encoded::decode(task);
            taken = match task.life.take() {
                Take::Encoded => Take::Busy,
                taken => taken,
            };
        }
        match taken {
            // SAFETY: `Take::Value` made the value this caller's, and it is a `T`.
            Take::Value => Some(Ok(unsafe { value::read::<T>(task) })),
            Take::Error => Some(Err(task.failure().clone())),
            Take::Cancelled => Some(Err(TaskError::Cancelled)),
            Take::Gone => Some(Err(TaskError::ResultTaken)),
            Take::Busy if frame::holds(task, Role::Notifying) => Some(Err(TaskError::Deadlock(
                format!("{} is asked for its result by its own callback, which reads it by reference", task.label())
                    .into(),
            ))),
            Take::Pending => remote::lost(task).map(Err),
            Take::Busy | Take::Encoded => None,
        }
    }

    /// Waits for the outcome and takes it.
    ///
    /// The timeout is a [`Duration`], an `Option<Duration>`, or `None` for no limit. Like a channel's `recv(&self)`
    /// this moves the value out: one caller gets it, a later one `ResultTaken`. An error can be had any number of
    /// times. A worker of the pool that has the task may run it here instead of waiting.
    ///
    /// # Errors
    /// [`TaskError::TimedOut`] if the limit came first; the future stays usable. [`TaskError::ResultTaken`].
    /// [`TaskError::Deadlock`] where the wait would never end: a task that waits for itself, a circle of tasks, a
    /// callback that asks its own future. Else why the task has no value.
    pub fn result(&self, timeout: impl Into<Option<Duration>>) -> Result<T, TaskError> {
        match self.take_now() {
            Some(outcome) => outcome,
            None => self.result_until(Deadline::after(timeout.into())),
        }
    }

    pub(crate) fn result_until(&self, deadline: Deadline) -> Result<T, TaskError> {
        loop {
            blocking::wait_for(self.header(), Until::Settled, deadline)?;
            if let Some(outcome) = self.take_now() {
                return outcome;
            }
        }
    }

    /// Takes the outcome if it is there: `None` while the task has not ended, or while callbacks on another thread
    /// still look at the value. Never blocks.
    pub fn try_result(&self) -> Option<Result<T, TaskError>> {
        self.take_now()
    }

    /// Waits for the end and says what went wrong: `None` where there is, or was, a value. Takes nothing.
    ///
    /// Python raises `CancelledError` for a cancelled future; here it is an error like any other.
    ///
    /// # Errors
    /// [`WaitTimedOut`] if the limit came first, or if the wait would never have ended.
    pub fn exception(&self, timeout: impl Into<Option<Duration>>) -> Result<Option<TaskError>, WaitTimedOut> {
        let task = self.header();
        if !task.has_ended() || !encoded::decode(task) {
            let deadline = Deadline::after(timeout.into());
            let refused = |error| WaitTimedOut::new(1, 1, &error);
            blocking::wait_for(task, Until::Terminal, deadline).map_err(refused)?;
            while !encoded::decode(task) {
                blocking::wait_for(task, Until::Settled, deadline).map_err(refused)?;
            }
        }
        Ok(task.error(true))
    }

    /// Whether a worker has begun the task and not ended it.
    pub fn running(&self) -> bool {
        self.header().is_running()
    }

    /// Whether the task has ended, in whatever way.
    pub fn done(&self) -> bool {
        self.header().has_ended()
    }

    /// Whether the task has ended as cancelled: before it began, or, where [`kill`](Future::kill) or a
    /// [`Shutdown::kill_after`](crate::Shutdown::kill_after) ended its worker, after it had run in part.
    pub fn cancelled(&self) -> bool {
        self.header().has_ended_as_cancelled()
    }

    /// Cancels the task if it has not begun. `true`: it never ran and never will (also on a second call); `false`: it
    /// runs, or has ended. The call that cancels it drops the job and calls the callbacks, on this thread, before it
    /// returns.
    ///
    /// A [spawned](crate::ThreadPoolExecutor::spawn) future can be cancelled until it is ready: it is dropped now if it
    /// waits to be woken, and when it next comes to an await if it is being polled. `true` then promises that it ends
    /// as cancelled. So it does of a task whose arguments are just being encoded, by another thread. With
    /// [`retries`](crate::SubmitOptions::retries), one that waits to be run again can be cancelled, too, though it has run
    /// in part.
    pub fn cancel(&self) -> bool {
        run::cancel(self.header())
    }

    /// Cancels the task if it has not begun; a running one is asked to stop, which it sees with
    /// [`task::cancel_requested`](crate::task::cancel_requested).
    pub fn request_cancel(&self) -> CancelOutcome {
        request_cancel(self.header())
    }

    /// The strongest that this task's executor can do: a worker process is ended, with `grace` between the polite
    /// signal and the other, and the task ends as cancelled, though it may have run in part. A thread cannot be ended;
    /// there this is [`request_cancel`](Future::request_cancel).
    pub fn kill(&self, grace: Duration) -> CancelOutcome {
        let asked = self.request_cancel();
        let task = self.header().resolve();
        match remote::engine(task).filter(|_| asked == CancelOutcome::Signalled) {
            Some(engine) => engine.kill(task, grace),
            None => asked,
        }
    }

    /// Calls `f` with the outcome, by reference, before anybody can take the value.
    ///
    /// Callbacks run in the order in which they were added, on the thread that ends the task: a worker, the canceller,
    /// the holder of a promise, the timer's; for a task in a worker process, on a thread of its pool. If the task has
    /// ended they run at once and on this thread, unless another callback is just being called: then after that one, on
    /// its thread. A panic in one is reported by the panic hook and goes no further. Inside, `result` on the same future
    /// is `Err(Deadlock)`; everything else works. One that takes long delays those of other tasks of a pool of processes,
    /// by no more than some milliseconds as a rule: then another thread calls them.
    pub fn add_done_callback(&self, f: impl FnOnce(Outcome<'_, T>) + Send + 'static) {
        let lend = move |task: &Header, outcome: Outcome<'_, T>| match outcome {
            Ok(value) => task.slot_access.shared(|| f(Ok(value))),
            Err(error) => f(Err(error)),
        };
        // SAFETY: the cell's value is a `T`, and `f` gets it by reference.
        unsafe { callback::add::<T, _>(self.header(), lend) };
    }

    /// Which future this is.
    pub fn id(&self) -> FutureId {
        id(self.header())
    }

    /// The name that [`SubmitOptions::name`](crate::SubmitOptions::name) gave the task.
    pub fn name(&self) -> Option<&str> {
        self.header().name()
    }

    /// Turns this into a handle for many readers, which lends the value instead of moving it.
    ///
    /// By value: a method by `&self` would lose against `futures::FutureExt::shared`.
    pub fn shared(self) -> SharedFuture<T>
    where
        T: Sync,
    {
        SharedFuture::new(self)
    }

    /// Ties the task to the handle: dropping it cancels a task that has not begun and asks a running one to stop.
    pub fn cancel_on_drop(self) -> CancelOnDrop<T> {
        CancelOnDrop::new(self)
    }

    pub(crate) fn poll_outcome(&self, cx: &mut Context<'_>, whose: u64) -> Poll<Result<T, TaskError>> {
        if let Some(outcome) = self.take_now() {
            return Poll::Ready(outcome);
        }
        register_waker(self.header(), cx.waker(), whose, Until::Settled);
        // What came between the first look and the registration is found here.
        self.take_now().map_or(Poll::Pending, Poll::Ready)
    }
}

pub(crate) fn id(task: &Header) -> FutureId {
    FutureId(task.address() as u64)
}

pub(crate) fn request_cancel(task: &Header) -> CancelOutcome {
    let task = task.resolve();
    match run::try_cancel(task) {
        // A future that has begun ends now, or at the next await that it comes to.
        Some(true) if task.spawned().is_some_and(Spawned::is_stopping) => return CancelOutcome::Signalled,
        None if task.spawned().is_some_and(Spawned::is_stopping) => {}
        None | Some(true) => return CancelOutcome::NeverRan,
        Some(false) => {}
    }
    if task.life.request_cancel().is_terminal() || remote::lost(task).is_some() {
        return CancelOutcome::AlreadyDone;
    }
    if let Some(engine) = remote::engine(task) {
        engine.request_cancel(task);
    }
    CancelOutcome::Signalled
}

/// Leaves the waker of a future's own handle. `true`: there is an outcome, and nobody reads it by reference; or there
/// will never be one.
pub(crate) fn leave_waker(task: &Header, waker: &Waker) -> bool {
    if remote::lost(task).is_some() {
        return true;
    }
    if !task.snapshot().is_settled() {
        register_waker(task, waker, waiters::OWN, Until::Settled);
    }
    // What came between the first look and the registration is found here.
    task.snapshot().is_settled()
}

/// Leaves a waker, unless the task is as wanted already; in place of the one that the same handle left before.
pub(super) fn register_waker(task: &Header, waker: &Waker, whose: u64, until: Until) {
    let noting = awaited::current();
    let before = task.life.lock();
    // A note is taken anew in every poll, together with its waker.
    // SAFETY: the lock is held.
    let known = until.holds(before) || (noting.is_none() && unsafe { task.waiters.has_waker(waker, whose) });
    task.life.unlock(before, before.has_waiters());
    if known {
        return;
    }
    // SAFETY: the note is dropped here, or stays in the task's list. The handle that leaves it has a reference, and takes
    // it back before it lets go of that; or else it goes with the whole list, and who has taken that has a reference too.
    let note = noting.map(|list| unsafe { list.note(task, Some(waker)) });
    // Cloning is foreign code, and so happens outside the lock.
    let left = Left { waker: waker.clone(), note };
    let before = task.life.lock();
    if until.holds(before) {
        task.life.unlock(before, before.has_waiters());
        return;
    }
    // SAFETY: the lock is held.
    let old = unsafe { task.waiters.set_waker(left, whose) };
    task.life.unlock(before, true);
    drop_contained(old);
    remote::expect_first(task, before);
}

/// Takes back the wakers that these handles have left.
pub(super) fn take_back_wakers(task: &Header, whose: &[u64]) {
    if !task.snapshot().has_waiters() || remote::is_elsewhere(task) {
        return;
    }
    let before = task.life.lock();
    // SAFETY: the lock is held.
    let take = |whose: &u64| std::iter::from_fn(|| unsafe { task.waiters.take_waker(*whose) }).collect::<Vec<_>>();
    let wakers: Vec<_> = whose.iter().map(take).collect();
    // SAFETY: the lock is held.
    let more = !unsafe { task.waiters.is_empty() };
    task.life.unlock(before, more);
    wakers.into_iter().flatten().for_each(drop_contained);
}

impl<T> Drop for Future<T> {
    fn drop(&mut self) {
        let task = self.header();
        // Nobody is left who awaits by reference, either.
        take_back_wakers(task, &[waiters::OWN, waiters::NOBODY]);
        match task.life.detach() {
            Detach::Released => {}
            Detach::OwnsValue => {
                run::drop_value(task);
                // SAFETY: `OwnsValue` left this handle's reference to give back.
                drop(unsafe { CellRef::from_owned(self.cell) });
            }
            Detach::Last => free(self.cell, task.snapshot()),
        }
    }
}

impl<T> std::future::Future for Future<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_outcome(cx, waiters::OWN)
    }
}

impl<T> std::future::Future for &Future<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_outcome(cx, waiters::NOBODY)
    }
}

impl<T> PartialEq for Future<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cell == other.cell
    }
}

impl<T> Eq for Future<T> {}

impl<T> Hash for Future<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(self.header(), "Future", f)
    }
}

pub(super) fn debug(task: &Header, what: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut tuple = f.debug_struct(what);
    if let Some(name) = task.name() {
        tuple.field("name", &name);
    }
    // A handed cell is as its source is until it has an outcome of its own.
    let now = task.snapshot();
    let state = if now.is_handed() { task.resolve().snapshot() } else { now };
    if state.is_running() && !task.is_running() && !task.snapshot().is_terminal() {
        // It has left this process, and no worker has begun it.
        return tuple.field("state", &format_args!("pending")).finish();
    }
    tuple.field("state", &state).finish()
}
