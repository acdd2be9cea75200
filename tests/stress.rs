//! Many threads at once, chance in every step, and figures that have to add up exactly.
//!
//! Sized to take some seconds in a debug build; `CF_STRESS=50` makes everything fifty times longer. The round for
//! figures: `CF_STRESS_SUBMITS=1000000 CF_STRESS_ROUNDS=20 cargo test --release --test stress million -- --nocapture`.

mod support;
mod torture;

#[path = "stress/bounded.rs"]
mod bounded;
#[path = "stress/cancelling.rs"]
mod cancelling;
#[path = "stress/chains.rs"]
mod chains;
#[path = "stress/lifetimes.rs"]
mod lifetimes;
#[path = "stress/mail.rs"]
mod mail;
#[path = "stress/nesting.rs"]
mod nesting;
#[path = "stress/refusals.rs"]
mod refusals;
#[path = "stress/shutting.rs"]
mod shutting;
#[path = "stress/surplus.rs"]
mod surplus;
#[path = "stress/sweeping.rs"]
mod sweeping;
#[path = "stress/timing.rs"]
mod timing;
#[path = "stress/waiting.rs"]
mod waiting;

use concurrent_futures::TaskError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many futures came to what.
#[derive(Debug, Default)]
struct Tally {
    ran: AtomicUsize,
    values: AtomicUsize,
    cancelled: AtomicUsize,
    rejected: AtomicUsize,
    expired: AtomicUsize,
}

impl Tally {
    /// The outcome of one future, which has to be one of these.
    fn count<T>(&self, outcome: &Result<T, TaskError>) {
        let counter = match outcome {
            Ok(_) => &self.values,
            Err(TaskError::Cancelled) => &self.cancelled,
            Err(TaskError::Rejected(_)) => &self.rejected,
            Err(TaskError::DeadlineExceeded) => &self.expired,
            Err(other) => panic!("no future may come to this: {other}"),
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn ran(&self) {
        self.ran.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything that was submitted came to one end, and what ran has its value.
    fn check(&self, submitted: usize) {
        let counts = [&self.values, &self.cancelled, &self.rejected, &self.expired];
        let ended: usize = counts.iter().map(|counter| counter.load(Ordering::Relaxed)).sum();
        assert_eq!(ended, submitted, "{self:?}");
        assert_eq!(self.ran.load(Ordering::Relaxed), self.values.load(Ordering::Relaxed), "{self:?}");
    }

    fn values(&self) -> usize {
        self.values.load(Ordering::Relaxed)
    }
}
