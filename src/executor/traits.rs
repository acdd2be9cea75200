//! What an engine has to be.

use super::shutdown::{Shutdown, ShutdownReport};
use crate::error::Rejected;
use crate::report::Stats;
use crate::task::Task;
use std::sync::Arc;
use std::time::Duration;

/// Something that runs tasks: threads, processes, this very thread, or an engine of your own.
///
/// The trait is object-safe. Library code takes `&dyn Executor` and submits portable jobs
/// ([`call!`](crate::call), [`task!`](crate::task!)), so that its callers choose where they run; `dyn Executor` has
/// `submit`, `map` and the rest inherently, and generic code imports [`ExecutorExt`](crate::ExecutorExt).
///
/// Python's `Executor` is a base class; here whoever writes an engine implements three methods.
///
/// # Examples
/// ```
/// use concurrent_futures::{Executor, InlineExecutor, ThreadPoolExecutor, call};
///
/// fn cube_all(executor: &dyn Executor, numbers: Vec<u64>) -> Result<Vec<u64>, concurrent_futures::TaskError> {
///     executor.map(|n| n * n * n, numbers).collect()
/// }
///
/// assert_eq!(cube_all(&ThreadPoolExecutor::new(2)?, vec![1, 2, 3])?, [1, 8, 27]);
/// assert_eq!(cube_all(&InlineExecutor::new(), vec![4])?, [64]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Executor: Send + Sync {
    /// Takes the task without waiting, or gives it back with the reason.
    ///
    /// An engine runs the task exactly once with [`Task::run`], on whatever thread, or drops it, which ends its future
    /// as abandoned.
    ///
    /// # Errors
    /// The task, if the executor is shut down, has no room, or cannot take a task that is not portable.
    fn try_execute(&self, task: Task) -> Result<(), Rejected<Task>>;

    /// Takes no more tasks, and ends as `how` says. Idempotent, and callable from any thread.
    fn shutdown(&self, how: Shutdown) -> ShutdownReport;

    /// How many tasks it runs at once at the most.
    fn max_workers(&self) -> usize;

    /// As [`try_execute`](Executor::try_execute), but an engine with a bounded queue waits for room: up to `wait`, or
    /// for as long as it takes.
    ///
    /// # Errors
    /// As `try_execute`.
    fn execute(&self, task: Task, wait: Option<Duration>) -> Result<(), Rejected<Task>> {
        let _ = wait;
        self.try_execute(task)
    }

    /// A name for messages.
    fn name(&self) -> &str {
        ""
    }

    /// What it has to do; zeroes where an engine does not count.
    fn stats(&self) -> Stats {
        Stats::default()
    }

    /// A thread is about to wait for tasks of this executor. An engine that runs tasks only on the threads of its
    /// callers runs one now, and returns `true`; all others return `false`.
    fn help(&self) -> bool {
        false
    }
}

/// An engine whose tasks run in the caller's address space, and which therefore takes any job: threads, not processes.
///
/// `dyn InProcessExecutor` has `submit`, `map` and `scope` for closures that capture; generic code imports
/// [`InProcessExt`](crate::InProcessExt).
pub trait InProcessExecutor: Executor {}

// For these two only: an implementation for every `Arc<E>` or `&E` would outrank the inherent `submit` of an
// `Arc<ThreadPoolExecutor>`.
macro_rules! through_pointer {
    ($($pointer:ty),*) => {$(
        impl Executor for $pointer {
            fn try_execute(&self, task: Task) -> Result<(), Rejected<Task>> {
                (**self).try_execute(task)
            }

            fn shutdown(&self, how: Shutdown) -> ShutdownReport {
                (**self).shutdown(how)
            }

            fn max_workers(&self) -> usize {
                (**self).max_workers()
            }

            fn execute(&self, task: Task, wait: Option<Duration>) -> Result<(), Rejected<Task>> {
                (**self).execute(task, wait)
            }

            fn name(&self) -> &str {
                (**self).name()
            }

            fn stats(&self) -> Stats {
                (**self).stats()
            }

            fn help(&self) -> bool {
                (**self).help()
            }
        }
    )*};
}

through_pointer!(Arc<dyn Executor>, Box<dyn Executor>);
