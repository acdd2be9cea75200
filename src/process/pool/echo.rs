//! What workers write to their standard error, passed on to this process's own.
//!
//! On a thread of its own, because a standard error that nobody reads, or that somebody has locked, holds up whoever
//! writes there; the supervisor it must not. When too much is waiting, no more is read from the workers, so that it is
//! they who wait then.

use crate::ring::bell;
use crate::sync::{Condvar, Deadline, Mutex, spawn_thread};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// How many bytes may wait to be written.
const MOST: usize = 64 << 10;
const STACK: usize = 128 << 10;

#[derive(Clone)]
pub(in crate::process) struct Echo {
    shared: Arc<Shared>,
}

struct Shared {
    backlog: Mutex<Backlog>,
    /// Everything has been written.
    idle: Condvar,
    /// Rung when there is room again.
    bell: Arc<OwnedFd>,
}

#[derive(Default)]
struct Backlog {
    bytes: Vec<u8>,
    /// A thread writes, or is about to.
    is_attended: bool,
}

impl Echo {
    pub(in crate::process) fn new(bell: Arc<OwnedFd>) -> Self {
        Echo { shared: Arc::new(Shared { backlog: Mutex::default(), idle: Condvar::new(), bell }) }
    }

    /// Whether more should be read from workers now.
    pub(in crate::process) fn has_room(&self) -> bool {
        self.shared.backlog.lock().bytes.len() < MOST
    }

    /// To be written after what came before.
    pub(in crate::process) fn write(&self, bytes: &[u8]) {
        let mut backlog = self.shared.backlog.lock();
        backlog.bytes.extend_from_slice(bytes);
        if std::mem::replace(&mut backlog.is_attended, true) {
            return;
        }
        drop(backlog);
        let shared = Arc::clone(&self.shared);
        if spawn_thread("cf-stderr".to_owned(), STACK, move || shared.write_all()).is_err() {
            // It is gone; what matters of it is in the report of a death.
            let mut backlog = self.shared.backlog.lock();
            *backlog = Backlog::default();
        }
    }

    /// Waits until all is written. `false`: the deadline came first.
    pub(in crate::process) fn join(&self, deadline: Deadline) -> bool {
        let mut backlog = self.shared.backlog.lock();
        while backlog.is_attended && !deadline.is_past() {
            backlog = self.shared.idle.wait_until(backlog, deadline);
        }
        !backlog.is_attended
    }
}

impl Shared {
    fn write_all(&self) {
        loop {
            let mut backlog = self.backlog.lock();
            let bytes = std::mem::take(&mut backlog.bytes);
            if bytes.is_empty() {
                backlog.is_attended = false;
                self.idle.notify_all();
                return;
            }
            drop(backlog);
            if bytes.len() >= MOST {
                bell::ring(&*self.bell);
            }
            // Nothing can be done where it cannot be written.
            let _ = std::io::stderr().write_all(&bytes);
        }
    }
}
