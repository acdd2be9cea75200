//! A worker in a process of its own: this test binary once more, told to run the same test, which then finds
//! descriptors on its standard input. It ends with the test, however that ends.

use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::io::{IoSlice, IoSliceMut, stdin};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

const ROLE: &str = "CONCURRENT_FUTURES_RING_CHILD";
const MOST: usize = 8;

/// A child that is killed and reaped when this is dropped.
pub(super) struct Process(Child);

/// Starts the calling test in a process of its own, in this role. `test` is its full name.
pub(super) fn start(test: &str, role: &str, descriptors: &[BorrowedFd<'_>]) -> Process {
    let (ours, theirs) = UnixStream::pair().unwrap();
    // What is sent waits in the socket; the child is then told where to look.
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    assert!(rights.push(SendAncillaryMessage::ScmRights(descriptors)));
    sendmsg(&ours, &[IoSlice::new(b"!")], &mut rights, SendFlags::empty()).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    Process(child)
}

impl Process {
    /// SIGKILL, and its end is certain.
    pub(super) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for its own end.
    pub(super) fn join(&mut self) {
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// In a child: its role, and what it was sent.
pub(super) fn received() -> Option<(String, Vec<OwnedFd>)> {
    let role = std::env::var(ROLE).ok()?;
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let stdin = stdin();
    recvmsg(stdin.as_fd(), &mut [IoSliceMut::new(&mut byte)], &mut rights, RecvFlags::CMSG_CLOEXEC).unwrap();
    let mut descriptors = Vec::new();
    for message in rights.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    Some((role, descriptors))
}
