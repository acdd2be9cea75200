//! Memory that two processes share, as words; and the files behind it.
//!
//! A file is made at its full length, with memory behind every page, and is then sealed, so that nobody can make it
//! shorter or longer: a missing page would end whoever touches it. Both sides check that on the descriptor itself.
#![expect(unsafe_code, reason = "mapping memory, and making references to the words in it")]

use crate::sync::{AtomicU32, AtomicU64};
use rustix::fs::memfd_create;
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat};
use rustix::io::{Errno, retry_on_intr};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};

/// The file keeps its length for ever.
const FIXED: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// Who may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ring) enum Writers {
    /// The process that made it, through the mapping that it got then; everybody else can only read.
    Maker,
    Everybody,
}

/// Words in shared memory, mapped until this is dropped.
#[derive(Debug)]
pub(in crate::ring) struct Mapping {
    start: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: a mapping belongs to the process, not to the thread that made it.
unsafe impl Send for Mapping {}
// SAFETY: all that it gives is atomics.
unsafe impl Sync for Mapping {}

/// Memory of so many words, all zero, and the descriptor by which another process can map it.
pub(in crate::ring) fn create(words: usize, writers: Writers) -> io::Result<(Mapping, OwnedFd)> {
    let bytes = byte_length(words)?;
    let file = create_file()?;
    retry_on_intr(|| fallocate(&file, FallocateFlags::empty(), 0, bytes as u64))?;
    let mapping = Mapping::new(&file, words, ProtFlags::READ | ProtFlags::WRITE)?;
    let seals = match writers {
        // It spares the mapping that is there, and refuses every later one that could be written, and writing
        // otherwise.
        Writers::Maker => FIXED | SealFlags::FUTURE_WRITE,
        Writers::Everybody => FIXED,
    };
    fcntl_add_seals(&file, seals)?;
    Ok((mapping, file))
}

/// Maps all of what another process has made.
///
/// # Errors
/// If it can change its length, or is no memory of whole words.
pub(in crate::ring) fn open(file: impl AsFd, writers: Writers) -> io::Result<Mapping> {
    let refused = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let seals = fcntl_get_seals(&file).map_err(|cause| refused(format!("no memory that can be sealed: {cause}")))?;
    if !seals.contains(FIXED) {
        return Err(refused(format!("shared memory whose length is not fixed: it is sealed against {seals:?} only")));
    }
    let length = fstat(&file)?.st_size;
    let words = usize::try_from(length).ok().filter(|length| length % size_of::<u64>() == 0 && *length > 0);
    let words = words.ok_or_else(|| refused(format!("shared memory of {length} bytes")))? / size_of::<u64>();
    let protection = match writers {
        Writers::Maker => ProtFlags::READ,
        Writers::Everybody => ProtFlags::READ | ProtFlags::WRITE,
    };
    Mapping::new(file, words, protection)
}

fn byte_length(words: usize) -> io::Result<usize> {
    let bytes = words.checked_mul(size_of::<u64>()).filter(|bytes| *bytes > 0 && isize::try_from(*bytes).is_ok());
    bytes.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("shared memory of {words} words")))
}

fn create_file() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let made = match memfd_create(c"concurrent-futures", flags | MemfdFlags::NOEXEC_SEAL) {
        // Before Linux 6.3.
        Err(Errno::INVAL) => memfd_create(c"concurrent-futures", flags),
        made => made,
    };
    Ok(made?)
}

impl Mapping {
    fn new(file: impl AsFd, words: usize, protection: ProtFlags) -> io::Result<Self> {
        let bytes = byte_length(words)?;
        // SAFETY: the kernel chooses the place, so nothing that is there is replaced.
        let start = unsafe { mmap(ptr::null_mut(), bytes, protection, MapFlags::SHARED, file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("the kernel mapped memory at zero"))?;
        Ok(Mapping { start, words })
    }

    pub(in crate::ring) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is aligned to a page, has so many words, and lives as long as `self`; its file keeps its
        // length. Whatever bits are there are a word, and other processes change them as atomics, too.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }

    /// The first half of a word, for words that are only ever reached this way.
    pub(in crate::ring) fn half_word(&self, index: usize) -> &AtomicU32 {
        let word: *const AtomicU64 = &raw const self.words()[index];
        // SAFETY: it is in the word, aligned, and lives as long as `self`; nobody reaches it as a whole word.
        unsafe { &*word.cast::<AtomicU32>() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is what `new` has mapped, whole, and every reference into it has borrowed from `self`.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.words * size_of::<u64>()) };
        // A whole mapping of ordinary pages is never refused.
        debug_assert_eq!(unmapped, Ok(()));
    }
}
