//! What threads and the end of the process ask of the system beyond std.
#![cfg_attr(
    all(any(unix, windows), not(miri)),
    expect(unsafe_code, reason = "calls of the C library that std does not offer")
)]

use crate::pool;
use std::io;

/// Whether `main` runs on the calling thread.
pub(super) fn is_main_thread() -> bool {
    // A model's threads share one of the system's.
    if cfg!(concurrent_futures_loom) {
        return false;
    }
    if cfg!(target_os = "linux") && !cfg!(miri) {
        return pool::thread_id() == Some(std::process::id().into());
    }
    #[cfg(all(target_vendor = "apple", not(miri)))]
    {
        // SAFETY: takes nothing and cannot fail.
        let main = unsafe { libc::pthread_main_np() };
        return main != 0;
    }
    #[cfg(not(all(target_vendor = "apple", not(miri))))]
    {
        std::thread::current().name() == Some("main")
    }
}

/// Has the C library call `handler` when the process ends by `exit`, or by a return from `main`.
///
/// # Errors
/// It has no memory for that.
pub(super) fn at_exit(handler: extern "C" fn()) -> io::Result<()> {
    #[cfg(all(any(unix, windows), not(miri)))]
    {
        // SAFETY: the handler is a function of this library, and never unwinds.
        let status = unsafe { libc::atexit(handler) };
        if status != 0 {
            let advice = "no memory for an exit handler, so nobody would wait for this thread: start it as a daemon";
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, advice));
        }
    }
    // Elsewhere nobody waits, as with threads of std's.
    #[cfg(not(all(any(unix, windows), not(miri))))]
    let _ = handler;
    Ok(())
}

/// Where a thread sleeps that will never wake, because it has called `exit` while another one was ending the process.
///
/// std lets only the first thread through to `exit` on Linux, and keeps all others in `pause(2)`. Two equal answers
/// mean that it did not move in between. A thread that waits for signals by `pause` looks the same. `None`: it does
/// something else, or the system does not tell.
pub(super) fn pause_of(native_id: u64) -> Option<String> {
    let call = std::fs::read_to_string(format!("/proc/self/task/{native_id}/syscall")).ok()?;
    is_pause(&call).then_some(call)
}

/// From the number of the system call and its arguments. Newer architectures have no `pause`: there it is a `ppoll` of
/// nothing, without a limit.
fn is_pause(call: &str) -> bool {
    let mut words = call.split_ascii_whitespace();
    let number = words.next();
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "x86", target_arch = "arm")))]
    return number == Some(libc::SYS_pause.to_string().as_str());
    #[cfg(all(target_os = "linux", any(target_arch = "aarch64", target_arch = "riscv64")))]
    return number == Some(libc::SYS_ppoll.to_string().as_str()) && words.take(3).eq(["0x0"; 3]);
    #[cfg(not(all(
        target_os = "linux",
        any(
            target_arch = "x86_64",
            target_arch = "x86",
            target_arch = "arm",
            target_arch = "aarch64",
            target_arch = "riscv64"
        )
    )))]
    {
        let _ = number;
        false
    }
}

/// Cuts the name that the system shows, of which it takes 15 bytes, at the end of a character; std cuts anywhere.
pub(super) fn trim_own_name(name: &str) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        const MOST: usize = 15;
        if name.len() > MOST && !name.is_char_boundary(MOST) {
            let end = (0..MOST).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
            if let Ok(name) = std::ffi::CString::new(&name[..end]) {
                // It is only a name.
                let _ = rustix::thread::set_name(&name);
            }
        }
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = name;
}
