//! A task that a pool has accepted, until it ends: in the queue, or handed to a worker, or in the queue once more.

use super::worker::INLINE;
use crate::error::TaskError;
use crate::memfd::Sealed;
use crate::process::code::CodeTable;
use crate::process::envelope;
use crate::task::{Packed, Runner};
use crate::wire::{Encoded, Frames, Parcel, Segment};
use std::collections::HashMap;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// See the [module](self). It goes from one list to the next, so it is small.
pub(in crate::process) struct Parked(Box<Record>);

/// The parent's own record is the truth about a task, whatever stands in the ring.
pub(in crate::process) struct Record {
    pub(in crate::process) packed: Packed,
    /// Its place in the order in which tasks were submitted.
    pub(in crate::process) sequence: u64,
    bytes: Bytes,
    /// Somebody copies them to where a worker can be sent them.
    is_being_sealed: bool,
    /// What the arguments need.
    beside: Vec<Arc<OwnedFd>>,
    items: usize,
    /// How many items have had their turn.
    first: usize,
    segments: Vec<Segment>,
    elapsed: Duration,
    came_beside: HashMap<(usize, u32), Vec<OwnedFd>>,
    /// How long it may run.
    pub(in crate::process) limit: Option<Duration>,
    /// How often it may be run again after the death of its worker.
    pub(in crate::process) retries: u32,
    /// The only place where it may be run.
    pub(in crate::process) only: Option<usize>,
    /// How often the system has refused what it takes to hand it out.
    pub(in crate::process) attempts: u32,
}

/// A task's envelope.
enum Bytes {
    /// For the ring.
    Small(Vec<u8>),
    /// Too much for the ring; shared with whoever copies it to where a worker can be sent it.
    Large(Arc<[Vec<u8>; 2]>),
    Sealed(Sealed),
}

/// What is to be [sealed](Parked::is_being_sealed) outside of the pool's lock.
pub(in crate::process) struct ToSeal {
    pub(in crate::process) sequence: u64,
    pieces: Arc<[Vec<u8>; 2]>,
}

impl ToSeal {
    pub(in crate::process) fn length(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    /// Copies the bytes to where a worker can be sent them.
    ///
    /// # Errors
    /// The system's.
    pub(in crate::process) fn seal(&self) -> io::Result<Sealed> {
        Sealed::copy_of(&[&self.pieces[0], &self.pieces[1]])?.ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

impl Deref for Parked {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.0
    }
}

impl DerefMut for Parked {
    fn deref_mut(&mut self) -> &mut Record {
        &mut self.0
    }
}

impl Parked {
    /// # Errors
    /// The task back, with why it cannot travel.
    pub(in crate::process) fn new(
        packed: Packed,
        parcel: Parcel,
        beside: Vec<Arc<OwnedFd>>,
        code: &CodeTable,
    ) -> Result<Self, (Packed, TaskError)> {
        let name = packed.name().map(str::to_owned);
        let (limit, retries) = (packed.run_limit(), packed.retries());
        let items = parcel.items;
        match envelope::seal(parcel, name.as_deref(), code) {
            Ok([mut head, payload]) => Ok(Parked(Box::new(Record {
                packed,
                sequence: 0,
                bytes: if head.len() + payload.len() <= INLINE {
                    head.extend_from_slice(&payload);
                    Bytes::Small(head)
                } else {
                    Bytes::Large(Arc::new([head, payload]))
                },
                is_being_sealed: false,
                beside,
                items,
                first: 0,
                segments: Vec::new(),
                elapsed: Duration::ZERO,
                came_beside: HashMap::new(),
                limit,
                retries,
                only: None,
                attempts: 0,
            }))),
            Err(why) => Err((packed, TaskError::Codec(why.into()))),
        }
    }

    /// What goes through the ring; `None`: it is too much for that.
    pub(in crate::process) fn small_bytes(&self) -> Option<&[u8]> {
        match &self.bytes {
            Bytes::Small(bytes) => Some(bytes),
            Bytes::Large(_) | Bytes::Sealed(_) => None,
        }
    }

    /// What somebody has to seal before it can be handed out.
    pub(in crate::process) fn to_seal(&self) -> Option<ToSeal> {
        match &self.bytes {
            Bytes::Large(pieces) => Some(ToSeal { sequence: self.sequence, pieces: Arc::clone(pieces) }),
            Bytes::Small(_) | Bytes::Sealed(_) => None,
        }
    }

    /// The same, for the caller to do; until then it cannot be handed out.
    pub(in crate::process) fn give_to_seal(&mut self) -> Option<ToSeal> {
        let to_seal = self.to_seal();
        self.is_being_sealed |= to_seal.is_some();
        to_seal
    }

    /// Somebody has been given it to [seal](Self::give_to_seal), and is at it.
    pub(in crate::process) fn is_being_sealed(&self) -> bool {
        self.is_being_sealed
    }

    /// What came of that: it can be handed out from now on, or has to be tried again.
    pub(in crate::process) fn was_sealed(&mut self, sealed: Option<Sealed>) {
        self.is_being_sealed = false;
        if let Some(sealed) = sealed {
            self.bytes = Bytes::Sealed(sealed);
        }
    }

    pub(in crate::process) fn items(&self) -> usize {
        self.items
    }

    /// How many items have had their turn.
    pub(in crate::process) fn first(&self) -> usize {
        self.first
    }

    /// What is to be sent with it: the bytes first, if they do not go through the ring.
    pub(in crate::process) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let bytes = match &self.bytes {
            Bytes::Sealed(sealed) => Some(sealed.descriptor().as_fd()),
            Bytes::Small(_) | Bytes::Large(_) => None,
        };
        bytes.into_iter().chain(self.beside.iter().map(|beside| beside.as_fd())).collect()
    }

    /// Whether there will be any.
    pub(in crate::process) fn needs_descriptors(&self) -> bool {
        !self.beside.is_empty() || self.small_bytes().is_none()
    }

    /// Frames of items that have ended.
    pub(in crate::process) fn ended(&mut self, items: usize, frames: Frames) {
        self.first += items;
        self.segments.push(Segment::Frames(frames));
    }

    /// The next items have this error.
    pub(in crate::process) fn failed(&mut self, items: usize, error: TaskError) {
        self.first += items;
        self.segments.push(Segment::Failed(items, error));
    }

    fn failed_from_here(&mut self, error: TaskError) {
        let left = self.items - self.first;
        self.failed(left, error);
    }

    /// Descriptors that the frames need which come [next](Self::ended).
    pub(in crate::process) fn came_beside(&mut self, serial: u32, descriptors: Vec<OwnedFd>) {
        let segment = self.segments.len();
        self.came_beside.insert((segment, serial), descriptors);
    }

    pub(in crate::process) fn ran_for(&mut self, elapsed: Duration) {
        self.elapsed += elapsed;
    }

    /// What is left of it: the right to end it, and the duty.
    pub(in crate::process) fn into_packed(self) -> Packed {
        self.0.packed
    }

    /// Every item has had its turn.
    pub(in crate::process) fn is_complete(&self) -> bool {
        self.first >= self.items
    }

    /// Ends one that has begun, as cancelled; a chunk keeps what it has.
    pub(in crate::process) fn cut_off(mut self, runner: &impl Runner) {
        if self.items == 1 {
            self.into_packed().fail(TaskError::Cancelled, runner);
        } else {
            self.failed_from_here(TaskError::Cancelled);
            self.arrive(runner);
        }
    }

    /// Ends it as cancelled; a chunk keeps what it has.
    pub(in crate::process) fn cancel(mut self, runner: &impl Runner) {
        if self.first == 0 {
            self.into_packed().cancel(runner);
        } else {
            self.failed_from_here(TaskError::Cancelled);
            self.arrive(runner);
        }
    }

    pub(in crate::process) fn arrive(self, runner: &impl Runner) {
        let Record { packed, items, segments, elapsed, came_beside, .. } = *self.0;
        packed.arrived(Encoded { items, segments, elapsed, beside: came_beside }, runner);
    }
}
