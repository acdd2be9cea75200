//! One who may have to wait in a line: as a thread that blocks, or as a future that is polled.

use super::list::{Key, Sleeper, WaitList, Wakes};
use crate::sync::{Deadline, Mutex, MutexGuard, Parker, Patience, drop_contained};
use crate::task::blocking::{self, Need, Pause};
use std::task::{Context, Poll};

/// Where a line is: in a state, behind that state's lock.
#[derive(Debug)]
pub(crate) struct Site<'a, S> {
    lock: &'a Mutex<S>,
    list: fn(&mut S) -> &mut WaitList,
}

impl<S> Clone for Site<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Site<'_, S> {}

impl<'a, S> Site<'a, S> {
    pub(crate) fn new(lock: &'a Mutex<S>, list: fn(&mut S) -> &mut WaitList) -> Self {
        Site { lock, list }
    }

    fn lock(self) -> MutexGuard<'a, S> {
        self.lock.lock()
    }

    fn list(self, state: &mut S) -> &mut WaitList {
        (self.list)(state)
    }
}

/// Somebody's place in a line, or the intention to have one. Dropping it leaves the line, and passes on what nobody
/// has made use of.
///
/// An attempt is called under the lock, with the state and with whether this one was chosen since it last failed; it
/// calls nothing foreign that could unwind half done, and what it wants to wake or to drop it gives back.
#[derive(Debug)]
pub(crate) struct Waiting<'a, S> {
    site: Site<'a, S>,
    /// Whether it gives way a few times before it sleeps.
    patient: bool,
    key: Option<Key>,
    /// By what it would have been woken, if the wait is over; dropped with no lock held.
    left: Option<Sleeper>,
}

impl<'a, S> Waiting<'a, S> {
    pub(crate) fn new(site: Site<'a, S>) -> Self {
        Waiting { site, patient: true, key: None, left: None }
    }

    /// For who has waited a moment already: it sleeps at once.
    pub(crate) fn impatient(mut self) -> Self {
        self.patient = false;
        self
    }

    /// Takes its place in the line before it is known who is to be woken: whoever is notified from now on has seen it.
    /// For waits that are for the notification itself. `state` is what the site's lock guards.
    pub(crate) fn enlist(&mut self, state: &mut S) {
        if self.key.is_none() {
            self.key = Some(self.site.list(state).enlist(None));
        }
    }

    /// Blocks until an attempt gives something. `None`: the deadline came first, and a last attempt failed after it.
    ///
    /// A worker of a pool lends its place while it sleeps.
    pub(crate) fn block_until<R>(
        mut self,
        deadline: Deadline,
        mut attempt: impl FnMut(&mut S, bool) -> Option<R>,
    ) -> Option<R> {
        let mut guard = self.site.lock();
        let tried = self.attempt(&mut guard, &mut attempt);
        drop(guard);
        // A time that is up already is not worth a lent place. (Under loom every time is up, and is to be waited for.)
        if tried.is_some() || (deadline.is_past() && !cfg!(concurrent_futures_loom)) {
            return tried;
        }
        // A wait for something outside is never refused: without a spare thread the place just stays taken.
        let ticket = blocking::enter(&Pause::new(&[], Need::Outside, deadline)).ok().flatten();
        let own;
        let parker = match &ticket {
            Some(ticket) => &ticket.parker,
            None => {
                own = Parker::new();
                &own
            }
        };
        let mut expired = false;
        loop {
            guard = self.site.lock();
            let tried = self.attempt(&mut guard, &mut attempt);
            if tried.is_some() || expired {
                drop(guard);
                // Out of the line before the place is taken back, which may take a while.
                drop(self);
                return tried;
            }
            let old = self.stay(&mut guard, Sleeper::Thread(parker.unparker()));
            drop(guard);
            drop(old);
            // Often the wake comes while whoever waits would still be on its way to sleep.
            let mut patience = Patience::in_line();
            while self.patient && !parker.is_woken() && patience.last(deadline) {}
            expired = !parker.park_until(deadline);
        }
    }

    /// Ready when an attempt gives something; until then the context's waker is the one that is woken.
    pub(crate) fn poll<R>(&mut self, cx: &Context<'_>, mut attempt: impl FnMut(&mut S, bool) -> Option<R>) -> Poll<R> {
        let mut guard = self.site.lock();
        if let Some(done) = self.attempt(&mut guard, &mut attempt) {
            return Poll::Ready(done);
        }
        let list = self.site.list(&mut guard);
        if self.key.as_ref().is_some_and(|key| list.will_wake(key, cx.waker())) {
            return Poll::Pending;
        }
        drop(guard);
        // Cloned with the lock free, because that is foreign code; so whatever came meanwhile has to be looked for.
        let waker = cx.waker().clone();
        let mut guard = self.site.lock();
        if let Some(done) = self.attempt(&mut guard, &mut attempt) {
            drop(guard);
            drop_contained(waker);
            return Poll::Ready(done);
        }
        let old = self.stay(&mut guard, Sleeper::Task(waker));
        drop(guard);
        drop_contained(old);
        Poll::Pending
    }

    /// A success uses up the mark, if there was one, and leaves the line.
    fn attempt<R>(&mut self, state: &mut S, attempt: &mut impl FnMut(&mut S, bool) -> Option<R>) -> Option<R> {
        let notified = match &self.key {
            Some(key) => self.site.list(state).is_notified(key),
            None => false,
        };
        let done = attempt(state, notified)?;
        if let Some(key) = self.key.take() {
            (_, self.left) = self.site.list(state).leave(key);
        }
        Some(done)
    }

    /// In the line, at its end or where it was.
    fn stay(&mut self, state: &mut S, sleeper: Sleeper) -> Option<Sleeper> {
        let list = self.site.list(state);
        match &self.key {
            Some(key) => list.stay(key, sleeper),
            None => {
                self.key = Some(list.enlist(Some(sleeper)));
                None
            }
        }
    }
}

impl<S> Drop for Waiting<'_, S> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let mut guard = self.site.lock();
            let list = self.site.list(&mut guard);
            let notified;
            (notified, self.left) = list.leave(key);
            // It was chosen, and wants nothing any more: the next one's turn, without a moment in between.
            let wakes = if notified { list.notify_one() } else { Wakes::none() };
            drop(guard);
            wakes.wake();
        }
        drop_contained(self.left.take());
    }
}
