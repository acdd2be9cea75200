//! An executor that runs everything at once, on the caller's thread.

use super::engine::{By, Engine};
use super::shutdown::{Shutdown, ShutdownReport};
use super::traits::{Executor, InProcessExecutor};
use super::verbs::{guards, maps, verbs};
use crate::error::{RejectReason, Rejected};
use crate::report::Stats;
use crate::sync::{AtomicBool, AtomicUsize, Ordering};
use crate::task::Task;
use std::fmt;
use std::sync::Arc;

/// Runs each task inside `submit`, on the thread that submits; the future it returns has ended.
///
/// For tests, for debugging, and for callers of a library who want no threads. Panics are contained as everywhere.
/// Clones are handles to the same executor.
///
/// # Examples
/// ```
/// use concurrent_futures::InlineExecutor;
///
/// let here = InlineExecutor::new();
/// let thread = here.submit(|| std::thread::current().id());
/// assert_eq!(thread.result(None)?, std::thread::current().id());
/// # Ok::<(), concurrent_futures::TaskError>(())
/// ```
#[derive(Clone, Default)]
pub struct InlineExecutor {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    closed: AtomicBool,
    running: AtomicUsize,
    completed: AtomicUsize,
}

impl InlineExecutor {
    /// An executor without threads.
    pub fn new() -> Self {
        Self::default()
    }

    verbs!([pub] Job, submit, submit_with, try_submit);
    maps!(closure [pub] 'static map, shared_engine);

    /// As [`Executor::shutdown`]; there is never anything to wait for, or to cancel.
    pub fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        Executor::shutdown(self, how)
    }

    guards!([pub]);
}

fn shared_engine(executor: &InlineExecutor) -> Arc<dyn Engine> {
    Arc::new(executor.clone())
}

impl Executor for InlineExecutor {
    fn try_execute(&self, task: Task) -> Result<(), Rejected<Task>> {
        let shared = &self.shared;
        // ORDERING: Relaxed throughout: the flag and the counts order nothing else.
        if shared.closed.load(Ordering::Relaxed) {
            return Err(Rejected { job: task, reason: RejectReason::ShutDown });
        }
        shared.running.fetch_add(1, Ordering::Relaxed);
        task.run();
        shared.running.fetch_sub(1, Ordering::Relaxed);
        shared.completed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn shutdown(&self, _how: Shutdown) -> ShutdownReport {
        // ORDERING: as above.
        self.shared.closed.store(true, Ordering::Relaxed);
        // Tasks that run now are on other threads' stacks, or beneath this very call.
        ShutdownReport { abandoned: self.shared.running.load(Ordering::Relaxed), ..ShutdownReport::default() }
    }

    fn max_workers(&self) -> usize {
        1
    }

    fn name(&self) -> &str {
        "InlineExecutor"
    }

    fn stats(&self) -> Stats {
        // ORDERING: as above.
        let running = self.shared.running.load(Ordering::Relaxed);
        let completed = self.shared.completed.load(Ordering::Relaxed) as u64;
        Stats { running, completed, ..Stats::default() }
    }
}

impl InProcessExecutor for InlineExecutor {}

impl Engine for InlineExecutor {
    fn execute(&self, task: Task, wait: Option<std::time::Duration>) -> Result<(), Rejected<Task>> {
        By(self).execute(task, wait)
    }

    fn max_workers(&self) -> usize {
        1
    }

    fn help(&self) -> bool {
        false
    }
}

impl fmt::Debug for InlineExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineExecutor").finish_non_exhaustive()
    }
}
