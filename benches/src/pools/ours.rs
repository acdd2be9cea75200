//! The pool of this crate, as it comes.

use super::{Handles, Pool, sum_by_handles, trivial};
use crate::Failure;
use concurrent_futures::{Future, ThreadPoolExecutor};

#[derive(Clone)]
pub(crate) struct Ours(pub(crate) ThreadPoolExecutor);

/// What a job gave.
pub(crate) fn value(future: &Future<u64>) -> u64 {
    future.result(None).expect("nothing cancels it, and it does not panic")
}

impl Ours {
    /// As [`Pool::sum_below`], by a task of the pool, which is also the one that collects.
    pub(crate) fn sum_below_inside(&self, count: u64) -> u64 {
        let inside = self.clone();
        value(&self.0.submit(move || inside.sum_below(count)))
    }
}

impl Pool for Ours {
    const NAME: &'static str = "concurrent-futures";

    fn start(threads: usize) -> Result<Self, Failure> {
        Ok(Ours(ThreadPoolExecutor::new(threads)?))
    }

    fn sum_below(&self, count: u64) -> u64 {
        sum_by_handles(self, count)
    }

    fn one(&self, number: u64) -> u64 {
        value(&self.0.submit(move || trivial(number)))
    }
}

impl Handles for Ours {
    type Handle = Future<u64>;

    fn submit(&self, job: impl FnOnce() -> u64 + Send + 'static) -> Future<u64> {
        self.0.submit(job)
    }

    fn collect(&self, handles: Vec<Future<u64>>) -> u64 {
        handles.iter().map(value).sum()
    }
}

/// Its scope, which as rayon's writes each result into a place of the submitter's.
pub(crate) struct OursScope(ThreadPoolExecutor);

fn scoped_sum_below(pool: &ThreadPoolExecutor, count: u64) -> u64 {
    let mut results = vec![0; count as usize];
    pool.scope(|scope| {
        for (number, result) in (0..).zip(&mut results) {
            // Its own future is not asked: the scope waits for all.
            let _detached = scope.submit(move || *result = trivial(number));
        }
    });
    results.iter().sum()
}

impl OursScope {
    pub(crate) const NAME: &'static str = "concurrent-futures scope";

    pub(crate) fn start(threads: usize) -> Result<Self, Failure> {
        Ok(OursScope(ThreadPoolExecutor::new(threads)?))
    }

    /// By a task of the pool.
    pub(crate) fn sum_below_inside(&self, count: u64) -> u64 {
        let inside = self.0.clone();
        value(&self.0.submit(move || scoped_sum_below(&inside, count)))
    }
}
