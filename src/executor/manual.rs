//! An executor that runs a task when it is told to.

use super::engine::{By, Engine};
use super::shutdown::{Shutdown, ShutdownReport};
use super::traits::{Executor, InProcessExecutor};
use super::verbs::{guards, maps, verbs};
use crate::error::{RejectReason, Rejected};
use crate::report::Stats;
use crate::sync::Mutex;
use crate::task::Task;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// Queues tasks, and runs one when [`step`](ManualExecutor::step) is called, on the thread that calls it.
///
/// For tests that decide themselves what happens when. Waiting for a future whose task nobody steps would last for
/// ever; a scope steps by itself. Clones are handles to the same executor.
///
/// # Examples
/// ```
/// use concurrent_futures::ManualExecutor;
///
/// let manual = ManualExecutor::new();
/// let (first, second) = (manual.submit(|| 1), manual.submit(|| 2));
/// assert!(manual.step());
/// assert!(first.done() && !second.done());
/// assert_eq!(manual.run_all(), 1);
/// assert_eq!(second.result(None)?, 2);
/// # Ok::<(), concurrent_futures::TaskError>(())
/// ```
#[derive(Clone, Default)]
pub struct ManualExecutor {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    closed: bool,
    running: usize,
    completed: u64,
}

impl ManualExecutor {
    /// An executor that does nothing by itself.
    pub fn new() -> Self {
        Self::default()
    }

    verbs!([pub] Job, submit, submit_with, try_submit);
    maps!(closure [pub] 'static map, shared_engine);

    /// Runs the oldest task that is still to be run. `false`: there is none.
    pub fn step(&self) -> bool {
        loop {
            let task = {
                let mut queue = self.queue.lock();
                let Some(task) = queue.tasks.pop_front() else {
                    return false;
                };
                queue.running += 1;
                task
            };
            let cancelled = task.header().snapshot().is_terminal();
            task.run();
            let mut queue = self.queue.lock();
            queue.running -= 1;
            if !cancelled {
                queue.completed += 1;
                return true;
            }
        }
    }

    /// Runs tasks until there are none, those included that they submit. Says how many.
    pub fn run_all(&self) -> usize {
        std::iter::from_fn(|| self.step().then_some(())).count()
    }

    /// As [`Executor::shutdown`].
    pub fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        Executor::shutdown(self, how)
    }

    guards!([pub]);
}

fn shared_engine(executor: &ManualExecutor) -> Arc<dyn Engine> {
    Arc::new(executor.clone())
}

impl Executor for ManualExecutor {
    fn try_execute(&self, task: Task) -> Result<(), Rejected<Task>> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(Rejected { job: task, reason: RejectReason::ShutDown });
        }
        queue.tasks.push_back(task);
        Ok(())
    }

    /// A shutdown that waits runs what is queued, here; one that does not leaves it to be stepped.
    fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        let pending = {
            let mut queue = self.queue.lock();
            queue.closed = true;
            if how.cancel_pending { std::mem::take(&mut queue.tasks) } else { VecDeque::new() }
        };
        let cancelled = pending.into_iter().map(Task::cancel).filter(|won| *won).count();
        let finished = if how.wait { self.run_all() } else { 0 };
        let stats = self.stats();
        ShutdownReport { finished, cancelled, abandoned: stats.queued + stats.running, killed: 0 }
    }

    fn max_workers(&self) -> usize {
        1
    }

    fn name(&self) -> &str {
        "ManualExecutor"
    }

    fn stats(&self) -> Stats {
        let queue = self.queue.lock();
        let queued = queue.tasks.iter().filter(|task| task.header().snapshot().is_pending()).count();
        Stats { queued, running: queue.running, completed: queue.completed, ..Stats::default() }
    }

    fn help(&self) -> bool {
        self.step()
    }
}

impl InProcessExecutor for ManualExecutor {}

impl Engine for ManualExecutor {
    fn execute(&self, task: Task, wait: Option<std::time::Duration>) -> Result<(), Rejected<Task>> {
        By(self).execute(task, wait)
    }

    fn max_workers(&self) -> usize {
        1
    }

    fn help(&self) -> bool {
        self.step()
    }
}

impl fmt::Debug for ManualExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualExecutor").field("stats", &self.stats()).finish()
    }
}
