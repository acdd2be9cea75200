//! The parent's side: hands tasks out, takes them back, and takes their results.
//!
//! A sender belongs to whoever holds the lock of its worker; what it knows is in its own memory, and every word of the
//! board is compared with that. After a [`Damage`] the worker is to be killed, and nothing that it was handed can be
//! said to have run or not.

use super::Progress;
use super::results::{Cursor, Results};
use super::{Damage, Items, Layout, Medium, Ring, TaskBytes, Ticket, Watch};
use crate::state::ring::{Found, Head, SlotState, words_for};
use std::sync::Arc;
use std::time::Duration;

/// The parent's side; see the [module](self).
pub(crate) struct Sender<M> {
    ring: Arc<Ring<M>>,
    /// Tickets from the oldest that is not given back to the next that will be handed out, and the first of these that
    /// the parent is not done with.
    oldest: u64,
    unsettled: u64,
    next: u64,
    /// The worker's position, as far as is known.
    position: u64,
    /// Where the next task's bytes go, and up to where they are given back.
    bytes: u64,
    bytes_freed: u64,
    /// Up to where results are given back to the worker.
    results_freed: u64,
    /// How the worker was when it was handed the first of the tasks that it has.
    worker: Found,
    /// One a slot.
    known: Box<[Known]>,
}

/// What the parent knows of a ticket that is out.
#[derive(Clone, Copy)]
struct Known {
    items: u32,
    /// The furthest state that it was seen in.
    state: SlotState,
    /// Revoked, or its results were taken: the parent is done with it.
    settled: bool,
    /// Where its bytes end.
    bytes: u64,
    results: Cursor,
}

/// What the parent says of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Queued,
    Running,
    Done,
    /// It was revoked, or its result was taken.
    Settled,
}

/// Why a task cannot be handed out now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// As many are out as the ring takes. There will be room when the oldest is settled and the worker is past it.
    Slots,
    /// The bytes do not fit: now, or (if they are more than the ring takes at all) ever.
    Bytes,
    Damaged(Damage),
}

impl From<Damage> for NoRoom {
    fn from(damage: Damage) -> Self {
        NoRoom::Damaged(damage)
    }
}

impl<M: Medium> Sender<M> {
    /// Over memory that is all zero, but for what describes it.
    pub(crate) fn new(medium: M, layout: Layout) -> Self {
        let vacant = Known { items: 0, state: SlotState::Revoked, settled: true, bytes: 0, results: Cursor::default() };
        Sender {
            ring: Arc::new(Ring::new(medium, layout)),
            oldest: 0,
            unsettled: 0,
            next: 0,
            position: 0,
            bytes: 0,
            bytes_freed: 0,
            results_freed: 0,
            worker: Found::Asleep,
            known: vec![vacant; layout.slots()].into_boxed_slice(),
        }
    }

    /// What a thread that waits for a result spins with. `spin`: whether there is another processor for the worker.
    pub(crate) fn watch(&self, spin: bool) -> Watch<M> {
        Watch::new(Arc::clone(&self.ring), spin)
    }

    /// Whether the worker would have to be woken for a task, as it seems.
    pub(crate) fn worker_sleeps(&self) -> bool {
        self.ring.worker_sleep().is_down()
    }

    /// How the worker was when it was handed the first of the tasks that it has, for [`Watch::spin_on`].
    pub(crate) fn worker(&self) -> Found {
        self.worker
    }

    // ---------------------------------------------------------------------------- handing out

    /// Whether a task with so many bytes can be handed out now.
    pub(crate) fn room_for(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let mut room = self.room_as_known(bytes);
        if room.is_err() {
            self.retire();
            room = self.room_as_known(bytes);
        }
        if room.is_err() {
            // Last, because this word is in the worker's cache.
            self.position()?;
            self.retire();
            room = self.room_as_known(bytes);
        }
        room
    }

    fn room_as_known(&self, bytes: usize) -> Result<(), NoRoom> {
        if self.next - self.oldest >= self.known.len() as u64 {
            return Err(NoRoom::Slots);
        }
        let used = self.bytes - self.bytes_freed;
        if used.saturating_add(words_for(bytes)) > self.ring.bytes().words() {
            return Err(NoRoom::Bytes);
        }
        Ok(())
    }

    /// Hands a task out, after all that were handed out before it, and wakes the worker if it sleeps.
    pub(crate) fn publish(&mut self, head: Head, bytes: &[u8]) -> Result<Ticket, NoRoom> {
        self.room_for(bytes.len())?;
        let ticket = Ticket(self.next);
        self.ring.bytes().write(self.bytes, bytes);
        self.ring.head(ticket).write(head, self.bytes, bytes.len());
        self.bytes += words_for(bytes.len());
        self.known[self.ring.layout().slot(ticket)] = Known {
            items: head.items,
            state: SlotState::Queued,
            settled: false,
            bytes: self.bytes,
            results: Cursor::default(),
        };
        let is_first = self.unsettled == self.next;
        self.next += 1;
        self.ring.word(ticket).publish();
        let worker = self.ring.ring_worker();
        // One that was woken just now is not found asleep again, and still has to come.
        if is_first || worker == Found::Asleep {
            self.worker = worker;
        }
        Ok(ticket)
    }

    /// Nothing more will be handed out: the worker ends when it has come to the end of what is there.
    pub(crate) fn close(&mut self) {
        self.ring.closed().set(1);
        self.ring.ring_worker();
    }

    fn position(&mut self) -> Result<u64, Damage> {
        let position = self.ring.position().get();
        if !(self.position..=self.next).contains(&position) {
            return Err(Damage::of("the position", position));
        }
        self.position = position;
        Ok(position)
    }

    /// Up to where the parent is done with everything, and knows that the worker is past it.
    fn finished(&self) -> u64 {
        self.position.min(self.unsettled)
    }

    /// Gives back what is finished, oldest first.
    fn retire(&mut self) {
        let end = self.finished();
        if self.oldest < end {
            self.oldest = end;
            self.bytes_freed = self.known[self.ring.layout().slot(Ticket(end - 1))].bytes;
        }
    }

    /// The parent is done with this one.
    fn settle(&mut self, ticket: Ticket, state: SlotState, results: Cursor) {
        if let Some(known) = self.known(ticket) {
            *known = Known { state, settled: true, results, ..*known };
        }
        while self.unsettled < self.next {
            let known = self.known[self.ring.layout().slot(Ticket(self.unsettled))];
            if !known.settled {
                break;
            }
            self.free_results(&known.results);
            self.unsettled += 1;
        }
    }

    /// Gives back what was read of the results of the first task that is not settled.
    fn free_results(&mut self, read: &Cursor) {
        if let Some(place) = read.read_up_to().filter(|place| *place > self.results_freed) {
            self.results_freed = place;
            self.ring.freed().set(place);
        }
    }

    // ---------------------------------------------------------------------------- looking, taking back

    fn known(&mut self, ticket: Ticket) -> Option<&mut Known> {
        let slot = self.ring.layout().slot(ticket);
        (self.oldest..self.next).contains(&ticket.0).then(|| &mut self.known[slot]).filter(|known| !known.settled)
    }

    pub(crate) fn state(&mut self, ticket: Ticket) -> Result<State, Damage> {
        let word = self.ring.word(ticket).state();
        let Some(known) = self.known(ticket) else {
            return Ok(State::Settled);
        };
        let now = word.map_err(|word| Damage::at(ticket, "the state", word))?;
        if !known.state.may_become(now) {
            return Err(Damage::at(ticket, "the state, after another one,", now as u64));
        }
        known.state = now;
        match now {
            SlotState::Queued => Ok(State::Queued),
            SlotState::Running => Ok(State::Running),
            SlotState::Done => {
                // The worker was past it before that.
                self.position = self.position.max(ticket.0 + 1);
                Ok(State::Done)
            }
            // What was revoked is settled, and no worker revokes.
            SlotState::Revoked => Err(Damage::at(ticket, "the state", now as u64)),
        }
    }

    /// `true`: the worker has not begun it, and never will; it is settled. `false`: it has begun it.
    pub(crate) fn revoke(&mut self, ticket: Ticket) -> Result<bool, Damage> {
        let revoked = self.known(ticket).is_some_and(|known| !known.state.is_begun());
        if !revoked || !self.ring.word(ticket).revoke() {
            // Whatever keeps it from being revoked has to be a state that it can be in.
            return self.state(ticket).map(|_| false);
        }
        self.settle(ticket, SlotState::Revoked, Cursor::default());
        Ok(true)
    }

    /// The running task will see that it should stop; one that has ended will not.
    pub(crate) fn request_cancel(&mut self, ticket: Ticket) {
        if self.known(ticket).is_some() {
            self.ring.head(ticket).request_cancel(self.ring.layout().lap(ticket));
        }
    }

    // ---------------------------------------------------------------------------- results

    /// The task's results, if it has begun and is not settled.
    fn results(&mut self, ticket: Ticket) -> Result<Option<(Results<'_, M>, Cursor, State)>, Damage> {
        let state = self.state(ticket)?;
        if !matches!(state, State::Running | State::Done) {
            return Ok(None);
        }
        let freed = self.results_freed;
        let Some(&mut Known { items, results, .. }) = self.known(ticket) else {
            return Ok(None);
        };
        Ok(Some((Results { ring: &self.ring, ticket, items, freed }, results, state)))
    }

    /// How long ago a task was begun, as the worker says; `None` before that, and after it is settled.
    pub(crate) fn age(&mut self, ticket: Ticket) -> Result<Option<Duration>, Damage> {
        let now = self.ring.medium().now();
        let began = self.results(ticket)?.map(|(results, ..)| results.began());
        Ok(began.map(|began| Duration::from_nanos(now.saturating_sub(began))))
    }

    /// How far a task is; nowhere, before it is begun and after it is settled.
    pub(crate) fn progress(&mut self, ticket: Ticket) -> Result<Progress, Damage> {
        self.results(ticket)?.map_or(Ok(Progress::default()), |(results, ..)| results.progress())
    }

    /// The results of the next items that have ended, of a chunk that runs, or has ended, or was running at the death of
    /// its worker. Those that are here are added to `bytes`, with nothing between.
    pub(crate) fn take_items(&mut self, ticket: Ticket, bytes: &mut Vec<u8>) -> Result<Items, Damage> {
        let Some((results, mut cursor, _)) = self.results(ticket)? else {
            return Ok(Items::default());
        };
        let items = results.next_items(&mut cursor, bytes)?;
        if let Some(known) = self.known(ticket) {
            known.results = cursor;
        }
        if ticket.0 == self.unsettled {
            self.free_results(&cursor);
        }
        Ok(items)
    }

    /// The final result of a task that is DONE, which settles it. Items that were not taken are gone.
    pub(crate) fn take_result(&mut self, ticket: Ticket) -> Result<Option<TaskBytes>, Damage> {
        let Some((results, mut cursor, State::Done)) = self.results(ticket)? else {
            return Ok(None);
        };
        let (result, end) = results.finish(&cursor)?;
        cursor.pass_to(end);
        self.settle(ticket, SlotState::Done, cursor);
        Ok(Some(result))
    }

    /// The oldest task that is DONE and not settled.
    pub(crate) fn next_done(&mut self) -> Result<Option<Ticket>, Damage> {
        // The worker takes tickets in order, so no other can be DONE if this one is not.
        let first = Ticket(self.unsettled);
        Ok((self.state(first)? == State::Done).then_some(first))
    }

    /// After the worker's death was confirmed: every ticket that is not settled, with the state that it stays in. The
    /// results of the begun ones can still be taken.
    ///
    /// # Errors
    /// If they are not in the order in which a worker would have left them; then nothing is certain of any of them.
    pub(crate) fn remains(&mut self) -> Result<Vec<(Ticket, State)>, Damage> {
        let position = self.position()?;
        let mut remains = Vec::new();
        // A worker leaves DONE.. RUNNING? QUEUED.., in this order, and is past those that it has ended.
        let mut least = State::Done;
        for ticket in (self.oldest..self.next).map(Ticket) {
            let state = self.state(ticket)?;
            let in_order = match (least, state) {
                (_, State::Settled) | (State::Done, _) | (_, State::Queued) => true,
                (_, State::Running | State::Done) => false,
            };
            if !in_order {
                return Err(Damage::at(ticket, "the state, after a task that had not ended,", state as u64));
            }
            let passed = match state {
                State::Queued => position <= ticket.0,
                State::Running => (ticket.0..=ticket.0 + 1).contains(&position),
                State::Done => position > ticket.0,
                State::Settled => true,
            };
            if !passed {
                return Err(Damage::at(ticket, "the position, which does not fit the state,", position));
            }
            if state != State::Settled {
                least = state;
                remains.push((ticket, state));
            }
        }
        Ok(remains)
    }

    // ---------------------------------------------------------------------------- sleeping

    /// To be called before the parent sleeps. `true`: from now on a result wakes it; with `room`, also room for another
    /// task. `false`: there is a result already, or more can be given back than [`room_for`](Self::room_for) saw.
    ///
    /// Without `room`, results before that of `awaited`, if that is said, do not count: whoever waits for one of them
    /// [says so](Self::expect), and the parent looks for the others by itself.
    ///
    /// What a [`Watch`] has seen DONE counts as a result until it is taken.
    pub(crate) fn may_sleep(&mut self, room: bool, awaited: Option<Ticket>) -> Result<bool, Damage> {
        let awaited = awaited.filter(|_| !room).map_or(self.unsettled, |ticket| ticket.0);
        // For who wants room, it is news that the worker passes what was revoked: since the last answer, not since now.
        let accounted = if room { self.finished() } else { awaited };
        self.ring.parent_sleep().lie_down(accounted);
        let mut news = self.state(Ticket(awaited))? == State::Done;
        if room && !news {
            self.position()?;
            news = self.finished() > self.oldest;
        }
        if news {
            self.awake();
        }
        Ok(!news)
    }

    /// To be called after results were taken while the parent may sleep, for others than for room: it is not woken for
    /// these, nor for what is before `awaited`, as by [`may_sleep`](Self::may_sleep).
    pub(crate) fn put_off(&mut self, awaited: Ticket) {
        self.lie_anew(|_| awaited.0);
    }

    /// The one that will be handed out after so many others.
    pub(crate) fn later(&self, others: usize) -> Ticket {
        Ticket(self.next + others as u64)
    }

    /// If the parent sleeps, it is woken for this result at the latest.
    ///
    /// Who watches meanwhile has the parent's sleep, and this finds none. So whoever has watched calls this, too, for the
    /// first task that is awaited.
    pub(crate) fn expect(&mut self, ticket: Ticket) {
        self.lie_anew(|accounted| accounted.min(ticket.0));
    }

    /// Changes up to where the sleeping parent has accounted, given that.
    fn lie_anew(&mut self, accounted: impl FnOnce(u64) -> u64) {
        let sleep = self.ring.parent_sleep();
        if let Some(before) = sleep.borrow() {
            if sleep.hand_back(accounted(before)) {
                self.ring.ring_parent(self.ring.position().get());
            }
        }
    }

    /// To be called when the parent has slept.
    pub(crate) fn awake(&mut self) {
        self.ring.parent_sleep().get_up();
    }
}
