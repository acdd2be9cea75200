//! rayon, in the two forms that it has for this: a scope, which hands out nothing for a job and so is the cheaper one,
//! and a spawn, to which users add the way back.

use super::{Handles, Pool, sum_by_handles, trivial};
use crate::Failure;
use rayon::{Scope, ThreadPoolBuilder};

fn start(threads: usize) -> Result<rayon::ThreadPool, Failure> {
    Ok(ThreadPoolBuilder::new().num_threads(threads).build()?)
}

/// Every job writes into a place of its own on the submitter's side, and all are waited for at once: no job can be
/// waited for alone, nor be cancelled, and nothing is allocated for its result.
pub(crate) struct Rayon(rayon::ThreadPool);

fn spawn_below<'scope>(scope: &Scope<'scope>, results: &'scope mut [u64]) {
    for (number, result) in (0..).zip(results) {
        scope.spawn(move |_| *result = trivial(number));
    }
}

fn room(count: u64) -> Vec<u64> {
    (0..count).map(|_| 0).collect()
}

impl Rayon {
    /// As [`Pool::sum_below`], by a thread of the pool.
    pub(crate) fn sum_below_inside(&self, count: u64) -> u64 {
        let mut results = room(count);
        self.0.scope(|scope| spawn_below(scope, &mut results));
        results.iter().sum()
    }
}

impl Pool for Rayon {
    const NAME: &'static str = "rayon scope";

    fn start(threads: usize) -> Result<Self, Failure> {
        start(threads).map(Rayon)
    }

    /// `in_place_scope` is the scope whose function stays on its caller's thread.
    fn sum_below(&self, count: u64) -> u64 {
        let mut results = room(count);
        self.0.in_place_scope(|scope| spawn_below(scope, &mut results));
        results.iter().sum()
    }

    /// `install` allocates nothing, and is what rayon has for one job from outside.
    fn one(&self, number: u64) -> u64 {
        self.0.install(|| trivial(number))
    }
}

/// The result comes back through a channel for one message, by the smallest crate for that.
pub(crate) struct RayonOneshot(rayon::ThreadPool);

impl Pool for RayonOneshot {
    const NAME: &'static str = "rayon spawn, oneshot";

    fn start(threads: usize) -> Result<Self, Failure> {
        start(threads).map(RayonOneshot)
    }

    fn sum_below(&self, count: u64) -> u64 {
        sum_by_handles(self, count)
    }

    fn one(&self, number: u64) -> u64 {
        received(self.submit(move || trivial(number)))
    }
}

fn received(handle: oneshot::Receiver<u64>) -> u64 {
    handle.recv().expect("the job sends, and does not panic")
}

impl Handles for RayonOneshot {
    type Handle = oneshot::Receiver<u64>;

    fn submit(&self, job: impl FnOnce() -> u64 + Send + 'static) -> oneshot::Receiver<u64> {
        let (sender, receiver) = oneshot::channel();
        self.0.spawn(move || {
            // It fails where nobody waits any more.
            let _ = sender.send(job());
        });
        receiver
    }

    fn collect(&self, handles: Vec<oneshot::Receiver<u64>>) -> u64 {
        handles.into_iter().map(received).sum()
    }
}
