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
use crate::process::bundle;
use crate::process::sys::socket;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

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
    pub(in crate::process) setup: Option<(Vec<u8>, Vec<Arc<OwnedFd>>)>,
    /// The worker has said who it is.
    pub(in crate::process) answered: bool,
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
        match FromNewborn::read(message) {
            Some(FromNewborn::Answer(answer)) if !self.answered => {
                self.check(answer)?;
                self.answered = true;
                self.tell(socket)?;
                Ok(Progress::Waiting)
            }
            Some(FromNewborn::Ready) if self.setup.is_none() => Ok(Progress::Ready),
            Some(FromNewborn::Refused(why)) => Err(self.failed(&format!("refused to start: {why}"))),
            _ => Err(self.failed(&format!("said {} bytes that are no part of a start", message.len()))),
        }
    }

    /// Sends the setup to a worker that has answered; to be called again while it [is crowded](Self::is_crowded).
    ///
    /// # Errors
    /// The start has failed: what to tell.
    pub(crate) fn tell(&mut self, socket: impl AsFd) -> Result<(), LaunchError> {
        let Some((setup, fds)) = self.setup.as_ref().filter(|_| self.answered) else { return Ok(()) };
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(|fd| fd.as_fd()).collect();
        match bundle::send(socket, setup, &fds) {
            Ok(()) => self.setup = None,
            Err(error) if socket::is_crowded(&error) => {}
            Err(error) => return Err(self.failed(&format!("could not be told what to do: {error}"))),
        }
        Ok(())
    }

    /// Whether the setup could not be sent so far, because too many descriptors of this user are on their way.
    pub(crate) fn is_crowded(&self) -> bool {
        self.answered && self.setup.is_some()
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
