//! How long somebody looks again and again before it is worth sleeping.
//!
//! A wake through the system costs some microseconds, and much more where a processor has to be woken for it. So who
//! waits first spins, which is right where the other side is running: then what is waited for comes within a
//! microsecond. After that it gives way, which is right where the other side waits for this processor. Then it sleeps.
//!
//! Spinning where the other side is not running only keeps it from that. So an [`Experience`] says what spinning came to
//! lately: after a few waits in which it was in vain, only some still try it, to see whether that has changed.

use super::{AtomicU64, Deadline, Ordering, give_way, processors, spin};

/// Rounds in which the processor is kept, a longer time in each: up to 255 pauses, which are a few microseconds.
const SPINS: u32 = 8;
/// Rounds after these in which it is given to whoever wants it.
const YIELDS: u32 = 32;
/// The same for who is in line already and is about to be woken.
const LAST_YIELDS: u32 = 4;

/// After so many waits in vain, spinning is not worth a try each time.
const VAIN: u64 = 4;
/// Then one wait in so many tries it.
const TRIED: u64 = 16;

/// What is left of it.
#[derive(Debug)]
pub(crate) struct Patience<'a> {
    round: u32,
    end: u32,
    /// To be told what spinning came to.
    experience: Option<&'a Experience>,
}

impl Patience<'_> {
    /// For who is in line already: to give way a few times, because the wake is often on its way.
    pub(crate) fn in_line() -> Self {
        Patience { round: SPINS, end: SPINS + LAST_YIELDS, experience: None }
    }

    /// Lets a moment pass. `false`: it is time to sleep, or to give up, because the deadline has passed: who gives way gets
    /// the processor back when others are done with it, which on a busy machine may take milliseconds each time.
    pub(crate) fn last(&mut self, deadline: Deadline) -> bool {
        // Under loom a look more or less is nothing new, and would only multiply what is explored.
        if self.round == self.end || cfg!(concurrent_futures_loom) {
            return false;
        }
        if deadline.is_past() {
            // Which says nothing about spinning.
            self.experience = None;
            return false;
        }
        if self.round < SPINS {
            spin(1 << self.round);
        } else {
            self.tell(Experience::add_vain);
            give_way();
        }
        self.round += 1;
        true
    }

    fn tell(&mut self, what: fn(&Experience)) {
        if let Some(experience) = self.experience.take() {
            what(experience);
        }
    }
}

impl Drop for Patience<'_> {
    /// What was waited for has come: if it was not told otherwise before, while this was spinning.
    fn drop(&mut self) {
        if self.round > 0 {
            self.tell(Experience::forget_vain);
        }
    }
}

/// In how many waits in a row, in the same place, spinning was in vain. In a cache line of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Experience {
    vain: AtomicU64,
}

impl Experience {
    pub(crate) fn new() -> Self {
        Experience { vain: AtomicU64::new(0) }
    }

    /// For a wait that begins.
    pub(crate) fn patience(&self) -> Patience<'_> {
        // ORDERING: Relaxed here and below, because it is a guess, and a count that is lost changes little.
        let vain = self.vain.load(Ordering::Relaxed);
        // With one processor nothing changes while this thread keeps it.
        let spins = processors() > 1 && (vain < VAIN || vain % TRIED == 0);
        if !spins {
            self.add_vain();
        }
        let (round, experience) = if spins { (0, Some(self)) } else { (SPINS, None) };
        Patience { round, end: SPINS + YIELDS, experience }
    }

    fn add_vain(&self) {
        self.vain.store(self.vain.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    fn forget_vain(&self) {
        if self.vain.load(Ordering::Relaxed) > 0 {
            self.vain.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(concurrent_futures_loom)))]
mod tests {
    use super::{Experience, Patience, SPINS, TRIED, VAIN, YIELDS};
    use crate::sync::Deadline;
    use std::time::Duration;

    fn rounds(patience: &mut Patience<'_>) -> u32 {
        std::iter::from_fn(|| patience.last(Deadline::NEVER).then_some(())).count() as u32
    }

    #[test]
    fn a_limit_that_has_passed_ends_it_and_teaches_nothing() {
        let experience = Experience::new();
        let mut patience = experience.patience();
        let spins = patience.round == 0;
        assert!(patience.last(Deadline::after(Some(Duration::MAX))));
        assert!(!patience.last(Deadline::after(Some(Duration::ZERO))));
        experience.vain.store(1, super::Ordering::Relaxed);
        drop(patience);
        assert_eq!(experience.vain.load(super::Ordering::Relaxed), 1, "it spun: {spins}");
    }

    #[test]
    fn spinning_in_vain_is_left_out_most_of_the_time_until_it_helps() {
        if super::processors() == 1 {
            return;
        }
        let experience = Experience::new();
        for _ in 0..VAIN {
            assert_eq!(rounds(&mut experience.patience()), SPINS + YIELDS);
        }
        let spun = (0..2 * TRIED).filter(|_| rounds(&mut experience.patience()) > YIELDS).count();
        assert_eq!(spun, 2);
        let mut tries = std::iter::from_fn(|| Some(experience.patience())).take(TRIED as usize);
        let mut helped = tries.find(|patience| patience.round == 0).expect("one of so many tries it");
        assert!(helped.last(Deadline::NEVER));
        drop(helped);
        assert_eq!(experience.patience().round, 0);
    }
}
