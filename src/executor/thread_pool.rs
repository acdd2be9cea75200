//! The thread pool, as people hold it.

use super::engine::{self, By, Engine};
use super::options::SubmitOptions;
use super::shutdown::{Shutdown, ShutdownReport};
use super::thread_pool_builder::ThreadPoolBuilder;
use super::traits::{Executor, InProcessExecutor};
use super::verbs::{guards, maps, scopes, verbs};
use crate::error::{BuildError, Rejected, TaskError};
use crate::pool::{self, Pool};
use crate::report::{Stats, WorkerInfo};
use crate::sync::Deadline;
use crate::task::{self, Future, Task};
use std::fmt;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

/// A pool of threads that run tasks.
///
/// Threads are started when there is work for them, up to [`max_workers`](ThreadPoolBuilder::max_workers), and leave
/// after an idle time. A task that waits for another one, or in [`blocking`](crate::blocking), holds nobody back: the
/// awaited task is run in its place, or its place is lent to another thread; so nested waits end also with one worker.
/// A panic ends in the task's future; no worker is ever lost.
///
/// Clones are handles to the same pool. Dropping the last one shuts the pool down, by default waiting for everything
/// that was accepted ([`ThreadPoolBuilder::on_last_drop`]). A pool in a `static` is never dropped: its unfinished tasks
/// end with the process.
///
/// As Python's, but for: closures instead of functions with arguments, the limits, and what is said above about waits.
///
/// # Examples
/// ```
/// use concurrent_futures::ThreadPoolExecutor;
///
/// let pool = ThreadPoolExecutor::new(4)?;
/// let text = String::from("count me");
/// let length = pool.submit(move || text.len());
/// assert_eq!(length.result(None)?, 8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ThreadPoolExecutor<S: 'static = ()> {
    handle: Arc<Handle>,
    /// Each thread has a state of this type of its own.
    _state: PhantomData<fn(S)>,
}

/// What the last clone takes with it.
struct Handle {
    pool: Arc<Pool>,
    on_last_drop: Shutdown,
}

impl ThreadPoolExecutor {
    /// A pool of at most `max_workers` threads.
    ///
    /// # Errors
    /// [`BuildError`] if that is 0, or more than can be counted.
    pub fn new(max_workers: usize) -> Result<Self, BuildError> {
        Self::builder().max_workers(max_workers).build()
    }

    /// A pool with options.
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::new()
    }
}

impl<S: 'static> ThreadPoolExecutor<S> {
    pub(super) fn with_pool(pool: Arc<Pool>, on_last_drop: Shutdown) -> Self {
        let handle = Handle { pool, on_last_drop };
        ThreadPoolExecutor { handle: Arc::new(handle), _state: PhantomData }
    }

    verbs!([pub] Job, submit, submit_with, try_submit);
    maps!(closure [pub] 'static map, shared_engine);

    /// Submits a job that gets its worker's state, which the [initializer](ThreadPoolBuilder::initializer) made.
    ///
    /// As `&S`: a worker that waits may run a second task meanwhile, and every thread has a state of its own.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    /// use std::cell::Cell;
    ///
    /// let pool = ThreadPoolExecutor::builder()
    ///     .max_workers(1)
    ///     .initializer(|_slot| Ok::<_, std::io::Error>(Cell::new(0)))
    ///     .build()?;
    /// for _ in 0..3 {
    ///     pool.submit_with_state(|count| count.set(count.get() + 1)).result(None)?;
    /// }
    /// assert_eq!(pool.submit_with_state(Cell::get).result(None)?, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_with_state<T: Send + 'static>(&self, f: impl FnOnce(&S) -> T + Send + 'static) -> Future<T> {
        self.submit(with_state(f))
    }

    /// Runs `f` once on every one of the `max_workers` slots, starting their threads if need be. The futures are in the
    /// order of the slots. Threads that replace these later do not run it.
    ///
    /// Only a slot's own thread may run its part, so that a spare one may be at another task meanwhile.
    pub fn broadcast<T: Send + 'static>(&self, f: impl Fn(&S) -> T + Send + Sync + 'static) -> Vec<Future<T>> {
        let f = Arc::new(f);
        let pool = &self.handle.pool;
        let one = |slot| {
            let f = Arc::clone(&f);
            let job = with_state(move |state: &S| f(state));
            if let Some(error) = self.refusal() {
                return Future::failed(error);
            }
            let (task, future) = engine::make(job, None);
            pool.send(slot, task);
            future
        };
        (0..pool.max_workers()).map(one).collect()
    }

    scopes!([pub]);

    /// Runs a future on the pool's threads, beside closures and other futures; the handle will have its output.
    ///
    /// It is polled in its turn, and after that whenever it was woken, from whatever thread. While it waits it costs
    /// memory and no thread. A panic in a poll, or when it is dropped because it is ready, is the handle's error.
    /// Dropping the handle detaches
    /// it; [`cancel`](Future::cancel) ends it also after it has begun: at once if it waits, at its next await if it is
    /// being polled.
    ///
    /// Whoever can still wake it, or has its handle, keeps it; so do a limit of its own, and a scope. When that is
    /// nobody it is dropped. A pool that is shut
    /// down ends only after its futures have, so that one that waits for something that never comes has to be
    /// cancelled: [`Shutdown::cancel_pending`] does.
    ///
    /// A future that holds a handle of its own pool keeps the pool: shut that down, or cancel the future.
    ///
    /// Blocking in it blocks a worker, as in a closure: waits of this crate and [`blocking`](crate::blocking) lend the
    /// worker's place meanwhile.
    ///
    /// Python's counterpart is `asyncio.create_task`, on one thread.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    ///
    /// let pool = ThreadPoolExecutor::new(2)?;
    /// let words = pool.submit(|| vec!["closures", "and", "futures"]);
    /// let length = pool.spawn(async move { words.await.map(|words| words.join(" ").len()) });
    /// assert_eq!(length.result(None)??, 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn<F>(&self, future: F) -> Future<F::Output>
    where
        F: std::future::Future<Output: Send + 'static> + Send + 'static,
    {
        let (task, handle) = task::make_spawned(future, None);
        engine::give(&By(self), task, handle, None)
    }

    /// The same, with options for this one future. [`SubmitOptions::timeout`] counts from its first poll, waiting
    /// included, and ends it as [`TaskError::DeadlineExceeded`] as soon as nobody polls it.
    pub fn spawn_with<F>(&self, options: SubmitOptions, future: F) -> Future<F::Output>
    where
        F: std::future::Future<Output: Send + 'static> + Send + 'static,
    {
        engine::spawn_with(&By(self), &options, future)
    }

    /// Polls a future on the calling thread until it is ready. It need be neither `Send` nor `'static`.
    ///
    /// Works anywhere: also in one of the pool's own tasks, nested, and in the threads of other runtimes (which it
    /// blocks, so not in their async code). A worker lends its place while it sleeps, and runs nothing else meanwhile.
    /// But where all the pool's threads wait and none can be added ([`max_spares`](ThreadPoolBuilder::max_spares)), it runs
    /// tasks of the pool that the future awaits, one at a time, on top of the one that it is called in; and the future
    /// itself, and spawned ones that it awaits, may be polled although nobody has woken them, to find out what they wait
    /// for. Only awaiting a task makes it known: one that will send to a channel that the future listens to is not.
    ///
    /// Unlike a wait by [`result`](Future::result) it is never refused with [`TaskError::Deadlock`], since what it waits
    /// for may come from anywhere: part of a circle, it sleeps for ever.
    ///
    /// # Panics
    /// If the future does. If the future has to wait, and this is a done callback of a process pool for which the system
    /// gives no thread, so that the one thread of that pool calls it without which nothing goes on there.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    ///
    /// let pool = ThreadPoolExecutor::new(2)?;
    /// let text = String::from("borrowed");
    /// let length = pool.block_on(async {
    ///     let length = text.len();
    ///     pool.spawn(async move { length * 2 }).await
    /// })?;
    /// assert_eq!(length, 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn block_on<F: std::future::Future>(&self, future: F) -> F::Output {
        task::block_on(future)
    }

    /// Takes no more tasks, and ends as `how` says.
    ///
    /// Idempotent, and callable from any thread. Called from one of the pool's own tasks (their callbacks, or the drop
    /// of a spawned future, on whatever thread) it does not wait, because it would wait for itself: it returns at once,
    /// and counts what goes on as abandoned.
    pub fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        self.handle.shutdown(&how)
    }

    /// Ready once the pool has been shut down, by whomever, and its last task and thread have ended. The report counts
    /// from the shutdown on. Not for a future that runs on this very pool, which would wait for itself.
    ///
    /// # Cancel safety
    /// Nothing is lost by dropping this; another call waits for the same.
    pub async fn closed(&self) -> ShutdownReport {
        let ended = self.handle.pool.ended();
        // The pool keeps the promise until it has ended.
        let _ = ended.await;
        let (finished, cancelled) = self.handle.pool.since_close();
        ShutdownReport { finished, cancelled, ..ShutdownReport::default() }
    }

    guards!([pub]);

    /// At most so many tasks are begun at once.
    pub fn max_workers(&self) -> usize {
        self.handle.pool.max_workers()
    }

    /// What the pool has to do.
    pub fn stats(&self) -> Stats {
        self.handle.pool.stats()
    }

    /// Its threads, in the order of their slots.
    pub fn workers(&self) -> Vec<WorkerInfo> {
        self.handle.pool.workers()
    }

    /// Why it takes no tasks, if it does not.
    pub(super) fn refusal(&self) -> Option<TaskError> {
        let pool = &self.handle.pool;
        let shut = || pool.is_closed().then_some(TaskError::Rejected(crate::error::RejectReason::ShutDown));
        pool.broken().or_else(shut)
    }
}

/// A job that finds its worker's state when it runs.
fn with_state<S: 'static, T>(f: impl FnOnce(&S) -> T) -> impl FnOnce() -> T {
    move || match pool::with_state(f) {
        Some(value) => value,
        None => unreachable!("only this pool's threads run its tasks, and they have a state of its type"),
    }
}

// A panic leaves a pool as it was: its own code contains those of tasks, and user code never runs under its locks.
impl<S: 'static> UnwindSafe for ThreadPoolExecutor<S> {}
impl<S: 'static> RefUnwindSafe for ThreadPoolExecutor<S> {}

impl<S: 'static> Clone for ThreadPoolExecutor<S> {
    fn clone(&self) -> Self {
        ThreadPoolExecutor { handle: Arc::clone(&self.handle), _state: PhantomData }
    }
}

impl<S: 'static> fmt::Debug for ThreadPoolExecutor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolExecutor")
            .field("name", &self.handle.pool.name())
            .field("max_workers", &self.max_workers())
            .field("stats", &self.stats())
            .finish()
    }
}

impl<S: 'static> Executor for ThreadPoolExecutor<S> {
    fn try_execute(&self, task: Task) -> Result<(), Rejected<Task>> {
        self.handle.execute(task, Some(Duration::ZERO))
    }

    fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        self.handle.shutdown(&how)
    }

    fn max_workers(&self) -> usize {
        self.handle.pool.max_workers()
    }

    fn execute(&self, task: Task, wait: Option<Duration>) -> Result<(), Rejected<Task>> {
        self.handle.execute(task, wait)
    }

    fn name(&self) -> &str {
        self.handle.pool.name()
    }

    fn stats(&self) -> Stats {
        self.handle.pool.stats()
    }
}

impl<S: 'static> InProcessExecutor for ThreadPoolExecutor<S> {}

fn shared_engine<S: 'static>(executor: &ThreadPoolExecutor<S>) -> Arc<dyn Engine> {
    Arc::new(Handled(Arc::clone(&executor.handle)))
}

/// A map keeps the pool that it runs on.
struct Handled(Arc<Handle>);

impl Engine for Handled {
    fn execute(&self, task: Task, wait: Option<Duration>) -> Result<(), Rejected<Task>> {
        self.0.execute(task, wait)
    }

    fn max_workers(&self) -> usize {
        self.0.pool.max_workers()
    }

    fn help(&self) -> bool {
        false
    }
}

impl Handle {
    fn execute(&self, task: Task, wait: Option<Duration>) -> Result<(), Rejected<Task>> {
        if let Some(broken) = self.pool.broken() {
            task.fail(broken);
            return Ok(());
        }
        self.pool.execute(task, Deadline::after(wait))
    }

    fn shutdown(&self, how: &Shutdown) -> ShutdownReport {
        let pool = &self.pool;
        let before = pool.completed();
        pool.close();
        let mut cancelled = if how.cancel_pending { pool.cancel_queued() } else { 0 };
        let own = pool::is_worker_of(pool) || task::is_leaving(pool);
        let ended = how.wait && !own && pool.join(Deadline::after(how.limit()));
        cancelled += if how.cancel_pending { pool.take_cancelled_late() } else { 0 };
        let finished = usize::try_from(pool.completed().saturating_sub(before)).unwrap_or(usize::MAX);
        ShutdownReport { finished, cancelled, abandoned: if ended { 0 } else { pool.unfinished() }, killed: 0 }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let how = self.on_last_drop.clone();
        self.shutdown(&how);
    }
}
