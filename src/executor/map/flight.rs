//! The chunks of a map that are under way, in the order in which their results are handed out.

use super::runner::Pending;
use crate::task::{self, Sealed as _, WaitSet};
use std::collections::VecDeque;

/// A chunk and its number of items.
pub(super) struct Chunk<'e, R> {
    pub(super) pending: Box<dyn Pending<R> + 'e>,
    pub(super) items: usize,
}

impl<R> task::Sealed for Chunk<'_, R> {
    fn target(&self) -> task::Target<'_> {
        self.pending.target()
    }
}

/// Chunks that were submitted and not yet received.
pub(super) enum Flight<'e, R> {
    Ordered(VecDeque<Chunk<'e, R>>),
    Unordered(WaitSet<Chunk<'e, R>>),
}

impl<'e, R> Flight<'e, R> {
    pub(super) fn len(&self) -> usize {
        match self {
            Flight::Ordered(chunks) => chunks.len(),
            Flight::Unordered(chunks) => chunks.unfinished(),
        }
    }

    /// Whether a result of it could be handed out without waiting.
    pub(super) fn has_ready(&self) -> bool {
        match self {
            Flight::Ordered(chunks) => chunks.front().is_some_and(|chunk| chunk.target().0.snapshot().is_settled()),
            Flight::Unordered(chunks) => chunks.has_ready(),
        }
    }

    /// The last first: what is at the front may be running, and the rest should not follow it.
    pub(super) fn for_each_from_last(&self, f: impl FnMut(&Chunk<'e, R>)) {
        match self {
            Flight::Ordered(chunks) => chunks.iter().rev().for_each(f),
            Flight::Unordered(chunks) => chunks.rest().for_each(f),
        }
    }

    pub(super) fn push(&mut self, chunk: Chunk<'e, R>) {
        match self {
            Flight::Ordered(chunks) => chunks.push_back(chunk),
            Flight::Unordered(chunks) => chunks.push(chunk),
        }
    }
}

/// Whoever lets go of a map lets go of what has not begun.
impl<R> Drop for Flight<'_, R> {
    fn drop(&mut self) {
        self.for_each_from_last(|chunk| chunk.pending.stop());
    }
}
