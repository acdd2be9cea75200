//! Whether this process is the one in which something was made, or a copy of it, made by a plain fork since.
//!
//! Such a copy has the same descriptors and the same memory, but none of the threads, and the workers are not its
//! children: nothing that it did with them could be right. It may have workers of its own, though, like any process.
//!
//! A page that the kernel empties in a fork tells. It holds the number of this process among its copies: whoever finds
//! it empty is a new copy, and takes the next number.

use crate::process::sys::memory::WipedByFork;
use crate::sync::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// The process in which this was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin(u64);

impl Origin {
    /// The calling process.
    pub(crate) fn here() -> Self {
        // The copy has the original's count, so it goes on from there.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        match page() {
            Some(page) => Origin(page.or_insert_with(|| NEXT.fetch_add(1, Ordering::SeqCst))),
            None => Origin(std::process::id().into()),
        }
    }

    /// Whether the calling process is that one.
    pub(crate) fn is_here(self) -> bool {
        match page() {
            Some(page) => page.get() == self.0,
            None => u64::from(std::process::id()) == self.0,
        }
    }
}

/// Nothing where the kernel has no such pages, which is so before 4.14: there processes are told by their numbers,
/// which are different at least as long as the original lives.
fn page() -> Option<&'static WipedByFork> {
    static PAGE: OnceLock<Option<WipedByFork>> = OnceLock::new();
    PAGE.get_or_init(|| WipedByFork::new().ok()).as_ref()
}
