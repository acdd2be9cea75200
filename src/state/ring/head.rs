//! The head of a slot: what the parent says of the task there. The worker cannot write it.

use super::read_only;
use crate::sync::{AtomicU64, Ordering};

/// What a task is, beside its bytes. The ring carries this and looks at none of it but `items`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// What is to be run.
    pub(crate) entry: u64,
    /// Under which number the bytes were sent that are not in the ring; 0 if they are.
    pub(crate) serial: u32,
    /// 1 for a plain task, n for a chunk of a map.
    pub(crate) items: u32,
    /// How many items of the chunk are not to be run, because their results are known already.
    pub(crate) skip: u32,
    pub(crate) flags: u32,
}

/// The words of a slot that only the parent writes: [`WORDS`](Self::WORDS) of them.
#[derive(Clone, Copy)]
pub(crate) struct HeadWords<'m>(pub(crate) &'m [AtomicU64]);

impl HeadWords<'_> {
    pub(crate) const WORDS: usize = 6;

    fn entry(&self) -> &AtomicU64 {
        &self.0[0]
    }

    fn serial_and_items(&self) -> &AtomicU64 {
        &self.0[1]
    }

    fn skip_and_flags(&self) -> &AtomicU64 {
        &self.0[2]
    }

    fn place(&self) -> &AtomicU64 {
        &self.0[3]
    }

    fn length(&self) -> &AtomicU64 {
        &self.0[4]
    }

    fn cancel(&self) -> &AtomicU64 {
        &self.0[5]
    }

    /// By the parent, before the slot is QUEUED.
    pub(crate) fn write(&self, head: Head, place: u64, length: usize) {
        let values = [
            (self.entry(), head.entry),
            (self.serial_and_items(), join(head.serial, head.items)),
            (self.skip_and_flags(), join(head.skip, head.flags)),
            (self.place(), place),
            (self.length(), length as u64),
        ];
        for (word, value) in values {
            // ORDERING: Relaxed: the slot's word, written next, publishes them.
            word.store(value, Ordering::Relaxed);
        }
    }

    /// By the worker, once it has begun the slot: the head, and place and length of the bytes.
    pub(crate) fn read(&self) -> (Head, u64, u64) {
        // ORDERING: Relaxed: `begin` has acquired what the parent published.
        let read = |word: &AtomicU64| word.load(Ordering::Relaxed);
        let (serial, items) = split(read(self.serial_and_items()));
        let (skip, flags) = split(read(self.skip_and_flags()));
        (Head { entry: read(self.entry()), serial, items, skip, flags }, read(self.place()), read(self.length()))
    }

    /// By the parent: the task of this lap should stop.
    pub(crate) fn request_cancel(&self, lap: u64) {
        // ORDERING: Release, so that whoever asked may have said why before; pairs with `cancel_requested`.
        self.cancel().store(lap + 1, Ordering::Release);
    }

    /// By the worker.
    pub(crate) fn cancel_requested(&self, lap: u64) -> bool {
        read_only(self.cancel()) == lap + 1
    }
}

pub(super) fn join(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

pub(super) fn split(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}
