//! What can go wrong with the primitives.

use std::error::Error;
use std::fmt;

/// The limit of a wait passed before what it was for came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the wait timed out")
    }
}

impl Error for TimedOut {}

/// More was released than was acquired: see [`BoundedSemaphore::release`](super::BoundedSemaphore::release).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyReleases {
    /// How many permits were to be released.
    pub released: usize,
    /// How many were acquired at that time.
    pub acquired: usize,
}

impl fmt::Display for TooManyReleases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooManyReleases { released, acquired } = self;
        write!(f, "{released} permits released where {acquired} are acquired: each acquire is worth one release")
    }
}

impl Error for TooManyReleases {}

/// The round of a [`Barrier`](super::Barrier) will never be complete; all of its parties get the same reason.
///
/// Python's `BrokenBarrierError`, which does not say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokenBarrier {
    /// A party, this or another one, has waited for as long as it would.
    TimedOut,
    /// Somebody called [`abort`](super::Barrier::abort).
    Aborted,
    /// Somebody called [`reset`](super::Barrier::reset) while this party waited.
    Reset,
    /// The action of the last party panicked.
    ActionPanicked,
}

impl BrokenBarrier {
    /// A party has waited for as long as it would.
    pub fn is_timed_out(self) -> bool {
        self == BrokenBarrier::TimedOut
    }
}

impl fmt::Display for BrokenBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier is broken: ")?;
        f.write_str(match self {
            BrokenBarrier::TimedOut => "a party came too late (`reset` makes it usable again)",
            BrokenBarrier::Aborted => "it was aborted (`reset` makes it usable again)",
            BrokenBarrier::Reset => "it was reset while this party waited",
            BrokenBarrier::ActionPanicked => "its action panicked (`reset` makes it usable again)",
        })
    }
}

impl Error for BrokenBarrier {}
