//! An executor over a rayon pool: what somebody outside of this crate writes to bring an engine of their own.
//!
//! Tasks wait in a [`ManualExecutor`], which knows what may still be cancelled, and what was begun; for each one, rayon
//! gets the order to run the next of them. So nothing here has to look into a task.
//!
//! As in rayon itself, a task that waits for a scope runs other tasks meanwhile, and a task that waits for a single
//! future just blocks its thread: with all of them blocked so, nothing goes on. (The crate's own pool has neither.)

use concurrent_futures::{
    Executor, InProcessExecutor, ManualExecutor, Rejected, Shutdown, ShutdownReport, Stats, Task, blocking,
};
use rayon::ThreadPool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Runs tasks on a rayon pool, beside whatever else the pool does. Clones are handles to the same executor.
///
/// Shutting it down leaves the pool as it is. Dropping the last handle does not wait: what was accepted still runs.
#[derive(Clone)]
pub(crate) struct RayonExecutor {
    pool: Arc<ThreadPool>,
    queue: ManualExecutor,
    jobs: Arc<Jobs>,
}

impl RayonExecutor {
    pub(crate) fn new(pool: Arc<ThreadPool>) -> Self {
        RayonExecutor { pool, queue: ManualExecutor::new(), jobs: Arc::default() }
    }

    fn is_worker(&self) -> bool {
        self.pool.current_thread_index().is_some()
    }
}

impl Executor for RayonExecutor {
    fn try_execute(&self, task: Task) -> Result<(), Rejected<Task>> {
        // Counted first: a shutdown on another thread must not find a task in the queue and nobody to wait for.
        let job = self.jobs.add();
        Executor::try_execute(&self.queue, task)?;
        let queue = self.queue.clone();
        self.pool.spawn(move || {
            // The oldest that was not cancelled. It need not be the one that came with this job, and if somebody has
            // helped there may be none; but there are never fewer jobs than tasks.
            queue.step();
            drop(job);
        });
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        let before = self.queue.stats();
        let closed = Shutdown::no_wait();
        let cancelled =
            self.queue.shutdown(if how.cancels_pending() { closed.cancel_pending() } else { closed }).cancelled;
        // One of its own tasks would wait for itself.
        if how.waits() && !self.is_worker() {
            // On a worker of another pool this lends the worker's place meanwhile.
            blocking(|| self.jobs.wait_until_none(how.limit()));
        }
        let after = self.queue.stats();
        let mut report = ShutdownReport::default();
        report.cancelled = cancelled;
        report.finished = usize::try_from(after.completed - before.completed).unwrap_or(usize::MAX);
        report.abandoned = after.queued + after.running;
        report
    }

    fn max_workers(&self) -> usize {
        self.pool.current_num_threads()
    }

    fn name(&self) -> &str {
        "RayonExecutor"
    }

    fn stats(&self) -> Stats {
        let mut stats = self.queue.stats();
        stats.idle = self.max_workers().saturating_sub(stats.running);
        stats
    }

    /// Called before the end of a scope is waited for. A worker of this pool must not just sleep then: it may be the
    /// only one.
    fn help(&self) -> bool {
        self.is_worker() && self.queue.step()
    }
}

/// Its tasks run in this process, so it takes closures that capture.
impl InProcessExecutor for RayonExecutor {}

/// What rayon has been asked to run and has not finished.
#[derive(Default)]
struct Jobs {
    count: Mutex<usize>,
    none: Condvar,
}

/// One of them, until it is dropped.
struct Job(Arc<Jobs>);

impl Jobs {
    fn add(self: &Arc<Self>) -> Job {
        *self.lock() += 1;
        Job(Arc::clone(self))
    }

    fn wait_until_none(&self, limit: Option<Duration>) {
        // A limit beyond the end of time is none.
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut count = self.lock();
        while *count > 0 {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            count = match left {
                None => self.none.wait(count).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return,
                Some(left) => self.none.wait_timeout(count, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let mut count = self.0.lock();
        *count -= 1;
        if *count == 0 {
            self.0.none.notify_all();
        }
    }
}
