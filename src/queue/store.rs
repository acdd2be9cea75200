//! What is in a queue, and in which order it leaves: nothing here waits.
//!
//! Somebody who is about to sleep asks once more with `sleeping`, and holds the lock of the line that it will stand in.
//! A refusal then leaves a mark in the store, in the same step: whoever makes the refusal untrue, by the opposite
//! operation, finds the mark and is told to wake somebody. So no fence is needed, and where nobody sleeps
//! nobody looks for sleepers.

use super::accounts::Accounts;
use crate::sync::Payload;

/// What was done, and whether somebody on the other side may sleep for it.
pub(super) struct Done<R> {
    pub(super) value: R,
    pub(super) wake: bool,
}

/// Why an item was not taken in; it comes back.
pub(super) enum NotPut<T> {
    Full(T),
    Closed(T),
    /// The item's own code did; nothing has changed.
    Panicked(T, Payload),
}

/// Why there is no item.
pub(super) enum NotGot {
    Empty,
    /// Empty, and for ever.
    Closed,
    /// The items' own code did; nothing has changed.
    Panicked(Payload),
}

pub(super) trait Store {
    type Item;

    fn put(&self, item: Self::Item, sleeping: bool) -> Result<Done<()>, NotPut<Self::Item>>;

    fn get(&self, sleeping: bool) -> Result<Done<Self::Item>, NotGot>;

    /// Whether a get is worth an attempt. Asked again and again by who waits a moment, so it should disturb nobody, and may
    /// be wrong now and then.
    fn may_get(&self) -> bool {
        self.len() > 0
    }

    /// Whether a put is worth an attempt, as above. Only if there is room for a good many, where so many may be in it:
    /// those on the two sides would be in each other's way with each single item.
    fn may_put(&self) -> bool {
        self.bound().is_none_or(|bound| self.len() as u64 <= spare(bound))
    }

    /// Takes the mark away. The caller holds the getters' lock, and nobody is in their line.
    fn forget_getters(&self);

    /// Takes the mark away. The caller holds the putters' lock, and nobody is in their line.
    fn forget_putters(&self);

    /// Lets nothing in any more. With `empty` it is empty from this very moment, and what was in it is given back.
    fn close(&self, empty: bool) -> Vec<Self::Item>;

    fn is_closed(&self) -> bool;

    fn len(&self) -> usize;

    /// `None`: whatever there is memory for.
    fn bound(&self) -> Option<usize>;

    fn accounts(&self) -> &Accounts;
}

/// A bound in the unit of the counts.
pub(super) fn limit(bound: Option<usize>) -> u64 {
    bound.map_or(u64::MAX, |bound| bound as u64)
}

/// How much room there should be under this bound.
pub(super) fn batch(bound: u64) -> u64 {
    // In the time that somebody waits before sleeping so many are got.
    bound.div_ceil(2).min(32)
}

/// How many may be in it at most, so that there is room for a batch.
pub(super) fn spare(bound: usize) -> u64 {
    bound as u64 - batch(bound as u64)
}
