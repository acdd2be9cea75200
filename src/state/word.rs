//! The state word of a task at one moment, and the answers of its transitions. What the bits mean, and what may follow
//! what, is in `state/lifecycle.rs`.

use std::fmt;

pub(super) const PHASE: usize = 0b111;
pub(super) const PENDING: usize = 0;
pub(super) const HANDED: usize = 1;
pub(super) const RUNNING: usize = 2;
pub(super) const DONE: usize = 3;
pub(super) const CANCELLED: usize = 4;

pub(super) const FAILED: usize = 1 << 3;
pub(super) const LOCKED: usize = 1 << 4;
pub(super) const WAITERS: usize = 1 << 5;
pub(super) const ACCESS: usize = 1 << 6;
pub(super) const TAKEN: usize = 1 << 7;
pub(super) const DETACHED: usize = 1 << 8;
pub(super) const CANCEL_REQUESTED: usize = 1 << 9;
pub(super) const FORWARDED: usize = 1 << 10;
pub(super) const ENCODED: usize = 1 << 11;

/// One reference; the bits above it are the count.
pub(super) const REF: usize = 1 << 12;

/// The word at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(pub(super) usize);

/// In which phase a cell is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Birth {
    /// With a job, for an executor.
    Pending,
    /// Waiting for another cell.
    Handed,
    /// With a value.
    Value,
    /// With an error.
    Error,
}

/// What a task that has run to its end leaves in the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Value,
    Error,
    /// The value, or the error, as bytes.
    Encoded,
}

impl Ending {
    pub(crate) fn of(failed: bool) -> Self {
        if failed { Ending::Error } else { Ending::Value }
    }

    pub(super) fn word(self) -> usize {
        match self {
            Ending::Value => DONE,
            Ending::Error => DONE | FAILED,
            Ending::Encoded => DONE | ENCODED,
        }
    }
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// The caller is the runner and owns the slot.
    Begun,
    /// Somebody else was first, or it was cancelled; only the caller's reference is left to give back.
    Gone,
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// Nobody had to be told; the reference is given back and the cell must not be touched again.
    Finished,
    /// There are waiters, or somebody is changing the list: finish under the lock.
    Waiters,
    /// The future is gone: the outcome belongs to the caller.
    Detached,
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// The caller cancelled it, holds the lock and owns the job.
    Won,
    /// It was cancelled before.
    Already,
    /// It has begun or ended, or belongs to another cell.
    Refused,
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// The value is the caller's to move out.
    Value,
    /// There is an error in the slot, to be cloned.
    Error,
    /// The value is there as bytes, to be decoded first.
    Encoded,
    Cancelled,
    /// Somebody took the value before.
    Gone,
    /// Callbacks are reading the value.
    Busy,
    /// No outcome yet.
    Pending,
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Borrow {
    /// The caller holds `ACCESS`.
    Held,
    /// Somebody else holds it.
    Busy,
    /// No outcome yet.
    Pending,
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// `ACCESS` is given back.
    Released,
    /// The same, and the future went away meanwhile: the value is the caller's to drop.
    Orphaned,
    /// More waiters came; `ACCESS` is still held.
    Waiters,
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detach {
    /// The reference is given back; others remain.
    Released,
    /// The value is the caller's to drop, and its reference to give back afterwards.
    OwnsValue,
    /// It was the last reference; the cell is the caller's. Whether its value is still in the slot stands in the word.
    Last,
}

impl Snapshot {
    pub(super) fn phase(self) -> usize {
        self.0 & PHASE
    }

    #[inline]
    pub(super) fn has(self, flag: usize) -> bool {
        self.0 & flag != 0
    }

    pub(crate) fn is_pending(self) -> bool {
        self.phase() == PENDING
    }

    pub(crate) fn is_handed(self) -> bool {
        self.phase() == HANDED
    }

    pub(crate) fn is_running(self) -> bool {
        self.phase() == RUNNING
    }

    pub(crate) fn is_terminal(self) -> bool {
        self.phase() >= DONE
    }

    pub(crate) fn is_cancelled(self) -> bool {
        self.phase() == CANCELLED
    }

    /// Terminal, and nobody is reading the outcome by reference.
    pub(crate) fn is_settled(self) -> bool {
        self.is_terminal() && !self.has(ACCESS)
    }

    pub(crate) fn has_waiters(self) -> bool {
        self.has(WAITERS)
    }

    pub(crate) fn is_taken(self) -> bool {
        self.has(TAKEN)
    }

    #[inline]
    pub(crate) fn is_cancel_requested(self) -> bool {
        self.has(CANCEL_REQUESTED)
    }

    pub(crate) fn is_forwarded(self) -> bool {
        self.has(FORWARDED)
    }

    pub(crate) fn is_detached(self) -> bool {
        self.has(DETACHED)
    }

    /// The value is in the slot as bytes.
    pub(crate) fn is_encoded(self) -> bool {
        self.has(ENCODED)
    }

    /// There is a value in the slot, maybe as bytes, that nobody has moved out.
    pub(crate) fn holds_value(self) -> bool {
        self.phase() == DONE && !self.has(FAILED) && !self.has(TAKEN)
    }

    /// There is an error in the slot.
    pub(crate) fn holds_error(self) -> bool {
        self.phase() == DONE && self.has(FAILED)
    }

    pub(super) fn references(self) -> usize {
        self.0 / REF
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.phase() {
            PENDING => "pending",
            HANDED => "handed",
            RUNNING => "running",
            DONE => "finished",
            _ => "cancelled",
        })
    }
}
