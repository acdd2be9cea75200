//! Floor 1: memory that processes can share without having to trust each other.
//!
//! # The states of a piece of memory
//! A piece of memory is a memfd, a file without a name that goes away with its last descriptor and mapping.
//!
//! * **Unsealed**: [`Unsealed`] owns its only descriptor. It may be written by `write`, and nobody looks at it.
//! * **Writable**: [`Writable`] owns the only descriptor and the only mapping, so whoever has it exclusively may have a
//!   `&mut` to the bytes. Neither is ever given to another process.
//! * **Sealed**: [`Sealed`] has a mapping for reading, and a descriptor that can be passed on. The kernel refuses every
//!   change to the bytes, in every process, for ever.
//!
//! The way leads down only. From writable to sealed: map for reading (the step that may lack memory), unmap the writable
//! mapping, ask for the seals, read them back. The kernel refuses to seal while anything can still write, also what we do
//! not know of (a forked process has our mapping too; pages may be pinned for I/O); then the memory is unsealed, which
//! becomes writable again by being mapped.
//!
//! # Why a `&[u8]` over sealed memory is sound, whoever sent it
//! What a descriptor's sender says of it is not believed: the seals are read from the descriptor itself. With the seal
//! WRITE there is no writable mapping anywhere and there never will be one, `write` is refused, and so are holes; with
//! the seal SHRINK no page can go away, which would be a SIGBUS here. The length is compared with the file's. The seal
//! FUTURE_WRITE does not do: it leaves older mappings writable.
//!
//! A `&mut` exists only where the process made the memory itself, because nothing can show that a descriptor from
//! elsewhere has no other writer.

mod sealed;
mod sys;
mod writable;

pub(crate) use sealed::{Sealed, Unsealed};
pub(crate) use writable::Writable;

/// A file in memory without a name, which may grow, and is trusted by nobody.
pub(crate) fn scratch() -> std::io::Result<std::fs::File> {
    sys::create().map(Into::into)
}

/// All that stands in such a file now.
pub(crate) fn read_scratch(file: &std::os::fd::OwnedFd) -> std::io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::from(file.try_clone()?);
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX)];
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], read as u64)? {
            0 => break,
            length => read += length,
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}
