//! The futures that wait to be woken, for their pool to find: to cancel them when it is shut down, to fail them when it
//! breaks, and to know whether it may end.
//!
//! An entry does not keep its task; the task strikes it out, while it still has a reference, after it has ended. So an
//! entry's cell is allocated for as long as the entry is there, and what is found is taken up only if it still has a
//! reference. Entries are spread over shards, each with its lock, so that threads rarely meet.
#![expect(unsafe_code, reason = "pointers to cells that are not counted")]

use super::header::{CellRef, Header};
use crate::state::Stop;
use crate::sync::{AtomicUsize, Mutex, Ordering};
use slab::Slab;
use std::ptr::NonNull;
use std::sync::OnceLock;

pub(crate) struct Residents {
    shards: Box<[Shard]>,
    /// Why nobody may move in any more, for who is not about to.
    closed: OnceLock<Stop>,
}

/// In cache lines of its own, because each worker has another one.
#[derive(Default)]
#[repr(align(128))]
struct Shard {
    rooms: Mutex<Rooms>,
    /// How many of its futures wait to be woken.
    suspended: AtomicUsize,
}

#[derive(Default)]
struct Rooms {
    tasks: Slab<Resident>,
    /// Why nobody may move in any more.
    closed: Option<Stop>,
}

/// A cell that somebody else keeps.
struct Resident(NonNull<Header>);

// SAFETY: used only to make a counted reference, which may be on any thread.
unsafe impl Send for Resident {}

impl Residents {
    pub(crate) fn new(shards: usize) -> Self {
        Residents { shards: (0..shards.max(1)).map(|_| Shard::default()).collect(), closed: OnceLock::new() }
    }

    /// Takes a future in, and says under which key.
    ///
    /// # Errors
    /// Why it must end instead.
    pub(crate) fn add(&self, near: usize, task: &CellRef) -> Result<usize, Stop> {
        let count = self.shards.len();
        let mut rooms = self.shards[near % count].rooms.lock();
        match rooms.closed {
            Some(why) => Err(why),
            None => Ok(rooms.tasks.insert(Resident(task.pointer())) * count + near % count),
        }
    }

    pub(crate) fn remove(&self, key: usize) {
        // Copied out, so that nothing is dropped under the lock.
        let _ = self.shard(key).rooms.lock().tasks.try_remove(key / self.shards.len());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.rooms.lock().tasks.is_empty())
    }

    /// One of them is about to wait to be woken.
    pub(crate) fn begin_wait(&self, key: usize) {
        // ORDERING: Relaxed: a figure for reports. Each end of a wait comes after its beginning, by the poll word.
        self.shard(key).suspended.fetch_add(1, Ordering::Relaxed);
    }

    /// It waits no more, or did not have to.
    pub(crate) fn end_wait(&self, key: usize) {
        // ORDERING: as in `begin_wait`.
        let before = self.shard(key).suspended.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "a wait has ended that had not begun");
    }

    /// How many wait to be woken.
    pub(crate) fn suspended(&self) -> usize {
        // ORDERING: as in `begin_wait`.
        self.shards.iter().map(|shard| shard.suspended.load(Ordering::Relaxed)).sum()
    }

    fn shard(&self, key: usize) -> &Shard {
        &self.shards[key % self.shards.len()]
    }

    /// Why nobody may move in any more, if so.
    pub(crate) fn closed(&self) -> Option<Stop> {
        self.closed.get().copied()
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self, why: Stop) {
        let _ = self.closed.set(why);
        for shard in &self.shards {
            shard.rooms.lock().closed.get_or_insert(why);
        }
    }

    /// Those who are there.
    pub(crate) fn living(&self) -> impl Iterator<Item = CellRef> {
        self.shards.iter().flat_map(|shard| {
            let rooms = shard.rooms.lock();
            // References are dropped outside the lock: the last one may run foreign code.
            rooms.tasks.iter().filter_map(|(_, resident)| resident.upgrade()).collect::<Vec<_>>()
        })
    }
}

impl Resident {
    /// Only under the lock of its entry.
    fn upgrade(&self) -> Option<CellRef> {
        // SAFETY: the cell is allocated while its entry is there; the caller holds the entry's lock.
        let header = unsafe { self.0.as_ref() };
        // SAFETY: `upgrade` has counted a reference for this one.
        header.life.upgrade().then(|| unsafe { CellRef::from_owned(header.pointer()) })
    }
}
