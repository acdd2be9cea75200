//! The futures that wait to be woken, for their pool to find: to cancel them when it is shut down, to fail them when it
//! breaks, and to know whether it may end.
//!
//! An entry does not keep its task; the task strikes it out, while it still has a reference, after it has ended. So an
//! entry's cell is allocated for as long as the entry is there, and what is found is taken up only if it still has a
//! reference. Entries are spread over shards, each with its lock, so that threads rarely meet.
#![expect(unsafe_code, reason = "pointers to cells that are not counted")]

use super::header::{CellRef, Header};
use super::spawned::is_suspended;
use crate::state::Stop;
use crate::sync::Mutex;
use slab::Slab;
use std::ptr::NonNull;
use std::sync::OnceLock;

pub(crate) struct Residents {
    shards: Box<[Mutex<Shard>]>,
    /// Why nobody may move in any more, for who is not about to.
    closed: OnceLock<Stop>,
}

#[derive(Default)]
struct Shard {
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
        Residents { shards: (0..shards.max(1)).map(|_| Mutex::default()).collect(), closed: OnceLock::new() }
    }

    /// Takes a future in, and says under which key.
    ///
    /// # Errors
    /// Why it must end instead.
    pub(crate) fn add(&self, near: usize, task: &CellRef) -> Result<usize, Stop> {
        let count = self.shards.len();
        let mut shard = self.shards[near % count].lock();
        match shard.closed {
            Some(why) => Err(why),
            None => Ok(shard.tasks.insert(Resident(task.pointer())) * count + near % count),
        }
    }

    pub(crate) fn remove(&self, key: usize) {
        let count = self.shards.len();
        // Copied out, so that nothing is dropped under the lock.
        let _ = self.shards[key % count].lock().tasks.try_remove(key / count);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.lock().tasks.is_empty())
    }

    /// How many wait to be woken.
    pub(crate) fn suspended(&self) -> usize {
        let waiting = |shard: &Mutex<Shard>| shard.lock().tasks.iter().filter(|(_, task)| task.is_suspended()).count();
        self.shards.iter().map(waiting).sum()
    }

    /// Why nobody may move in any more, if so.
    pub(crate) fn closed(&self) -> Option<Stop> {
        self.closed.get().copied()
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self, why: Stop) {
        let _ = self.closed.set(why);
        for shard in &self.shards {
            shard.lock().closed.get_or_insert(why);
        }
    }

    /// Those who are there.
    pub(crate) fn living(&self) -> impl Iterator<Item = CellRef> {
        self.shards.iter().flat_map(|shard| {
            let shard = shard.lock();
            // References are dropped outside the lock: the last one may run foreign code.
            shard.tasks.iter().filter_map(|(_, resident)| resident.upgrade()).collect::<Vec<_>>()
        })
    }
}

impl Resident {
    /// Only under the lock of its entry.
    fn is_suspended(&self) -> bool {
        // SAFETY: the cell is allocated while its entry is there; the caller holds the entry's lock.
        is_suspended(unsafe { self.0.as_ref() })
    }

    fn upgrade(&self) -> Option<CellRef> {
        // SAFETY: the cell is allocated while its entry is there; the caller holds the entry's lock.
        let header = unsafe { self.0.as_ref() };
        // SAFETY: `upgrade` has counted a reference for this one.
        header.life.upgrade().then(|| unsafe { CellRef::from_owned(header.pointer()) })
    }
}
