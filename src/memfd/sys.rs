//! Every system call for shared memory, and errors that name the size and say what to do.
#![expect(unsafe_code, reason = "mapping and unmapping memory")]

use rustix::fs::{
    FallocateFlags, FsWord, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat, fstatfs,
    memfd_create,
};
use rustix::io::{Errno, retry_on_intr};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::process::{Resource, getrlimit};
use rustix::system::sysinfo;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};

/// What readers rely on.
const NEEDED: SealFlags = SealFlags::WRITE.union(SealFlags::SHRINK);
/// What we seal with: the file stays as long as it is, too, and nobody adds a seal to it.
const SEALS: SealFlags = NEEDED.union(SealFlags::GROW).union(SealFlags::SEAL);

/// The kind of file system that memfds of ordinary pages belong to. Mappings of huge pages have other rules.
const TMPFS: FsWord = 0x0102_1994;

/// How much is reserved at a time: a signal makes the kernel give back what the interrupted call had reserved, so that a
/// process with a busy timer would never get a large piece at once. The size of a huge page, where those are used.
const PIECE: u64 = 2 << 20;

/// An empty memfd, closed on exec.
pub(super) fn create() -> io::Result<OwnedFd> {
    let name = c"concurrent-futures";
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let made = match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        // Before Linux 6.3.
        Err(Errno::INVAL) => memfd_create(name, flags),
        made => made,
    };
    made.map_err(|cause| explain("cannot be made", 0, cause.into()))
}

/// Makes the file `bytes` long, all zero, with memory behind every page, so that nothing fails at the first touch.
pub(super) fn reserve(file: impl AsFd, bytes: u64) -> io::Result<()> {
    room_for(bytes)?;
    let mut reserved = 0;
    while reserved < bytes {
        let piece = PIECE.min(bytes - reserved);
        retry_on_intr(|| fallocate(&file, FallocateFlags::empty(), reserved, piece))
            .map_err(|cause| explain("cannot be reserved", bytes, cause.into()))?;
        reserved += piece;
    }
    Ok(())
}

/// Refuses what would end in a signal: a file beyond the limit on files in a SIGXFSZ, and more than the machine has in
/// the kernel's choice of a process to kill.
pub(super) fn room_for(bytes: u64) -> io::Result<()> {
    if let Some(limit) = getrlimit(Resource::Fsize).current.filter(|limit| bytes > *limit) {
        let cause = io::Error::from(Errno::FBIG);
        let doing = format!("is over this process's limit of {limit} bytes for files (`ulimit -f`)");
        return Err(explain(&doing, bytes, cause));
    }
    let machine = sysinfo();
    let units = u128::from(machine.totalram) + u128::from(machine.totalswap);
    let total = units * u128::from(machine.mem_unit.max(1));
    if u128::from(bytes) > total {
        let cause = io::Error::from(Errno::NOMEM);
        return Err(explain(&format!("is more than the {total} bytes of memory and swap here"), bytes, cause));
    }
    Ok(())
}

/// What a sealed file says of itself.
pub(super) struct Facts {
    pub(super) bytes: u64,
    /// Its number, which no other living memfd has.
    pub(super) inode: u64,
}

/// Seals the file. The kernel refuses while anybody could still write through a mapping.
pub(super) fn seal(file: impl AsFd, bytes: u64) -> io::Result<Facts> {
    fcntl_add_seals(&file, SEALS).map_err(|cause| explain("cannot be sealed", bytes, cause.into()))?;
    check_sealed(file)
}

/// Whether nobody can ever change the file or make it shorter, by what the kernel says of it.
pub(super) fn check_sealed(file: impl AsFd) -> io::Result<Facts> {
    let refused = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let seals = fcntl_get_seals(&file)
        .map_err(|cause| refused(format!("the descriptor is not of memory that can be sealed: {cause}")))?;
    if !seals.contains(NEEDED) {
        return Err(refused(format!(
            "the memory is not sealed against being written and being made shorter, so it cannot be read safely: it \
             has {seals:?}"
        )));
    }
    if fstatfs(&file)?.f_type != TMPFS {
        return Err(refused("the memory is of huge pages, which shared slices do not take".to_owned()));
    }
    let stat = fstat(&file)?;
    let bytes = u64::try_from(stat.st_size).map_err(|_| refused(format!("a file of {} bytes", stat.st_size)))?;
    Ok(Facts { bytes, inode: stat.st_ino })
}

/// What a mapping is for.
#[derive(Clone, Copy)]
pub(super) enum Access {
    Read,
    Write,
}

/// A part of the address space that shows the start of a file, until it is dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    bytes: NonZeroUsize,
}

// SAFETY: the mapping belongs to the process, not to the thread that made it.
unsafe impl Send for Mapping {}
// SAFETY: through a shared reference there is only the address.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `bytes` of the file, which is at least as long.
    pub(super) fn new(file: impl AsFd, bytes: NonZeroUsize, access: Access) -> io::Result<Self> {
        let (protection, flags) = match access {
            // Shared mappings of sealed files are refused before Linux 6.7; nobody writes, so private ones are the same.
            Access::Read => (ProtFlags::READ, MapFlags::PRIVATE),
            Access::Write => (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED),
        };
        // SAFETY: the kernel chooses the place, so nothing that is there is replaced; nobody has a reference to it yet.
        let start = unsafe { mmap(ptr::null_mut(), bytes.get(), protection, flags, file, 0) }
            .map_err(|cause| explain("cannot be mapped", bytes.get() as u64, cause.into()))?;
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("the kernel mapped memory at zero"))?;
        Ok(Mapping { start, bytes })
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// For memory that nobody writes, which the caller answers for by being what keeps sealed memory.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: `start` is where so many bytes are mapped for reading, until `self` is dropped; the file is sealed
        // against every change, so nobody writes them.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes.get()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `new` made, whole; whoever had references into it borrowed from its owner.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.bytes.get()) };
        // A whole mapping of ordinary pages is never refused.
        debug_assert_eq!(unmapped, Ok(()));
    }
}

/// The cause, with the size that was asked for and what can be done about it.
pub(super) fn explain(what: &str, bytes: u64, cause: io::Error) -> io::Error {
    let advice = match Errno::from_io_error(&cause) {
        Some(Errno::MFILE | Errno::NFILE) => {
            "; each shared slice keeps a descriptor open: drop some, or raise `ulimit -n`"
        }
        Some(Errno::NOMEM | Errno::NOSPC) => "; drop other shared slices first, or share in smaller parts",
        Some(Errno::BUSY) => {
            "; somebody can still write to it: a process that this one forked, or input and output under way (O_DIRECT, \
             io_uring)"
        }
        _ => "",
    };
    io::Error::new(cause.kind(), format!("shared memory of {bytes} bytes {what}: {cause}{advice}"))
}
