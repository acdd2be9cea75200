//! How the parent reads a task's results from the board, where every length is a claim.

use super::{Damage, Medium, Ring, Ticket};
use crate::state::ring::{Reported, words_for};

const WORD: usize = size_of::<u64>();

/// What a task came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TaskBytes {
    Here(Vec<u8>),
    /// In what the worker has sent under this number.
    Sent {
        serial: u32,
        length: u64,
    },
}

/// How many items of a task were taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Items {
    /// Their results were in the ring.
    pub(crate) here: u32,
    /// Those of the ones after these are in the task's spill.
    pub(crate) spilled: u32,
    /// The number under which the spill was sent, if any are.
    pub(crate) serial: u32,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// How many items have ended. Their results can be taken.
    pub(crate) ended: u32,
    /// One more has been begun.
    pub(crate) under_way: bool,
}

/// How far the parent has read the results of one task.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    /// Items that were read.
    items: u32,
    /// Bytes of items that were read.
    bytes: u32,
    /// The word in which the next one begins, behind as many bytes as there are more than whole words; not known before the
    /// first look.
    place: Option<u64>,
}

/// The results of one task that is RUNNING or DONE.
pub(super) struct Results<'r, M> {
    pub(super) ring: &'r Ring<M>,
    pub(super) ticket: Ticket,
    /// How many items the task has.
    pub(super) items: u32,
    /// Up to where results were given back to the worker.
    pub(super) freed: u64,
}

impl<M: Medium> Results<'_, M> {
    fn damage<T>(&self, what: &'static str, found: u64) -> Result<T, Damage> {
        Err(Damage::at(self.ticket, what, found))
    }

    pub(super) fn progress(&self) -> Result<Progress, Damage> {
        self.reported().map(|now| Progress { ended: now.ended, under_way: now.under_way })
    }

    fn reported(&self) -> Result<Reported, Damage> {
        let now = self.ring.report(self.ticket).reported();
        if now.ended > self.items {
            return self.damage("the number of ended items", u64::from(now.ended));
        }
        Ok(now)
    }

    pub(super) fn began(&self) -> u64 {
        self.ring.report(self.ticket).began()
    }

    /// Where the next result begins, within what the arena can hold.
    fn place(&self, cursor: &Cursor) -> Result<u64, Damage> {
        let place = cursor.place.unwrap_or_else(|| self.ring.report(self.ticket).start());
        match place.checked_sub(self.freed) {
            Some(ahead) if ahead <= self.ring.results().words() => Ok(place),
            _ => self.damage("the place of the results", place),
        }
    }

    /// The bytes of items that were not read: the word in which they begin, how many bytes before them are in that word,
    /// how many they are, and the word behind them.
    fn unread(&self, cursor: &Cursor, now: Reported) -> Result<(u64, usize, usize, u64), Damage> {
        let place = self.place(cursor)?;
        let skip = cursor.bytes as usize % WORD;
        let Some(fresh) = now.bytes.checked_sub(cursor.bytes) else {
            return self.damage("the bytes of ended items", u64::from(now.bytes));
        };
        let (end, length) = self.end(place, u64::from(fresh) + skip as u64)?;
        Ok((place, skip, length - skip, end))
    }

    /// Where what begins at `place` ends, if it has so many bytes.
    fn end(&self, place: u64, length: u64) -> Result<(u64, usize), Damage> {
        let arena = self.ring.results();
        let bytes = usize::try_from(length).ok().filter(|bytes| *bytes <= arena.bytes());
        let end = bytes.and_then(|bytes| Some((place.checked_add(words_for(bytes))?, bytes)));
        match end {
            Some((end, bytes)) if end.wrapping_sub(self.freed) <= arena.words() => Ok((end, bytes)),
            _ => self.damage("the length of a result", length),
        }
    }

    /// The next items that have ended and were not read. The results that are here are added to `bytes`, one after the
    /// other.
    pub(super) fn next_items(&self, cursor: &mut Cursor, bytes: &mut Vec<u8>) -> Result<Items, Damage> {
        let first = cursor.items;
        let now = self.reported()?;
        let end = now.ended;
        let spill = self.ring.report(self.ticket).spilled();
        let end_here = spill.map_or(end, |spill| spill.first.min(end)).max(first);
        if first < end_here {
            let (place, skip, length, _) = self.unread(cursor, now)?;
            self.ring.results().read(place, skip, length, bytes);
            cursor.place = Some(place + ((skip + length) / WORD) as u64);
            cursor.bytes = now.bytes;
        }
        cursor.items = end.max(first);
        let serial = spill.map_or(0, |spill| spill.serial);
        Ok(Items { here: end_here - first, spilled: cursor.items - end_here, serial })
    }

    /// The final result, and where all of the task's results end. Items that were not read are passed over.
    pub(super) fn finish(&self, cursor: &Cursor) -> Result<(TaskBytes, u64), Damage> {
        let (.., place) = self.unread(cursor, self.reported()?)?;
        let (serial, length) = self.ring.report(self.ticket).finished();
        if serial == 0 {
            let (end, length) = self.end(place, length)?;
            let mut bytes = Vec::new();
            self.ring.results().read(place, 0, length, &mut bytes);
            return Ok((TaskBytes::Here(bytes), end));
        }
        match u32::try_from(serial) {
            Ok(serial) => Ok((TaskBytes::Sent { serial, length }, place)),
            Err(_) => self.damage("the number of a sent result", serial),
        }
    }
}

impl Cursor {
    /// The word in which the oldest result begins that was not read, if any was.
    pub(super) fn read_up_to(&self) -> Option<u64> {
        self.place
    }

    /// All of it was read, or is not wanted.
    pub(super) fn pass_to(&mut self, end: u64) {
        self.place = Some(end);
    }
}
