//! The word of a slot: which lap it is in, and the state of the task there.
//!
//! The word is `lap << 3 | state`. A word that is less than QUEUED of a lap is from before that lap, because the laps
//! only go up and QUEUED is the least state; zero is a slot that was never used.
//!
//! The transitions, and what each side may conclude from them, are in the [module above](super).

use crate::sync::{AtomicU64, Ordering};

const STATE_BITS: u32 = 3;
const QUEUED: u64 = 1;
const RUNNING: u64 = 2;
const DONE: u64 = 3;
const REVOKED: u64 = 4;

/// The word of a slot, in a lap.
pub(crate) struct SlotWord<'m> {
    word: &'m AtomicU64,
    lap: u64,
}

/// What the parent sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    /// Handed out; the worker has not begun it.
    Queued,
    Running,
    Done,
    /// Taken back before the worker had begun it.
    Revoked,
}

impl SlotState {
    /// Whether a slot that was `self` can have become `now` by what a worker does. What the parent itself does to it,
    /// the parent knows.
    pub(crate) fn may_become(self, now: SlotState) -> bool {
        use SlotState::{Done, Queued, Running};
        match self {
            Queued => matches!(now, Queued | Running | Done),
            Running => matches!(now, Running | Done),
            settled => now == settled,
        }
    }

    /// The worker has begun it, or has ended it.
    pub(crate) fn is_begun(self) -> bool {
        matches!(self, SlotState::Running | SlotState::Done)
    }
}

/// What the worker sees, at its place in the order.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing is handed out here in this lap, as yet.
    NotYet,
    Queued,
    Revoked,
    /// A word that nobody writes before the worker was here.
    Unknown(u64),
}

impl<'m> SlotWord<'m> {
    pub(crate) fn new(word: &'m AtomicU64, lap: u64) -> Self {
        SlotWord { word, lap }
    }

    fn is(&self, state: u64) -> u64 {
        self.lap << STATE_BITS | state
    }

    /// By the parent: to QUEUED, after the head and the bytes, in a slot that may be used again.
    pub(crate) fn publish(&self) {
        // ORDERING: Release pairs with the Acquire of `begin`: who takes QUEUED sees head and bytes.
        self.word.store(self.is(QUEUED), Ordering::Release);
    }

    /// By the worker.
    pub(crate) fn look(&self) -> Look {
        // ORDERING: Relaxed: `begin` acquires what was published; nothing is read on account of another state.
        match self.word.load(Ordering::Relaxed) {
            word if word < self.is(QUEUED) => Look::NotYet,
            word if word == self.is(QUEUED) => Look::Queued,
            word if word == self.is(REVOKED) => Look::Revoked,
            word => Look::Unknown(word),
        }
    }

    /// By the worker: QUEUED to RUNNING. `false`: it was revoked meanwhile.
    #[must_use]
    pub(crate) fn begin(&self) -> bool {
        // ORDERING: Acquire pairs with `publish`. Release publishes the report's reset to who sees RUNNING. On failure
        // the caller looks again.
        let begun = self.word.compare_exchange(self.is(QUEUED), self.is(RUNNING), Ordering::AcqRel, Ordering::Relaxed);
        begun.is_ok()
    }

    /// By the worker: RUNNING to DONE, its last step at this slot.
    pub(crate) fn end(&self) {
        // ORDERING: Release pairs with the Acquire of `state`: who sees DONE sees the results, the report and the
        // position, and may write over the head and the bytes that were read before.
        self.word.store(self.is(DONE), Ordering::Release);
    }

    /// By the parent: QUEUED to REVOKED. `false`: it is in another state.
    #[must_use]
    pub(crate) fn revoke(&self) -> bool {
        // ORDERING: Relaxed: nothing is published by it, and the caller looks at the state after a failure.
        let revoked =
            self.word.compare_exchange(self.is(QUEUED), self.is(REVOKED), Ordering::Relaxed, Ordering::Relaxed);
        revoked.is_ok()
    }

    /// By the parent. `Err`: a word that is none of this lap's states.
    pub(crate) fn state(&self) -> Result<SlotState, u64> {
        // ORDERING: Acquire pairs with `begin` and `end`.
        let word = self.word.load(Ordering::Acquire);
        match word {
            word if word == self.is(QUEUED) => Ok(SlotState::Queued),
            word if word == self.is(RUNNING) => Ok(SlotState::Running),
            word if word == self.is(DONE) => Ok(SlotState::Done),
            word if word == self.is(REVOKED) => Ok(SlotState::Revoked),
            word => Err(word),
        }
    }
}
