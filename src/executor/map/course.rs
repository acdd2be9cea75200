//! How far a map has come; and handing out what nothing stands before.
//!
//! Each `next` of a map may have to pull inputs, to look at the clock, to wait. But between two chunks there is most often
//! nothing to be done but to move a value out, and then that is all that is done: after it has filled the window, a `next`
//! says how many values that goes for, and what they change in the counts is made up for later.

use super::chunk::ChunkResults;
use super::flight::Flight;
use crate::error::TaskError;
use crate::sync::{Deadline, Payload};
use std::collections::VecDeque;

/// How far a map has come.
pub(super) struct Course<'e, R> {
    /// `None` until the first pull.
    pub(super) deadline: Option<Deadline>,
    pub(super) flight: Flight<'e, R>,
    pub(super) current: ChunkResults<R>,
    /// So many values of `current` may be handed out before anything else has to be looked at.
    at_once: usize,
    /// What `at_once` was at first: what was handed out since is not yet counted elsewhere.
    at_once_before: usize,
    /// Items in the flight and in `current`.
    pub(super) ahead: usize,
    pub(super) handed_out: usize,
    /// The next chunk's size, where it is automatic.
    pub(super) automatic: usize,
    /// What the input's panic left; the next `next` passes it on.
    pub(super) panicked: Option<Payload>,
    /// The time was found to be up; and there was more to come.
    pub(super) expired: bool,
    pub(super) cut_short: bool,
    pub(super) ended: bool,
}

impl<R> Course<'_, R> {
    /// Nothing was pulled yet.
    pub(super) fn new() -> Self {
        Course {
            deadline: None,
            flight: Flight::Ordered(VecDeque::new()),
            current: ChunkResults::empty(),
            at_once: 0,
            at_once_before: 0,
            ahead: 0,
            handed_out: 0,
            automatic: 1,
            panicked: None,
            expired: false,
            cut_short: false,
            ended: false,
        }
    }

    /// What was handed out at once and is not counted yet.
    pub(super) fn uncounted(&self) -> usize {
        self.at_once_before - self.at_once
    }

    pub(super) fn count_out(&mut self, items: usize) {
        self.ahead -= items;
        self.handed_out += items;
    }

    /// Counts what was handed out at once.
    pub(super) fn settle(&mut self) {
        let items = self.uncounted();
        self.count_out(items);
        self.current.pass(items);
        (self.at_once, self.at_once_before) = (0, 0);
    }

    /// The next result, where that is all there is to do: most often it is, and an item may cost next to nothing.
    #[inline]
    pub(super) fn next_at_once(&mut self) -> Option<Result<R, TaskError>> {
        let left = self.at_once.checked_sub(1)?;
        let value = self.current.next_value()?;
        self.at_once = left;
        Some(Ok(value))
    }

    /// So many values at most may be handed out before anything else has to be looked at.
    pub(super) fn foresee(&mut self, most: usize) {
        self.at_once_before = most.min(self.current.values_ahead());
        self.at_once = self.at_once_before;
    }
}
