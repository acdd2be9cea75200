//! A task that a pool has accepted, until it ends: in the queue, or handed to a worker, or in the queue once more.

use super::worker::INLINE;
use crate::error::TaskError;
use crate::memfd::Sealed;
use crate::process::code::CodeTable;
use crate::process::envelope;
use crate::task::{Packed, Runner};
use crate::wire::{Beside, Frames, Parcel, Segment, Whole};
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
    /// What the arguments need.
    beside: Box<[Arc<OwnedFd>]>,
    items: u32,
    /// How many items have had their turn.
    first: u32,
    segments: Vec<Segment>,
    /// So many nanoseconds.
    elapsed: u64,
    came_beside: Beside,
    /// How often it may be run again after the death of its worker.
    pub(in crate::process) retries: u32,
    /// The only place where it may be run.
    only: Option<u32>,
    /// How often the system has refused what it takes to hand it out.
    pub(in crate::process) attempts: u8,
    /// Somebody copies the bytes to where a worker can be sent them.
    is_being_sealed: bool,
}

// What is no larger the system's allocator keeps at hand.
const _: () = assert!(size_of::<Record>() <= 120);

/// A task's envelope.
enum Bytes {
    /// For the ring.
    Small(Vec<u8>),
    /// Too much for the ring; shared with whoever copies it to where a worker can be sent it.
    Large(Arc<[Vec<u8>; 2]>),
    Sealed(Box<Sealed>),
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
        let retries = packed.retries();
        let Ok(items) = u32::try_from(parcel.items) else {
            let why = format!("a chunk of {} items: one can have {} at most", parcel.items, u32::MAX);
            return Err((packed, TaskError::Codec(why.into())));
        };
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
                beside: beside.into_boxed_slice(),
                items,
                first: 0,
                segments: Vec::new(),
                elapsed: 0,
                came_beside: None,
                retries,
                only: None,
                attempts: 0,
                is_being_sealed: false,
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
            self.bytes = Bytes::Sealed(Box::new(sealed));
        }
    }

    pub(in crate::process) fn items(&self) -> u32 {
        self.items
    }

    /// How many items have had their turn.
    pub(in crate::process) fn first(&self) -> u32 {
        self.first
    }

    /// How long it may run.
    pub(in crate::process) fn limit(&self) -> Option<Duration> {
        self.packed.run_limit()
    }

    /// The only place where it may be run.
    pub(in crate::process) fn only(&self) -> Option<usize> {
        self.only.map(|slot| slot as usize)
    }

    /// It may be run nowhere else. A pool has fewer places than a `u32` can say.
    pub(in crate::process) fn pin_to(&mut self, slot: usize) {
        self.only = u32::try_from(slot).ok();
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
    pub(in crate::process) fn ended(&mut self, items: u32, frames: Frames) {
        self.add(items, Segment::Frames(frames));
    }

    /// The next items have this error.
    pub(in crate::process) fn failed(&mut self, items: u32, error: TaskError) {
        self.add(items, Segment::Failed(items as usize, error));
    }

    fn add(&mut self, items: u32, segment: Segment) {
        self.first = self.first.saturating_add(items);
        // Nearly always it is the only one.
        self.segments.reserve_exact(1);
        self.segments.push(segment);
    }

    fn failed_from_here(&mut self, error: TaskError) {
        let left = self.items - self.first;
        self.failed(left, error);
    }

    /// Descriptors that the frames need which come [next](Self::ended).
    pub(in crate::process) fn came_beside(&mut self, serial: u32, descriptors: Vec<OwnedFd>) {
        let segment = self.segments.len();
        self.came_beside.get_or_insert_default().insert((segment, serial), descriptors);
    }

    pub(in crate::process) fn ran_for(&mut self, elapsed: Duration) {
        self.elapsed = self.elapsed.saturating_add(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX));
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
        let elapsed = Duration::from_nanos(elapsed);
        packed.arrived(Whole { items: items as usize, segments, elapsed, beside: came_beside }.into(), runner);
    }
}
