//! Where in the two pieces of memory each word of a ring stands.

use super::Damage;
use crate::state::ring::{HeadWords, Report};

/// The place of a task in the order in which tasks are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(pub(super) u64);

impl Ticket {
    /// 0, 1, 2 .. in the order in which they were handed out.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// How large a ring is to be. Each is rounded up to a power of two, within limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// How many tasks can be handed out at once.
    pub(crate) slots: usize,
    /// Bytes of tasks that are handed out.
    pub(crate) jobs: usize,
    /// Bytes of results that were not taken yet.
    pub(crate) results: usize,
}

impl Default for Sizes {
    /// So many bytes that two of the longest automatic chunks of a map of numbers have room, before and after: what has no
    /// room costs a system call an item. Memory that is not used is not there.
    fn default() -> Self {
        Sizes { slots: 256, jobs: 512 << 10, results: 512 << 10 }
    }
}

const WORD: usize = size_of::<u64>();
const MOST_SLOTS: usize = 1 << 16;
const MOST_ARENA_WORDS: usize = 1 << 27;

/// Says that this is a ring, of this version.
const MAGIC: u64 = u64::from_be_bytes(*b"cf-ring1");
/// Words that are written at different times by different sides are so many words apart: two cache lines, which
/// processors fetch in pairs.
const APART: usize = 16;
/// The words of a slot on either piece are within one cache line.
const SLOT: usize = 8;
const _: () = assert!(HeadWords::WORDS <= SLOT && Report::WORDS < SLOT);

/// The measures of a ring, and with them the place of every word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    slots: usize,
    job_words: usize,
    result_words: usize,
}

impl Layout {
    pub(crate) fn new(sizes: Sizes) -> Self {
        let words = |bytes: usize| bytes.div_ceil(WORD).clamp(1, MOST_ARENA_WORDS).next_power_of_two();
        Layout {
            slots: sizes.slots.clamp(1, MOST_SLOTS).next_power_of_two(),
            job_words: words(sizes.jobs),
            result_words: words(sizes.results),
        }
    }

    /// The words with which the jobs begin.
    pub(super) fn describe(self) -> [u64; 4] {
        [MAGIC, self.slots as u64, self.job_words as u64, self.result_words as u64]
    }

    /// The layout that somebody described.
    pub(super) fn described(words: [u64; 4]) -> Result<Self, Damage> {
        let [magic, slots, job_words, result_words] = words;
        if magic != MAGIC {
            return Err(Damage::of("the mark at its start", magic));
        }
        let measure = |what, found: u64, most: usize| {
            let measure = usize::try_from(found).ok().filter(|measure| *measure <= most && measure.is_power_of_two());
            measure.ok_or(Damage::of(what, found))
        };
        Ok(Layout {
            slots: measure("the number of slots", slots, MOST_SLOTS)?,
            job_words: measure("the room for tasks", job_words, MOST_ARENA_WORDS)?,
            result_words: measure("the room for results", result_words, MOST_ARENA_WORDS)?,
        })
    }

    pub(super) fn slots(self) -> usize {
        self.slots
    }

    pub(super) fn slot(self, ticket: Ticket) -> usize {
        (ticket.0 & (self.slots as u64 - 1)) as usize
    }

    pub(super) fn lap(self, ticket: Ticket) -> u64 {
        ticket.0 >> self.slots.trailing_zeros()
    }

    // ---------------------------------------------------------------------------- jobs

    pub(super) const FREED: usize = APART;
    pub(super) const CLOSED: usize = APART + 1;
    const HEADS: usize = 2 * APART;

    pub(super) fn head(self, ticket: Ticket) -> std::ops::Range<usize> {
        let at = Self::HEADS + SLOT * self.slot(ticket);
        at..at + HeadWords::WORDS
    }

    pub(super) fn job_arena(self) -> std::ops::Range<usize> {
        let at = Self::HEADS + SLOT * self.slots;
        at..at + self.job_words
    }

    /// How many words the jobs are.
    pub(crate) fn jobs(self) -> usize {
        self.job_arena().end
    }

    // ---------------------------------------------------------------------------- board

    pub(super) const POSITION: usize = 0;
    pub(crate) const WORKER_SLEEP: usize = APART;
    pub(super) const PARENT_SLEEP: usize = 2 * APART;
    const STATES: usize = 3 * APART;

    pub(super) fn state(self, ticket: Ticket) -> usize {
        Self::STATES + SLOT * self.slot(ticket)
    }

    pub(super) fn report(self, ticket: Ticket) -> std::ops::Range<usize> {
        let at = self.state(ticket) + 1;
        at..at + Report::WORDS
    }

    pub(super) fn result_arena(self) -> std::ops::Range<usize> {
        let at = Self::STATES + SLOT * self.slots;
        at..at + self.result_words
    }

    /// How many words the board is.
    pub(crate) fn board(self) -> usize {
        self.result_arena().end
    }
}
