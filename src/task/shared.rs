//! A future for many readers.
#![expect(unsafe_code, reason = "lends the value by the access rules")]

use super::blocking::{self, Until};
use super::callback::Outcome;
use super::cell::value;
use super::encoded;
use super::future::{self, CancelOutcome, Future, FutureId};
use super::remote;
use super::waiters::OWN;
use crate::error::{TaskError, WaitTimedOut};
use crate::sync::{Deadline, Mutex, global};
use std::fmt;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// A future that lends its value to any number of readers: see [`Future::shared`].
///
/// Cloning is cheap; the value is dropped with the last clone. Python's futures are all of this kind.
///
/// # Examples
/// ```
/// use concurrent_futures::ThreadPoolExecutor;
///
/// let pool = ThreadPoolExecutor::new(1)?;
/// let text = pool.submit(|| String::from("read me")).shared();
/// let reader = text.clone();
/// assert_eq!(reader.result(None)?.len(), 7);
/// assert_eq!(text.result(None)?, "read me");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping the last clone detaches its task"]
pub struct SharedFuture<T> {
    /// Nobody moves the value out: `shared` took the only handle that could.
    future: Arc<Future<T>>,
    /// By what its waker is known; 0 until it has left one.
    waker_id: u64,
    /// Lends `&T` to several threads, and drops the value on any of them.
    _lends: PhantomData<Arc<T>>,
}

impl<T> UnwindSafe for SharedFuture<T> {}
impl<T> RefUnwindSafe for SharedFuture<T> {}

impl<T> SharedFuture<T> {
    pub(super) fn new(future: Future<T>) -> Self {
        SharedFuture { future: Arc::new(future), waker_id: 0, _lends: PhantomData }
    }

    pub(super) fn future(&self) -> &Future<T> {
        &self.future
    }

    /// What there is, without waiting.
    fn look(&self) -> Option<Result<&T, TaskError>> {
        let task = self.future.header();
        if !task.snapshot().is_terminal() {
            return remote::lost(task).map(Err);
        }
        if !encoded::decode(task) {
            return None;
        }
        let now = task.snapshot();
        if let Some(error) = task.error(true) {
            return Some(Err(error));
        }
        if now.is_encoded() {
            let name = task.label();
            return Some(Err(TaskError::Deadlock(format!("{name} is asked for its result by its own decoder").into())));
        }
        if !now.holds_value() {
            return Some(Err(TaskError::ResultTaken));
        }
        // SAFETY: DONE was seen and the value is in the slot; nobody moves it (see the field), and it is dropped with
        // the last clone, of which `self` is one.
        Some(Ok(unsafe { value::borrow::<T>(task) }))
    }

    /// What has to come before there is something to lend.
    fn until(&self) -> Until {
        if self.future.header().snapshot().is_encoded() { Until::Settled } else { Until::Terminal }
    }

    /// Waits for the outcome and lends it; the error by value, since `?` cannot carry a borrow into `Box<dyn Error>`.
    ///
    /// # Errors
    /// As [`Future::result`]; `ResultTaken` only if the value was taken before the future became shared.
    pub fn result(&self, timeout: impl Into<Option<Duration>>) -> Result<&T, TaskError> {
        match self.look() {
            Some(outcome) => outcome,
            None => self.result_until(Deadline::after(timeout.into())),
        }
    }

    pub(crate) fn result_until(&self, deadline: Deadline) -> Result<&T, TaskError> {
        loop {
            blocking::wait_for(self.future.header(), self.until(), deadline)?;
            if let Some(outcome) = self.look() {
                return outcome;
            }
        }
    }

    /// What there is now: `None` while the task has not ended. Never blocks.
    ///
    /// # Errors
    /// As [`result`](SharedFuture::result), but for those of a wait.
    ///
    /// # Examples
    /// ```
    /// let (promise, future) = concurrent_futures::promise();
    /// let shared = future.shared();
    /// assert!(shared.try_result().is_none());
    /// promise.set_result(7).unwrap();
    /// assert_eq!(shared.try_result().unwrap()?, &7);
    /// # Ok::<(), concurrent_futures::TaskError>(())
    /// ```
    pub fn try_result(&self) -> Option<Result<&T, TaskError>> {
        self.look()
    }

    /// As [`Future::exception`]: waits for the end and says what went wrong, `None` where there is, or was, a value.
    ///
    /// # Errors
    /// [`WaitTimedOut`] if the limit came first, or if the wait would never have ended.
    pub fn exception(&self, timeout: impl Into<Option<Duration>>) -> Result<Option<TaskError>, WaitTimedOut> {
        self.future.exception(timeout)
    }

    /// Whether the task has ended, in whatever way.
    pub fn done(&self) -> bool {
        self.future.done()
    }

    /// Whether a worker has begun the task and not ended it.
    pub fn running(&self) -> bool {
        self.future.running()
    }

    /// Whether the task was cancelled.
    pub fn cancelled(&self) -> bool {
        self.future.cancelled()
    }

    /// As [`Future::cancel`]: for all clones.
    pub fn cancel(&self) -> bool {
        self.future.cancel()
    }

    /// As [`Future::request_cancel`]: for all clones.
    pub fn request_cancel(&self) -> CancelOutcome {
        self.future.request_cancel()
    }

    /// As [`Future::add_done_callback`], but for this: readers may have the value before `f` is called and while it is,
    /// and `result` on the same future works inside.
    ///
    /// # Examples
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (promise, future) = concurrent_futures::promise();
    /// let shared = future.shared();
    /// let (sender, receiver) = mpsc::channel();
    /// shared.add_done_callback(move |outcome| sender.send(outcome.cloned().ok()).unwrap());
    /// promise.set_result(7).unwrap();
    /// assert_eq!(receiver.recv(), Ok(Some(7)));
    /// assert_eq!(shared.result(None)?, &7);
    /// # Ok::<(), concurrent_futures::TaskError>(())
    /// ```
    pub fn add_done_callback(&self, f: impl FnOnce(Outcome<'_, T>) + Send + 'static) {
        self.future.add_done_callback(f);
    }

    /// The name that [`SubmitOptions::name`](crate::SubmitOptions::name) gave the task.
    pub fn name(&self) -> Option<&str> {
        self.future.name()
    }

    /// Which future this is: the same for all clones.
    pub fn id(&self) -> FutureId {
        self.future.id()
    }
}

impl<T> Clone for SharedFuture<T> {
    fn clone(&self) -> Self {
        SharedFuture { future: Arc::clone(&self.future), waker_id: 0, _lends: PhantomData }
    }
}

impl<T> Drop for SharedFuture<T> {
    fn drop(&mut self) {
        if self.waker_id != 0 {
            future::take_back_wakers(self.future.header(), &[self.waker_id]);
        }
    }
}

impl<T> fmt::Debug for SharedFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        future::debug(self.future.header(), "SharedFuture", f)
    }
}

fn next_waker_id() -> u64 {
    global! {
        static LAST: Mutex<u64> = Mutex::new(OWN)
    }
    let mut last = LAST.lock();
    *last += 1;
    *last
}

/// Awaiting cannot lend from `self`, so it clones the value.
impl<T: Clone> std::future::Future for SharedFuture<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let task = this.future.header();
        if !task.snapshot().is_terminal() || !encoded::decode(task) {
            if this.waker_id == 0 {
                this.waker_id = next_waker_id();
            }
            future::register_waker(task, cx.waker(), this.waker_id, this.until());
        }
        this.look().map_or(Poll::Pending, |outcome| Poll::Ready(outcome.cloned()))
    }
}
