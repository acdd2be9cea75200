//! A pair of stream sockets, read and written without anything in between.

use super::{Process, start};
use crate::Failure;
use std::io::{ErrorKind, Read, Write, stdin};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

pub(super) const ROLE: &str = "socket";
/// What goes there and comes back: a number.
const FRAME: usize = 8;

pub(crate) struct Sockets {
    socket: UnixStream,
    /// After the socket, whose end it waits for.
    _process: Process,
}

impl Sockets {
    pub(crate) const NAME: &'static str = "socketpair";

    pub(crate) fn start() -> Result<Self, Failure> {
        let (socket, theirs) = UnixStream::pair()?;
        Ok(Sockets { socket, _process: start(ROLE, theirs.into())? })
    }

    pub(crate) fn sum_below(&mut self, count: u64, window: usize) -> Result<u64, Failure> {
        let (mut sent, mut received, mut sum) = (0, 0, 0);
        let mut frame = [0; FRAME];
        while received < count {
            while sent < count && sent < received + window as u64 {
                self.socket.write_all(&sent.to_ne_bytes())?;
                sent += 1;
            }
            self.socket.read_exact(&mut frame)?;
            sum += u64::from_ne_bytes(frame);
            received += 1;
        }
        Ok(sum)
    }
}

pub(super) fn serve() -> Result<(), Failure> {
    let mut socket = UnixStream::from(stdin().as_fd().try_clone_to_owned()?);
    let mut frame = [0; FRAME];
    loop {
        match socket.read_exact(&mut frame) {
            Ok(()) => socket.write_all(&frame)?,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
