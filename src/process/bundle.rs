//! Descriptors of which there are more than a message takes.
//!
//! They become a **bundle**: they are sent into a socket of their own, which nobody reads meanwhile, and its other end is
//! what goes. So they come all at once or not at all, and whatever fails on the way leaves nothing on the control socket
//! that somebody would have to take away again.

use super::sys::socket::{self, MOST_DESCRIPTORS};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How many descriptors go in a bundle; `None`: they go by themselves.
pub(in crate::process) fn bundled(count: usize) -> Option<u32> {
    (count > MOST_DESCRIPTORS).then(|| u32::try_from(count).unwrap_or(u32::MAX))
}

/// Sends a message and any number of descriptors, which are a bundle if there are more than [`bundled`] says.
pub(in crate::process) fn send(socket: impl AsFd, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    match bundled(descriptors.len()) {
        None => socket::send(socket, message, descriptors),
        Some(_) => socket::send(socket, message, &[pack(descriptors)?.as_fd()]),
    }
}

/// The end of a socket in which all of these are waiting.
fn pack(descriptors: &[BorrowedFd<'_>]) -> io::Result<OwnedFd> {
    let (there, here) = socket::pair()?;
    for part in descriptors.chunks(MOST_DESCRIPTORS) {
        socket::send(&here, &[0], part).map_err(|error| {
            // Nobody will ever read what is there, so this is no matter of waiting.
            let is_full = error.kind() == io::ErrorKind::WouldBlock;
            let text = || format!("{} descriptors are more than a socket takes", descriptors.len());
            if is_full { io::Error::new(io::ErrorKind::InvalidInput, text()) } else { error }
        })?;
    }
    Ok(there)
}

/// What is in a bundle. `None`: it is damaged, or this process may not have as many.
pub(in crate::process) fn unpack(bundle: &OwnedFd, count: usize) -> Option<Vec<OwnedFd>> {
    let mut all = Vec::new();
    while all.len() < count {
        let part = socket::receive(bundle, &mut [0], false).ok()?;
        if part.truncated || part.fds.is_empty() {
            return None;
        }
        all.extend(part.fds);
    }
    Some(all)
}
