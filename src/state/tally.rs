//! How many tasks of a queue are unfinished, and whether somebody waits for there being none.
//!
//! # Words
//! An item *arrives* when it is put, and is *finished* by a `task_done`, or by being thrown away at a shutdown. Both
//! counts only grow; what is unfinished is their difference. They are kept apart, because those who put and those who
//! finish would otherwise fight for one cache line at every item.
//!
//! * [`Arrivals`] is written by those who put, and read by anybody; [`Departures`] is there for an owner that counts them,
//!   and in the line of the finished because who takes an item is usually done soon.
//! * `word` is twice the number of the finished, plus the flag JOINERS.
//!   - JOINERS is set by who is about to wait for the end, under the joiners' lock. It is cleared under that lock, by who
//!     tells all of them, or finds none. While it is set, whoever finishes the last task goes and tells.
//! * `seen` is how many have arrived at least, as far as somebody knew. It only spares the finishers the look: too small a
//!   value makes them look for themselves.
//!
//! # Why a count of none is true
//! Who compares reads `word` first and `arrived` after it. Let both be n. `arrived` never falls below what is finished,
//! and never falls: so it was n already when `word` was read, and in that moment nothing was unfinished. Nor is
//! `arrived` ever seen to be less than what was finished: whoever finishes something has seen, in itself or in `seen`,
//! that so much has arrived, and hands that on with `word`.
//!
//! # Why no joiner is forgotten
//! A joiner sets JOINERS by the same read-modify-write that tells it the number of the finished. A finish that came
//! before it is in that number; one that comes later finds JOINERS set. The finish that makes the counts equal sees
//! them equal: each finished item was put before it was finished, so its arrival is visible to who reads `word` after
//! that. It then takes the joiners' lock, which a joiner holds from the look until it is in line.

use super::ends::{Arrivals, Departures};
use crate::sync::{AtomicU64, Ordering};

const JOINERS: u64 = 1;
const ONE: u64 = 2;

/// See [the module](self).
#[derive(Debug)]
pub(crate) struct Tally {
    arrivals: Arriving,
    finishes: Finishes,
}

/// In a cache line of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Arriving(Arrivals);

/// In another one.
#[derive(Debug)]
#[repr(align(128))]
struct Finishes {
    word: AtomicU64,
    seen: AtomicU64,
    departures: Departures,
}

/// What finishing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Finish {
    /// It counts.
    Counted,
    /// It counts, may have been the last, and somebody waits for that.
    MayBeLast,
    /// There were not so many unfinished; nothing was counted.
    TooMany,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Tally {
            arrivals: Arriving(Arrivals::new()),
            finishes: Finishes { word: AtomicU64::new(0), seen: AtomicU64::new(0), departures: Departures::new() },
        }
    }

    #[inline]
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.arrivals.0
    }

    /// For an owner that counts them, too.
    #[inline]
    pub(crate) fn departures(&self) -> &Departures {
        &self.finishes.departures
    }

    /// How many have arrived.
    #[inline]
    pub(crate) fn arrived(&self) -> u64 {
        self.arrivals().look().arrived()
    }

    /// Tells the finishers of arrivals that somebody knows of anyway.
    #[inline]
    pub(crate) fn note(&self, arrived: u64) {
        // ORDERING: Release pairs with the Acquire in `finish`.
        self.finishes.seen.store(arrived, Ordering::Release);
    }

    pub(crate) fn unfinished(&self) -> u64 {
        // ORDERING: Acquire pairs with the Release in `finish`.
        self.arrived_without(|| self.finishes.word.load(Ordering::Acquire) / ONE)
    }

    /// How many have arrived and are not among those that `gone` counts, as it was in one moment. Only who has seen an
    /// arrival counts it as gone, by a Release that pairs with an Acquire in `gone`.
    pub(crate) fn arrived_without(&self, gone: impl Fn() -> u64) -> u64 {
        let mut arrived = self.arrived();
        loop {
            let gone = gone();
            let since = self.arrived();
            // Nothing came between the two looks, so this was their difference when `gone` looked.
            if since == arrived {
                return arrived - gone;
            }
            arrived = since;
        }
    }

    /// So many are done.
    #[inline]
    pub(crate) fn finish(&self, count: u64) -> Finish {
        let word = &self.finishes.word;
        // ORDERING: Acquire pairs with the Release below, and comes before the look at the arrivals.
        let mut before = word.load(Ordering::Acquire);
        loop {
            let finished = before / ONE + count;
            // ORDERING: Acquire pairs with the Release in `note`: who goes by this instead of a look has seen what has
            // arrived, and so has whoever sees that something was finished.
            let mut arrived = self.finishes.seen.load(Ordering::Acquire);
            if finished > arrived {
                arrived = self.arrived();
            }
            if finished > arrived {
                return Finish::TooMany;
            }
            // ORDERING: Release publishes the work to the joiner; Acquire, so that everything that was put before
            // something was finished is seen by who finishes next.
            match word.compare_exchange_weak(before, before + count * ONE, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if before & JOINERS == 0 => return Finish::Counted,
                Ok(_) if finished < arrived => return Finish::Counted,
                Ok(_) if finished < self.arrived() => return Finish::Counted,
                Ok(_) => return Finish::MayBeLast,
                Err(now) => before = now,
            }
        }
    }

    /// Whether nothing is unfinished; if something is, the one who finishes the last hears that somebody waits. The
    /// caller holds the joiners' lock until it is in line.
    #[must_use]
    pub(crate) fn is_finished_or_expected(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `finish`; Release keeps that chain going.
        let before = self.finishes.word.fetch_or(JOINERS, Ordering::AcqRel);
        before / ONE == self.arrived()
    }

    /// Nobody has to be told. The caller holds the joiners' lock.
    pub(crate) fn forget_joiners(&self) {
        // ORDERING: as in `is_finished_or_expected`.
        self.finishes.word.fetch_and(!JOINERS, Ordering::AcqRel);
    }
}
