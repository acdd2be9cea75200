//! What closures run on: this crate's pool and its peers, each in the form in which it is fastest at the work at hand.
//!
//! All have the same number of threads, and all results are collected by who has submitted the jobs. Handles are kept
//! in a `Vec` of the right size, and asked in the order in which the jobs were submitted.

mod ours;
mod queued;
mod rayon;
mod spawning;

pub(crate) use ours::{Ours, OursScope};
pub(crate) use queued::{Blocking, FuturesPool, RustyPool, ThreadPool};
pub(crate) use rayon::{Rayon, RayonOneshot};
pub(crate) use spawning::{Spawning, TokioBlocking};

use crate::Failure;
use std::hint::black_box;

/// A handle of a pool; the last one ends it.
pub(crate) trait Pool: Send + Sync + Sized + 'static {
    const NAME: &'static str;

    fn start(threads: usize) -> Result<Self, Failure>;

    /// Submits a job for each number below `count`, and adds up what they give, when all are submitted.
    fn sum_below(&self, count: u64) -> u64;

    /// Submits a job and waits for it.
    fn one(&self, number: u64) -> u64;
}

/// A pool whose users hold a handle of each job.
pub(crate) trait Handles: Pool {
    type Handle: Send + 'static;

    fn submit(&self, job: impl FnOnce() -> u64 + Send + 'static) -> Self::Handle;

    /// Adds up what the jobs give.
    fn collect(&self, handles: Vec<Self::Handle>) -> u64;
}

/// What a job does.
fn trivial(number: u64) -> u64 {
    black_box(number)
}

fn sum_by_handles<P: Handles>(pool: &P, count: u64) -> u64 {
    pool.collect((0..count).map(|number| pool.submit(move || trivial(number))).collect())
}
