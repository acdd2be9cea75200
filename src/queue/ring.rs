//! First in, first out, for a bound that is not large: places in a ring, each with a turn of its own (after Vyukov's
//! bounded queue). `state/ends.rs` has the protocol and its proof.
#![expect(unsafe_code, reason = "a place is written and read by whoever has claimed it, without a lock")]

use super::accounts::Accounts;
use super::store::{Done, NotGot, NotPut, Store, batch};
use crate::state::Turn;
use crate::sync::{Access, AtomicU64, Ordering, spin_hint, stand_by};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// The places of a larger ring would take memory that is perhaps never used. (In models a few, and none of a large item.)
const MOST_BYTES: usize = if cfg!(concurrent_futures_loom) { 1024 } else { 256 * 1024 };

pub(super) struct Ring<T> {
    bound: u64,
    /// A power of two of them, not fewer than the bound.
    places: Box<[Place<T>]>,
    /// Where there are more places than items may be.
    spare: Spare,
    accounts: Accounts,
}

/// In a cache line of its own, because putters write it, and everybody reads what stands around it.
#[repr(align(128))]
struct Spare {
    /// How many had left when a putter last looked.
    left: AtomicU64,
}

struct Place<T> {
    turn: Turn,
    access: Access,
    /// Holds an item while the turn says so. Written by who has claimed its arrival, before the turn is passed on; read
    /// by who has claimed its departure, before the turn is passed on.
    item: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: a reference to the ring moves items in and out, by one thread at a time each, and lends none.
unsafe impl<T: Send> Sync for Ring<T> {}

// No foreign code runs between a claim and the end of its turn, so no panic leaves a place half changed.
impl<T> UnwindSafe for Ring<T> {}
impl<T> RefUnwindSafe for Ring<T> {}

impl<T> Place<T> {
    fn new() -> Self {
        Place { turn: Turn::new(), access: Access::new(), item: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// # Safety
    /// The caller has claimed the arrival of this lap, has seen the place free, and calls this once.
    #[inline]
    unsafe fn fill(&self, lap: u64, item: T) {
        // SAFETY: nobody else touches the place until the turn is passed on.
        self.access.exclusive(|| unsafe { self.item.get().write(MaybeUninit::new(item)) });
        self.turn.fill(lap);
    }

    /// # Safety
    /// The caller has claimed the departure of this lap, has seen the place full, and calls this once.
    #[inline]
    unsafe fn clear(&self, lap: u64) -> T {
        // SAFETY: nobody else touches the place until the turn is passed on.
        let item = self.access.exclusive(|| unsafe { self.item.get().read() });
        self.turn.clear(lap);
        // SAFETY: the place was full.
        unsafe { item.assume_init() }
    }
}

impl<T> Ring<T> {
    /// `None`: the bound is too large for a ring.
    pub(super) fn new(bound: usize) -> Option<Self> {
        let count = bound.checked_next_power_of_two()?;
        if count > MOST_BYTES / size_of::<Place<T>>() {
            return None;
        }
        Some(Ring {
            bound: bound as u64,
            places: (0..count).map(|_| Place::new()).collect(),
            spare: Spare { left: AtomicU64::new(0) },
            accounts: Accounts::new(),
        })
    }

    /// The place of the item with this number, and its lap there.
    #[inline]
    fn place(&self, number: u64) -> (&Place<T>, u64) {
        let last = self.places.len() - 1;
        (&self.places[number as usize & last], number >> self.places.len().trailing_zeros())
    }

    /// Whether a free place is room, because there are no more places than items may be.
    #[inline]
    fn is_tight(&self) -> bool {
        self.places.len() as u64 == self.bound
    }

    /// Whether a free place is room for the item with this number; `false` may be wrong.
    #[inline]
    fn has_room(&self, number: u64) -> bool {
        // ORDERING: Acquire pairs with the Release in `note_left`: who goes by it has seen that so many have left, and hands
        // that on with its claim.
        self.is_tight() || number.saturating_sub(self.spare.left.load(Ordering::Acquire)) < self.bound
    }

    /// Spares the other putters the look.
    fn note_left(&self, left: u64) {
        if !self.is_tight() {
            // ORDERING: Release pairs with the Acquire in `has_room`.
            self.spare.left.store(left, Ordering::Release);
        }
    }

    /// Takes out all that have arrived and not left, at once.
    fn empty(&self, arrived: u64) -> Vec<T> {
        let departures = self.accounts.tally.departures();
        let mut front = departures.look();
        while front.left() < arrived {
            if departures.claim_until(front, arrived) {
                return (front.left()..arrived).map(|number| self.take(number)).collect();
            }
            front = departures.look();
        }
        Vec::new()
    }

    /// The item with this number, whose departure the caller has claimed.
    fn take(&self, number: u64) -> T {
        let (place, lap) = self.place(number);
        let mut round = 0;
        while !place.turn.is_full(lap) {
            // Who puts it has claimed its arrival, and is about to write it.
            stand_by(&mut round);
        }
        // SAFETY: the number is the caller's, and the place is full.
        unsafe { place.clear(lap) }
    }
}

impl<T> Store for Ring<T> {
    type Item = T;

    #[inline]
    fn put(&self, item: T, sleeping: bool) -> Result<Done<()>, NotPut<T>> {
        let tally = &self.accounts.tally;
        let (arrivals, departures) = (tally.arrivals(), tally.departures());
        let mut back = arrivals.look();
        let mut round = 0;
        loop {
            if back.is_closed() {
                return Err(NotPut::Closed(item));
            }
            let (place, lap) = self.place(back.arrived());
            if place.turn.is_free(lap) && self.has_room(back.arrived()) {
                if arrivals.claim(back) {
                    // SAFETY: this has just claimed the number, and has seen the place free.
                    unsafe { place.fill(lap, item) };
                    return Ok(Done { value: (), wake: back.has_getters() });
                }
                // Somebody else is at it, and gets on better alone.
                spin_hint(&mut round);
            } else {
                let front = if sleeping { departures.expect_putters() } else { departures.look() };
                // More may have left than had arrived at the look, if that was long ago.
                if back.arrived().saturating_sub(front.left()) >= self.bound {
                    return Err(NotPut::Full(item));
                }
                self.note_left(front.left());
                // Room has just come, or somebody is about to leave the place.
                stand_by(&mut round);
            }
            back = arrivals.look();
        }
    }

    #[inline]
    fn get(&self, sleeping: bool) -> Result<Done<T>, NotGot> {
        let tally = &self.accounts.tally;
        let (arrivals, departures) = (tally.arrivals(), tally.departures());
        let mut front = departures.look();
        let mut round = 0;
        loop {
            let (place, lap) = self.place(front.left());
            if place.turn.is_full(lap) {
                if departures.claim(front) {
                    // SAFETY: this has just claimed the number, and has seen the place full.
                    let value = unsafe { place.clear(lap) };
                    tally.note(front.left() + 1);
                    return Ok(Done { value, wake: front.has_putters() });
                }
                spin_hint(&mut round);
            } else {
                let back = if sleeping { arrivals.expect_getters() } else { arrivals.look() };
                if back.arrived() <= front.left() {
                    return Err(if back.is_closed() { NotGot::Closed } else { NotGot::Empty });
                }
                // An item has just come, or somebody is about to put it into the place.
                stand_by(&mut round);
            }
            front = departures.look();
        }
    }

    fn may_get(&self) -> bool {
        let (place, lap) = self.place(self.accounts.tally.departures().look().left());
        place.turn.is_full(lap)
    }

    fn may_put(&self) -> bool {
        // If the last of a batch would find its place free, there is room for all of them. That place is looked at,
        // because it is one that nobody else needs now; so is the place in `may_get`, until its item comes.
        let spare = self.places.len() as u64 - self.bound;
        let (place, lap) = self.place(self.accounts.tally.arrived() + spare + batch(self.bound) - 1);
        place.turn.is_free(lap)
    }

    fn forget_getters(&self) {
        self.accounts.tally.arrivals().forget_getters();
    }

    fn forget_putters(&self) {
        self.accounts.tally.departures().forget_putters();
    }

    fn close(&self, empty: bool) -> Vec<T> {
        let back = self.accounts.tally.arrivals().close();
        if empty { self.empty(back.arrived()) } else { Vec::new() }
    }

    fn is_closed(&self) -> bool {
        self.accounts.tally.arrivals().look().is_closed()
    }

    fn len(&self) -> usize {
        let tally = &self.accounts.tally;
        // It is not more than the bound, which was a usize: whoever sees an arrival sees what has left for it.
        tally.arrived_without(|| tally.departures().look().left()) as usize
    }

    fn bound(&self) -> Option<usize> {
        Some(self.bound as usize)
    }

    fn accounts(&self) -> &Accounts {
        &self.accounts
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        drop(self.empty(self.accounts.tally.arrived()));
    }
}
