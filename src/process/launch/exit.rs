//! How a worker ends, seen from its parent.
//!
//! A worker is only ever named by its descriptor, so no signal can reach a process that got its number. What its tasks
//! have started is in its group, and ends with it: first the group is killed, then the worker is reaped, because until
//! then its number, which is the group's, cannot become another's.

use super::forked::Origin;
use crate::process::sys::processes::{self, Status, Wait};
use rustix::process::Signal;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// How long a killed worker is waited for. The kernel may need that long to end one that waits for a device.
const PATIENCE: Duration = Duration::from_secs(5);

/// A worker, until it is reaped. Dropped before, it is killed.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    pidfd: OwnedFd,
    origin: Origin,
    status: Option<Status>,
}

impl Process {
    pub(in crate::process) fn new(pid: u32, pidfd: OwnedFd) -> Self {
        Process { pid, pidfd, origin: Origin::here(), status: None }
    }

    /// Its number, for messages.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Readable once the worker is over.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Sends a signal to the worker, though not to what its tasks have started; to one that is over it does nothing.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        processes::signal(&self.pidfd, signal)
    }

    /// How the worker ended; `None` while it runs. Whoever learns of the end this way has also ended what was left of
    /// its group, and let go of the process: there is no zombie.
    pub(crate) fn try_end(&mut self) -> io::Result<Option<Status>> {
        if self.status.is_none() {
            let Some(status) = processes::status(&self.pidfd, Wait::Peek)? else { return Ok(None) };
            processes::kill_group(&self.pidfd, self.pid, status != Status::Unknown);
            self.status = Some(status);
            // What was peeked at holds, even if somebody else has reaped the process meanwhile.
            let _ = processes::status(&self.pidfd, Wait::Reap);
        }
        Ok(self.status)
    }

    /// Kills the worker and what its tasks have started, and waits for the end.
    pub(crate) fn kill(&mut self) -> io::Result<Option<Status>> {
        if self.status.is_none() {
            self.signal(Signal::KILL)?;
            processes::over_within(&self.pidfd, PATIENCE);
        }
        self.try_end()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A copy of the parent, made by a fork, is not the one to end its workers.
        if self.origin.is_here() {
            let _ = self.kill();
        }
    }
}
