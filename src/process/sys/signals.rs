//! Signals in a worker: what is ignored, and the last words of a thread that dies of its stack or its memory.
//!
//! The handler runs wherever the process stands, so it only asks the kernel: no lock, no allocation, no thread-local.
#![expect(unsafe_code, reason = "handlers and the stacks they run on are libc's")]

use super::auxiliary::{least_signal_stack, page_size};
use super::memory::{Pages, has_room_for};
use crate::process::launch::LastWords;
use crate::sync::{AtomicUsize, Ordering};
use libc::{c_int, c_void, sigaction, siginfo_t};
use rustix::net::{SendFlags, send};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::ptr;

/// What is said on the standard error, since the thread itself cannot.
const OVERFLOW: &[u8] = b"concurrent-futures: stack overflow in a worker process: the task has used up its thread's \
stack; recurse less, or give the workers a larger stack_size\n";

/// A worker that is not given so much more memory has none left.
const PROBE: usize = 256 * 1024;

/// The guard of the task thread's stack.
static GUARD_START: AtomicUsize = AtomicUsize::new(0);
static GUARD_END: AtomicUsize = AtomicUsize::new(0);
/// The control socket's number; 0 for none.
static SOCKET: AtomicUsize = AtomicUsize::new(0);
/// Whether the memory is limited.
static LIMITED: AtomicUsize = AtomicUsize::new(0);

fn action(signal: c_int, new: Option<&sigaction>) -> io::Result<sigaction> {
    let mut old = MaybeUninit::<sigaction>::uninit();
    let new = new.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: both are null or point to such a structure.
    if unsafe { sigaction(signal, new, old.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call wrote it, since it succeeded.
    Ok(unsafe { old.assume_init() })
}

fn disposition(handler: libc::sighandler_t, flags: c_int) -> sigaction {
    // SAFETY: the structure is integers and an optional function, for which all zeros mean none.
    let mut new: sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    new.sa_sigaction = handler;
    new.sa_flags = flags;
    new
}

/// Makes of the signals what a Rust program, and a task's children, expect.
///
/// Writing to a closed pipe and beyond the limit on files are errors, not the end. A worker is no foreground process of
/// its terminal, and would be stopped for writing to it where `stty tostop` is set. That the host ignores its
/// children's ends is none of a task's business, which wants to wait for its own.
pub(in crate::process) fn settle() -> io::Result<()> {
    for signal in [libc::SIGPIPE, libc::SIGXFSZ, libc::SIGTTOU] {
        action(signal, Some(&disposition(libc::SIG_IGN, 0)))?;
    }
    if action(libc::SIGCHLD, None)?.sa_sigaction == libc::SIG_IGN {
        action(libc::SIGCHLD, Some(&disposition(libc::SIG_DFL, 0)))?;
    }
    Ok(())
}

/// From now on a stack that is used up, or memory that was refused, is told to the parent by this socket. A handler
/// that is there already stays: it is a sanitizer's, or the program's own.
pub(in crate::process) fn tell_last_words(socket: BorrowedFd<'static>, memory_is_limited: bool) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    SOCKET.store(socket.as_raw_fd().unsigned_abs() as usize, Ordering::SeqCst);
    LIMITED.store(usize::from(memory_is_limited), Ordering::SeqCst);
    let flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = on_fatal;
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGABRT] {
        if action(signal, None)?.sa_sigaction == libc::SIG_DFL {
            action(signal, Some(&disposition(handler as libc::sighandler_t, flags)))?;
        }
    }
    Ok(())
}

extern "C" fn on_fatal(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel passes the record of this very signal.
    let info = unsafe { &*info };
    // SAFETY: these signals have an address there, or something else of that size if a process sent them.
    let address = unsafe { info.si_addr() }.addr();
    // Of a process's signal, and of `abort`, the code is not positive.
    let by_kernel = info.si_code > 0;
    let guard = GUARD_START.load(Ordering::SeqCst)..GUARD_END.load(Ordering::SeqCst);
    let stack_overflow = by_kernel && signal != libc::SIGABRT && guard.contains(&address);
    let out_of_memory = LIMITED.load(Ordering::SeqCst) != 0 && !has_room_for(PROBE);
    if stack_overflow || out_of_memory {
        let words = LastWords { stack_overflow, out_of_memory }.to_bytes();
        let socket = SOCKET.load(Ordering::SeqCst) as c_int;
        // SAFETY: the socket stays open to the end of the process.
        let socket = unsafe { BorrowedFd::borrow_raw(socket) };
        let _ = send(socket, &words, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
    }
    if stack_overflow {
        // SAFETY: the number is valid, whether or not something is open there.
        let _ = rustix::io::write(unsafe { BorrowedFd::borrow_raw(2) }, OVERFLOW);
    }
    // What comes now is what would have come without us: the instruction is tried again, or the signal raised again.
    let _ = action(signal, Some(&disposition(libc::SIG_DFL, 0)));
    if !by_kernel {
        // SAFETY: it is held back until this handler returns.
        unsafe { libc::raise(signal) };
    }
}

/// The stack on which this thread's signals are handled, until it is dropped; it must be dropped by the same thread.
pub(in crate::process) struct SignalStack {
    _pages: Option<Pages>,
}

impl SignalStack {
    /// For the calling thread; the end of whose own stack is from now on recognised.
    pub(in crate::process) fn for_this_thread() -> io::Result<Self> {
        let guard = stack_guard()?;
        GUARD_START.store(guard.start, Ordering::SeqCst);
        GUARD_END.store(guard.end, Ordering::SeqCst);
        let mut old = MaybeUninit::<libc::stack_t>::uninit();
        // SAFETY: only asks, and writes such a structure.
        let asked = unsafe { libc::sigaltstack(ptr::null(), old.as_mut_ptr()) };
        // SAFETY: the call wrote it, since it succeeded.
        if asked == 0 && unsafe { old.assume_init() }.ss_flags & libc::SS_DISABLE == 0 {
            return Ok(SignalStack { _pages: None });
        }
        // What the processor saves there may be large; and a page at the end that nothing can be written to.
        let page = page_size();
        let pages = Pages::new(page + least_signal_stack() + 16 * 1024)?;
        pages.guard_first()?;
        let stack = libc::stack_t {
            ss_sp: pages.start().as_ptr().wrapping_add(page).cast(),
            ss_flags: 0,
            ss_size: pages.len() - page,
        };
        // SAFETY: the memory is ours alone, and stays until `drop` has taken it out of use.
        if unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(SignalStack { _pages: Some(pages) })
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        GUARD_START.store(0, Ordering::SeqCst);
        GUARD_END.store(0, Ordering::SeqCst);
        if self._pages.is_some() {
            let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            // SAFETY: takes the stack out of use; no handler runs on it, since this code does not.
            unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) };
        }
    }
}

/// Where the calling thread's stack ends: its guard pages, and the page before them, since C libraries differ in which
/// of the two they count.
fn stack_guard() -> io::Result<std::ops::Range<usize>> {
    let refused = |status: c_int| if status == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(status)) };
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: never fails, and names the calling thread.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: the thread is there, and the attributes are written.
    refused(unsafe { libc::pthread_getattr_np(thread, attributes.as_mut_ptr()) })?;
    let (mut start, mut size, mut guard) = (ptr::null_mut(), 0, 0);
    // SAFETY: the attributes were written, and the results are ours.
    let stack = unsafe { libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut start, &raw mut size) };
    // SAFETY: the same.
    let guarded = unsafe { libc::pthread_attr_getguardsize(attributes.as_ptr(), &raw mut guard) };
    // SAFETY: they are not used any more.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    refused(stack)?;
    refused(guarded)?;
    let page = page_size();
    Ok(start.addr().saturating_sub(guard.max(page))..start.addr() + page)
}

/// Sends SIGKILL to the group that this process leads, or led; `false`, if the kernel cannot do that.
pub(super) fn kill_group_of(pidfd: BorrowedFd<'_>) -> bool {
    use std::os::fd::AsRawFd;
    const PIDFD_SIGNAL_PROCESS_GROUP: libc::c_uint = 1 << 2;
    let no_details = ptr::null::<siginfo_t>();
    // rustix sends signals to single processes only.
    // SAFETY: the call reads nothing of ours.
    let status = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            libc::SIGKILL,
            no_details,
            PIDFD_SIGNAL_PROCESS_GROUP,
        )
    };
    // That nobody is left in the group is what was wanted.
    status == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
}

/// Ends this process at once, without running anything of the program's.
pub(in crate::process) fn leave(code: i32) -> ! {
    // SAFETY: it does not return, and touches nothing of ours.
    unsafe { libc::_exit(code) }
}
