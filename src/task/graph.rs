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
//! A wait can end if all (or, for some, any) of what it is for can come. A task can come if nobody who sleeps for ever
//! holds its end and, as long as nobody has begun it, whose turn it is to take it. What nobody holds who sleeps here
//! can always come: somebody runs it, or will, or it is from outside. The least solution of that tells who sleeps for
//! ever. A key that is held by a sleeping thread has not come, so what is found cannot be out of date.
//!
//! That a pool has somebody to begin a task is not asked here. Pools add threads for waits like these; where one
//! cannot, it finds circles among its own threads by itself (`pool::lend`), but not those that lead through another
//! such pool.
//!
//! The last one to lie down gets the error. A scope's join cannot return early, though: if that is the last one,
//! another wait is refused instead, and its thread is woken to hear of it.

use super::header::{CellRef, Header, turn_key};
use crate::sync::{Mutex, Unparker, global};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Something that is waited for.
pub(super) struct Awaited {
    key: usize,
    /// `None`: the end of a pool.
    task: Option<CellRef>,
}

impl Awaited {
    pub(super) fn task(task: &Header, settled: bool) -> Self {
        let key = if settled { task.settled_key() } else { task.end_key() };
        Awaited { key, task: Some(CellRef::to(task)) }
    }

    pub(super) fn end_of_pool(key: usize) -> Self {
        Awaited { key, task: None }
    }

    fn name(&self) -> String {
        self.task.as_ref().map_or_else(|| "the end of a pool".to_owned(), |task| task.label())
    }

    /// Whose turn it is, where the task is for one thread alone. Other keys of this kind are never held.
    fn turn(&self) -> Option<usize> {
        let task = self.task.as_ref().filter(|task| task.snapshot().is_pending())?;
        Some(turn_key(task.owner()))
    }

    fn keys(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.key).chain(self.turn())
    }
}

/// A wait, as it is written down.
pub(super) struct Wait {
    /// The task that waits; `None`: a callback.
    pub(super) own: Option<CellRef>,
    pub(super) holds: Vec<usize>,
    pub(super) awaits: Vec<Awaited>,
    /// One of them is enough.
    pub(super) any: bool,
    /// It cannot be refused.
    pub(super) firm: bool,
    pub(super) sleeper: Arc<Unparker>,
}

/// Entries by id, and who holds what. Ordered maps, because they can be made in a const.
struct Graph {
    next_id: u64,
    entries: BTreeMap<u64, Wait>,
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
}

impl Edge {
    /// # Errors
    /// Why the wait would never end, told as a chain of names.
    pub(super) fn new(wait: Wait) -> Result<Edge, Arc<str>> {
        let firm = wait.firm;
        // What is struck out is dropped outside the lock: it may be the last to keep a task.
        let mut struck = Vec::new();
        let mut graph = GRAPH.lock();
        let id = graph.add(wait);
        let edge = loop {
            let stuck = graph.stuck(id);
            if !stuck.contains(&id) {
                break Ok(Edge { id });
            }
            let can_be_refused = |id: &u64| graph.entries.get(id).is_some_and(|wait| !wait.firm);
            let victim = graph.chain(id, &stuck).0.into_iter().find(|id| firm && can_be_refused(id));
            let why: Arc<str> = graph.chain(victim.unwrap_or(id), &stuck).1.into();
            let wait = graph.strike(victim.unwrap_or(id));
            if victim.is_none() {
                struck.extend(wait);
                break Err(why);
            }
            if let Some(wait) = &wait {
                wait.sleeper.refuse(why);
            }
            struck.extend(wait);
        };
        drop(graph);
        drop(struck);
        edge
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
    fn add(&mut self, wait: Wait) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        for key in &wait.holds {
            self.holders.entry(*key).or_default().push(id);
        }
        self.entries.insert(id, wait);
        id
    }

    fn strike(&mut self, id: u64) -> Option<Wait> {
        let wait = self.entries.remove(&id)?;
        for key in &wait.holds {
            if let Some(holders) = self.holders.get_mut(key) {
                holders.retain(|holder| *holder != id);
                if holders.is_empty() {
                    self.holders.remove(key);
                }
            }
        }
        Some(wait)
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
                let awaits = self.entries.get(&id).map_or(&[][..], |wait| &wait.awaits);
                open.extend(awaits.iter().flat_map(Awaited::keys).flat_map(|key| self.holders(key)));
            }
        }
        loop {
            let is_held = |key: usize| self.holders(key).iter().any(|holder| stuck.contains(holder));
            let can_come = |awaited: &Awaited| !awaited.keys().any(is_held);
            let ends = |id: &&u64| match self.entries.get(id) {
                Some(wait) if wait.any => wait.awaits.iter().any(can_come),
                Some(wait) => wait.awaits.iter().all(can_come),
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

    /// One way from wait to wait that explains why `first` is stuck: who comes up on it, and the same in words.
    fn chain(&self, first: u64, stuck: &BTreeSet<u64>) -> (Vec<u64>, String) {
        let own_name = |wait: &Wait| wait.own.as_ref().map_or_else(|| "a callback".to_owned(), |own| own.label());
        let mut words = self.entries.get(&first).map(own_name).unwrap_or_default();
        let mut link = " waits for ";
        let mut met = Vec::new();
        let mut at = first;
        while let Some(wait) = self.entries.get(&at) {
            let holder = |key| self.holders(key).iter().copied().find(|holder| stuck.contains(holder));
            let step = |awaited: &Awaited| Some((awaited.keys().find_map(holder)?, awaited.name()));
            let Some((next, name)) = wait.awaits.iter().find_map(step) else { break };
            words = words + link + &name;
            link = ", which waits for ";
            at = next;
            let closed = at == first || met.contains(&at);
            met.push(at);
            if closed {
                break;
            }
        }
        (met, words)
    }
}
