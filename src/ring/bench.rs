//! The ring alone, for this workspace's benches, which are another crate.

use super::sys::bell;
use super::{Descriptors, Mapped, Next, Receiver, Sender, Sizes, TaskBytes, Ticket, Watch, Watched, spinning_may_pay};
use crate::state::ring::Head;
use rustix::event::{PollFd, PollFlags, poll};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The parent's side, with what a pool would do around it: it watches, and then sleeps on the bell.
pub struct Parent {
    sender: Sender<Mapped>,
    watch: Watch<Mapped>,
    bell: Arc<OwnedFd>,
}

/// Jobs, board and bell, for [`serve`] in another process.
pub struct Shared {
    /// Memory that the worker reads.
    pub jobs: OwnedFd,
    /// Memory that both write.
    pub board: OwnedFd,
    /// What the worker rings.
    pub bell: OwnedFd,
}

impl Parent {
    /// A ring of the usual size.
    pub fn create() -> io::Result<(Self, Shared)> {
        let bell = Arc::new(bell::create()?);
        let shared_bell = bell.try_clone()?;
        let (sender, Descriptors { jobs, board }) = Sender::create(Sizes::default(), Arc::clone(&bell))?;
        let watch = sender.watch(spinning_may_pay());
        Ok((Parent { sender, watch, bell }, Shared { jobs, board, bell: shared_bell }))
    }

    /// Hands out the numbers below `count`, at most `window` at a time, and adds up what comes back.
    pub fn sum_below(&mut self, count: u64, window: usize) -> io::Result<u64> {
        let (mut out, mut next, mut sum) = (VecDeque::with_capacity(window), 0, 0);
        while next < count || !out.is_empty() {
            while next < count && out.len() < window {
                match self.sender.publish(Head { items: 1, ..Head::default() }, &u64::to_ne_bytes(next)) {
                    Ok(ticket) => out.push_back(ticket),
                    Err(_) => break,
                }
                next += 1;
            }
            match out.pop_front() {
                Some(ticket) => sum += self.wait(ticket)?,
                None => return Err(io::Error::other("the ring has no room for a single task")),
            }
        }
        Ok(sum)
    }

    fn wait(&mut self, ticket: Ticket) -> io::Result<u64> {
        loop {
            match self.sender.take_result(ticket).map_err(io::Error::other)? {
                Some(TaskBytes::Here(bytes)) => {
                    let word = bytes.try_into().map_err(|_| io::Error::other("a result of another length"))?;
                    return Ok(u64::from_ne_bytes(word));
                }
                Some(TaskBytes::Sent { .. }) => return Err(io::Error::other("a result that was not sent")),
                None => {}
            }
            if self.watch.spin_on(ticket, self.sender.worker()) == Watched::Done {
                continue;
            }
            if self.sender.may_sleep(false, None).map_err(io::Error::other)? {
                poll(&mut [PollFd::new(&self.bell, PollFlags::IN)], None)?;
                bell::silence(&self.bell);
                self.sender.awake();
            }
        }
    }
}

/// The worker ends.
impl Drop for Parent {
    fn drop(&mut self) {
        self.sender.close();
    }
}

/// The worker's side: gives every task back as it came, until the parent closes.
pub fn serve(shared: Shared) -> io::Result<()> {
    let Shared { jobs, board, bell } = shared;
    let mut receiver = Receiver::open(&Descriptors { jobs, board }, Arc::new(bell), spinning_may_pay())?;
    let mut bytes = Vec::new();
    while let Next::Task(running) = receiver.next(&mut bytes).map_err(io::Error::other)? {
        if let Err(running) = running.finish(&bytes) {
            running.finish_elsewhere(1, bytes.len() as u64);
        }
    }
    Ok(())
}
