//! The parent's side of a worker's start: what it makes of the first messages.
//!
//! Nothing here waits: whoever listens to the socket passes on what comes, and gives up on a worker that says nothing
//! for too long, by dropping it.
//!
//! ```text
//! greeted --answer, of the right build--> set up --ready--> it serves
//!    \---- anything else, or a refusal ----> the start has failed, with a reason
//! ```

use super::identity::Location;
use super::message::{Answer, FromNewborn, LastWords, VERSION};
use super::spawn::LaunchError;
use crate::process::sys::socket;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

/// How far a start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More has to come.
    Waiting,
    /// The worker serves; what comes from now on is its service's.
    Ready,
}

/// What a worker that has been started has to go through.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(in crate::process) copy: Location,
    pub(in crate::process) pid: u32,
    /// For messages.
    pub(in crate::process) program: PathBuf,
    /// The setup and what goes with it, until it was sent.
    pub(in crate::process) setup: Option<(Vec<u8>, Vec<OwnedFd>)>,
}

impl Handshake {
    /// Takes the next message, and sends what it calls for.
    ///
    /// # Errors
    /// The start has failed: what to tell.
    pub(crate) fn on_message(&mut self, socket: impl AsFd, message: &[u8]) -> Result<Progress, LaunchError> {
        if let Some(LastWords { out_of_memory, .. }) = LastWords::read(message) {
            let of = if out_of_memory { "memory; its limit may be too low" } else { "stack" };
            return Err(self.failed(&format!("ran out of {of} while it started")));
        }
        match (FromNewborn::read(message), self.setup.take()) {
            (Some(FromNewborn::Answer(answer)), Some((setup, fds))) => {
                self.check(answer)?;
                let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
                let sent = socket::send(socket, &setup, &fds);
                sent.map_err(|error| self.failed(&format!("could not be told what to do: {error}")))?;
                Ok(Progress::Waiting)
            }
            (Some(FromNewborn::Ready), None) => Ok(Progress::Ready),
            (Some(FromNewborn::Refused(why)), _) => Err(self.failed(&format!("refused to start: {why}"))),
            _ => Err(self.failed(&format!("said {} bytes that are no part of a start", message.len()))),
        }
    }

    fn check(&self, answer: Answer) -> Result<(), LaunchError> {
        let Answer { version, copy, pid } = answer;
        if version != VERSION || copy != self.copy {
            return Err(self.failed(&format!(
                "is of another build: it says {version}:{copy:?}, and {VERSION}:{:?} is expected",
                self.copy
            )));
        }
        if pid != self.pid {
            return Err(self.failed(&format!("says that it is process {pid}: it may not run in another name space")));
        }
        Ok(())
    }

    fn failed(&self, what: &str) -> LaunchError {
        LaunchError::new(format!("the worker {} (process {}) {what}", self.program.display(), self.pid))
    }
}
