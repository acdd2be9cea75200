//! The runtimes of futures, which run a closure as a future that is ready at once; and tokio's pool for closures that
//! block.

use super::{Handles, Pool, sum_by_handles, trivial};
use crate::Failure;
use crate::runtimes::Runtime;
use tokio::runtime;
use tokio::task::JoinHandle;

/// On the threads for futures, which are the faster ones for jobs as short as these. One `block_on` is for all of the
/// results, because entering it costs.
pub(crate) struct Spawning<R: Runtime> {
    runtime: R,
    _threads: R::Threads,
}

impl<R: Runtime<Threads: Send + Sync> + Sync> Pool for Spawning<R> {
    const NAME: &'static str = R::NAME;

    fn start(threads: usize) -> Result<Self, Failure> {
        let (runtime, threads) = R::start(threads)?;
        Ok(Spawning { runtime, _threads: threads })
    }

    fn sum_below(&self, count: u64) -> u64 {
        sum_by_handles(self, count)
    }

    fn one(&self, number: u64) -> u64 {
        self.runtime.block_on(R::join(self.submit(move || trivial(number))))
    }
}

impl<R: Runtime<Threads: Send + Sync> + Sync> Handles for Spawning<R> {
    type Handle = R::Task<u64>;

    fn submit(&self, job: impl FnOnce() -> u64 + Send + 'static) -> Self::Handle {
        self.runtime.spawn(async { job() })
    }

    fn collect(&self, handles: Vec<Self::Handle>) -> u64 {
        self.runtime.block_on(async {
            let mut sum = 0;
            for handle in handles {
                sum += R::join(handle).await;
            }
            sum
        })
    }
}

/// As many threads for blocking closures as the others have.
pub(crate) struct TokioBlocking(runtime::Runtime);

async fn value(handle: JoinHandle<u64>) -> u64 {
    handle.await.expect("nothing cancels it, and it does not panic")
}

impl Pool for TokioBlocking {
    const NAME: &'static str = "tokio spawn_blocking";

    /// The runtime's own thread would only wait, so there is none.
    fn start(threads: usize) -> Result<Self, Failure> {
        Ok(TokioBlocking(runtime::Builder::new_current_thread().max_blocking_threads(threads).build()?))
    }

    fn sum_below(&self, count: u64) -> u64 {
        sum_by_handles(self, count)
    }

    fn one(&self, number: u64) -> u64 {
        self.0.block_on(value(self.submit(move || trivial(number))))
    }
}

impl Handles for TokioBlocking {
    type Handle = JoinHandle<u64>;

    fn submit(&self, job: impl FnOnce() -> u64 + Send + 'static) -> JoinHandle<u64> {
        self.0.spawn_blocking(job)
    }

    fn collect(&self, handles: Vec<JoinHandle<u64>>) -> u64 {
        self.0.block_on(async {
            let mut sum = 0;
            for handle in handles {
                sum += value(handle).await;
            }
            sum
        })
    }
}
