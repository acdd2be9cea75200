//! The report of a slot: what the worker says of the results of the task there.
//!
//! Results begin at a place in the arena of results that the worker has chosen. First come the bytes of the items that
//! have ended, one after the other with nothing between, so they have to tell by themselves where each ends; then, from
//! the next word on, the final result, whose length is in the report. An item that finds no room, and every later one of
//! the task, is in a file of the worker's own, which it has sent under a serial number (the **spill**); a final result
//! without room likewise, under a number of its own.
//!
//! How many items have ended, of how many bytes all of them together are, and whether another one was begun, is one
//! word. So at whatever step the worker dies, the three belong together.

use super::head::{join, split};
use crate::sync::{AtomicU64, Ordering};

/// The words of a slot that only the worker writes: [`WORDS`](Self::WORDS) of them. The parent reads them in RUNNING
/// and DONE only.
#[derive(Clone, Copy)]
pub(crate) struct Report<'m>(pub(crate) &'m [AtomicU64]);

/// Where items are that found no room in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spill {
    /// The number of the file.
    pub(crate) serial: u32,
    /// How many items come before those in the file.
    pub(crate) first: u32,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) ended: u32,
    /// How many bytes the ended items are that stand in the arena; at most [`MOST`](Self::MOST).
    pub(crate) bytes: u32,
    /// One more item has been begun.
    pub(crate) under_way: bool,
}

impl Reported {
    /// More bytes are not counted in one task; they go into its spill.
    pub(crate) const MOST: u32 = u32::MAX >> 1;

    fn to_word(self) -> u64 {
        join(self.ended, self.bytes << 1 | u32::from(self.under_way))
    }

    fn of_word(word: u64) -> Self {
        let (ended, rest) = split(word);
        Reported { ended, bytes: rest >> 1, under_way: rest & 1 != 0 }
    }
}

impl Report<'_> {
    pub(crate) const WORDS: usize = 6;

    fn start_word(&self) -> &AtomicU64 {
        &self.0[0]
    }

    fn progress_word(&self) -> &AtomicU64 {
        &self.0[1]
    }

    fn spill_word(&self) -> &AtomicU64 {
        &self.0[2]
    }

    fn length_word(&self) -> &AtomicU64 {
        &self.0[3]
    }

    fn serial_word(&self) -> &AtomicU64 {
        &self.0[4]
    }

    fn began_word(&self) -> &AtomicU64 {
        &self.0[5]
    }

    /// By the worker, before it begins the slot: nothing has ended, results will begin here, and this is the time.
    pub(crate) fn reset(&self, start: u64, now: u64) {
        let words =
            [(self.start_word(), start), (self.progress_word(), 0), (self.spill_word(), 0), (self.began_word(), now)];
        for (word, value) in words {
            // ORDERING: Relaxed: `begin` publishes them.
            word.store(value, Ordering::Relaxed);
        }
    }

    /// By the worker: so many items have ended, their results are written, and the next one is under way or not.
    pub(crate) fn progress(&self, now: Reported) {
        // ORDERING: Release pairs with `reported`: who sees the count sees the results of those items.
        self.progress_word().store(now.to_word(), Ordering::Release);
    }

    /// By the worker, before it counts the first item that is in the file.
    pub(crate) fn spill(&self, spill: Spill) {
        // ORDERING: Relaxed: `progress` publishes it.
        self.spill_word().store(join(spill.serial, spill.first), Ordering::Relaxed);
    }

    /// By the worker, before DONE: the final result has so many bytes, here (serial 0) or elsewhere.
    pub(crate) fn finish(&self, serial: u32, length: u64) {
        // ORDERING: Relaxed: `end` publishes both.
        self.length_word().store(length, Ordering::Relaxed);
        // ORDERING: as above.
        self.serial_word().store(u64::from(serial), Ordering::Relaxed);
    }

    pub(crate) fn start(&self) -> u64 {
        // ORDERING: Relaxed: whoever sees RUNNING or DONE has acquired it.
        self.start_word().load(Ordering::Relaxed)
    }

    /// When the task was begun, on the clock of both sides.
    pub(crate) fn began(&self) -> u64 {
        // ORDERING: Relaxed: whoever sees RUNNING or DONE has acquired it.
        self.began_word().load(Ordering::Relaxed)
    }

    pub(crate) fn reported(&self) -> Reported {
        // ORDERING: Acquire pairs with `progress`.
        Reported::of_word(self.progress_word().load(Ordering::Acquire))
    }

    /// After [`reported`](Self::reported).
    pub(crate) fn spilled(&self) -> Option<Spill> {
        // ORDERING: Relaxed: `reported` has acquired it, if an item was counted that is in the file.
        let (serial, first) = split(self.spill_word().load(Ordering::Relaxed));
        (serial != 0).then_some(Spill { serial, first })
    }

    /// In DONE: serial and length of the final result.
    pub(crate) fn finished(&self) -> (u64, u64) {
        // ORDERING: Relaxed: DONE was acquired.
        (self.serial_word().load(Ordering::Relaxed), self.length_word().load(Ordering::Relaxed))
    }
}
