//! Descriptors: where they may lie, and the three that every program expects.
#![expect(unsafe_code, reason = "the three standard descriptors belong to nobody, so they are named by number")]

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_getfd};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::path::Path;

/// The first number that is not one of the three.
const FIRST: i32 = 3;

/// The same, at a number beyond the three standard ones, which a child gets from elsewhere. A process that was started
/// with one of those closed would get it for whatever it opens next.
pub(in crate::process) fn beyond_standard(fd: OwnedFd) -> io::Result<OwnedFd> {
    if fd.as_raw_fd() >= FIRST { Ok(fd) } else { duplicate(&fd) }
}

/// Another descriptor of the same, closed on exec and beyond the three.
pub(in crate::process) fn duplicate(fd: impl AsFd) -> io::Result<OwnedFd> {
    Ok(fcntl_dupfd_cloexec(fd, FIRST)?)
}

/// The program's file, for nothing but being executed; closed on exec.
pub(in crate::process) fn open_program(path: impl AsRef<Path>) -> io::Result<OwnedFd> {
    beyond_standard(open(path.as_ref(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

/// Nothing to read, and room for everything that is written.
pub(in crate::process) fn null() -> io::Result<OwnedFd> {
    beyond_standard(open(c"/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

/// Reads and writes return at once when they would have to wait, for whoever has this open.
pub(in crate::process) fn never_wait(fd: impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(&fd)?;
    Ok(fcntl_setfl(fd, flags | OFlags::NONBLOCK)?)
}

/// The same, open to the end of the process.
pub(in crate::process) fn keep_open(fd: OwnedFd) -> BorrowedFd<'static> {
    // SAFETY: nobody owns it any more, so nobody closes it.
    unsafe { BorrowedFd::borrow_raw(fd.into_raw_fd()) }
}

/// The process's standard input.
pub(in crate::process) fn standard_input() -> BorrowedFd<'static> {
    // SAFETY: the number is valid; the kernel says EBADF, if nothing is open there.
    unsafe { BorrowedFd::borrow_raw(0) }
}

/// Puts something else where the standard input is.
pub(in crate::process) fn replace_standard_input(fd: impl AsFd) -> io::Result<()> {
    Ok(rustix::stdio::dup2_stdin(fd)?)
}

/// Closes what this process was started with beyond the three: files that the parent, or whoever started that, has open
/// without having said that they are closed on exec. A worker that kept them would keep a pipe from coming to its end,
/// or a port from being free. What was opened in this process is mostly marked as closed on exec, and stays.
pub(in crate::process) fn close_inherited() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    for number in numbers.filter(|number| *number >= FIRST).collect::<Vec<i32>>() {
        // SAFETY: the number is valid, whether or not something is open there.
        let flags = fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) });
        if flags.is_ok_and(|flags| !flags.contains(FdFlags::CLOEXEC)) {
            // SAFETY: it was open before this program began, so nothing in it knows of it.
            unsafe { rustix::io::close(number) };
        }
    }
}

/// Opens `/dev/null` where one of the three is closed: else the next file that is opened would be taken for it.
pub(in crate::process) fn fill_standard() -> io::Result<()> {
    loop {
        // SAFETY: the number is valid, whether or not something is open there.
        let is_open = |number| fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) }) != Err(Errno::BADF);
        if (0..FIRST).all(is_open) {
            return Ok(());
        }
        let filler = open(c"/dev/null", OFlags::RDWR, Mode::empty())?;
        if filler.as_raw_fd() < FIRST {
            std::mem::forget(filler);
        }
    }
}
