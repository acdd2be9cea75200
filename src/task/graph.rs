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
    id: u64,
    wait: Wait,
    refused: Arc<AtomicBool>,
}

struct Graph {
    next_id: u64,
    entries: Vec<Entry>,
}

global! {
    static GRAPH: Mutex<Graph> = Mutex::new(Graph { next_id: 0, entries: Vec::new() })
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
        let mut graph = GRAPH.lock();
        let id = graph.next_id;
        graph.next_id += 1;
        let refused = Arc::new(AtomicBool::new(false));
        graph.entries.push(Entry { id, wait, refused: Arc::clone(&refused) });
        loop {
            let stuck = graph.stuck();
            if !stuck.contains(&id) {
                return Ok(Edge { id, refused });
            }
            let chain = graph.chain(id, &stuck);
            let firm = graph.entries.iter().any(|entry| entry.id == id && entry.wait.firm);
            let victim = chain
                .iter()
                .map(|(id, _)| *id)
                .find(|other| firm && graph.entries.iter().any(|entry| entry.id == *other && !entry.wait.firm));
            let Some(victim) = victim else {
                graph.strike(id);
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
    fn strike(&mut self, id: u64) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.id == id)?;
        Some(self.entries.swap_remove(at))
    }

    /// The waits that can never end.
    fn stuck(&self) -> Vec<u64> {
        let mut stuck: Vec<&Entry> = self.entries.iter().collect();
        loop {
            let can_come = |awaited: &Awaited| !stuck.iter().any(|entry| entry.wait.holds.contains(&awaited.key));
            let still: Vec<&Entry> = stuck
                .iter()
                .filter(|entry| {
                    let wait = &entry.wait;
                    let ends =
                        if wait.any { wait.awaits.iter().any(can_come) } else { wait.awaits.iter().all(can_come) };
                    !ends
                })
                .copied()
                .collect();
            if still.len() == stuck.len() {
                return still.into_iter().map(|entry| entry.id).collect();
            }
            stuck = still;
        }
    }

    /// One way from wait to wait that explains why `first` is stuck: for each, who is next, and for what.
    fn chain(&self, first: u64, stuck: &[u64]) -> Vec<(u64, String)> {
        let mut chain: Vec<(u64, String)> = Vec::new();
        let mut at = first;
        loop {
            let Some(entry) = self.entries.iter().find(|entry| entry.id == at) else { return chain };
            let holder = |key| {
                let holds = |entry: &&Entry| stuck.contains(&entry.id) && entry.wait.holds.contains(&key);
                self.entries.iter().find(holds).map(|entry| entry.id)
            };
            let step = entry.wait.awaits.iter().find_map(|awaited| Some((holder(awaited.key)?, awaited.name.clone())));
            let Some(step) = step else { return chain };
            at = step.0;
            let closed = at == first || chain.iter().any(|(id, _)| *id == at);
            chain.push(step);
            if closed {
                return chain;
            }
        }
    }
}
