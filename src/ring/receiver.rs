//! The worker's side: takes tasks in order, and leaves their results.
//!
//! The worker may be gone between any two steps, and nothing of this is undone then: there is no guard here whose drop
//! writes a word, and every step leaves what came before it true.

use super::{Damage, Medium, Ring, Ticket};
use crate::state::ring::{Found, Head, Look, Report, Reported, Spill, Spins, Tail, words_for};
use crate::sync::spin_for;
use std::sync::Arc;

/// The worker's side; see the [module](self). One thread has it.
pub(crate) struct Receiver<M> {
    ring: Arc<Ring<M>>,
    /// The next ticket.
    position: u64,
    /// Revoked tickets were passed, and the parent was not told.
    passed: bool,
    /// When the last task was begun, on the medium's clock.
    began: u64,
    /// Where the next result goes, and up to where results were given back, as last read.
    written: u64,
    freed: u64,
    spins: Option<Spins>,
    /// How the parent was, when the last task had ended.
    parent: Found,
}

/// What comes next.
#[must_use]
pub(crate) enum Next<'r, M> {
    /// To be run, and then to be [finished](Running::finish).
    Task(Running<'r, M>),
    /// Nothing more will come.
    Closed,
}

/// The results that are to be written do not fit, and nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// A task that was begun. Without its end, the worker can take no other.
#[must_use = "a task that is never finished is one that the worker died in"]
pub(crate) struct Running<'r, M> {
    receiver: &'r mut Receiver<M>,
    ticket: Ticket,
    head: Head,
    progress: Reported,
    /// Where the bytes of items end.
    tail: Tail,
    spill: Option<Spill>,
}

/// Whether a task was asked to stop; for any thread, also after its end.
pub(crate) struct CancelRequest<M> {
    ring: Arc<Ring<M>>,
    ticket: Ticket,
}

impl<M: Medium> Receiver<M> {
    /// `spin`: whether there is another processor for the parent.
    pub(crate) fn new(ring: Ring<M>, spin: bool) -> Self {
        let spins = spin.then(Spins::new);
        Receiver {
            ring: Arc::new(ring),
            position: 0,
            passed: false,
            began: 0,
            written: 0,
            freed: 0,
            spins,
            parent: Found::Asleep,
        }
    }

    /// Waits for the next task, begins it, and puts its bytes in the place of what is in `bytes`.
    ///
    /// # Errors
    /// If the ring is damaged; the worker cannot go on.
    pub(crate) fn next(&mut self, bytes: &mut Vec<u8>) -> Result<Next<'_, M>, Damage> {
        loop {
            if self.advance()? {
                return self.begun(bytes).map(Next::Task);
            }
            // Closed is said after the last task was handed out; so who sees it has seen that, or looks once more.
            if self.ring.closed().get_read_only() != 0 {
                return if self.advance()? { self.begun(bytes).map(Next::Task) } else { Ok(Next::Closed) };
            }
            if !self.spin() {
                self.sleep();
            }
        }
    }

    /// Passes what was revoked, and begins the next task, if there is one.
    fn advance(&mut self) -> Result<bool, Damage> {
        loop {
            let ticket = Ticket(self.position);
            let word = self.ring.word(ticket);
            match word.look() {
                Look::Queued => {
                    self.began = self.ring.medium().now();
                    self.ring.report(ticket).reset(self.written, self.began);
                    if word.begin() {
                        self.tell_passed();
                        return Ok(true);
                    }
                }
                Look::Revoked => {
                    self.position += 1;
                    self.ring.position().set(self.position);
                    self.passed = true;
                }
                Look::NotYet => {
                    self.tell_passed();
                    return Ok(false);
                }
                Look::Unknown(found) => return Err(Damage::at(ticket, "the state", found)),
            }
        }
    }

    /// The parent may be waiting for the room.
    fn tell_passed(&mut self) {
        if std::mem::take(&mut self.passed) {
            self.parent = self.ring.ring_parent(self.position);
        }
    }

    fn begun(&mut self, bytes: &mut Vec<u8>) -> Result<Running<'_, M>, Damage> {
        let ticket = Ticket(self.position);
        let (head, place, length) = self.ring.head(ticket).read();
        let arena = self.ring.bytes();
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= arena.bytes()) else {
            return Err(Damage::at(ticket, "the length", length));
        };
        bytes.clear();
        arena.read(place, 0, length, bytes);
        let tail = Tail { place: self.written, ..Tail::default() };
        Ok(Running { receiver: self, ticket, head, progress: Reported::default(), tail, spill: None })
    }

    /// Whether there is something to look at now.
    fn has_news(&self) -> bool {
        self.ring.word(Ticket(self.position)).look() != Look::NotYet
    }

    fn spin(&mut self) -> bool {
        let Some(mut spins) = self.spins else {
            return false;
        };
        let limit = spins.begin(self.parent);
        let found = limit.is_some_and(|limit| spin_for(limit, || self.has_news()));
        if limit.is_some() {
            spins.learn(self.parent, found);
        }
        self.spins = Some(spins);
        found
    }

    fn sleep(&self) {
        self.ring.worker_sleep().lie_down();
        if !self.has_news() && self.ring.closed().get_read_only() == 0 {
            self.ring.medium().worker_sleeps();
        }
        self.ring.worker_sleep().get_up();
    }

    /// Room for results of so many words.
    fn room_for(&mut self, words: u64) -> bool {
        let capacity = self.ring.results().words();
        let fits = |freed: u64| (self.written - freed).saturating_add(words) <= capacity;
        if !fits(self.freed) {
            self.freed = self.ring.freed().get_read_only().min(self.written);
        }
        fits(self.freed)
    }
}

impl<M: Medium> Running<'_, M> {
    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// How many nanoseconds ago it was begun.
    pub(crate) fn elapsed(&self) -> u64 {
        let Receiver { ring, began, .. } = &*self.receiver;
        ring.medium().now().saturating_sub(*began)
    }

    pub(crate) fn cancel_request(&self) -> CancelRequest<M> {
        CancelRequest { ring: Arc::clone(&self.receiver.ring), ticket: self.ticket }
    }

    fn report(&self) -> Report<'_> {
        self.receiver.ring.report(self.ticket)
    }

    /// The next item is begun.
    pub(crate) fn begin_item(&mut self) {
        self.progress.under_way = true;
        self.report().progress(self.progress);
    }

    /// The item has ended, and this is its result. The parent gets those of several items as one piece, so a result has to
    /// tell by itself where it ends.
    ///
    /// # Errors
    /// If that does not fit, or an earlier item of the task did not.
    pub(crate) fn end_item(&mut self, result: &[u8]) -> Result<(), Full> {
        let length = u32::try_from(result.len()).ok().filter(|length| *length <= Reported::MOST - self.progress.bytes);
        let words = words_for(self.tail.bytes as usize + result.len()) - words_for(self.tail.bytes as usize);
        let Some(length) = length.filter(|_| self.spill.is_none() && self.receiver.room_for(words)) else {
            return Err(Full);
        };
        self.receiver.ring.results().append(&mut self.tail, result);
        self.receiver.written += words;
        self.progress.bytes += length;
        self.count_item();
        Ok(())
    }

    /// The item has ended, and its result is the next in the file that was sent under this number, not 0: the task's
    /// spill, which has every later item of the task, too.
    pub(crate) fn end_item_in_spill(&mut self, serial: u32) {
        if self.spill.is_none() {
            let spill = Spill { serial, first: self.progress.ended };
            self.report().spill(spill);
            self.spill = Some(spill);
        }
        self.count_item();
    }

    fn count_item(&mut self) {
        self.progress.ended += 1;
        self.progress.under_way = false;
        self.report().progress(self.progress);
    }

    /// The task has ended, and this is its result, after those of its items.
    ///
    /// # Errors
    /// If that does not fit, with the task.
    pub(crate) fn finish(self, result: &[u8]) -> Result<(), Self> {
        let words = words_for(result.len());
        if !self.receiver.room_for(words) {
            return Err(self);
        }
        self.receiver.ring.results().write(self.receiver.written, result);
        self.receiver.written += words;
        self.end(0, result.len() as u64);
        Ok(())
    }

    /// The task has ended, and its result of so many bytes was sent under this number, not 0.
    pub(crate) fn finish_elsewhere(self, serial: u32, length: u64) {
        self.end(serial, length);
    }

    fn end(self, serial: u32, length: u64) {
        self.report().finish(serial, length);
        let Receiver { ring, position, parent, .. } = self.receiver;
        *position += 1;
        ring.position().set(*position);
        ring.word(self.ticket).end();
        *parent = ring.ring_parent(*position);
    }
}

impl<M: Medium> CancelRequest<M> {
    pub(crate) fn is_made(&self) -> bool {
        self.ring.cancel_requested(self.ticket)
    }
}
