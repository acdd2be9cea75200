//! An arena: a circle of words, in which bytes are written once, read once, and given back in order.
//!
//! Which part is free is for the two sides to know; here is how bytes get in and out. Every place is reduced to the
//! circle, and never more is touched than it holds, whatever the caller was told by the other side.

use crate::sync::{AtomicU64, Ordering};

const WORD: usize = size_of::<u64>();

/// How many words so many bytes take.
pub(crate) fn words_for(bytes: usize) -> u64 {
    bytes.div_ceil(WORD) as u64
}

/// The words of an arena; a power of two.
#[derive(Clone, Copy)]
pub(crate) struct Arena<'m>(pub(crate) &'m [AtomicU64]);

impl<'m> Arena<'m> {
    pub(crate) fn words(self) -> u64 {
        self.0.len() as u64
    }

    pub(crate) fn bytes(self) -> usize {
        self.0.len() * WORD
    }

    /// The words from a place on, in two pieces where the circle closes.
    fn from(self, place: u64, words: u64) -> impl Iterator<Item = &'m AtomicU64> {
        let length = self.0.len();
        let words = usize::try_from(words).map_or(length, |words| words.min(length));
        let (before, after) = self.0.split_at(place as usize & length.saturating_sub(1));
        let rest = words.saturating_sub(after.len());
        after[..words - rest].iter().chain(&before[..rest])
    }

    pub(crate) fn write(self, place: u64, bytes: &[u8]) {
        let mut words = self.from(place, words_for(bytes.len()));
        let whole = bytes.chunks_exact(WORD);
        let rest = whole.remainder();
        let store = |word: &AtomicU64, bytes: &[u8]| {
            let mut value = [0; WORD];
            value[..bytes.len()].copy_from_slice(bytes);
            // ORDERING: Relaxed: what is published after the bytes (a slot's state, a count of items) carries them.
            word.store(u64::from_ne_bytes(value), Ordering::Relaxed);
        };
        // In this order: who comes first in a `zip` loses one where the other has ended.
        whole.zip(words.by_ref()).for_each(|(bytes, word)| store(word, bytes));
        words.for_each(|word| store(word, rest));
    }

    /// Adds the `length` bytes from a place on to `bytes`.
    pub(crate) fn read(self, place: u64, length: usize, bytes: &mut Vec<u8>) {
        let length = length.min(self.bytes());
        let end = bytes.len() + length;
        bytes.reserve(length.next_multiple_of(WORD));
        for word in self.from(place, words_for(length)) {
            // ORDERING: Relaxed: whoever reads has acquired what was published after the bytes.
            bytes.extend_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        bytes.truncate(end);
    }

    /// One word, as it stands before an item's bytes.
    pub(crate) fn write_word(self, place: u64, value: u64) {
        // ORDERING: Relaxed, as in `write`.
        self.from(place, 1).for_each(|word| word.store(value, Ordering::Relaxed));
    }

    pub(crate) fn read_word(self, place: u64) -> u64 {
        // ORDERING: Relaxed, as in `read`.
        self.from(place, 1).next().map_or(0, |word| word.load(Ordering::Relaxed))
    }
}
