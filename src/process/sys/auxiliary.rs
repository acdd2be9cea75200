//! What the kernel tells every process at its start.
//!
//! Asked for through libc: rustix looks for it by itself, and does not find what it expects under valgrind.
#![expect(unsafe_code, reason = "the C library's functions")]

use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

fn value(kind: libc::c_ulong) -> usize {
    // SAFETY: it only looks; 0 stands for what is not there.
    (unsafe { libc::getauxval(kind) }) as usize
}

/// The size of a page of memory.
pub(super) fn page_size() -> usize {
    value(libc::AT_PAGESZ).max(4096)
}

/// What a signal handler's stack needs, for what the processor saves there.
pub(super) fn least_signal_stack() -> usize {
    // Not in libc for every C library.
    const AT_MINSIGSTKSZ: libc::c_ulong = 51;
    value(AT_MINSIGSTKSZ).max(4096)
}

/// The path by which this program was executed; empty, if the kernel does not say.
pub(in crate::process) fn executed_path() -> PathBuf {
    let text = std::ptr::with_exposed_provenance::<c_char>(value(libc::AT_EXECFN));
    if text.is_null() {
        return PathBuf::new();
    }
    // SAFETY: the kernel wrote it above the stack, where nobody has a reason to change it.
    let text = unsafe { CStr::from_ptr(text) };
    OsStr::from_bytes(text.to_bytes()).into()
}
