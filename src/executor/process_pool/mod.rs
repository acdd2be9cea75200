//! The pool of worker processes, as people hold it.

mod builder;
#[cfg(test)]
#[path = "../../../tests/loopback/mod.rs"]
mod loopback;
mod state_work;

pub use builder::{ProcessPoolBuilder, WorkerStdio};
use state_work::{OfState, WithState};

use super::engine::{self, By, Engine};
use super::shutdown::{Shutdown, ShutdownReport};
use super::traits::Executor;
use super::verbs::{guards, maps, verbs};
use crate::error::{BuildError, Rejected};
use crate::process::ProcessPool;
use crate::report::{Stats, WorkerInfo};
use crate::sync::Deadline;
use crate::task::{self, Future, Task};
use crate::wire::{Code, Portable, StateCall, StateFunction};
use std::fmt;
use std::future::{Future as _, poll_fn};
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// A pool of worker processes, for code that may crash, leak, hang, or cannot live with threads beside it.
///
/// What is submitted has to be able to leave this process: [`call!`](crate::call) names a function and its arguments,
/// [`task!`](crate::task!) lists what a closure takes along, and [`map`](ProcessPoolExecutor::map) takes functions
/// without captures. Arguments and results travel as bytes, by serde.
///
/// A worker is this program, executed once more; it never comes to `main`, and nothing has to be set up for it. (Where
/// a program cannot be executed that way, as in a plugin, [`build`](ProcessPoolBuilder::build) says so:
/// see [`init`](crate::init).) Workers are started when there is work for them, and replaced when they die.
///
/// **A worker's death costs one task**: the one that it ran, which fails with
/// [`TaskError::WorkerDied`](crate::TaskError::WorkerDied) and what is known of the end. Tasks that it had not begun
/// run elsewhere, and items of a map's chunk that had ended keep their results. Nothing that may have run is run again,
/// unless [`SubmitOptions::retries`](crate::SubmitOptions::retries) says so.
///
/// **A running task can be stopped**: by [`SubmitOptions::timeout`](crate::SubmitOptions::timeout), by
/// [`Future::kill`], by a [`Shutdown::kill_after`]. Its worker is sent SIGTERM, then, after a grace, SIGKILL. What the
/// tasks themselves have started is ended with the worker, unless it has left the worker's process group.
///
/// When this process ends, however it does, its workers end too.
///
/// A worker has the program's arguments, environment (with [`env`](ProcessPoolBuilder::env)'s changes), directory and
/// statics as they are before `main`. What `main` sets up (a logger, a panic hook, global pools) it has not; that is for
/// the [initializer](ProcessPoolBuilder::initializer). SIGPIPE is ignored, as in every Rust program, and so is SIGXFSZ.
/// It has a process group of its own, so the terminal's Ctrl-C does not reach it.
///
/// Tasks run on one thread of their worker, which is not its main thread; a task may start threads and processes. It may
/// have pools of its own, and it waits for nothing of the pool that it runs in, which is in another process.
///
/// Clones are handles to the same pool. Dropping the last one shuts the pool down, by default waiting for everything
/// that was accepted ([`ProcessPoolBuilder::on_last_drop`]).
///
/// Done callbacks and wakers run on a thread of the pool, which comes and goes with them.
///
/// As Python's, but for: one crash does not break the pool; limits; state; no fork; and a worker never runs `main`, so
/// that no `if __name__ == "__main__"` is needed.
///
/// # Examples
/// ```
/// use concurrent_futures::{ProcessPoolExecutor, TaskError, call};
///
/// fn parse(text: String) -> usize {
///     if text.is_empty() {
///         std::process::abort(); // native code at its worst
///     }
///     text.len()
/// }
///
/// let pool = ProcessPoolExecutor::new(2)?;
/// let good = pool.submit(call!(parse("abc".to_string())));
/// let bad = pool.submit(call!(parse(String::new())));
/// assert_eq!(good.result(None)?, 3);
/// assert!(matches!(bad.result(None), Err(TaskError::WorkerDied(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ProcessPoolExecutor<S: 'static = ()> {
    handle: Arc<Handle>,
    /// Each process has a state of this type of its own.
    _state: PhantomData<fn(S)>,
}

/// What the last clone takes with it.
struct Handle {
    pool: Arc<ProcessPool>,
    on_last_drop: Shutdown,
}

impl ProcessPoolExecutor {
    /// A pool of at most `max_workers` processes.
    ///
    /// # Errors
    /// [`BuildError`] if that is 0, or absurd; or if this program cannot have workers, which says what to do.
    pub fn new(max_workers: usize) -> Result<Self, BuildError> {
        Self::builder().max_workers(max_workers).build()
    }

    /// A pool with options, beginning with the defaults.
    pub fn builder() -> ProcessPoolBuilder {
        ProcessPoolBuilder::new()
    }
}

impl<S: 'static> ProcessPoolExecutor<S> {
    pub(super) fn with_pool(pool: Arc<ProcessPool>, on_last_drop: Shutdown) -> Self {
        let handle = Handle { pool, on_last_drop };
        ProcessPoolExecutor { handle: Arc::new(handle), _state: PhantomData }
    }

    verbs!([pub] PortableJob, submit, submit_with, try_submit);
    maps!(portable [pub] 'static, shared_engine);

    /// Submits a call that uses its worker's state, which the [initializer](ProcessPoolBuilder::initializer) made:
    /// `_` stands for it, and the function takes it as `&S` before its other arguments.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::{ProcessPoolExecutor, call};
    ///
    /// struct Dictionary(Vec<String>); // neither serde nor Sync is needed: it stays where it is made
    ///
    /// fn load(words: String) -> Result<Dictionary, std::io::Error> {
    ///     Ok(Dictionary(words.split(' ').map(str::to_owned).collect()))
    /// }
    ///
    /// fn look_up(dictionary: &Dictionary, word: String) -> Option<usize> {
    ///     dictionary.0.iter().position(|known| *known == word)
    /// }
    ///
    /// let words = "zero one two".to_string();
    /// let pool = ProcessPoolExecutor::builder().max_workers(1).initializer(call!(load(words))).build()?;
    /// let two = pool.submit_with_state(call!(look_up(_, "two".to_string())));
    /// assert_eq!(two.result(None)?, Some(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_with_state<F, A, T>(&self, call: StateCall<F, A>) -> Future<T>
    where
        F: StateFunction<S, A, Output = T> + Code,
        A: Portable,
        T: Portable,
    {
        engine::submit(&By(self), task::make_portable(WithState::<S, F, A>::new(call), None))
    }

    /// Runs `f` once in every one of the `max_workers` slots, starting their processes if need be. The futures are in
    /// the order of the slots. Processes that replace these later do not run it.
    ///
    /// A function without captures: what it needs is in the state. As with any task, a worker that dies fails its future,
    /// and others have theirs.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::ProcessPoolExecutor;
    /// use std::collections::HashSet;
    ///
    /// let pool = ProcessPoolExecutor::new(2)?;
    /// let ids = pool.broadcast(|()| std::process::id());
    /// let ids = ids.iter().map(|id| id.result(None)).collect::<Result<HashSet<u32>, _>>()?;
    /// assert_eq!(ids.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn broadcast<T: Portable>(&self, f: fn(&S) -> T) -> Vec<Future<T>> {
        let pool = &self.handle.pool;
        let one = |slot| {
            let (task, future) = task::make_portable(OfState(f), None);
            pool.send(slot, task);
            future
        };
        (0..self.max_workers()).map(one).collect()
    }

    /// Takes no more tasks, and ends as `how` says. After a shutdown that waited to the end, no process of the pool is
    /// left, not even a zombie.
    ///
    /// Idempotent, and callable from any thread. Called from a callback of one of the pool's own futures, or by what
    /// encodes an argument for it, it does not wait, because it would wait for itself: it returns at once, and counts
    /// what goes on as abandoned.
    ///
    /// # Examples
    /// What has run for too long at the end is killed, here after a tenth of a second:
    /// ```
    /// use concurrent_futures::{ProcessPoolExecutor, Shutdown, call};
    /// use std::time::Duration;
    ///
    /// fn hang() {
    ///     loop {
    ///         std::thread::park();
    ///     }
    /// }
    ///
    /// let pool = ProcessPoolExecutor::new(1)?;
    /// let hangs = pool.submit(call!(hang()));
    /// # while !hangs.running() { std::thread::yield_now() }
    /// let report = pool.shutdown(Shutdown::wait().kill_after(Duration::from_millis(100)));
    /// assert_eq!(report.killed, 1);
    /// assert!(hangs.result(None).unwrap_err().is_cancelled());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        self.handle.shutdown(&how)
    }

    /// Ready once the pool has been shut down, by whomever, and its last process has ended. The report counts from the
    /// shutdown on.
    ///
    /// # Cancel safety
    /// Nothing is lost by dropping this; another call waits for the same.
    pub async fn closed(&self) -> ShutdownReport {
        if !self.handle.pool.is_usable_here() {
            return ShutdownReport::default();
        }
        let mut ended = pin!(self.handle.pool.ended());
        let is_lost = poll_fn(|cx| match ended.as_mut().poll(cx) {
            // The pool keeps the promise until it has ended.
            Poll::Ready(_) => Poll::Ready(false),
            // A copy of this process, made by a fork since the last poll, will never hear of it.
            Poll::Pending if !self.handle.pool.is_usable_here() => Poll::Ready(true),
            Poll::Pending => Poll::Pending,
        });
        if is_lost.await {
            return ShutdownReport::default();
        }
        let since = self.handle.pool.since_close();
        let (finished, cancelled, killed) = (since.finished, since.cancelled, since.killed);
        ShutdownReport { finished, cancelled, killed, abandoned: 0 }
    }

    guards!([pub]);

    /// At most so many tasks are begun at once, each in a process of its own.
    pub fn max_workers(&self) -> usize {
        self.handle.pool.config.max_workers
    }

    /// What the pool has to do. Tasks that a worker was given in advance count as queued until it begins them; `blocked`
    /// and `suspended` are 0 here.
    pub fn stats(&self) -> Stats {
        self.handle.pool.stats()
    }

    /// Its processes, in the order of their slots; also those that are about to begin or to end. `os_id` is the process's
    /// id.
    pub fn workers(&self) -> Vec<WorkerInfo> {
        self.handle.pool.workers()
    }
}

// A panic leaves a pool as it was: its own code contains those of tasks, and user code never runs under its locks.
impl<S: 'static> UnwindSafe for ProcessPoolExecutor<S> {}
impl<S: 'static> RefUnwindSafe for ProcessPoolExecutor<S> {}

impl<S: 'static> Clone for ProcessPoolExecutor<S> {
    fn clone(&self) -> Self {
        ProcessPoolExecutor { handle: Arc::clone(&self.handle), _state: PhantomData }
    }
}

impl<S: 'static> fmt::Debug for ProcessPoolExecutor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPoolExecutor")
            .field("name", &self.handle.pool.config.name)
            .field("max_workers", &self.max_workers())
            .field("stats", &self.stats())
            .finish()
    }
}

impl<S: 'static> Executor for ProcessPoolExecutor<S> {
    fn try_execute(&self, task: Task) -> Result<(), Rejected<Task>> {
        self.handle.execute(task, Some(Duration::ZERO))
    }

    fn execute(&self, task: Task, wait: Option<Duration>) -> Result<(), Rejected<Task>> {
        self.handle.execute(task, wait)
    }

    fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        self.handle.shutdown(&how)
    }

    fn max_workers(&self) -> usize {
        self.handle.pool.config.max_workers
    }

    fn name(&self) -> &str {
        &self.handle.pool.config.name
    }

    fn stats(&self) -> Stats {
        self.handle.pool.stats()
    }
}

fn shared_engine<S: 'static>(executor: &ProcessPoolExecutor<S>) -> Arc<dyn Engine> {
    Arc::new(Handled(Arc::clone(&executor.handle)))
}

/// A map keeps the pool that it runs on.
struct Handled(Arc<Handle>);

impl Engine for Handled {
    fn execute(&self, task: Task, wait: Option<Duration>) -> Result<(), Rejected<Task>> {
        self.0.execute(task, wait)
    }

    fn max_workers(&self) -> usize {
        self.0.pool.config.max_workers
    }

    fn help(&self) -> bool {
        false
    }
}

impl Handle {
    fn execute(&self, task: Task, wait: Option<Duration>) -> Result<(), Rejected<Task>> {
        self.pool.execute(task, Deadline::after(wait))
    }

    fn shutdown(&self, how: &Shutdown) -> ShutdownReport {
        let pool = &self.pool;
        if !pool.is_usable_here() {
            return ShutdownReport::default();
        }
        let before = pool.close();
        let cancelled = if how.cancel_pending { pool.cancel_queued() } else { 0 };
        if let Some(limit) = how.kill_after {
            pool.kill_after(limit);
        }
        // A kill ends the wait by itself, once what it has killed is gone.
        let ended = how.wait && !pool.is_own_thread() && pool.join(Deadline::after(how.deadline));
        let late = how.cancel_pending || how.kill_after.is_some();
        let since = pool.since(before, late);
        ShutdownReport {
            finished: since.finished,
            cancelled: cancelled + since.cancelled,
            abandoned: if ended { 0 } else { since.unfinished },
            killed: since.killed,
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let how = self.on_last_drop.clone();
        self.shutdown(&how);
    }
}
