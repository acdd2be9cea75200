//! Options of a thread pool.

use super::shutdown::Shutdown;
use super::thread_pool::ThreadPoolExecutor;
use crate::error::BuildError;
use crate::pool::{Config, Pool, probe_stack};
use crate::sync::{AtomicUsize, Ordering, global};
use std::any::Any;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// Options of a [`ThreadPoolExecutor`]; [`build`](ThreadPoolBuilder::build) checks them.
///
/// # Examples
/// ```
/// use concurrent_futures::ThreadPoolExecutor;
/// use std::time::Duration;
///
/// let pool = ThreadPoolExecutor::builder()
///     .max_workers(2)
///     .thread_name_prefix("resize")
///     .idle_timeout(Duration::from_secs(1))
///     .build()?;
/// let name = pool.submit(|| std::thread::current().name().map(str::to_owned));
/// assert_eq!(name.result(None)?.as_deref(), Some("resize_0"));
///
/// let error = ThreadPoolExecutor::builder().max_workers(0).build().unwrap_err();
/// assert!(error.to_string().contains("max_workers is 0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct ThreadPoolBuilder<S: 'static = ()> {
    config: Config,
    /// Asked for, and so to be tried.
    stack_asked: bool,
    on_last_drop: Shutdown,
    _state: PhantomData<fn(S)>,
}

impl ThreadPoolBuilder {
    pub(super) fn new() -> Self {
        let config = Config {
            max_workers: Config::default_workers(),
            max_spares: 256,
            thread_name_prefix: default_prefix(),
            stack_size: Config::default_stack(),
            idle_timeout: Some(Duration::from_secs(10)),
            queue_bound: None,
            initializer: None,
            on_thread_start: None,
            on_thread_stop: None,
        };
        ThreadPoolBuilder { config, stack_asked: false, on_last_drop: Shutdown::wait(), _state: PhantomData }
    }
}

/// As Python's: a number for each pool that was not named.
fn default_prefix() -> String {
    global! {
        static POOLS: AtomicUsize = AtomicUsize::new(0)
    }
    // ORDERING: Relaxed: only the numbers matter.
    format!("ThreadPoolExecutor-{}", POOLS.fetch_add(1, Ordering::Relaxed))
}

impl<S: 'static> ThreadPoolBuilder<S> {
    /// How many tasks are begun at once at the most. Default: as many as this process may use processors, by its
    /// affinity and its cgroup's quota (Python adds four).
    pub fn max_workers(mut self, workers: usize) -> Self {
        self.config.max_workers = workers;
        self
    }

    /// How many threads may be added while others wait with their places lent. Default: 256.
    ///
    /// A wait that could only end with another thread, where none can be added, is `Err(Deadlock)`. One case is not
    /// found: tasks of two pools, both without a thread to add, that wait for queued tasks of each other. A
    /// [`block_on`](ThreadPoolExecutor::block_on) runs what it awaits then, as far as it knows that.
    pub fn max_spares(mut self, threads: usize) -> Self {
        self.config.max_spares = threads;
        self
    }

    /// Threads are named `prefix_slot`. Default: `ThreadPoolExecutor-N`, with a number of its own for each pool. (Linux
    /// shows the first 15 bytes.)
    pub fn thread_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.config.thread_name_prefix = prefix.into();
        self
    }

    /// The threads' stack, in bytes. Default: `RUST_MIN_STACK`, or 2 MiB.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.config.stack_size = bytes;
        self.stack_asked = true;
        self
    }

    /// How long a thread without work stays. Default: 10 seconds; `None` for as long as the pool is there. While futures
    /// wake each other, one thread stays to see that none of them waits for long behind the task that woke it.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.config.idle_timeout = timeout.into();
        self
    }

    /// How many tasks may wait to be begun. `submit` waits for room, `try_submit` gives the job back. Default: no
    /// bound.
    pub fn queue_bound(mut self, tasks: usize) -> Self {
        self.config.queue_bound = Some(tasks);
        self
    }

    /// What dropping the last handle does. Default: [`Shutdown::wait`].
    pub fn on_last_drop(mut self, how: Shutdown) -> Self {
        self.on_last_drop = how;
        self
    }

    /// Runs on each thread when it starts, with its slot, before the initializer. A panic in it is reported by the
    /// panic hook and changes nothing. A wait for the pool's own tasks is an error in it, as in the
    /// [`initializer`](ThreadPoolBuilder::initializer).
    pub fn on_thread_start(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.config.on_thread_start = Some(Arc::new(hook));
        self
    }

    /// Runs on each thread when it ends, with its slot, after its state was dropped. As for panics, see
    /// [`on_thread_start`](ThreadPoolBuilder::on_thread_start).
    pub fn on_thread_stop(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.config.on_thread_stop = Some(Arc::new(hook));
        self
    }

    /// Makes the state of each thread, once, before its first task; it gets the thread's slot. The state stays on its
    /// thread and need be neither `Send` nor `Sync`:
    /// [`submit_with_state`](ThreadPoolExecutor::submit_with_state) lends it to tasks.
    ///
    /// If it fails or panics, the pool is broken: what is queued, and what is submitted later, fails with
    /// [`TaskError::Broken`](crate::TaskError::Broken) and the cause.
    ///
    /// The thread is not at work yet: a wait for the pool's own tasks is `Err(Deadlock)` in it. Such a wait by way of
    /// another pool is not found, and would never end where no other thread can be added.
    pub fn initializer<S2, E>(self, f: impl Fn(usize) -> Result<S2, E> + Send + Sync + 'static) -> ThreadPoolBuilder<S2>
    where
        S2: 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let initializer = move |slot| match f(slot) {
            Ok(state) => Ok(Box::new(state) as Box<dyn Any>),
            Err(error) => Err(error.into().to_string()),
        };
        let ThreadPoolBuilder { mut config, stack_asked, on_last_drop, .. } = self;
        config.initializer = Some(Arc::new(initializer));
        ThreadPoolBuilder { config, stack_asked, on_last_drop, _state: PhantomData }
    }

    /// The pool. No thread is started yet.
    ///
    /// # Errors
    /// [`BuildError`], which names the option and its value.
    pub fn build(self) -> Result<ThreadPoolExecutor<S>, BuildError> {
        let config = self.config.check()?;
        if self.stack_asked {
            probe_stack(config.stack_size)?;
        }
        Ok(ThreadPoolExecutor::with_pool(Pool::new(config), self.on_last_drop))
    }
}

impl<S: 'static> fmt::Debug for ThreadPoolBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolBuilder")
            .field("max_workers", &self.config.max_workers)
            .field("max_spares", &self.config.max_spares)
            .field("thread_name_prefix", &self.config.thread_name_prefix)
            .field("stack_size", &self.config.stack_size)
            .field("idle_timeout", &self.config.idle_timeout)
            .field("queue_bound", &self.config.queue_bound)
            .field("on_last_drop", &self.on_last_drop)
            .field("initializer", &self.config.initializer.is_some())
            .field("on_thread_start", &self.config.on_thread_start.is_some())
            .field("on_thread_stop", &self.config.on_thread_stop.is_some())
            .finish()
    }
}
