//! What a pool was asked to be, checked.

use crate::error::BuildError;
use crate::state::MAX_THREADS;
use std::any::Any;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// Makes a thread's state; the error is told as text.
pub(crate) type Initializer = Arc<dyn Fn(usize) -> Result<Box<dyn Any>, String> + Send + Sync>;
/// Told of a thread's start or end, with its slot.
pub(crate) type Hook = Arc<dyn Fn(usize) + Send + Sync>;

/// Checked input of a pool.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) max_workers: usize,
    pub(crate) max_spares: usize,
    pub(crate) thread_name_prefix: String,
    pub(crate) stack_size: usize,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) queue_bound: Option<usize>,
    pub(crate) initializer: Option<Initializer>,
    pub(crate) on_thread_start: Option<Hook>,
    pub(crate) on_thread_stop: Option<Hook>,
}

/// Half of what can be counted, so that there is room for spares.
const MOST_WORKERS: usize = MAX_THREADS / 2;
/// Less than this does not hold a thread's own frames, let alone a job's.
pub(super) const LEAST_STACK: usize = 64 * 1024;
/// More than this no system has address space for.
const MOST_STACK: usize = if usize::BITS == 64 { 1 << 46 } else { 1 << 30 };

/// # Errors
/// A size that no thread could have.
pub(crate) fn check_stack_size(bytes: usize) -> Result<(), BuildError> {
    if (LEAST_STACK..=MOST_STACK).contains(&bytes) {
        return Ok(());
    }
    Err(BuildError::new(format!("stack_size is {bytes} bytes: it has to be from {LEAST_STACK} to {MOST_STACK}")))
}

impl Config {
    /// As many workers as this process may use processors at once: its affinity and its cgroup's quota count.
    pub(crate) fn default_workers() -> usize {
        std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_WORKERS)
    }

    /// What std would take: `RUST_MIN_STACK`, or 2 MiB.
    pub(crate) fn default_stack() -> usize {
        let asked = std::env::var("RUST_MIN_STACK").ok().and_then(|text| text.parse().ok());
        asked.filter(|&size| check_stack_size(size).is_ok()).unwrap_or(2 * 1024 * 1024)
    }

    pub(crate) fn check(self) -> Result<Self, BuildError> {
        let Config { max_workers, max_spares, stack_size, queue_bound, .. } = self;
        if max_workers == 0 {
            return Err(BuildError::new("max_workers is 0: a pool needs at least one worker"));
        }
        if max_workers > MOST_WORKERS {
            return Err(BuildError::new(format!("max_workers is {max_workers}: at most {MOST_WORKERS} are possible")));
        }
        if max_spares > MOST_WORKERS {
            return Err(BuildError::new(format!("max_spares is {max_spares}: at most {MOST_WORKERS} are possible")));
        }
        check_stack_size(stack_size)?;
        if queue_bound == Some(0) {
            return Err(BuildError::new("queue_bound is 0: no task could ever be queued; leave it out for no bound"));
        }
        if self.thread_name_prefix.contains('\0') {
            return Err(BuildError::new(format!(
                "thread_name_prefix is {:?}: the system's thread names cannot hold a NUL",
                self.thread_name_prefix
            )));
        }
        Ok(self)
    }
}
