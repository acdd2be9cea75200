//! The control socket: whole messages, with descriptors, between two processes, and with no name that anybody could
//! connect to.
#![expect(unsafe_code, reason = "who is at the other end is asked through libc")]

use super::descriptors::beyond_standard;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv, recvmsg, sendmsg, socketpair, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The kernel takes so many descriptors with one message.
pub(in crate::process) const MOST_DESCRIPTORS: usize = 253;

/// How long to let a lack of something pass.
const PAUSE: Duration = Duration::from_millis(10);
/// When to try again, where somebody tries who does nothing else meanwhile, what [was crowded](is_crowded).
pub(in crate::process) const CROWDED: Duration = Duration::from_millis(20);

/// Two ends, closed on exec, neither of them among the three standard descriptors.
pub(in crate::process) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    Ok((beyond_standard(one)?, beyond_standard(other)?))
}

/// Whether the two ends could be what `pair` made.
pub(in crate::process) fn is_control_socket(fd: impl AsFd) -> bool {
    let domain = sockopt::socket_domain(&fd);
    domain == Ok(AddressFamily::UNIX) && sockopt::socket_type(&fd) == Ok(SocketType::SEQPACKET)
}

/// Sends one message; never waits and never raises a signal.
///
/// # Errors
/// `WouldBlock`, if the other end is so slow that there is no room.
pub(in crate::process) fn send(socket: impl AsFd, message: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        let text = format!("{} descriptors at once: at most {MOST_DESCRIPTORS} can be sent", fds.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    retry_on_intr(|| sendmsg(&socket, &[IoSlice::new(message)], &mut control, flags))?;
    Ok(())
}

/// Waits until a message can be sent, or nobody is left who could receive it.
pub(in crate::process) fn wait_for_room(socket: impl AsFd) {
    if poll(&mut [PollFd::new(&socket, PollFlags::OUT)], None).is_err_and(|error| error != Errno::INTR) {
        pause();
    }
}

/// Whether a message was refused because too many descriptors of this user are on their way already, in whatever
/// sockets. Some of them will arrive, so nobody is at fault, and it is a matter of waiting.
pub(in crate::process) fn is_crowded(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::TOOMANYREFS.raw_os_error())
}

/// Lets a lack of something pass.
pub(in crate::process) fn pause() {
    std::thread::sleep(PAUSE);
}

/// A message that was received.
#[derive(Debug)]
pub(in crate::process) struct Received {
    /// Of the buffer; 0 at the end, when nobody is left who could send.
    pub(in crate::process) length: usize,
    /// Closed on exec.
    pub(in crate::process) fds: Vec<OwnedFd>,
    /// The message did not fit, or there were more descriptors than this process may have.
    pub(in crate::process) truncated: bool,
}

/// Receives one message.
///
/// # Errors
/// `WouldBlock`, if there is none and `wait` is false.
pub(in crate::process) fn receive(socket: impl AsFd, buffer: &mut [u8], wait: bool) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | if wait { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
    let message = loop {
        match recvmsg(&socket, &mut [IoSliceMut::new(buffer)], &mut control, flags) {
            // That the other end was closed with something unread in it comes before what it has sent; and only once.
            Err(Errno::INTR | Errno::CONNRESET) => {}
            other => break other?,
        }
    };
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let fds = rights.flatten().collect();
    let truncated = message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
    Ok(Received { length: message.bytes, fds, truncated })
}

/// Looks at the next message without taking it, and without waiting; says how long it is.
pub(in crate::process) fn peek(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    let (_, length) = retry_on_intr(|| recv(&socket, &mut *buffer, flags))?;
    Ok(length)
}

/// The process that made the pair of sockets; 0 if it is not visible from here.
pub(in crate::process) fn peer(socket: impl AsFd) -> io::Result<u32> {
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // rustix would hand out the pid as a number that is never zero, which the kernel does not promise.
    // SAFETY: the option's value is such a structure, and its length is given.
    let status = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut length,
        )
    };
    if status == 0 { Ok(credentials.pid.unsigned_abs()) } else { Err(io::Error::last_os_error()) }
}

/// What `wait_for_any` found.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::process) struct Readiness {
    /// There is something to read, or nobody is left who could write.
    pub(in crate::process) readable: bool,
    /// Nobody is left at the other end.
    pub(in crate::process) hung_up: bool,
}

/// Waits until one of them is ready: for reading, or, where `to_read` is false, only for the other end to be closed.
pub(in crate::process) fn wait_for_any<const N: usize>(of: [(BorrowedFd<'_>, bool); N]) -> [Readiness; N] {
    let mut entries = of.each_ref().map(|(fd, to_read)| {
        let events = if *to_read { PollFlags::IN } else { PollFlags::empty() };
        PollFd::new(fd, events)
    });
    while let Err(error) = poll(&mut entries, None) {
        // Out of memory in the kernel, or the program has forbidden itself so many descriptors: that may pass.
        if error != Errno::INTR {
            pause();
        }
    }
    entries.each_ref().map(|entry| {
        let events = entry.revents();
        let hung_up = events.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        Readiness { readable: hung_up || events.contains(PollFlags::IN), hung_up }
    })
}
