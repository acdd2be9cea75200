//! The ring, both sides of it over ordinary memory: handing out against taking back, sleeping against ringing, room
//! against use. What a worker's death leaves is in `ring_death`.
#![expect(clippy::unwrap_used, reason = "a model fails where anything does")]

use super::{bounded, exhaustively};
use crate::ring::{
    Heap, Layout, Medium, Next, Receiver, Ring, Running, Sender, Sizes, State, TaskBytes, Ticket, Watch, Watched,
};
use crate::state::ring::{Found, Head};
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
        if sender.may_sleep(false, None).unwrap() {
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
                if sender.may_sleep(true, None).unwrap() {
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
            if sender.may_sleep(true, None).unwrap() {
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
        let sleeps = sender.may_sleep(false, None).unwrap();
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

/// What a lock guards of a pool with one worker and two tasks: the ring, and which of these somebody waits for.
struct Desk {
    sender: Parent,
    tickets: [Ticket; 2],
    awaited: [bool; 2],
    taken: usize,
}

impl Desk {
    fn open(sender: Parent, tickets: [Ticket; 2]) -> Arc<Mutex<Desk>> {
        Arc::new(Mutex::new(Desk { sender, tickets, awaited: [false; 2], taken: 0 }))
    }

    /// Takes what has ended. `true`: all has.
    fn collect(&mut self) -> bool {
        while let Some(ticket) = self.sender.next_done().unwrap() {
            assert!(self.sender.take_result(ticket).unwrap().is_some());
            self.taken += 1;
        }
        self.taken == 2
    }

    /// Up to where results are left where they are: to the first that somebody waits for.
    fn first_awaited(&self) -> Ticket {
        let awaited = (self.taken..2).find(|at| self.awaited[*at]);
        awaited.map_or_else(|| self.sender.later(0), |at| self.tickets[at])
    }

    /// After something has come to be awaited, or somebody has watched.
    fn wake_in_time(&mut self) {
        let awaited = (self.taken..2).find(|at| self.awaited[*at]);
        if let Some(at) = awaited {
            self.sender.expect(self.tickets[at]);
        }
    }

    /// Somebody waits from now on.
    fn expect(&mut self, at: usize) {
        self.awaited[at] = true;
        self.wake_in_time();
    }
}

/// The thread that polls, until all is taken; `awaited`: the first result that it does not leave where it is, in this
/// turn.
fn poll(desk: &Mutex<Desk>, heap: &Heap, mut awaited: impl FnMut(&Desk) -> Option<Ticket>) {
    loop {
        let mut desk = desk.lock();
        if desk.collect() {
            return;
        }
        let awaited = awaited(&desk);
        let sleeps = desk.sender.may_sleep(false, awaited).unwrap();
        drop(desk);
        if sleeps {
            heap.parent_sleeps();
        }
    }
}

/// Two tasks that are handed out, and nobody at work.
struct Scene {
    desk: Arc<Mutex<Desk>>,
    heap: Arc<Heap>,
    receiver: Receiver<Arc<Heap>>,
    watch: Watch<Arc<Heap>>,
    tickets: [Ticket; 2],
    found: Found,
}

impl Scene {
    fn new() -> Self {
        let (mut sender, receiver, heap) = ring(2);
        let watch = sender.watch(true);
        let tickets = [0, 1].map(|entry| publish(&mut sender, entry));
        let found = sender.worker();
        sender.close();
        Scene { desk: Desk::open(sender, tickets), heap, receiver, watch, tickets, found }
    }

    /// Somebody watches the first task, and this is what comes after that, while the worker, after `first`, is at work
    /// and the other thread polls: where results are left is for `awaited` to say.
    fn play(
        self,
        first: impl FnOnce(&Mutex<Desk>, &Arc<Heap>) + Send + 'static,
        watched: impl FnOnce(Watched, &mut Desk) + Send + 'static,
        awaited: impl FnMut(&Desk) -> Option<Ticket>,
    ) {
        let Scene { desk, heap, mut receiver, watch, tickets, found } = self;
        let watcher = {
            let (desk, heap) = (Arc::clone(&desk), Arc::clone(&heap));
            thread::spawn(move || {
                let seen = watch.spin_on(tickets[0], found);
                let mut desk = desk.lock();
                if seen == Watched::Done && desk.collect() {
                    // Only so that the sleeper ends: where there is nothing left, it may sleep for ever.
                    heap.wake_parent();
                }
                watched(seen, &mut desk);
            })
        };
        let worker = {
            let (desk, heap) = (Arc::clone(&desk), Arc::clone(&heap));
            thread::spawn(move || {
                first(&desk, &heap);
                serve(&mut receiver, |running, bytes| Runs::new().run(running, bytes));
            })
        };
        poll(&desk, &heap, awaited);
        watcher.join().unwrap();
        worker.join().unwrap();
    }
}

/// Would show: a result that somebody waits for, and that is left where it is for good (one who begins to wait and does
/// not change up to where the sleeper has accounted, or does not look after that).
#[test]
fn a_patient_sleeper_is_woken_for_what_is_awaited() {
    bounded(3, || {
        let Scene { desk, heap, receiver, .. } = Scene::new();
        let worker = worker(receiver, &Runs::new());
        let waiter = {
            let desk = Arc::clone(&desk);
            thread::spawn(move || desk.lock().expect(1))
        };
        poll(&desk, &heap, |desk| Some(desk.first_awaited()));
        waiter.join().unwrap();
        worker.join().unwrap();
    });
}

/// Would show the same where somebody watches meanwhile, so that who begins to wait finds no sleeper to change (a
/// watcher who goes to sleep without having a look at what others wait for).
#[test]
fn who_begins_to_wait_beside_one_who_watches() {
    bounded(2, || {
        // One thread less to explore: somebody begins to wait before the tasks are begun, whatever the others are at.
        let waits = |desk: &Mutex<Desk>, _: &Arc<Heap>| desk.lock().expect(1);
        let watched = |seen, desk: &mut Desk| {
            if seen == Watched::Done {
                let awaited = desk.first_awaited();
                desk.sender.put_off(awaited);
            } else {
                desk.wake_in_time();
            }
        };
        Scene::new().play(waits, watched, |desk| Some(desk.first_awaited()));
    });
}

/// Would show: a sleeper who has lain down anew, to be woken for the next result, and is told of none, because somebody
/// who has watched hands back what it had said before (a word that is set whatever it says by then).
#[test]
fn what_is_handed_back_late() {
    bounded(2, || {
        // The alarm that ends a patient sleep comes once, whatever the others are at; then each result is awaited.
        let alarm = |_: &Mutex<Desk>, heap: &Arc<Heap>| heap.wake_parent();
        let mut is_patient = true;
        let awaited = move |desk: &Desk| std::mem::take(&mut is_patient).then(|| desk.sender.later(0));
        Scene::new().play(alarm, |_, _| (), awaited);
    });
}
