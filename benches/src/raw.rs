//! async-task with nothing around it: one queue for all, and threads that take from it and never sleep. No runtime
//! for anybody to use, but a yardstick: what a spawned future costs at least in this make.

use crate::Failure;
use crate::runtimes::Runtime;
use async_task::Runnable;
use crossbeam_deque::{Injector, Steal, Worker};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

#[derive(Clone)]
pub(crate) struct Raw(Arc<Shared>);

struct Shared {
    queue: Injector<Runnable>,
    over: AtomicBool,
}

impl Shared {
    /// Takes from the queue until it is all over.
    fn drain(&self) {
        let local = Worker::new_fifo();
        loop {
            let taken = local.pop().map_or_else(|| self.queue.steal_batch_and_pop(&local), Steal::Success);
            match taken {
                Steal::Success(runnable) => {
                    runnable.run();
                }
                Steal::Retry => {}
                Steal::Empty if self.over.load(Ordering::Acquire) => return,
                // There are not enough processors for everybody to spin.
                Steal::Empty => thread::yield_now(),
            }
        }
    }
}

impl Runtime for Raw {
    const NAME: &'static str = "async-task";
    type Task<T: Send + 'static> = async_task::Task<T>;
    type Threads = Drainers;

    fn start(threads: usize) -> Result<(Self, Drainers), Failure> {
        let shared = Arc::new(Shared { queue: Injector::new(), over: AtomicBool::new(false) });
        let mut drainers = Drainers { shared: Arc::clone(&shared), threads: Vec::new() };
        for number in 0..threads {
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new().name(format!("drainer_{number}")).spawn(move || shared.drain())?;
            drainers.threads.push(thread);
        }
        Ok((Raw(shared), drainers))
    }

    fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Self::Task<T> {
        let shared = Arc::clone(&self.0);
        let (runnable, task) = async_task::spawn(future, move |runnable| shared.queue.push(runnable));
        runnable.schedule();
        task
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

/// The threads, until this is dropped.
pub(crate) struct Drainers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Drainers {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            // It runs no code that panics; if it did, that was printed.
            let _ = thread.join();
        }
    }
}
