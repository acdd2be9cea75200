//! What std has no functions for.

use std::process::abort;

#[cfg(unix)]
#[expect(unsafe_code, reason = "std has no way to register an exit handler")]
pub(crate) fn at_exit(handler: extern "C" fn()) {
    // SAFETY: this is the C library's own signature, to which std links on every unix.
    unsafe extern "C" {
        safe fn atexit(handler: extern "C" fn()) -> std::ffi::c_int;
    }
    assert_eq!(atexit(handler), 0);
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "std does not close it")]
pub(crate) fn close_stderr() {
    // SAFETY: this is the C library's own signature.
    unsafe extern "C" {
        fn close(descriptor: std::ffi::c_int) -> std::ffi::c_int;
    }
    // SAFETY: nobody owns the standard error; who writes to it is told that it is not there.
    assert_eq!(unsafe { close(2) }, 0);
}

/// Runs `program` in a process that is forked off, and tells its status.
#[cfg(unix)]
#[expect(unsafe_code, reason = "std cannot fork")]
pub(crate) fn in_a_fork(program: impl FnOnce()) -> i32 {
    // SAFETY: these are the C library's own signatures.
    unsafe extern "C" {
        fn fork() -> std::ffi::c_int;
        safe fn alarm(seconds: std::ffi::c_uint) -> std::ffi::c_uint;
        fn waitpid(pid: std::ffi::c_int, status: *mut std::ffi::c_int, options: std::ffi::c_int) -> std::ffi::c_int;
    }
    // SAFETY: the other threads hold nothing that the child needs: they sleep.
    let child = unsafe { fork() };
    if child == 0 {
        // Nobody watches over this one: it is not to be left behind where it hangs.
        alarm(30);
        program();
        abort();
    }
    let mut status = 0;
    // SAFETY: the status is written to a variable that is there.
    let waited = unsafe { waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child);
    assert_eq!(status & 0x7f, 0, "it was killed");
    (status >> 8) & 0xff
}
