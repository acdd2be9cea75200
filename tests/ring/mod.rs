//! The ring: between two threads over ordinary memory, between two processes over what ships, and against a worker that
//! has lost its mind. Part of the library's unit tests, because the ring is not public.
#![expect(unreachable_pub, reason = "the helpers are those of the public tests")]
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "tests need no loom")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where anything does")]

#[path = "../support/mod.rs"]
mod support;

mod child;
mod processes;
mod room;
mod spinning;
mod tampering;
mod turns;

use super::{Damage, Heap, Items, Layout, Medium, Next, Receiver, Ring, Running, Sender, Sizes, TaskBytes, Ticket};
use crate::state::ring::Head;
use std::sync::Arc;
use std::thread;

/// Runs what comes until the parent closes.
fn serve<M: Medium>(mut receiver: Receiver<M>, mut run: impl FnMut(Running<'_, M>, &[u8])) {
    let mut bytes = Vec::new();
    while let Next::Task(running) = receiver.next(&mut bytes).expect("the parent damages nothing") {
        run(running, &bytes);
    }
}

fn layout(slots: usize, jobs: usize, results: usize) -> Layout {
    Layout::new(Sizes { slots, jobs, results })
}

/// Both sides over ordinary memory. Nobody spins, so that sleeping is tested.
fn pair(layout: Layout) -> (Sender<Arc<Heap>>, Receiver<Arc<Heap>>, Arc<Heap>) {
    let heap = Heap::new(layout);
    let receiver = Receiver::new(Ring::new(Arc::clone(&heap), layout), false);
    (Sender::new(Arc::clone(&heap), layout), receiver, heap)
}

/// A worker on a thread, until the sender closes.
fn worker(
    receiver: Receiver<Arc<Heap>>,
    run: impl FnMut(Running<'_, Arc<Heap>>, &[u8]) + Send + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || serve(receiver, run))
}

fn plain(entry: u64) -> Head {
    Head { entry, items: 1, ..Head::default() }
}

fn here(bytes: &[u8]) -> TaskBytes {
    TaskBytes::Here(bytes.to_vec())
}

/// The items of a chunk that have ended since the last look: how many, and their bytes.
fn take_items<M: Medium>(sender: &mut Sender<M>, ticket: Ticket) -> Result<(u32, Vec<u8>), Damage> {
    let mut bytes = Vec::new();
    let Items { here, spilled, serial } = sender.take_items(ticket, &mut bytes)?;
    assert_eq!((spilled, serial), (0, 0), "none was to be in a spill");
    Ok((here, bytes))
}

/// Bytes of this length, no two of which are alike.
fn pattern(seed: u64, length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (seed.wrapping_mul(31).wrapping_add(at * 7) % 251) as u8).collect()
}
