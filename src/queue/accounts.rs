//! What is unfinished in a queue, and those who wait until nothing is.

use crate::state::{Finish, Tally};
use crate::sync::{Deadline, Mutex};
use crate::task::{Site, WaitList, Waiting};
use std::future::poll_fn;

pub(super) struct Accounts {
    pub(super) tally: Tally,
    joiners: Mutex<Joiners>,
}

struct Joiners {
    line: WaitList,
    /// How often they were told that nothing is unfinished.
    ends: u64,
}

/// There were not so many unfinished.
#[derive(Debug)]
pub(super) struct TooMany;

impl Accounts {
    pub(super) fn new() -> Self {
        Accounts { tally: Tally::new(), joiners: Mutex::new(Joiners { line: WaitList::new(), ends: 0 }) }
    }

    pub(super) fn unfinished(&self) -> u64 {
        self.tally.unfinished()
    }

    /// So many are done; whoever waits for the last one hears of it.
    #[inline]
    pub(super) fn finish(&self, count: u64) -> Result<(), TooMany> {
        match self.tally.finish(count) {
            Finish::Counted => Ok(()),
            Finish::MayBeLast => {
                self.tell_joiners();
                Ok(())
            }
            Finish::TooMany => Err(TooMany),
        }
    }

    #[cold]
    fn tell_joiners(&self) {
        let mut joiners = self.joiners.lock();
        if self.tally.unfinished() > 0 {
            // Something came meanwhile. Whoever finishes that finds the joiners.
            return;
        }
        self.tally.forget_joiners();
        joiners.ends += 1;
        let wakes = joiners.line.notify_all();
        drop(joiners);
        wakes.wake();
    }

    /// `false`: not in time.
    pub(super) fn join(&self, deadline: impl FnOnce() -> Deadline) -> bool {
        let mut since = None;
        self.unfinished() == 0
            || self.waiting().block_until(deadline(), |joiners, _| self.is_over(joiners, &mut since)).is_some()
    }

    pub(super) async fn join_async(&self) {
        if self.unfinished() > 0 {
            let (mut waiting, mut since) = (self.waiting(), None);
            poll_fn(|cx| waiting.poll(cx, |joiners, _| self.is_over(joiners, &mut since))).await;
        }
    }

    fn waiting(&self) -> Waiting<'_, Joiners> {
        Waiting::new(Site::new(&self.joiners, |joiners| &mut joiners.line))
    }

    /// Also if something has come again since they were told: there was a moment in which nothing was unfinished, and a
    /// steady stream of items is not to keep anybody here.
    fn is_over(&self, joiners: &Joiners, since: &mut Option<u64>) -> Option<()> {
        let since = *since.get_or_insert(joiners.ends);
        (since != joiners.ends || self.tally.is_finished_or_expected()).then_some(())
    }
}
