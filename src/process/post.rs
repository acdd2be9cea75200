//! What does not fit into the ring, and descriptors: they go over the control socket, under a number that the ring
//! carries.
//!
//! A message is its kind, the number, and descriptors; nothing else. It is sent before the ring says its number, so
//! whoever reads the number finds the message on the socket.
//!
//! More descriptors than a message takes are a [bundle]; then the message says how many there are.

use crate::process::bundle;
use crate::process::sys::socket;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

// Above the kinds of a start, and beside the words: see `message` and `words`.
const DESCRIPTORS: u32 = 64;
const BUNDLE: u32 = 67;

/// Sends descriptors under a number.
pub(in crate::process) fn send(socket: impl AsFd, serial: u32, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut message = [0; 12];
    message[4..8].copy_from_slice(&serial.to_le_bytes());
    let length = match bundle::bundled(descriptors.len()) {
        None => {
            message[..4].copy_from_slice(&DESCRIPTORS.to_le_bytes());
            8
        }
        Some(count) => {
            message[..4].copy_from_slice(&BUNDLE.to_le_bytes());
            message[8..].copy_from_slice(&count.to_le_bytes());
            12
        }
    };
    bundle::send(socket, &message[..length], descriptors)
}

/// The same by a worker, which waits until its parent has taken what it was sent before.
///
/// # Errors
/// The system's; or the parent is over.
pub(in crate::process) fn send_patiently(
    socket: impl AsFd,
    serial: u32,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    loop {
        match send(&socket, serial, descriptors) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket::wait_for_room(&socket),
            // So many descriptors of this user are on their way that the kernel takes no more; somebody will take some.
            Err(error) if socket::is_crowded(&error) => socket::pause(),
            sent => return sent,
        }
    }
}

/// What has come, by its number.
#[derive(Default)]
pub(in crate::process) struct Pigeonholes(HashMap<u32, Vec<OwnedFd>>);

/// What a look at the socket came to.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::process) enum Delivery {
    /// Something was put in its place.
    Sorted,
    /// It is no such message; here it is.
    Other(Vec<u8>),
    /// There is nothing now.
    Nothing,
    /// The other side is gone.
    Over,
}

impl Pigeonholes {
    /// Takes the next message from the socket. `wait`: until there is one.
    ///
    /// # Errors
    /// The system's; or descriptors were lost, because this process may not have as many as were sent.
    pub(in crate::process) fn receive(&mut self, socket: impl AsFd, wait: bool) -> io::Result<Delivery> {
        let mut buffer = [0; 512];
        let received = match socket::receive(socket, &mut buffer, wait) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Delivery::Nothing),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Delivery::Over),
            other => other?,
        };
        let message = &buffer[..received.length];
        if message.is_empty() {
            return Ok(Delivery::Over);
        }
        // Lost descriptors cost the task that they belong to: it finds fewer than it needs.
        let came = if received.truncated { Vec::new() } else { received.fds };
        let mut words = message.chunks(4).map(|word| word.try_into().map(u32::from_le_bytes));
        let (serial, descriptors) = match [words.next(), words.next(), words.next(), words.next()] {
            [Some(Ok(DESCRIPTORS)), Some(Ok(serial)), None, None] => (serial, came),
            [Some(Ok(BUNDLE)), Some(Ok(serial)), Some(Ok(count)), None] => {
                (serial, came.first().and_then(|bundle| bundle::unpack(bundle, count as usize)).unwrap_or_default())
            }
            _ => return Ok(Delivery::Other(message.to_vec())),
        };
        self.0.insert(serial, descriptors);
        Ok(Delivery::Sorted)
    }

    /// What came under a number.
    pub(in crate::process) fn take(&mut self, serial: u32) -> Option<Vec<OwnedFd>> {
        self.0.remove(&serial)
    }

    /// The same where numbers are asked for in their order: what came under earlier ones nobody will ask for.
    pub(in crate::process) fn take_next(&mut self, serial: u32) -> Option<Vec<OwnedFd>> {
        let taken = self.take(serial)?;
        // The numbers begin again some day.
        self.0.retain(|other, _| other.wrapping_sub(serial) < u32::MAX / 2);
        Some(taken)
    }
}
