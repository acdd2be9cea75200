//! What is to be checked, as its author describes it.

use crate::{Executor, InProcessExecutor};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

/// When an executor runs its tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Runs {
    /// By itself, while the submitter goes on: threads, processes.
    ByItself,
    /// When somebody calls [`Executor::help`], on the thread that calls. The suite does so on a thread of its own.
    WhenStepped,
    /// Inside the submit, on the submitting thread.
    AtSubmit,
}

/// An executor that the suite made, for as much as is known of it.
pub(super) enum Made {
    Portable(Box<dyn Executor>),
    InProcess(Box<dyn InProcessExecutor>),
}

impl Made {
    pub(super) fn executor(&self) -> &dyn Executor {
        match self {
            Made::Portable(executor) => &**executor,
            Made::InProcess(executor) => &**executor,
        }
    }
}

type Maker = Arc<dyn Fn() -> Made + Send + Sync>;

/// An executor to be checked: how to make one, and what it promises beyond what all of them do.
///
/// Every check makes at least one executor and drops it again. `max_workers` should be a small number, since many
/// checks keep all workers busy.
#[derive(Clone)]
pub struct Subject {
    maker: Maker,
    in_process: bool,
    runs: Runs,
    nested_waits: bool,
    queue_bound: Option<usize>,
    patience: Duration,
}

impl Subject {
    /// Executors that take portable jobs; they may run them elsewhere.
    pub fn portable<E: Executor + 'static>(make: impl Fn() -> E + Send + Sync + 'static) -> Self {
        Self::new(Arc::new(move || Made::Portable(Box::new(make()))), false)
    }

    /// Executors that share the caller's memory, and so take any job.
    pub fn in_process<E: InProcessExecutor + 'static>(make: impl Fn() -> E + Send + Sync + 'static) -> Self {
        Self::new(Arc::new(move || Made::InProcess(Box::new(make()))), true)
    }

    fn new(maker: Maker, in_process: bool) -> Self {
        let patience = Duration::from_secs(30);
        Subject { maker, in_process, runs: Runs::ByItself, nested_waits: false, queue_bound: None, patience }
    }

    /// When the executor runs its tasks. Default: [`Runs::ByItself`].
    pub fn runs(self, runs: Runs) -> Self {
        Subject { runs, ..self }
    }

    /// A task may wait for another one of the same executor, however few workers there are. Default: it may not.
    pub fn nested_waits(self) -> Self {
        Subject { nested_waits: true, ..self }
    }

    /// At most so many tasks may wait to be begun; then `submit` waits for room. Default: there is no such bound.
    pub fn queue_bound(self, tasks: usize) -> Self {
        Subject { queue_bound: Some(tasks), ..self }
    }

    /// How long a single wait may take before the check fails; a whole check has four times as long. Default: 30
    /// seconds.
    pub fn patience(self, limit: Duration) -> Self {
        Subject { patience: limit, ..self }
    }

    pub(super) fn make(&self) -> Made {
        (self.maker)()
    }

    pub(super) fn is_in_process(&self) -> bool {
        self.in_process
    }

    pub(super) fn runs_at(&self) -> Runs {
        self.runs
    }

    pub(super) fn allows_nested_waits(&self) -> bool {
        self.nested_waits
    }

    pub(super) fn bound(&self) -> Option<usize> {
        self.queue_bound
    }

    pub(super) fn limit(&self) -> Duration {
        self.patience
    }
}

// A check that panics leaves nothing half done in it: each makes executors of its own.
impl UnwindSafe for Subject {}
impl RefUnwindSafe for Subject {}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("in_process", &self.in_process)
            .field("runs", &self.runs)
            .field("nested_waits", &self.nested_waits)
            .field("queue_bound", &self.queue_bound)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
