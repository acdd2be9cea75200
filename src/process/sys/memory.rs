//! Memory that the kernel gives us: a page that a fork empties, and a stack for signal handlers.
#![expect(unsafe_code, reason = "mapping, advising and protecting memory")]

use super::auxiliary::page_size;
use crate::sync::{AtomicU64, Ordering};
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap};
use std::io;
use std::ptr::{self, NonNull};

/// Private memory of whole pages, all zero, until it is dropped.
#[derive(Debug)]
pub(in crate::process) struct Pages {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the memory belongs to the process, not to the thread that asked for it.
unsafe impl Send for Pages {}
// SAFETY: through a shared reference there are only the address and the length.
unsafe impl Sync for Pages {}

impl Pages {
    /// At least so many bytes, and never none.
    pub(in crate::process) fn new(bytes: usize) -> io::Result<Self> {
        let too_many = || io::Error::from(rustix::io::Errno::NOMEM);
        let bytes = bytes.max(1).checked_next_multiple_of(page_size()).ok_or_else(too_many)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the place, so nothing that is there is replaced.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), bytes, access, MapFlags::PRIVATE) }?;
        let start = NonNull::new(start.cast()).ok_or_else(too_many)?;
        Ok(Pages { start, bytes })
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// Makes the first page one that nothing can be written to: what grows down beyond the rest meets it.
    pub(super) fn guard_first(&self) -> io::Result<()> {
        let page = page_size().min(self.bytes);
        // SAFETY: the page is ours, and nobody has written to it, nor has a reference to it.
        Ok(unsafe { mprotect(self.start.as_ptr().cast(), page, MprotectFlags::empty()) }?)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the whole of what `new` mapped; whoever has a reference into it borrows from `self`.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.bytes) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}

/// A word that is zero in whoever was forked from this process.
#[derive(Debug)]
pub(in crate::process) struct WipedByFork(Pages);

impl WipedByFork {
    /// # Errors
    /// The kernel is older than 4.14.
    pub(in crate::process) fn new() -> io::Result<Self> {
        let page = Pages::new(size_of::<u64>())?;
        // SAFETY: the pages are ours; that a fork empties them is known to the only one who reads them, which is
        // `self`.
        unsafe { madvise(page.start.as_ptr().cast(), page.bytes, Advice::LinuxWipeOnFork) }?;
        Ok(WipedByFork(page))
    }

    /// What is there, 0 at first and after a fork.
    pub(in crate::process) fn get(&self) -> u64 {
        self.word().load(Ordering::SeqCst)
    }

    /// What is there; if nothing is, what is made now, which is not 0.
    pub(in crate::process) fn or_insert_with(&self, make: impl FnOnce() -> u64) -> u64 {
        match self.get() {
            0 => {
                let made = make();
                self.word()
                    .compare_exchange(0, made, Ordering::SeqCst, Ordering::SeqCst)
                    .map_or_else(|was| was, |_| made)
            }
            value => value,
        }
    }

    fn word(&self) -> &AtomicU64 {
        // SAFETY: the page begins with a word of its own, aligned, that lives as long as `self` and is only touched
        // as an atomic.
        unsafe { AtomicU64::from_ptr(self.0.start.as_ptr().cast()) }
    }
}

/// Whether the kernel would give this process so many bytes more to write to.
///
/// Only the kernel is asked, and nothing is touched, so it may be called in a signal handler.
pub(super) fn has_room_for(bytes: usize) -> bool {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses the place, so nothing that is there is replaced.
    let mapped = unsafe { mmap_anonymous(ptr::null_mut(), bytes, access, MapFlags::PRIVATE) };
    let Ok(start) = mapped else { return false };
    // SAFETY: the whole of what was mapped just now, which nobody has seen.
    unsafe { munmap(start, bytes) }.is_ok()
}
