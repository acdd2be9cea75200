//! Options of a process pool.

use super::ProcessPoolExecutor;
use crate::error::BuildError;
use crate::executor::shutdown::Shutdown;
use crate::pool::check_stack_size;
use crate::process::{Config, Initializer, Input, Output, ProcessPool, Program, Settings};
use crate::sync::{AtomicUsize, Ordering, global};
use crate::wire::{Call, Code, Function, Portable};
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The least that a worker can live with, in bytes; below it not even its first task fits.
const LEAST_MEMORY: u64 = 1 << 20;
const MOST_WORKERS: usize = 1 << 12;

/// Options of a [`ProcessPoolExecutor`]; [`build`](ProcessPoolBuilder::build) checks them.
///
/// # Examples
/// ```
/// use concurrent_futures::{ProcessPoolExecutor, call};
/// use std::time::Duration;
///
/// fn greet(name: String) -> String {
///     format!("{} {name}", std::env::var("GREETING").unwrap_or_default())
/// }
///
/// let pool = ProcessPoolExecutor::builder()
///     .max_workers(1)
///     .name("greeter")
///     .env("GREETING", "hello")
///     .idle_timeout(Duration::from_secs(5))
///     .build()?;
/// assert_eq!(pool.submit(call!(greet("world".to_string()))).result(None)?, "hello world");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct ProcessPoolBuilder<S: 'static = ()> {
    config: Config,
    worker_program: Option<PathBuf>,
    /// Why the initializer cannot be sent.
    unsendable: Option<String>,
    on_last_drop: Shutdown,
    _state: PhantomData<fn(S)>,
}

/// Where a worker's standard input comes from, or its output goes: see [`ProcessPoolBuilder::stdin`] and the others.
#[derive(Debug)]
pub struct WorkerStdio(Stream);

#[derive(Debug)]
enum Stream {
    Null,
    Inherit,
    File(OwnedFd),
}

impl WorkerStdio {
    /// Nothing to read; what is written is gone.
    pub fn null() -> Self {
        WorkerStdio(Stream::Null)
    }

    /// This process's own.
    pub fn inherit() -> Self {
        WorkerStdio(Stream::Inherit)
    }
}

impl From<File> for WorkerStdio {
    /// All workers share its position.
    fn from(file: File) -> Self {
        WorkerStdio(Stream::File(file.into()))
    }
}

impl ProcessPoolBuilder {
    pub(super) fn new() -> Self {
        let settings = Settings {
            name: "cf-worker".to_owned(),
            environment: Vec::new(),
            working_directory: None,
            stdin: Input::Empty,
            stdout: Output::Inherited,
            stderr: None,
            stack_size: crate::pool::Config::default_stack(),
            memory_limit: None,
        };
        let config = Config {
            max_workers: crate::pool::Config::default_workers(),
            name: default_name(),
            queue_bound: None,
            idle_timeout: None,
            max_tasks_per_child: None,
            term_grace: Duration::from_secs(2),
            initializer: None,
            settings,
        };
        ProcessPoolBuilder {
            config,
            worker_program: None,
            unsendable: None,
            on_last_drop: Shutdown::wait(),
            _state: PhantomData,
        }
    }
}

/// As Python's: a number for each pool that was not named.
fn default_name() -> String {
    global! {
        static POOLS: AtomicUsize = AtomicUsize::new(0)
    }
    // ORDERING: Relaxed: only the numbers matter.
    format!("ProcessPoolExecutor-{}", POOLS.fetch_add(1, Ordering::Relaxed))
}

impl<S: 'static> ProcessPoolBuilder<S> {
    /// How many worker processes there are at the most, from 1 to 4096; they are started when there is work for them.
    /// Default: as many as this process may use processors, by its affinity and its cgroup's quota.
    pub fn max_workers(mut self, workers: usize) -> Self {
        self.config.max_workers = workers;
        self
    }

    /// The pool's name, for messages. Default: `ProcessPoolExecutor-N`, with a number of its own for each pool. Workers
    /// show it in `ps` as `name`, of which Linux keeps the first 15 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.config.name = name.into();
        self.config.settings.name.clone_from(&self.config.name);
        self
    }

    /// A worker that has run so many tasks ends, and another takes its place, if there is work for it. For tasks that
    /// leak. A chunk of a map is one task. Default: no limit.
    pub fn max_tasks_per_child(mut self, tasks: u32) -> Self {
        self.config.max_tasks_per_child = Some(tasks.into());
        self
    }

    /// How long a worker without work stays. Default: `None`, for as long as the pool is there, as in Python.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.config.idle_timeout = timeout.into();
        self
    }

    /// How much private memory each worker may have to write to, in bytes: heap, variables, stacks. A worker that needs
    /// more dies, and its task fails with [`WorkerDied`](crate::TaskError::WorkerDied), which says so. What processes
    /// share, or only read, is not counted. At least 1 MiB. Default: none.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::{ProcessPoolExecutor, TaskError, task};
    ///
    /// let pool = ProcessPoolExecutor::builder().max_workers(1).memory_limit(64 << 20).build()?;
    /// let greedy = pool.submit(task!([size = 1usize << 30] => std::hint::black_box(vec![1u8; size]).len()));
    /// let Err(TaskError::WorkerDied(report)) = greedy.result(None) else { panic!("a gibibyte was to be had") };
    /// assert!(report.out_of_memory);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.config.settings.memory_limit = Some(bytes);
        self
    }

    /// The stack of the workers' thread that runs tasks, in bytes. Default: `RUST_MIN_STACK`, or 2 MiB.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.config.settings.stack_size = bytes;
        self
    }

    /// Sets a variable in the environment of workers, which otherwise is this process's at the moment of their start.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let change = (name.as_ref().to_owned(), Some(value.as_ref().to_owned()));
        self.config.settings.environment.push(change);
        self
    }

    /// Takes a variable out of the environment of workers.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.config.settings.environment.push((name.as_ref().to_owned(), None));
        self
    }

    /// Where workers work. Default: where this process does at the moment of their start.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config.settings.working_directory = Some(directory.into());
        self
    }

    /// The workers' standard input. Default: [`WorkerStdio::null`], so that no worker takes what this process should
    /// read.
    pub fn stdin(mut self, stdin: impl Into<WorkerStdio>) -> Self {
        self.config.settings.stdin = match stdin.into().0 {
            Stream::Null => Input::Empty,
            Stream::Inherit => Input::Inherited,
            Stream::File(file) => Input::From(Arc::new(file)),
        };
        self
    }

    /// The workers' standard output. Default: [`WorkerStdio::inherit`].
    pub fn stdout(mut self, stdout: impl Into<WorkerStdio>) -> Self {
        self.config.settings.stdout = output(stdout.into());
        self
    }

    /// The workers' standard error. By default it is read, passed on to this process's own, and its end is kept for the
    /// report of a worker's death; anything else leaves nothing to be kept. A worker that writes more than anybody reads
    /// waits; the others, and this process, do not.
    pub fn stderr(mut self, stderr: impl Into<WorkerStdio>) -> Self {
        self.config.settings.stderr = Some(output(stderr.into()));
        self
    }

    /// How many tasks may wait to be begun. `submit` waits for room, `try_submit` gives the job back. Default: no
    /// bound.
    pub fn queue_bound(mut self, tasks: usize) -> Self {
        self.config.queue_bound = Some(tasks);
        self
    }

    /// How long a worker has between the polite signal (SIGTERM) and the other (SIGKILL), where nobody says otherwise.
    /// Default: 2 seconds.
    pub fn term_grace(mut self, grace: Duration) -> Self {
        self.config.term_grace = grace;
        self
    }

    /// What dropping the last handle does. Default: [`Shutdown::wait`].
    pub fn on_last_drop(mut self, how: Shutdown) -> Self {
        self.on_last_drop = how;
        self
    }

    /// The program that workers execute, instead of this one: a copy of it, or another one that loads the same build of
    /// the library that calls this, and calls [`init`](crate::init) by way of it. For plugins, whose host knows nothing of
    /// workers. A program of another build is refused when it answers, and the pool is
    /// [`Broken`](crate::TaskError::Broken) with what it said.
    pub fn worker_program(mut self, path: impl Into<PathBuf>) -> Self {
        self.worker_program = Some(path.into());
        self
    }

    /// Makes the state of each worker, once, before its first task: `call!(connect(url))`, of which the arguments
    /// travel and the state stays where it is made. `call!(query(_, 3))` uses it:
    /// see [`submit_with_state`](ProcessPoolExecutor::submit_with_state).
    ///
    /// The arguments may take up to 63 KiB; what is larger goes as a [`SharedSlice`](crate::shared_memory::SharedSlice),
    /// of which there may be as many as descriptors can be open.
    ///
    /// If it fails, panics or ends its process, five times one after the other, the pool is broken: what is queued, and
    /// what is submitted later, fails with [`TaskError::Broken`](crate::TaskError::Broken) and the cause.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::{ProcessPoolExecutor, call};
    ///
    /// fn refuse(reason: String) -> Result<(), String> {
    ///     Err(reason)
    /// }
    ///
    /// let call = call!(refuse("no licence".to_string()));
    /// let pool = ProcessPoolExecutor::builder().max_workers(1).initializer(call).build()?;
    /// let error = pool.submit(call!(u32::max(1, 2))).result(None).unwrap_err();
    /// assert!(error.is_broken() && error.to_string().contains("no licence"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn initializer<F, A, S2, E>(self, call: Call<F, A>) -> ProcessPoolBuilder<S2>
    where
        F: Function<A, Output = Result<S2, E>> + Code,
        A: Portable + Sync,
        S2: 'static,
        E: fmt::Display,
    {
        let ProcessPoolBuilder { mut config, worker_program, on_last_drop, .. } = self;
        let sent = Initializer::new(call.maker::<S2, E>(), |out| call.encode_arguments(out));
        let unsendable = sent.as_ref().err().cloned();
        config.initializer = sent.ok();
        ProcessPoolBuilder { config, worker_program, unsendable, on_last_drop, _state: PhantomData }
    }

    /// The pool. No worker is started yet.
    ///
    /// # Errors
    /// [`BuildError`], which names the option and its value; or says what this program lacks to have workers.
    pub fn build(self) -> Result<ProcessPoolExecutor<S>, BuildError> {
        check(&self.config)?;
        if let Some(why) = self.unsendable {
            return Err(BuildError::new(format!("the initializer cannot be sent: {why}")));
        }
        let program = match self.worker_program {
            None => Program::current().map_err(|why| BuildError::new(&*why))?,
            Some(path) => Program::named(path).map_err(|why| BuildError::new(&*why))?,
        };
        let pool = ProcessPool::new(self.config, program)
            .map_err(|error| BuildError::new(format!("no pool of processes can be made: {error}")))?;
        Ok(ProcessPoolExecutor::with_pool(pool, self.on_last_drop))
    }
}

fn output(stdio: WorkerStdio) -> Output {
    match stdio.0 {
        Stream::Null => Output::Discarded,
        Stream::Inherit => Output::Inherited,
        Stream::File(file) => Output::To(Arc::new(file)),
    }
}

fn check(config: &Config) -> Result<(), BuildError> {
    let Config { max_workers, queue_bound, max_tasks_per_child, name, settings, .. } = config;
    let refuse = |why: String| Err(BuildError::new(why));
    if *max_workers == 0 {
        return refuse("max_workers is 0: a pool needs at least one worker".to_owned());
    }
    if *max_workers > MOST_WORKERS {
        return refuse(format!("max_workers is {max_workers}: at most {MOST_WORKERS} processes are possible"));
    }
    if *queue_bound == Some(0) {
        return refuse("queue_bound is 0: no task could ever be queued; leave it out for no bound".to_owned());
    }
    if *max_tasks_per_child == Some(0) {
        return refuse(
            "max_tasks_per_child is 0: no worker could ever run a task; leave it out for no limit".to_owned(),
        );
    }
    if let Some(bytes) = settings.memory_limit.filter(|bytes| *bytes < LEAST_MEMORY) {
        return refuse(format!("memory_limit is {bytes} bytes: a worker needs at least {LEAST_MEMORY}"));
    }
    check_stack_size(settings.stack_size)?;
    if name.contains('\0') {
        return refuse(format!("name is {name:?}: the system's process names cannot hold a NUL"));
    }
    let has_nul = |text: &OsStr| text.as_encoded_bytes().contains(&0);
    for (name, value) in &settings.environment {
        if name.is_empty() || has_nul(name) || name.as_encoded_bytes().contains(&b'=') {
            return refuse(format!("env is given the name {name:?}: a name is not empty, and has no `=` and no NUL"));
        }
        if value.as_deref().is_some_and(has_nul) {
            return refuse(format!("env is given a value with a NUL for {name:?}, which no environment can hold"));
        }
    }
    if let Some(directory) = settings.working_directory.as_ref().filter(|directory| has_nul(directory.as_os_str())) {
        return refuse(format!("current_dir is {directory:?}: the system's paths cannot hold a NUL"));
    }
    Ok(())
}

impl<S: 'static> fmt::Debug for ProcessPoolBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPoolBuilder")
            .field("config", &self.config)
            .field("worker_program", &self.worker_program)
            .field("on_last_drop", &self.on_last_drop)
            .finish_non_exhaustive()
    }
}
