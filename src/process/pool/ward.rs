//! A worker's process in the care of the supervisor: what it says, how it is ended, and how it has ended.

use super::echo::Echo;
use super::tail::Tail;
use crate::process::launch::LONGEST;
use crate::process::launch::Process;
use crate::process::launch::{Handshake, Progress};
use crate::process::sys::socket::{self, CROWDED};
use rustix::process::Signal;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a new worker may take to say that it is ready; its constructors and a loaded machine may take their time.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a worker that has nothing left to do may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(10);

pub(in crate::process) struct Ward {
    pub(in crate::process) process: Process,
    pub(in crate::process) socket: Arc<OwnedFd>,
    /// The other end of the socket is closed: nothing will come, and to wait for it would be to find that again.
    pub(in crate::process) is_silent: bool,
    /// `None` once it has been closed at the other end.
    pub(in crate::process) stderr: Option<OwnedFd>,
    pub(in crate::process) tail: Tail,
    /// Until it is ready.
    pub(in crate::process) handshake: Option<Handshake>,
    pub(in crate::process) began: Instant,
    /// Why it had to go, if it is not to be trusted.
    pub(in crate::process) unfit: Option<Unfit>,
    signalled: Signalled,
    pub(in crate::process) news: News,
}

/// What there is to be looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::process) struct News {
    /// On its standard error.
    pub(in crate::process) wrote: bool,
    /// On its socket.
    pub(in crate::process) spoke: bool,
    pub(in crate::process) over: bool,
}

/// What a worker had to go for.
pub(in crate::process) enum Unfit {
    /// It did not come to be a worker.
    Start(String),
    /// What it wrote cannot be believed.
    Damaged(String),
}

/// Which signals it was sent.
#[derive(Clone, Copy)]
enum Signalled {
    Nothing,
    /// The polite one, and when the other is due; never, if that is beyond all clocks.
    Term(Option<Instant>),
    Kill,
}

impl Ward {
    pub(in crate::process) fn new(
        process: Process,
        socket: Arc<OwnedFd>,
        stderr: Option<OwnedFd>,
        handshake: Handshake,
    ) -> Self {
        Ward {
            process,
            socket,
            is_silent: false,
            stderr,
            tail: Tail::default(),
            handshake: Some(handshake),
            began: Instant::now(),
            unfit: None,
            signalled: Signalled::Nothing,
            news: News::default(),
        }
    }

    /// Reads what it wrote to its standard error.
    pub(in crate::process) fn follow(&mut self, echo: &Echo) {
        self.stderr = self.stderr.take().filter(|stderr| self.tail.follow(stderr, echo));
    }

    /// Listens to it during its start.
    ///
    /// # Errors
    /// It will never be a worker: why.
    pub(in crate::process) fn hear(&mut self, now: Instant) -> Result<(), String> {
        let Some(handshake) = &mut self.handshake else { return Ok(()) };
        let mut message = vec![0; LONGEST];
        loop {
            let received = match socket::receive(&*self.socket, &mut message, false) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Its end, which the descriptor of the process tells, too.
                Err(_) => break,
                Ok(received) if received.length == 0 => {
                    self.is_silent = true;
                    break;
                }
                Ok(received) => received,
            };
            let progress = handshake.on_message(&*self.socket, &message[..received.length]);
            match progress.map_err(|error| error.into_text().to_string())? {
                Progress::Waiting => {}
                Progress::Ready => {
                    self.handshake = None;
                    return Ok(());
                }
            }
        }
        if handshake.is_crowded() {
            handshake.tell(&*self.socket).map_err(|error| error.into_text().to_string())?;
        }
        if now < self.began + PATIENCE {
            return Ok(());
        }
        let crowded = ", because too many descriptors of this user are on their way between processes";
        let why = if handshake.is_crowded() { crowded } else { "" };
        Err(format!("a worker was not ready after {PATIENCE:?}{why}"))
    }

    /// Ends it: by the polite signal first, if it has time for that.
    pub(in crate::process) fn end(&mut self, now: Instant, grace: Duration) {
        let signal = match self.signalled {
            Signalled::Nothing if !grace.is_zero() => {
                self.signalled = Signalled::Term(now.checked_add(grace));
                Signal::TERM
            }
            Signalled::Term(due) if due.is_none_or(|due| now < due) && !grace.is_zero() => {
                // Whoever asks again may have less patience.
                self.signalled = Signalled::Term(due.into_iter().chain(now.checked_add(grace)).min());
                return;
            }
            Signalled::Kill => return,
            Signalled::Nothing | Signalled::Term(_) => {
                self.signalled = Signalled::Kill;
                Signal::KILL
            }
        };
        // It can only fail if the process is over.
        let _ = self.process.signal(signal);
    }

    /// Ends one that was to end by itself, and does not.
    pub(in crate::process) fn hurry(&mut self, now: Instant, free_since: Instant, grace: Duration) {
        if now >= free_since + FAREWELL {
            self.end(now, grace);
        }
    }

    /// When to look after it, whether or not it says something. `looked`: when that was done last; `free_since`: since
    /// when it may end.
    pub(in crate::process) fn alarm(&self, looked: Instant, free_since: Option<Instant>) -> Option<Instant> {
        match self.signalled {
            Signalled::Term(Some(due)) if due > looked => Some(due),
            Signalled::Term(None) => None,
            Signalled::Kill => None,
            Signalled::Nothing => match &self.handshake {
                Some(handshake) if handshake.is_crowded() => Some(looked + CROWDED),
                Some(_) => Some(self.began + PATIENCE),
                None => free_since.map(|since| since + FAREWELL),
            },
            Signalled::Term(_) => free_since.map(|since| since + FAREWELL),
        }
    }
}
