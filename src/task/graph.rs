//! Who waits for whom: finds a circle of tasks that would wait for each other for ever.
//!
//! A thread that is about to sleep without a limit, with tasks of its own on its stack, writes down which tasks those
//! are and which tasks they wait for, and looks whether the waits lead back to itself. All of it happens under one
//! lock, so of several threads that close a circle at once the last one sees it whole. A task on a sleeping thread's
//! stack has not ended, so an edge that is part of a circle cannot be out of date.
//!
//! The last one gets the error. A scope's join cannot return early, though: if that is what closes the circle, another
//! wait in it is refused instead, and its thread is woken to hear of it.
//!
//! A pool counts as a task that ends when all of its own have: that is what a shutdown waits for.

use super::frame;
use crate::sync::{AtomicBool, Mutex, Ordering, Unparker, global};
use std::sync::Arc;

/// Something that is waited for: its address, and what to call it.
pub(super) type Awaited = (usize, String);

struct Wait {
    id: u64,
    /// What ends only after this thread went on.
    holds: Vec<usize>,
    /// All of these have to end first.
    awaits: Vec<Awaited>,
    firm: bool,
    refused: Arc<AtomicBool>,
    sleeper: Arc<Unparker>,
}

struct Graph {
    next_id: u64,
    waits: Vec<Wait>,
}

global! {
    static GRAPH: Mutex<Graph> = Mutex::new(Graph { next_id: 0, waits: Vec::new() })
}

/// A wait that is written down; dropping it strikes it out.
pub(super) struct Edge {
    id: u64,
    refused: Arc<AtomicBool>,
}

impl Edge {
    /// `firm`: it cannot be refused.
    ///
    /// # Errors
    /// The circle, told as a chain of names.
    pub(super) fn new(awaits: Vec<Awaited>, firm: bool, sleeper: Arc<Unparker>) -> Result<Edge, Arc<str>> {
        let holds = frame::held();
        let own_name = frame::current(super::header::Header::label).unwrap_or_default();
        let mut graph = GRAPH.lock();
        while let Some((chain, through)) = graph.circle(&holds, &awaits) {
            let victim = graph.waits.iter().find(|wait| firm && !wait.firm && through.contains(&wait.id));
            let Some(victim) = victim else {
                return Err(format!("{own_name} waits for {}", chain.join(", which waits for ")).into());
            };
            // ORDERING: Release pairs with the Acquire in `is_refused`.
            victim.refused.store(true, Ordering::Release);
            victim.sleeper.unpark();
            let id = victim.id;
            graph.waits.retain(|wait| wait.id != id);
        }
        let (id, refused) = (graph.next_id, Arc::new(AtomicBool::new(false)));
        graph.next_id += 1;
        graph.waits.push(Wait { id, holds, awaits, firm, refused: Arc::clone(&refused), sleeper });
        Ok(Edge { id, refused })
    }

    /// Whether this wait was given up so that another could go on.
    pub(super) fn is_refused(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `new`.
        self.refused.load(Ordering::Acquire)
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        GRAPH.lock().waits.retain(|wait| wait.id != self.id);
    }
}

/// A way that is still to be followed: where it leads, its names, and the waits that it went through.
struct Way {
    to: usize,
    names: Vec<String>,
    through: Vec<u64>,
}

impl Graph {
    /// A way from `awaits` back to one of `holds`.
    fn circle(&self, holds: &[usize], awaits: &[Awaited]) -> Option<(Vec<String>, Vec<u64>)> {
        let mut seen = Vec::new();
        let first = |(to, name): &Awaited| Way { to: *to, names: vec![name.clone()], through: Vec::new() };
        let mut open: Vec<Way> = awaits.iter().map(first).collect();
        while let Some(way) = open.pop() {
            if holds.contains(&way.to) {
                return Some((way.names, way.through));
            }
            if seen.contains(&way.to) {
                continue;
            }
            seen.push(way.to);
            for wait in self.waits.iter().filter(|wait| wait.holds.contains(&way.to)) {
                for (to, name) in &wait.awaits {
                    let (mut names, mut through) = (way.names.clone(), way.through.clone());
                    names.push(name.clone());
                    through.push(wait.id);
                    open.push(Way { to: *to, names, through });
                }
            }
        }
        None
    }
}
