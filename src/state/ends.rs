//! The two ends of a queue that is a ring: how many items have come, how many have left, and whether somebody sleeps
//! for want of one or of room.
//!
//! # Words
//! A ring has a number of *places*, a power of two. The item that comes as number n has the place n modulo that number,
//! on the *lap* n divided by it. Who puts or gets *claims* a number, at the one end or at the other, and is then alone
//! at its place until it has passed that on.
//!
//! * [`Arrivals`] is four times the number of items that have come, plus two flags. Each claim to put adds one.
//!   - CLOSED is set by who ends the queue, and never cleared. The number stays as it is from then on.
//!   - GETTERS is set by a getter that finds nothing and is about to sleep, and holds the lock of the getters' line. It
//!     is cleared under that lock when nobody is in that line.
//! * [`Departures`] is twice the number of items that have left, plus a flag. Each claim to get adds one.
//!   - PUTTERS is the same for putters that find no room.
//! * [`Turn`] is a place's: 2 * lap while the place waits for its item of that lap, and one more while it has it.
//!
//! What is not a ring counts its arrivals here too, under a lock of its own, and has no flags.
//!
//! # Each side's steps
//! *Put*: read Arrivals, see the place free by its turn, add one to Arrivals by a compare-exchange, write the item, and
//! pass the turn on. If GETTERS was set in what the compare-exchange replaced, wake one. *Get*: the same with Departures,
//! the place full, and PUTTERS.
//!
//! # Why no two are at a place
//! A number is claimed once, because Arrivals and Departures only grow. The turn goes from free to full by who claimed
//! the arrival, and from full to the next lap's free by who claimed the departure; whoever claims has seen the turn that
//! it needs, and nobody else can change it.
//!
//! # Why nobody sleeps beside an item
//! The flag and the number are one word. A getter sets GETTERS by a read-modify-write that also tells it the number, and
//! compares that with what has left, which it read before: if all have left, then in the very moment in which the flag
//! was set there was nothing. Each later put finds the flag in the word that it replaces, and takes the lock of the line
//! after that, in which the getter is by then. No fence is needed, and where nobody sleeps nobody looks for sleepers. The
//! same goes for putters and room.
//!
//! Somebody may have claimed a number and not yet passed on the turn. The next one at that place waits for this, which is
//! a few instructions; nothing that is foreign runs in between.

use crate::sync::{AtomicU64, Ordering};

const CLOSED: u64 = 1;
const GETTERS: u64 = 2;
const ARRIVAL: u64 = 4;

const PUTTERS: u64 = 1;
const DEPARTURE: u64 = 2;

/// See [the module](self).
#[derive(Debug)]
pub(crate) struct Arrivals(AtomicU64);

/// What the arrivals were when somebody looked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Back(u64);

impl Back {
    /// The number of the next item.
    #[inline]
    pub(crate) fn arrived(self) -> u64 {
        self.0 / ARRIVAL
    }

    #[inline]
    pub(crate) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// Whether a getter may sleep.
    #[inline]
    pub(crate) fn has_getters(self) -> bool {
        self.0 & GETTERS != 0
    }
}

impl Arrivals {
    pub(crate) fn new() -> Self {
        Arrivals(AtomicU64::new(0))
    }

    #[inline]
    pub(crate) fn look(&self) -> Back {
        // ORDERING: Acquire pairs with the Release in `claim` and `arrive`.
        Back(self.0.load(Ordering::Acquire))
    }

    /// One more, for who has a lock for arrivals and uses no flags. The item can be taken only after this.
    #[inline]
    pub(crate) fn arrive(&self) {
        // ORDERING: Relaxed, because only holders of the lock write it; Release pairs with the Acquire in `look`.
        self.0.store(self.0.load(Ordering::Relaxed) + ARRIVAL, Ordering::Release);
    }

    /// The next number, if nothing has changed since the look; `false` may be wrong.
    #[inline]
    #[must_use]
    pub(crate) fn claim(&self, seen: Back) -> bool {
        // ORDERING: Release pairs with the Acquire in `look`: who sees the number sees the departures that made room for
        // it. Acquire, as in `look`; a failure is followed by another look.
        self.0.compare_exchange_weak(seen.0, seen.0 + ARRIVAL, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Every claim from now on sees that a getter may sleep. The caller holds the lock of the getters' line.
    pub(crate) fn expect_getters(&self) -> Back {
        // ORDERING: as in `claim`.
        Back(self.0.fetch_or(GETTERS, Ordering::AcqRel))
    }

    /// Nobody sleeps. The caller holds the lock of the getters' line.
    pub(crate) fn forget_getters(&self) {
        // ORDERING: as in `claim`.
        self.0.fetch_and(!GETTERS, Ordering::AcqRel);
    }

    /// No claim from now on succeeds.
    pub(crate) fn close(&self) -> Back {
        // ORDERING: as in `claim`.
        Back(self.0.fetch_or(CLOSED, Ordering::AcqRel))
    }
}

/// See [the module](self).
#[derive(Debug)]
pub(crate) struct Departures(AtomicU64);

/// What the departures were when somebody looked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Front(u64);

impl Front {
    /// The number of the item that leaves next.
    #[inline]
    pub(crate) fn left(self) -> u64 {
        self.0 / DEPARTURE
    }

    /// Whether a putter may sleep.
    #[inline]
    pub(crate) fn has_putters(self) -> bool {
        self.0 & PUTTERS != 0
    }
}

impl Departures {
    pub(crate) fn new() -> Self {
        Departures(AtomicU64::new(0))
    }

    #[inline]
    pub(crate) fn look(&self) -> Front {
        // ORDERING: Acquire pairs with the Release in `claim_until`.
        Front(self.0.load(Ordering::Acquire))
    }

    /// The next number, if nothing has changed since the look; `false` may be wrong.
    #[inline]
    #[must_use]
    pub(crate) fn claim(&self, seen: Front) -> bool {
        self.claim_until(seen, seen.left() + 1)
    }

    /// All numbers from the next one to the one before `end`, if nothing has changed since the look; `false` may be wrong.
    #[inline]
    #[must_use]
    pub(crate) fn claim_until(&self, seen: Front, end: u64) -> bool {
        let after = end * DEPARTURE + (seen.0 & PUTTERS);
        // ORDERING: Release pairs with the Acquire in `look`: who sees the number sees that the item had arrived. Acquire,
        // as in `look`; a failure is followed by another look.
        self.0.compare_exchange_weak(seen.0, after, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Every claim from now on sees that a putter may sleep. The caller holds the lock of the putters' line.
    pub(crate) fn expect_putters(&self) -> Front {
        // ORDERING: as in `claim_until`.
        Front(self.0.fetch_or(PUTTERS, Ordering::AcqRel))
    }

    /// Nobody sleeps. The caller holds the lock of the putters' line.
    pub(crate) fn forget_putters(&self) {
        // ORDERING: as in `claim_until`.
        self.0.fetch_and(!PUTTERS, Ordering::AcqRel);
    }
}

/// See [the module](self).
#[derive(Debug)]
pub(crate) struct Turn(AtomicU64);

impl Turn {
    pub(crate) fn new() -> Self {
        Turn(AtomicU64::new(0))
    }

    /// Whether the place waits for its item of this lap.
    #[inline]
    pub(crate) fn is_free(&self, lap: u64) -> bool {
        // ORDERING: Acquire pairs with the Release in `pass`: the item of the lap before was taken out.
        self.0.load(Ordering::Acquire) == 2 * lap
    }

    /// Whether the place has its item of this lap.
    #[inline]
    pub(crate) fn is_full(&self, lap: u64) -> bool {
        // ORDERING: Acquire pairs with the Release in `pass`: the item was written.
        self.0.load(Ordering::Acquire) == 2 * lap + 1
    }

    /// The item of this lap is there. The caller has claimed its arrival.
    #[inline]
    pub(crate) fn fill(&self, lap: u64) {
        self.pass(2 * lap + 1);
    }

    /// The item of this lap is out. The caller has claimed its departure.
    #[inline]
    pub(crate) fn clear(&self, lap: u64) {
        self.pass(2 * lap + 2);
    }

    #[inline]
    fn pass(&self, next: u64) {
        // ORDERING: Release pairs with the Acquire in `is_free` and `is_full`.
        self.0.store(next, Ordering::Release);
    }
}
