//! How many connections the limit of open files allows.

use std::io;

/// Both ends of a connection are in this process.
const EACH: u64 = 2;
/// For the listener, the poller, the standard streams, and whatever the process was started with.
const OTHERS: u64 = 64;

/// As many as are wanted, if need be by raising the limit as far as this process may; or fewer.
///
/// # Errors
/// If there is no room for even one.
pub(crate) fn connections_that_fit(wanted: u64) -> io::Result<u64> {
    let open_files = allowed(wanted * EACH + OTHERS)?;
    match wanted.min(open_files.saturating_sub(OTHERS) / EACH) {
        0 => Err(io::Error::other(format!("with at most {open_files} open files there is no room for a connection"))),
        fit => Ok(fit),
    }
}

/// How many files may be open, once it was tried to make it so many.
#[cfg(target_os = "linux")]
fn allowed(needed: u64) -> io::Result<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let (current, most) = (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX));
    if current >= needed {
        return Ok(current);
    }
    let raised = needed.min(most);
    setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum })?;
    Ok(raised)
}

/// Elsewhere it shows when the connections are opened.
#[cfg(not(target_os = "linux"))]
fn allowed(_needed: u64) -> io::Result<u64> {
    Ok(u64::MAX)
}
