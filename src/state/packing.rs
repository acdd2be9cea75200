//! The word of a task that leaves this process, from its beginning to the moment in which its engine has it.
//!
//! While a task is being packed nobody can end it: its job is in foreign hands (serde's), and its engine does not know it
//! yet. So whoever would end it leaves a fate, which whoever packs it meets.
//!
//! | from | to | by |
//! |---|---|---|
//! | PACKING | TAKEN | the engine, under its lock, in which it also puts the task where it can be found |
//! | PACKING | LATE | the timer: it has waited for as long as it may |
//! | PACKING | CANCELLED | a canceller |
//!
//! Each is one compare-exchange, of which one succeeds, and all three are final. So a fate that was left is met, and
//! whoever finds TAKEN finds the task at its engine, or has to wait for the engine's lock only.

use crate::sync::{AtomicUsize, Ordering};

const PACKING: usize = 0;
const TAKEN: usize = 1;
const LATE: usize = 2;
const CANCELLED: usize = 3;

/// What becomes of a task that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Late,
    Cancelled,
}

/// What leaving a fate came to.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It will be met.
    Now,
    /// Somebody was faster, and this one will be.
    Before(Fate),
    /// The engine has the task.
    Taken,
}

/// The word; see the [module](self).
#[derive(Debug)]
pub(crate) struct Packing(AtomicUsize);

impl Packing {
    pub(crate) fn new() -> Self {
        Packing(AtomicUsize::new(PACKING))
    }

    fn decide(&self, word: usize) -> usize {
        // ORDERING: Release publishes what the engine did before to who finds TAKEN; Acquire pairs with that.
        match self.0.compare_exchange(PACKING, word, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => PACKING,
            Err(before) => before,
        }
    }

    fn fate(word: usize) -> Fate {
        if word == LATE { Fate::Late } else { Fate::Cancelled }
    }

    /// By the engine.
    ///
    /// # Errors
    /// The fate that the task is to meet instead.
    pub(crate) fn take(&self) -> Result<(), Fate> {
        match self.decide(TAKEN) {
            PACKING | TAKEN => Ok(()),
            fate => Err(Self::fate(fate)),
        }
    }

    pub(crate) fn leave(&self, fate: Fate) -> Left {
        let word = match fate {
            Fate::Late => LATE,
            Fate::Cancelled => CANCELLED,
        };
        match self.decide(word) {
            PACKING => Left::Now,
            TAKEN => Left::Taken,
            before => Left::Before(Self::fate(before)),
        }
    }
}
