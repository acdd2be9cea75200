//! The line itself: first in, first out, with places that can be given up from anywhere in it.

use crate::sync::{Unparker, contain};
use slab::Slab;
use std::sync::Arc;
use std::task::Waker;

/// Room for so many is kept when nobody is there; that for more is given back.
const KEPT: usize = 32;

/// How an entry's owner is woken.
#[derive(Debug)]
pub(super) enum Sleeper {
    Thread(Arc<Unparker>),
    Task(Waker),
}

/// One who waits, or was chosen and does not know yet.
#[derive(Debug)]
struct Entry {
    /// It was chosen, and is not in the line any more.
    notified: bool,
    /// `None`: it was woken, or looks for itself before it sleeps.
    sleeper: Option<Sleeper>,
    /// Towards the front.
    previous: Option<usize>,
    /// Towards the back.
    next: Option<usize>,
}

/// An entry's name; whoever has it takes the entry out again.
#[derive(Debug)]
pub(super) struct Key(usize);

/// Which end of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Front,
    Back,
}

/// Part of a state behind a lock; see [the module](super).
#[derive(Debug, Default)]
pub(crate) struct WaitList {
    /// Those in line, and those who were chosen and have not been here since.
    entries: Slab<Entry>,
    first: Option<usize>,
    last: Option<usize>,
    in_line: usize,
}

impl WaitList {
    pub(crate) const fn new() -> Self {
        WaitList { entries: Slab::new(), first: None, last: None, in_line: 0 }
    }

    /// Whether nobody waits who was not chosen already.
    pub(crate) fn is_empty(&self) -> bool {
        self.in_line == 0
    }

    /// How many wait and were not chosen.
    pub(crate) fn len(&self) -> usize {
        self.in_line
    }

    /// Chooses the foremost.
    pub(crate) fn notify_one(&mut self) -> Wakes {
        self.notify_many(1)
    }

    /// Chooses so many from the front, or as many as there are.
    pub(crate) fn notify_many(&mut self, count: usize) -> Wakes {
        let mut wakes = Wakes::none();
        for _ in 0..count {
            let Some(index) = self.first else { break };
            self.unlink(index);
            let entry = &mut self.entries[index];
            entry.notified = true;
            if let Some(sleeper) = entry.sleeper.take() {
                wakes.push(sleeper);
            }
        }
        wakes
    }

    pub(crate) fn notify_all(&mut self) -> Wakes {
        self.notify_many(self.in_line)
    }

    pub(super) fn enlist(&mut self, sleeper: Option<Sleeper>) -> Key {
        let index = self.entries.insert(Entry { notified: false, sleeper, previous: None, next: None });
        self.link(index, End::Back);
        Key(index)
    }

    pub(super) fn is_notified(&self, key: &Key) -> bool {
        self.entries[key.0].notified
    }

    /// Whether it is still in line and wakes the same task.
    pub(super) fn will_wake(&self, key: &Key, waker: &Waker) -> bool {
        let entry = &self.entries[key.0];
        !entry.notified && matches!(&entry.sleeper, Some(Sleeper::Task(left)) if left.will_wake(waker))
    }

    /// In line again, if it was chosen, where it was: in front. What it was to be woken by before is given back, to be
    /// dropped when the lock is free.
    #[must_use]
    pub(super) fn stay(&mut self, key: &Key, sleeper: Sleeper) -> Option<Sleeper> {
        if std::mem::take(&mut self.entries[key.0].notified) {
            self.link(key.0, End::Front);
        }
        self.entries[key.0].sleeper.replace(sleeper)
    }

    /// Out of the line. Says whether it was chosen, and gives back what it was to be woken by, to be dropped when the
    /// lock is free.
    #[must_use]
    pub(super) fn leave(&mut self, key: Key) -> (bool, Option<Sleeper>) {
        if !self.entries[key.0].notified {
            self.unlink(key.0);
        }
        let entry = self.entries.remove(key.0);
        if self.entries.is_empty() && self.entries.capacity() > KEPT {
            self.entries = Slab::new();
        }
        (entry.notified, entry.sleeper)
    }

    fn link(&mut self, index: usize, end: End) {
        let neighbour = match end {
            End::Front => self.first.replace(index),
            End::Back => self.last.replace(index),
        };
        match (neighbour, end) {
            (None, End::Front) => self.last = Some(index),
            (None, End::Back) => self.first = Some(index),
            (Some(neighbour), End::Front) => {
                self.entries[neighbour].previous = Some(index);
                self.entries[index].next = Some(neighbour);
            }
            (Some(neighbour), End::Back) => {
                self.entries[neighbour].next = Some(index);
                self.entries[index].previous = Some(neighbour);
            }
        }
        self.in_line += 1;
    }

    fn unlink(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        let (previous, next) = (entry.previous.take(), entry.next.take());
        match previous {
            Some(previous) => self.entries[previous].next = next,
            None => self.first = next,
        }
        match next {
            Some(next) => self.entries[next].previous = previous,
            None => self.last = previous,
        }
        self.in_line -= 1;
    }
}

/// Those who were chosen, to be woken when the lock is free.
#[derive(Debug)]
#[must_use = "somebody was chosen, and sleeps until `wake`"]
pub(crate) struct Wakes {
    /// Most often there is only one, which takes no memory.
    first: Option<Sleeper>,
    more: Vec<Sleeper>,
}

impl Wakes {
    pub(crate) const fn none() -> Self {
        Wakes { first: None, more: Vec::new() }
    }

    /// Both.
    pub(crate) fn and(mut self, others: Wakes) -> Self {
        for sleeper in others.first.into_iter().chain(others.more) {
            self.push(sleeper);
        }
        self
    }

    /// With no lock held. Threads come first, because wakers are foreign code; a panic in one ends here.
    pub(crate) fn wake(self) {
        for sleeper in self.first.iter().chain(&self.more) {
            if let Sleeper::Thread(thread) = sleeper {
                thread.unpark();
            }
        }
        for sleeper in self.first.into_iter().chain(self.more) {
            if let Sleeper::Task(waker) = sleeper {
                let _ = contain(|| waker.wake());
            }
        }
    }

    fn push(&mut self, sleeper: Sleeper) {
        if self.first.is_none() {
            self.first = Some(sleeper);
        } else {
            self.more.push(sleeper);
        }
    }
}

#[cfg(all(test, not(concurrent_futures_loom)))]
mod tests {
    use super::{KEPT, WaitList};

    #[test]
    fn a_crowd_leaves_no_memory_behind() {
        let mut list = WaitList::new();
        for _ in 0..2 {
            let crowd: Vec<_> = (0..10 * KEPT).map(|_| list.enlist(None)).collect();
            assert_eq!(list.len(), 10 * KEPT);
            list.notify_many(KEPT).wake();
            for key in crowd {
                let _ = list.leave(key);
            }
            assert!(list.is_empty() && list.entries.capacity() <= KEPT);
        }
        // A few come and go without asking for memory each time.
        let key = list.enlist(None);
        let _ = list.leave(key);
        assert!(list.entries.capacity() > 0);
    }
}
