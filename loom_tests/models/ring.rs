//! The ring, both sides of it over ordinary memory: handing out against taking back, sleeping against ringing, room
//! against use. What a worker's death leaves is in `ring_death`.
#![expect(clippy::unwrap_used, reason = "a model fails where anything does")]

use super::{bounded, exhaustively};
use crate::ring::{
    Heap, Layout, Medium, Next, Receiver, Ring, Running, Sender, Sizes, State, TaskBytes, Ticket, Watched,
};
use crate::state::ring::Head;
use crate::sync::Mutex;
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) type Parent = Sender<Arc<Heap>>;

/// Room for so many tasks of a word, with results of a word, or with as many items of a word.
pub(super) fn layout(slots: usize) -> Layout {
    Layout::new(Sizes { slots, jobs: 8 * slots, results: 16 * slots })
}

fn ring(slots: usize) -> (Parent, Receiver<Arc<Heap>>, Arc<Heap>) {
    let layout = layout(slots);
    let heap = Heap::new(layout);
    let receiver = Receiver::new(Ring::new(Arc::clone(&heap), layout), false);
    (Sender::new(Arc::clone(&heap), layout), receiver, heap)
}

pub(super) fn task(entry: u64) -> Head {
    Head { entry, items: 1, ..Head::default() }
}

/// The bytes of a task, and of its result.
pub(super) fn word(entry: u64) -> [u8; 8] {
    (entry + 1).to_ne_bytes()
}

pub(super) fn publish(sender: &mut Parent, entry: u64) -> Ticket {
    sender.publish(task(entry), &word(entry)).unwrap()
}

/// How often each task was run.
#[derive(Clone)]
pub(super) struct Runs(Arc<[AtomicUsize; 4]>);

impl Runs {
    pub(super) fn new() -> Self {
        Runs(Arc::new(std::array::from_fn(|_| AtomicUsize::new(0))))
    }

    pub(super) fn count(&self, entry: u64) -> usize {
        self.0[entry as usize].load(Ordering::Relaxed)
    }

    /// Runs a task: its result is its bytes.
    pub(super) fn run<M: Medium>(&self, running: Running<'_, M>, bytes: &[u8]) {
        let entry = running.head().entry;
        assert_eq!(bytes, word(entry), "a task with the bytes of another");
        self.0[entry as usize].fetch_add(1, Ordering::Relaxed);
        assert!(running.finish(bytes).is_ok(), "no room for a result");
    }
}

pub(super) fn serve<M: Medium>(receiver: &mut Receiver<M>, mut run: impl FnMut(Running<'_, M>, &[u8])) {
    let mut bytes = Vec::new();
    while let Next::Task(running) = receiver.next(&mut bytes).unwrap() {
        run(running, &bytes);
    }
}

fn worker(mut receiver: Receiver<Arc<Heap>>, runs: &Runs) -> thread::JoinHandle<()> {
    let runs = runs.clone();
    thread::spawn(move || serve(&mut receiver, |running, bytes| runs.run(running, bytes)))
}

/// As the thread that polls would.
fn wait(sender: &mut Parent, heap: &Heap, ticket: Ticket) -> TaskBytes {
    loop {
        if let Some(result) = sender.take_result(ticket).unwrap() {
            return result;
        }
        if sender.may_sleep(false).unwrap() {
            heap.parent_sleeps();
            sender.awake();
        }
    }
}

fn result(entry: u64) -> TaskBytes {
    TaskBytes::Here(word(entry).to_vec())
}

/// Would show: a task that is run although it was taken back (a revoke, or a begin, that only stores).
#[test]
fn hand_out_against_revoke() {
    exhaustively(|| {
        let (mut sender, receiver, _heap) = ring(2);
        let runs = Runs::new();
        let tickets = [0, 1].map(|entry| publish(&mut sender, entry));
        sender.close();
        let worker = worker(receiver, &runs);
        let revoked = [1, 0].map(|at: usize| sender.revoke(tickets[at]).unwrap());
        worker.join().unwrap();
        for (at, revoked) in [1, 0].into_iter().zip(revoked) {
            assert_eq!(runs.count(at), usize::from(!revoked));
            let taken = sender.take_result(tickets[at as usize]).unwrap();
            assert_eq!(taken, (!revoked).then(|| result(at)));
        }
    });
}

/// Would show: a ring that is lost, in either direction, after which both sides sleep (a sleeper that does not look
/// again, or without either fence). Two tasks at a time, so that each sleep meets two rings, of which the second is
/// late for it and early for the next.
#[test]
fn two_rings_for_each_sleep() {
    bounded(2, || {
        let (mut sender, receiver, heap) = ring(2);
        let runs = Runs::new();
        let worker = worker(receiver, &runs);
        for first in [0, 2] {
            let tickets = [first, first + 1].map(|entry| publish(&mut sender, entry));
            for (ticket, entry) in tickets.into_iter().zip([first, first + 1]) {
                assert_eq!(wait(&mut sender, &heap, ticket), result(entry));
            }
        }
        sender.close();
        worker.join().unwrap();
    });
}

/// Would show: a close that the worker sleeps through, or that lets it leave out a task that came before.
#[test]
fn close_against_sleep() {
    bounded(3, || {
        let (mut sender, receiver, _heap) = ring(1);
        let runs = Runs::new();
        let worker = worker(receiver, &runs);
        let ticket = publish(&mut sender, 0);
        sender.close();
        worker.join().unwrap();
        assert_eq!(sender.take_result(ticket).unwrap(), Some(result(0)));
    });
}

/// Would show: a slot, or bytes, written over while the worker may still look at them, or a worker that takes a task of
/// the wrong lap. One slot, three laps, of which one is revoked.
#[test]
fn one_slot_in_every_lap() {
    bounded(3, || {
        let (mut sender, receiver, heap) = ring(1);
        let runs = Runs::new();
        let worker = worker(receiver, &runs);
        for lap in 0..3 {
            while sender.room_for(8).is_err() {
                if sender.may_sleep(true).unwrap() {
                    heap.parent_sleeps();
                    sender.awake();
                }
            }
            let ticket = publish(&mut sender, lap);
            if lap == 1 && sender.revoke(ticket).unwrap() {
                assert_eq!(sender.state(ticket), Ok(State::Settled));
            } else {
                assert_eq!(wait(&mut sender, &heap, ticket), result(lap));
            }
        }
        sender.close();
        worker.join().unwrap();
        assert_eq!((runs.count(0), runs.count(2)), (1, 1));
    });
}

/// Would show: a parent that sleeps for room in a ring full of revoked tasks, and that nobody tells of their passing.
#[test]
fn room_after_revoked_tasks() {
    bounded(3, || {
        let (mut sender, receiver, heap) = ring(2);
        let runs = Runs::new();
        let worker = worker(receiver, &runs);
        let tickets = [0, 1].map(|entry| publish(&mut sender, entry));
        for ticket in tickets {
            if !sender.revoke(ticket).unwrap() {
                wait(&mut sender, &heap, ticket);
            }
        }
        while sender.room_for(8).is_err() {
            if sender.may_sleep(true).unwrap() {
                heap.parent_sleeps();
                sender.awake();
            }
        }
        sender.close();
        worker.join().unwrap();
    });
}

/// A thread that watches one task, beside the one that sleeps for all. Ends when both tasks are settled.
fn watch_beside_sleeper(watched: usize) {
    let (mut sender, receiver, heap) = ring(2);
    let watch = sender.watch(true);
    let runs = Runs::new();
    let tickets = [0, 1].map(|entry| publish(&mut sender, entry));
    let found = sender.worker();
    sender.close();
    let sender = Arc::new(Mutex::new(sender));
    let worker = worker(receiver, &runs);
    let taken = Arc::new(AtomicUsize::new(0));
    let waiter = {
        let (sender, taken, heap) = (Arc::clone(&sender), Arc::clone(&taken), Arc::clone(&heap));
        thread::spawn(move || {
            if watch.spin_on(tickets[watched], found) == Watched::Done {
                let mut sender = sender.lock();
                let result = sender.take_result(tickets[watched]).unwrap();
                taken.fetch_add(usize::from(result.is_some()), Ordering::Relaxed);
                // Only so that the sleeper ends: where there is nothing left, it may sleep for ever.
                if sender.state(tickets[1 - watched]) == Ok(State::Settled) {
                    heap.wake_parent();
                }
            }
        })
    };
    loop {
        let mut sender = sender.lock();
        while let Some(ticket) = sender.next_done().unwrap() {
            assert!(sender.take_result(ticket).unwrap().is_some());
            taken.fetch_add(1, Ordering::Relaxed);
        }
        if tickets.iter().all(|ticket| sender.state(*ticket) == Ok(State::Settled)) {
            break;
        }
        let sleeps = sender.may_sleep(false).unwrap();
        drop(sender);
        if sleeps {
            heap.parent_sleeps();
        }
    }
    waiter.join().unwrap();
    worker.join().unwrap();
    assert_eq!(taken.load(Ordering::Relaxed), 2);
}

/// Would show: a task that ends while somebody else has the sleeper's word, and of which nobody tells the sleeper (a
/// word that is handed back without a look). The one that is watched is the first to end.
#[test]
fn watch_the_first_beside_a_sleeper() {
    bounded(2, || watch_beside_sleeper(0));
}

/// Would show the same, and a spinner that says that it has accounted for more than it has (the one before its own).
#[test]
fn watch_the_second_beside_a_sleeper() {
    bounded(2, || watch_beside_sleeper(1));
}
