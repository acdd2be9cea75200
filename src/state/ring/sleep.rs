//! Who sleeps, in each direction: one word that is the flag and the thing slept on at once.
//!
//! # The handshake
//! * The **sleeper** sets the word, fences, and looks again at what it waits for. Only if there is still nothing, it
//!   sleeps: the worker for as long as the word is 1 (a futex, so the kernel compares), the parent until something is
//!   written to an event descriptor.
//! * The **ringer** publishes, fences, and reads the word. If it says asleep, it takes that back by one
//!   read-modify-write, and whoever succeeds wakes the sleeper.
//!
//! Both fences are `SeqCst`. In their one order either the sleeper's is first, then the ringer reads the word; or the
//! ringer's is, then the sleeper's second look finds what was published. Why the flag itself is what is slept on: with
//! a count beside it, a ringer that comes late takes the flag down although the sleeper, who has seen that ring
//! already, goes to sleep on the count; the next ringer sees no flag, and the sleeper stays asleep. Here a late ringer
//! takes down what the sleeper is about to sleep on, which then does not sleep.
//!
//! Both sides change the word by read-modify-writes alone. So its changes form a chain, and no store of the sleeper's
//! can be thought of as lying before a ringer's in one respect and after it in another.
//!
//! Someone who dies between taking the word down and waking is noticed by its death.

use crate::sync::{AtomicU32, AtomicU64, Ordering, fence};

/// 1: the worker sleeps, or is about to. A futex.
#[derive(Clone, Copy)]
pub(crate) struct WorkerSleep<'m>(pub(crate) &'m AtomicU32);

impl WorkerSleep<'_> {
    /// What the word is while the worker sleeps.
    pub(crate) const ASLEEP: u32 = 1;

    /// By the worker, which then looks again.
    pub(crate) fn lie_down(self) {
        // ORDERING: Relaxed: the fence orders it before the second look.
        self.0.swap(Self::ASLEEP, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// By the worker: it is awake, however that came.
    pub(crate) fn get_up(self) {
        // ORDERING: Relaxed: a ringer that still sees 1 wakes in vain.
        self.0.swap(0, Ordering::Relaxed);
    }

    /// By the parent, as a guess.
    pub(crate) fn is_down(self) -> bool {
        // ORDERING: Relaxed: nothing is concluded from it.
        self.0.load(Ordering::Relaxed) == Self::ASLEEP
    }

    /// By the parent, after it has published. `true`: the caller wakes the worker.
    #[must_use]
    pub(crate) fn ring(self) -> bool {
        fence(Ordering::SeqCst);
        // ORDERING: Relaxed: the fence orders it after what was published; nothing is read on its account.
        self.0.load(Ordering::Relaxed) == Self::ASLEEP
            // ORDERING: as above; that one ringer alone gets the 1 is all that matters.
            && self.0.swap(0, Ordering::Relaxed) == Self::ASLEEP
    }
}

/// 0: the parent is awake. Else it sleeps, or is about to, and has accounted for all tickets below this less one: only
/// a position from here on is worth a ring.
///
/// That it says so keeps a worker from ringing for a ticket that the parent has seen DONE and settled, while the worker
/// was on its way from DONE to this word. The parent may also account for tickets that have not ended, if it looks for
/// them by itself.
///
/// # Who spins in the place of a sleeper
/// A thread that waits for one ticket may watch that slot for a few microseconds; a ring to the parent's sleeping
/// thread would be dear, and in vain. So it **borrows** the sleep: takes the word down. When it stops watching it
/// **hands it back**, as a sleeper: sets the word, fences, and looks at the position; if there is more than the sleeper
/// (and itself) has accounted for, it is the ringer too. The sleeper may get up and lie down again meanwhile, and then
/// account for less than before; so the word is set only where it still says nothing. If the sleeper is awake, it sets the
/// word anew before it sleeps.
#[derive(Clone, Copy)]
pub(crate) struct ParentSleep<'m>(pub(crate) &'m AtomicU64);

impl ParentSleep<'_> {
    /// By the parent, which then looks again; it has accounted for all tickets below `accounted`.
    pub(crate) fn lie_down(self, accounted: u64) {
        // ORDERING: Relaxed: the fence orders it before the second look.
        self.0.swap(accounted.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// By the parent: it is awake, however that came.
    pub(crate) fn get_up(self) {
        // ORDERING: Relaxed: a ringer that still sees a sleeper wakes in vain.
        self.0.swap(0, Ordering::Relaxed);
    }

    /// After the position was published, by the worker; or by who hands back. `true`: the caller wakes the parent.
    #[must_use]
    pub(crate) fn ring(self, position: u64) -> bool {
        fence(Ordering::SeqCst);
        // ORDERING: Relaxed: the fence orders it after what was published; nothing is read on its account.
        let asleep = self.0.load(Ordering::Relaxed);
        // ORDERING: Relaxed, as above. A failure means that the sleeper got up, or lay down anew and looks again after
        // this side's fence; or that somebody else rings.
        asleep != 0
            && position >= asleep
            && self.0.compare_exchange(asleep, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// By who has [borrowed](Self::borrow), and then looks, as a sleeper. `false`: the sleeper has lain down by itself.
    pub(crate) fn hand_back(self, accounted: u64) -> bool {
        // ORDERING: Relaxed: the fence orders it before the look.
        let handed = self.0.compare_exchange(0, accounted.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        handed.is_ok()
    }

    /// By a spinner: takes the sleep of whoever sleeps, and says up to where that one has accounted.
    #[must_use]
    pub(crate) fn borrow(self) -> Option<u64> {
        // ORDERING: Relaxed: nothing is read on its account.
        let asleep = self.0.load(Ordering::Relaxed);
        // ORDERING: as above.
        let borrowed = asleep != 0 && self.0.compare_exchange(asleep, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        borrowed.then(|| asleep.wrapping_sub(1))
    }
}
