//! Who waits for whom: finds tasks that would wait for each other for ever.
//!
//! A thread that is about to sleep without a limit, with tasks of its own on its stack, writes down what those hold up
//! and what it waits for, and looks whether it could ever wake. All of it happens under one lock, so of several threads
//! that close a circle at once the last one sees it whole.
//!
//! # Keys
//! What is held up and waited for is told by keys, made from addresses (which are even):
//! * a task's address: its end, told to waiters. Held by the thread that runs it.
//! * the same + 1: the end of its callbacks too. Held by the thread that runs it or them.
//! * the address of a pool's owner: the end of the pool. Held by every thread that runs one of its tasks.
//! * the address of a slot's owner + 2: the slot's thread takes its mail. Held by that thread while it has a task.
//!
//! # The question
//! A wait can end if all (or, for some, any) of its keys can come; a key can come if every wait that holds it can end.
//! What nobody holds who sleeps here can always come: somebody runs it, or will, or it is from outside. The least
//! solution of that tells who sleeps for ever. A key that is held by a sleeping thread has not come, so what is found
//! cannot be out of date.
//!
//! The last one to lie down gets the error. A scope's join cannot return early, though: if that is the last one, another
//! wait is refused instead, and its thread is woken to hear of it.

use crate::sync::{AtomicBool, Mutex, Ordering, Unparker, global};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Something that is waited for: its key, and what to call it.
pub(super) struct Awaited {
    pub(super) key: usize,
    pub(super) name: String,
}

/// A wait, as it is written down.
pub(super) struct Wait {
    pub(super) holds: Vec<usize>,
    pub(super) awaits: Vec<Awaited>,
    /// One of them is enough.
    pub(super) any: bool,
    /// It cannot be refused.
    pub(super) firm: bool,
    pub(super) sleeper: Arc<Unparker>,
}

struct Entry {
    wait: Wait,
    refused: Arc<AtomicBool>,
}

/// Entries by id, and who holds what. Ordered maps, because they can be made in a const.
struct Graph {
    next_id: u64,
    entries: BTreeMap<u64, Entry>,
    holders: BTreeMap<usize, Vec<u64>>,
}

global! {
    static GRAPH: Mutex<Graph> = Mutex::new(Graph {
        next_id: 0,
        entries: BTreeMap::new(),
        holders: BTreeMap::new(),
    })
}

/// A wait that is written down; dropping it strikes it out.
pub(super) struct Edge {
    id: u64,
    refused: Arc<AtomicBool>,
}

impl Edge {
    /// # Errors
    /// Why the wait would never end, told as a chain of names.
    pub(super) fn new(wait: Wait, own_name: &str) -> Result<Edge, Arc<str>> {
        let firm = wait.firm;
        let mut graph = GRAPH.lock();
        let (id, refused) = graph.add(wait);
        loop {
            let stuck = graph.stuck(id);
            if !stuck.contains(&id) {
                return Ok(Edge { id, refused });
            }
            let chain = graph.chain(id, &stuck);
            let can_be_refused = |id: &u64| graph.entries.get(id).is_some_and(|entry| !entry.wait.firm);
            let victim = chain.iter().map(|(id, _)| *id).find(|id| firm && can_be_refused(id));
            let Some(victim) = victim else {
                let struck = graph.strike(id);
                drop(graph);
                drop(struck);
                let names: Vec<_> = chain.into_iter().map(|(_, name)| name).collect();
                return Err(format!("{own_name} waits for {}", names.join(", which waits for ")).into());
            };
            if let Some(entry) = graph.strike(victim) {
                // ORDERING: Release pairs with the Acquire in `is_refused`.
                entry.refused.store(true, Ordering::Release);
                entry.wait.sleeper.unpark();
            }
        }
    }

    /// Whether this wait was given up so that another could go on.
    pub(super) fn is_refused(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `new`.
        self.refused.load(Ordering::Acquire)
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let struck = GRAPH.lock().strike(self.id);
        // Not under the lock.
        drop(struck);
    }
}

impl Graph {
    fn add(&mut self, wait: Wait) -> (u64, Arc<AtomicBool>) {
        let id = self.next_id;
        self.next_id += 1;
        for key in &wait.holds {
            self.holders.entry(*key).or_default().push(id);
        }
        let refused = Arc::new(AtomicBool::new(false));
        self.entries.insert(id, Entry { wait, refused: Arc::clone(&refused) });
        (id, refused)
    }

    fn strike(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        for key in &entry.wait.holds {
            if let Some(holders) = self.holders.get_mut(key) {
                holders.retain(|holder| *holder != id);
                if holders.is_empty() {
                    self.holders.remove(key);
                }
            }
        }
        Some(entry)
    }

    fn holders(&self, key: usize) -> &[u64] {
        self.holders.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Of the waits that `first` depends on, itself included, those that can never end. Usually what it waits for is
    /// held by nobody who sleeps, and there is nothing to follow.
    fn stuck(&self, first: u64) -> BTreeSet<u64> {
        let mut stuck = BTreeSet::new();
        let mut open = vec![first];
        while let Some(id) = open.pop() {
            if stuck.insert(id) {
                let awaits = self.entries.get(&id).map_or(&[][..], |entry| &entry.wait.awaits);
                open.extend(awaits.iter().flat_map(|awaited| self.holders(awaited.key)));
            }
        }
        loop {
            let can_come = |awaited: &Awaited| !self.holders(awaited.key).iter().any(|holder| stuck.contains(holder));
            let ends = |id: &&u64| match self.entries.get(id) {
                Some(Entry { wait, .. }) if wait.any => wait.awaits.iter().any(can_come),
                Some(Entry { wait, .. }) => wait.awaits.iter().all(can_come),
                None => true,
            };
            let ending: Vec<u64> = stuck.iter().filter(ends).copied().collect();
            if ending.is_empty() {
                return stuck;
            }
            for id in ending {
                stuck.remove(&id);
            }
        }
    }

    /// One way from wait to wait that explains why `first` is stuck: for each, who is next, and for what.
    fn chain(&self, first: u64, stuck: &BTreeSet<u64>) -> Vec<(u64, String)> {
        let mut chain: Vec<(u64, String)> = Vec::new();
        let mut at = first;
        while let Some(entry) = self.entries.get(&at) {
            let holder = |key| self.holders(key).iter().copied().find(|holder| stuck.contains(holder));
            let step = entry.wait.awaits.iter().find_map(|awaited| Some((holder(awaited.key)?, awaited.name.clone())));
            let Some(step) = step else { break };
            at = step.0;
            let closed = at == first || chain.iter().any(|(id, _)| *id == at);
            chain.push(step);
            if closed {
                break;
            }
        }
        chain
    }
}
