//! Whose turn it is to spin, and for how long that is worth it.
//!
//! The word is the memory of the last spins, or says that somebody spins now. One thread spins for a worker at a time;
//! another one goes to sleep at once.
//!
//! An answer comes within a microsecond from a side that is awake, and much later from one that has to be woken for it.
//! So there are two memories, one for each way in which the other side was [`Found`]. With one, each side would learn
//! from waking the other that spinning is in vain, would go to sleep too soon for the other's next message, and so teach
//! it the same: both would sleep and be woken for each task, although neither would have to.

use crate::sync::{AtomicU64, Ordering};
use std::time::Duration;

/// How the other side was, when it was last told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It did not sleep.
    Awake,
    /// It had to be woken.
    Asleep,
}

impl Found {
    /// `rung`: whether it had to be woken.
    pub(crate) fn when(rung: bool) -> Self {
        if rung { Found::Asleep } else { Found::Awake }
    }

    /// No spin takes longer: what the shortest tasks take and, if it sleeps, waking it.
    const fn longest(self) -> Duration {
        match self {
            Found::Awake => Duration::from_micros(20),
            Found::Asleep => Duration::from_micros(100),
        }
    }

    /// After a success. A spin that ends well costs what the answer took, not its limit; so there is no reason to be
    /// timid, and a probe that succeeds has to lead to spins that can.
    const fn confident(self) -> Duration {
        match self {
            Found::Awake => Duration::from_micros(5),
            Found::Asleep => self.longest(),
        }
    }

    /// What is shorter finds nothing: a task that does nothing takes about half of it, there and back.
    const fn shortest(self) -> Duration {
        match self {
            Found::Awake => Duration::from_micros(1),
            Found::Asleep => Duration::from_micros(20),
        }
    }
}

/// When spinning does not pay, one of so many waits tries whether that is still so.
const PROBE: u8 = 64;

/// How long to spin, learned from how the last spins went: success doubles it, failure quarters it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spin {
    limit: Duration,
    /// Waits without a spin.
    skipped: u8,
}

impl Spin {
    const fn new(found: Found) -> Self {
        Spin { limit: found.longest(), skipped: 0 }
    }

    fn begin(&mut self, found: Found) -> Option<Duration> {
        if self.limit.is_zero() {
            self.skipped += 1;
            if self.skipped < PROBE {
                return None;
            }
            self.skipped = 0;
            return Some(found.longest());
        }
        Some(self.limit)
    }

    fn learn(&mut self, found: Found, success: bool) {
        self.limit = if success { (self.limit * 2).clamp(found.confident(), found.longest()) } else { self.limit / 4 };
        if self.limit < found.shortest() {
            self.limit = Duration::ZERO;
        }
    }

    const BITS: u32 = 32;

    fn encode(self) -> u64 {
        u64::from(self.limit.subsec_nanos()) << 8 | u64::from(self.skipped)
    }

    fn decode(word: u64) -> Self {
        Spin { limit: Duration::from_nanos((word & u64::from(u32::MAX)) >> 8), skipped: word as u8 }
    }
}

/// What has been learned for each way in which the other side is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spins {
    awake: Spin,
    asleep: Spin,
}

impl Spins {
    pub(crate) const fn new() -> Self {
        Spins { awake: Spin::new(Found::Awake), asleep: Spin::new(Found::Asleep) }
    }

    fn spin(&mut self, found: Found) -> &mut Spin {
        match found {
            Found::Awake => &mut self.awake,
            Found::Asleep => &mut self.asleep,
        }
    }

    /// How long the next wait spins. A probe is a spin of full length: a short one would hardly ever succeed just when
    /// the other side answers slowly.
    pub(crate) fn begin(&mut self, found: Found) -> Option<Duration> {
        self.spin(found).begin(found)
    }

    pub(crate) fn learn(&mut self, found: Found, success: bool) {
        self.spin(found).learn(found, success);
    }

    fn encode(self) -> u64 {
        self.awake.encode() << Spin::BITS | self.asleep.encode()
    }

    fn decode(word: u64) -> Self {
        Spins { awake: Spin::decode(word >> Spin::BITS), asleep: Spin::decode(word) }
    }
}

/// No memory: no limit is that long.
const TAKEN: u64 = u64::MAX;

/// The word; see the [module](self).
pub(crate) struct Turn(AtomicU64);

impl Turn {
    pub(crate) fn new() -> Self {
        Turn(AtomicU64::new(Spins::new().encode()))
    }

    /// `None`: somebody else has it. Else it is the caller's until [`give_back`](Self::give_back).
    #[must_use]
    pub(crate) fn take(&self) -> Option<Spins> {
        // ORDERING: Acquire pairs with `give_back`: one spin is over before the next begins.
        let word = self.0.swap(TAKEN, Ordering::Acquire);
        (word != TAKEN).then(|| Spins::decode(word))
    }

    pub(crate) fn give_back(&self, spins: Spins) {
        // ORDERING: Release pairs with `take`.
        self.0.store(spins.encode(), Ordering::Release);
    }
}
