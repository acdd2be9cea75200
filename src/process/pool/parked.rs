//! A task that a pool has accepted, until it ends: in the queue, or handed to a worker, or in the queue once more.

use crate::error::TaskError;
use crate::memfd::Sealed;
use crate::process::code::CodeTable;
use crate::process::envelope;
use crate::task::{Packed, Runner};
use crate::wire::{Encoded, Frames, Parcel, Segment};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// See the [module](self). The parent's own record is the truth about a task, whatever stands in the ring.
pub(in crate::process) struct Parked {
    pub(in crate::process) packed: Packed,
    /// Its place in the order in which tasks were submitted.
    pub(in crate::process) sequence: u64,
    /// Nothing once they are in `sealed`.
    bytes: Vec<u8>,
    /// In memory that a worker can be sent; made when it is first needed.
    sealed: Option<Sealed>,
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
        match envelope::seal(&parcel, name.as_deref(), code) {
            Ok(bytes) => Ok(Parked {
                packed,
                sequence: 0,
                bytes,
                sealed: None,
                beside,
                items: parcel.items,
                first: 0,
                segments: Vec::new(),
                elapsed: Duration::ZERO,
                came_beside: HashMap::new(),
                limit,
                retries,
                only: None,
                attempts: 0,
            }),
            Err(why) => Err((packed, TaskError::Codec(why.into()))),
        }
    }

    pub(in crate::process) fn bytes(&self) -> &[u8] {
        self.sealed.as_ref().map_or(&self.bytes, Sealed::bytes)
    }

    /// Copies its bytes to where a worker can be sent them.
    pub(in crate::process) fn seal(&mut self) -> io::Result<()> {
        if self.sealed.is_none() {
            self.sealed = Sealed::copy_of(&self.bytes)?;
            self.bytes = Vec::new();
        }
        Ok(())
    }

    pub(in crate::process) fn items(&self) -> usize {
        self.items
    }

    /// How many items have had their turn.
    pub(in crate::process) fn first(&self) -> usize {
        self.first
    }

    /// Whether it can go through the ring by itself.
    pub(in crate::process) fn is_small(&self, most: usize) -> bool {
        self.bytes().len() <= most && self.beside.is_empty()
    }

    /// What is to be sent with it: the bytes first, if they are not to go through the ring.
    pub(in crate::process) fn descriptors(&mut self, with_bytes: bool) -> io::Result<Vec<BorrowedFd<'_>>> {
        if with_bytes {
            self.seal()?;
        }
        let bytes = self.sealed.as_ref().filter(|_| with_bytes).map(|sealed| sealed.descriptor().as_fd());
        Ok(bytes.into_iter().chain(self.beside.iter().map(|beside| beside.as_fd())).collect())
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

    /// Descriptors that the frames need which come [next](Self::ended).
    pub(in crate::process) fn came_beside(&mut self, serial: u32, descriptors: Vec<OwnedFd>) {
        self.came_beside.insert((self.segments.len(), serial), descriptors);
    }

    pub(in crate::process) fn ran_for(&mut self, elapsed: Duration) {
        self.elapsed += elapsed;
    }

    /// Every item has had its turn.
    pub(in crate::process) fn is_complete(&self) -> bool {
        self.first >= self.items
    }

    /// Ends it as cancelled; a chunk keeps what it has.
    pub(in crate::process) fn cancel(mut self, runner: &impl Runner) {
        if self.first == 0 {
            self.packed.cancel(runner);
        } else {
            self.failed(self.items - self.first, TaskError::Cancelled);
            self.arrive(runner);
        }
    }

    pub(in crate::process) fn arrive(self, runner: &impl Runner) {
        let Parked { packed, items, segments, elapsed, came_beside, .. } = self;
        packed.arrived(Encoded { items, segments, elapsed, beside: came_beside }, runner);
    }
}
