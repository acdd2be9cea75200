//! Pools with one queue for all threads.

use super::{Handles, Pool, sum_by_handles, trivial};
use crate::Failure;
use futures::executor::block_on;
use futures::future::RemoteHandle;
use futures::task::SpawnExt;
use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::time::Duration;

async fn sum_of<F: Future<Output = u64>>(handles: Vec<F>) -> u64 {
    let mut sum = 0;
    for handle in handles {
        sum += handle.await;
    }
    sum
}

/// The pool of the crate `futures`, with the handles that it offers.
pub(crate) struct FuturesPool(futures::executor::ThreadPool);

impl Pool for FuturesPool {
    const NAME: &'static str = "futures";

    fn start(threads: usize) -> Result<Self, Failure> {
        Ok(FuturesPool(futures::executor::ThreadPool::builder().pool_size(threads).create()?))
    }

    fn sum_below(&self, count: u64) -> u64 {
        sum_by_handles(self, count)
    }

    fn one(&self, number: u64) -> u64 {
        block_on(self.submit(move || trivial(number)))
    }
}

impl Handles for FuturesPool {
    type Handle = RemoteHandle<u64>;

    fn submit(&self, job: impl FnOnce() -> u64 + Send + 'static) -> RemoteHandle<u64> {
        self.0.spawn_with_handle(async { job() }).expect("the pool is there")
    }

    fn collect(&self, handles: Vec<RemoteHandle<u64>>) -> u64 {
        block_on(sum_of(handles))
    }
}

/// With one channel for all results, as its documentation has it; that is cheaper than one for each. Each result brings
/// along whose it is, because it gives them in the order in which they come, and others in that of the jobs.
pub(crate) struct ThreadPool(threadpool::ThreadPool);

impl Pool for ThreadPool {
    const NAME: &'static str = "threadpool";

    fn start(threads: usize) -> Result<Self, Failure> {
        Ok(ThreadPool(threadpool::ThreadPool::new(threads)))
    }

    fn sum_below(&self, count: u64) -> u64 {
        let (sender, receiver) = mpsc::channel();
        for number in 0..count {
            let sender = sender.clone();
            self.0.execute(move || {
                // It fails where nobody waits any more.
                let _ = sender.send((number, trivial(number)));
            });
        }
        drop(sender);
        let mut results = vec![0; count as usize];
        for (number, result) in receiver {
            results[number as usize] = result;
        }
        results.iter().sum()
    }

    fn one(&self, number: u64) -> u64 {
        let (sender, receiver) = mpsc::channel();
        self.0.execute(move || {
            let _ = sender.send(trivial(number));
        });
        receiver.recv().expect("the job sends, and does not panic")
    }
}

/// With the handles that it offers.
pub(crate) struct RustyPool(rusty_pool::ThreadPool);

impl Pool for RustyPool {
    const NAME: &'static str = "rusty_pool";

    /// All of its threads from the start, and none that comes and goes.
    fn start(threads: usize) -> Result<Self, Failure> {
        let pool = rusty_pool::ThreadPool::new(threads, threads, Duration::from_secs(60));
        pool.start_core_threads();
        Ok(RustyPool(pool))
    }

    fn sum_below(&self, count: u64) -> u64 {
        sum_by_handles(self, count)
    }

    fn one(&self, number: u64) -> u64 {
        self.submit(move || trivial(number)).await_complete()
    }
}

impl Handles for RustyPool {
    type Handle = rusty_pool::JoinHandle<u64>;

    fn submit(&self, job: impl FnOnce() -> u64 + Send + 'static) -> rusty_pool::JoinHandle<u64> {
        self.0.evaluate(job)
    }

    fn collect(&self, handles: Vec<rusty_pool::JoinHandle<u64>>) -> u64 {
        handles.into_iter().map(rusty_pool::JoinHandle::await_complete).sum()
    }
}

/// There is one such pool a process, which is told how many threads it may have. They leave when they are idle.
pub(crate) struct Blocking;

impl Pool for Blocking {
    const NAME: &'static str = "blocking";

    fn start(threads: usize) -> Result<Self, Failure> {
        blocking::set_max_blocking_threads(NonZeroUsize::new(threads).ok_or("a pool needs a thread")?);
        Ok(Blocking)
    }

    fn sum_below(&self, count: u64) -> u64 {
        sum_by_handles(self, count)
    }

    fn one(&self, number: u64) -> u64 {
        block_on(self.submit(move || trivial(number)))
    }
}

impl Handles for Blocking {
    type Handle = blocking::Task<u64>;

    fn submit(&self, job: impl FnOnce() -> u64 + Send + 'static) -> blocking::Task<u64> {
        blocking::unblock(job)
    }

    fn collect(&self, handles: Vec<blocking::Task<u64>>) -> u64 {
        block_on(sum_of(handles))
    }
}
