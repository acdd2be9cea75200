//! Whose turn it is to spin, and for how long that is worth it.
//!
//! The word is the memory of the last spins, or says that somebody spins now. One thread spins for a worker at a time;
//! another one goes to sleep at once.

use crate::sync::{AtomicU64, Ordering};
use std::time::Duration;

/// No spin takes longer.
const LONGEST: Duration = Duration::from_micros(20);
/// What is shorter finds nothing: a task that does nothing takes about half of it, there and back.
const SHORTEST: Duration = Duration::from_micros(1);
/// After a success. A spin that ends well costs what the answer took, not its limit; so there is no reason to be timid,
/// and a probe that succeeds has to lead to spins that can.
const CONFIDENT: Duration = Duration::from_micros(5);
/// When spinning does not pay, one of so many waits tries whether that is still so.
const PROBE: u8 = 64;

/// How long to spin, learned from how the last spins went: success doubles it, failure quarters it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spin {
    limit: Duration,
    /// Waits without a spin.
    skipped: u8,
}

impl Spin {
    pub(crate) fn new() -> Self {
        Spin { limit: LONGEST, skipped: 0 }
    }

    /// How long the next wait spins. A probe is a spin of full length: a short one would hardly ever succeed just when
    /// the other side answers slowly because it had to be woken.
    pub(crate) fn begin(&mut self) -> Option<Duration> {
        if self.limit.is_zero() {
            self.skipped += 1;
            if self.skipped < PROBE {
                return None;
            }
            self.skipped = 0;
            return Some(LONGEST);
        }
        Some(self.limit)
    }

    pub(crate) fn learn(&mut self, success: bool) {
        self.limit = if success { (self.limit * 2).clamp(CONFIDENT, LONGEST) } else { self.limit / 4 };
        if self.limit < SHORTEST {
            self.limit = Duration::ZERO;
        }
    }

    fn encode(self) -> u64 {
        u64::from(self.limit.subsec_nanos()) << 8 | u64::from(self.skipped)
    }

    fn decode(word: u64) -> Self {
        Spin { limit: Duration::from_nanos(word >> 8), skipped: word as u8 }
    }
}

const TAKEN: u64 = u64::MAX;

/// The word; see the [module](self).
pub(crate) struct Turn(AtomicU64);

impl Turn {
    pub(crate) fn new() -> Self {
        Turn(AtomicU64::new(Spin::new().encode()))
    }

    /// `None`: somebody else has it. Else it is the caller's until [`give_back`](Self::give_back).
    #[must_use]
    pub(crate) fn take(&self) -> Option<Spin> {
        // ORDERING: Acquire pairs with `give_back`: one spin is over before the next begins.
        let word = self.0.swap(TAKEN, Ordering::Acquire);
        (word != TAKEN).then(|| Spin::decode(word))
    }

    pub(crate) fn give_back(&self, spin: Spin) {
        // ORDERING: Release pairs with `take`.
        self.0.store(spin.encode(), Ordering::Release);
    }
}
