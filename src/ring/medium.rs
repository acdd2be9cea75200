//! What a ring stands on, and the ring as both sides see it: the words, by their names.
//!
//! The medium is a trait, because loom can watch ordinary memory only: the models run both sides' code over that.

use super::layout::{Layout, Ticket};
use crate::state::ring::{Arena, Count, Found, HeadWords, ParentSleep, Report, SlotWord, WorkerSleep};
use crate::sync::{AtomicU32, AtomicU64};

/// Two pieces of shared memory, and how each side sleeps and is woken.
pub(crate) trait Medium: Send + Sync + 'static {
    /// Written by the parent alone.
    fn jobs(&self) -> &[AtomicU64];

    /// Written by both. The word [`Layout::WORKER_SLEEP`] is only ever reached as [`worker_flag`](Self::worker_flag).
    fn board(&self) -> &[AtomicU64];

    fn worker_flag(&self) -> &AtomicU32;

    /// Sleeps for as long as the flag says asleep; may end early.
    fn worker_sleeps(&self);

    fn wake_worker(&self);

    fn wake_parent(&self);

    /// Nanoseconds on a clock that both sides read, and that only goes forward.
    fn now(&self) -> u64;
}

/// A medium with the measures of the ring on it.
pub(crate) struct Ring<M> {
    medium: M,
    layout: Layout,
}

impl<M: Medium> Ring<M> {
    /// The medium has as much memory as the layout says.
    pub(crate) fn new(medium: M, layout: Layout) -> Self {
        debug_assert!(medium.jobs().len() >= layout.jobs() && medium.board().len() >= layout.board());
        Ring { medium, layout }
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    pub(super) fn medium(&self) -> &M {
        &self.medium
    }

    pub(super) fn word(&self, ticket: Ticket) -> SlotWord<'_> {
        SlotWord::new(&self.medium.board()[self.layout.state(ticket)], self.layout.lap(ticket))
    }

    pub(super) fn report(&self, ticket: Ticket) -> Report<'_> {
        Report(&self.medium.board()[self.layout.report(ticket)])
    }

    pub(super) fn results(&self) -> Arena<'_> {
        Arena(&self.medium.board()[self.layout.result_arena()])
    }

    pub(super) fn position(&self) -> Count<'_> {
        Count(&self.medium.board()[Layout::POSITION])
    }

    pub(super) fn head(&self, ticket: Ticket) -> HeadWords<'_> {
        HeadWords(&self.medium.jobs()[self.layout.head(ticket)])
    }

    pub(super) fn bytes(&self) -> Arena<'_> {
        Arena(&self.medium.jobs()[self.layout.job_arena()])
    }

    pub(super) fn freed(&self) -> Count<'_> {
        Count(&self.medium.jobs()[Layout::FREED])
    }

    pub(super) fn closed(&self) -> Count<'_> {
        Count(&self.medium.jobs()[Layout::CLOSED])
    }

    pub(super) fn worker_sleep(&self) -> WorkerSleep<'_> {
        WorkerSleep(self.medium.worker_flag())
    }

    pub(super) fn parent_sleep(&self) -> ParentSleep<'_> {
        ParentSleep(&self.medium.board()[Layout::PARENT_SLEEP])
    }

    /// By the worker, after it has published its position and, if a task has ended, DONE.
    pub(super) fn ring_parent(&self, position: u64) -> Found {
        let rung = self.parent_sleep().ring(position);
        if rung {
            self.medium.wake_parent();
        }
        Found::when(rung)
    }

    /// By the parent, after it has published something.
    pub(super) fn ring_worker(&self) -> Found {
        let rung = self.worker_sleep().ring();
        if rung {
            self.medium.wake_worker();
        }
        Found::when(rung)
    }

    pub(super) fn cancel_requested(&self, ticket: Ticket) -> bool {
        self.head(ticket).cancel_requested(self.layout.lap(ticket))
    }
}
