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
            // ORDERING: Relaxed: what is published after the bytes (a slot's state, a count of items) carries them.
            word.store(value_of(bytes).to_le(), Ordering::Relaxed);
        };
        // In this order: who comes first in a `zip` loses one where the other has ended.
        whole.zip(words.by_ref()).for_each(|(bytes, word)| store(word, bytes));
        words.for_each(|word| store(word, rest));
    }

    /// Writes bytes behind those that end at `tail`, which is where they end then.
    ///
    /// The word there is stored once more, with the same bytes and others behind them; so who reads it sees what it was
    /// told of, whichever of the two it finds.
    pub(crate) fn append(self, tail: &mut Tail, bytes: &[u8]) {
        let Tail { mut place, bytes: written, value: mut open } = *tail;
        let shift = written * 8;
        // In two steps, because a shift by a whole word is none.
        let rest_of = |value: u64| (value >> (u64::BITS - 1 - shift)) >> 1;
        let whole = bytes.chunks_exact(WORD);
        let rest = whole.remainder();
        for chunk in whole {
            let value = value_of(chunk);
            self.store(place, open | value << shift);
            place += 1;
            open = rest_of(value);
        }
        let value = value_of(rest);
        let mut end = written as usize + rest.len();
        open |= value << shift;
        if end >= WORD {
            self.store(place, open);
            place += 1;
            open = rest_of(value);
            end -= WORD;
        }
        if end > 0 {
            self.store(place, open);
        }
        // One by one: what is stored in parts and loaded as one has to wait.
        tail.place = place;
        tail.bytes = end as u32;
        tail.value = open;
    }

    fn store(self, place: u64, value: u64) {
        if let Some(word) = self.0.get(place as usize & self.0.len().wrapping_sub(1)) {
            // ORDERING: Relaxed, as in `write`.
            word.store(value.to_le(), Ordering::Relaxed);
        }
    }

    /// Adds the `length` bytes from a place on to `bytes`, but for the first `skip` of the word there, of which the length
    /// does not count.
    pub(crate) fn read(self, place: u64, skip: usize, length: usize, bytes: &mut Vec<u8>) {
        let (skip, start) = (skip.min(WORD), bytes.len());
        let length = length.min(self.bytes().saturating_sub(skip));
        let words = words_for(skip + length);
        bytes.resize(start + words as usize * WORD, 0);
        for (bytes, word) in bytes[start..].chunks_exact_mut(WORD).zip(self.from(place, words)) {
            // ORDERING: Relaxed: whoever reads has acquired what was published after the bytes.
            bytes.copy_from_slice(&u64::from_le(word.load(Ordering::Relaxed)).to_le_bytes());
        }
        bytes.truncate(start + skip + length);
        bytes.drain(start..start + skip);
    }
}

/// Where bytes end that are written piece by piece.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tail {
    /// The word that the next byte goes to.
    pub(crate) place: u64,
    /// How many bytes of that word are written, fewer than all, and which: the lowest ones of the value.
    pub(crate) bytes: u32,
    pub(crate) value: u64,
}

/// Up to eight bytes as a number whose lowest byte is the first.
fn value_of(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        // Not by a copy into a word: what is stored in parts and loaded as one has to wait.
        None => bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)),
    }
}
