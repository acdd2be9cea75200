//! What comes and goes in a pool's queues otherwise than by push and pop.

use super::room::Room;
use crate::sync::{AtomicU64, Ordering};

/// What tasks tell their pool about; apart from it, because the owner's hook keeps it.
pub(super) struct Counts {
    /// Tasks that left the queue otherwise than by being taken from it.
    pub(super) withdrawn: AtomicU64,
    /// Of these, how many were swept out by somebody who is no worker.
    pub(super) swept: AtomicU64,
    /// How many there were when the injector was last swept.
    pub(super) swept_at: AtomicU64,
    pub(super) room: Option<Room>,
}

impl Counts {
    pub(super) fn new(queue_bound: Option<usize>) -> Self {
        Counts {
            withdrawn: AtomicU64::new(0),
            swept: AtomicU64::new(0),
            swept_at: AtomicU64::new(0),
            room: queue_bound.map(Room::new),
        }
    }

    pub(super) fn withdraw(&self) {
        self.leave_behind();
        self.leave();
    }

    /// Something dead is in the queue that never had, or no longer has, a place there.
    pub(super) fn leave_behind(&self) {
        // ORDERING: Relaxed: a figure for reports.
        self.withdrawn.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        if let Some(room) = &self.room {
            room.give_back();
        }
    }
}
