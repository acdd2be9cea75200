//! Memory that this process writes, before anybody else sees it.

use super::sealed::{Sealed, Unsealed};
use super::sys::{Access, Mapping};
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

/// Memory with its only mapping, which is writable, and its only descriptor.
#[derive(Debug)]
pub(crate) struct Writable {
    mapping: Mapping,
    memory: Unsealed,
}

impl Writable {
    /// All zero, with memory behind it.
    pub(crate) fn zeroed(bytes: NonZeroUsize) -> io::Result<Self> {
        Self::map(Unsealed::zeroed(bytes)?).map_err(|(cause, _)| cause)
    }

    /// Maps memory that nobody else has.
    pub(crate) fn map(memory: Unsealed) -> Result<Self, (io::Error, Unsealed)> {
        match memory.map(Access::Write) {
            Ok(mapping) => Ok(Writable { mapping, memory }),
            Err(cause) => Err((cause, memory)),
        }
    }

    /// Where the bytes begin, at the start of a page: they belong to who has `self` exclusively.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.mapping.start()
    }

    /// Ends writing for ever; if that is refused, the memory comes back, with what was written.
    pub(crate) fn freeze(self) -> Result<Sealed, (io::Error, Unsealed)> {
        let Writable { mapping, memory } = self;
        let reading = match memory.map(Access::Read) {
            Ok(reading) => reading,
            Err(cause) => return Err((cause, memory)),
        };
        // The kernel seals nothing that has a writable mapping, ours included.
        drop(mapping);
        memory.seal(reading)
    }
}
