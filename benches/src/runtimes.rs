//! What futures run on: this crate's pool and its peers, each as its own documentation says that it is fastest.

use crate::Failure;
use crate::mailbox::Mailbox;
use async_executor::StaticExecutor;
use concurrent_futures::ThreadPoolExecutor;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tokio::runtime;

/// A handle of a runtime; what it can do is what the lines need.
pub(crate) trait Runtime: Clone + Send + 'static {
    const NAME: &'static str;

    /// The handle of a future, as the runtime gives it.
    type Task<T: Send + 'static>: Send;

    /// What keeps the threads, and ends them when it is dropped.
    type Threads: 'static;

    fn start(threads: usize) -> Result<(Self, Self::Threads), Failure>;

    fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Self::Task<T>;

    /// # Panics
    /// If the future did not come to its end.
    fn join<T: Send + 'static>(task: Self::Task<T>) -> impl Future<Output = T> + Send;

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;

    fn yield_now() -> impl Future<Output = ()> + Send;
}

/// The pool as it comes. Its handle is the future itself, `block_on` is its own.
#[derive(Clone)]
pub(crate) struct Ours(ThreadPoolExecutor);

impl Runtime for Ours {
    const NAME: &'static str = "concurrent-futures";
    type Task<T: Send + 'static> = concurrent_futures::Future<T>;
    /// The last handle ends them.
    type Threads = ();

    fn start(threads: usize) -> Result<(Self, ()), Failure> {
        Ok((Ours(ThreadPoolExecutor::new(threads)?), ()))
    }

    fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Self::Task<T> {
        self.0.spawn(future)
    }

    async fn join<T: Send + 'static>(task: Self::Task<T>) -> T {
        task.await.expect("nothing cancels it, and it does not panic")
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        concurrent_futures::task::yield_now()
    }
}

/// The multi-threaded runtime, without the drivers for I/O and time, which no line uses: its threads then sleep on a
/// plain condition variable. A `Handle` spawns on a worker's own queue where it is called by one, as `tokio::spawn` does.
#[derive(Clone)]
pub(crate) struct Tokio(runtime::Handle);

impl Runtime for Tokio {
    const NAME: &'static str = "tokio";
    type Task<T: Send + 'static> = tokio::task::JoinHandle<T>;
    type Threads = runtime::Runtime;

    fn start(threads: usize) -> Result<(Self, runtime::Runtime), Failure> {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(threads).build()?;
        Ok((Tokio(runtime.handle().clone()), runtime))
    }

    fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Self::Task<T> {
        self.0.spawn(future)
    }

    async fn join<T: Send + 'static>(task: Self::Task<T>) -> T {
        task.await.expect("nothing cancels it, and it does not panic")
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }
}

/// The executor for a `static`, which keeps no list of its tasks and so spawns faster than the plain one, driven as its
/// examples do: by threads that block on `run`.
#[derive(Clone)]
pub(crate) struct AsyncExecutor(&'static StaticExecutor);

impl Runtime for AsyncExecutor {
    const NAME: &'static str = "async-executor";
    type Task<T: Send + 'static> = async_executor::Task<T>;
    type Threads = Drivers;

    fn start(threads: usize) -> Result<(Self, Drivers), Failure> {
        let executor: &'static StaticExecutor = async_executor::Executor::new().leak();
        Ok((AsyncExecutor(executor), Drivers::start(executor, threads)?))
    }

    fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Self::Task<T> {
        self.0.spawn(future)
    }

    fn join<T: Send + 'static>(task: Self::Task<T>) -> impl Future<Output = T> + Send {
        task
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        futures_lite::future::block_on(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        futures_lite::future::yield_now()
    }
}

/// Threads that run an executor until this is dropped.
pub(crate) struct Drivers {
    _each: Vec<Driver>,
}

struct Driver {
    stop: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

impl Drivers {
    fn start(executor: &'static StaticExecutor, threads: usize) -> Result<Self, Failure> {
        let one = |number| {
            let stop = Arc::new(Mailbox::new());
            let stopped = Arc::clone(&stop);
            let drive = move || {
                futures_lite::future::block_on(executor.run(stopped.take()));
            };
            let thread = thread::Builder::new().name(format!("driver_{number}")).spawn(drive)?;
            Ok(Driver { stop, thread: Some(thread) })
        };
        (0..threads).map(one).collect::<Result<_, _>>().map(|each| Drivers { _each: each })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.stop.put(0);
        if let Some(thread) = self.thread.take() {
            // It runs no code that panics; if it did, that was printed.
            let _ = thread.join();
        }
    }
}
