//! The ring when the worker dies, at every step: what each slot then says is compared with what was really run.
//!
//! A worker's step is a look at shared memory, or a write to it. The medium counts them and stops the worker before one
//! of them, for every one in turn, as a SIGKILL would: nothing of it runs after that. Bytes that are written in one go
//! count as one step, since nobody may look at them before they are published.
#![expect(clippy::unwrap_used, reason = "a model fails where anything does")]

use super::ring::{Parent, Runs, layout, publish, serve, task, word};
use crate::ring::{Heap, Medium, Next, Receiver, Ring, Sender, State, TaskBytes, Ticket};
use crate::state::ring::Head;
use crate::sync::{AtomicU32, AtomicU64};
use loom::thread;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// What unwinds out of a worker that is stopped.
struct Killed;

/// The worker's view of the memory, which ends after so many steps.
#[derive(Clone)]
struct Mortal {
    heap: Arc<Heap>,
    steps_left: Arc<AtomicUsize>,
}

impl Mortal {
    fn step(&self) -> &Arc<Heap> {
        let left = self.steps_left.load(Ordering::Relaxed);
        if left == 0 {
            resume_unwind(Box::new(Killed));
        }
        self.steps_left.store(left - 1, Ordering::Relaxed);
        &self.heap
    }
}

impl Medium for Mortal {
    fn jobs(&self) -> &[AtomicU64] {
        self.step().jobs()
    }

    fn board(&self) -> &[AtomicU64] {
        self.step().board()
    }

    fn worker_flag(&self) -> &AtomicU32 {
        self.step().worker_flag()
    }

    fn worker_sleeps(&self) {
        self.step().worker_sleeps();
    }

    fn wake_worker(&self) {
        self.step().wake_worker();
    }

    fn wake_parent(&self) {
        self.step().wake_parent();
    }

    fn now(&self) -> u64 {
        self.heap.now()
    }
}

/// A ring that has been used: each of its two slots had a task with an item that has ended, whose report is still
/// there.
fn used_ring() -> (Parent, Receiver<Mortal>, Mortal) {
    let layout = layout(2);
    let heap = Heap::new(layout);
    let mortal = Mortal { heap: Arc::clone(&heap), steps_left: Arc::new(AtomicUsize::new(usize::MAX)) };
    let mut sender = Sender::new(heap, layout);
    let mut receiver = Receiver::new(Ring::new(mortal.clone(), layout), false);
    for entry in [0, 1] {
        let ticket = publish(&mut sender, entry);
        match receiver.next(&mut Vec::new()).unwrap() {
            Next::Task(mut running) => {
                running.begin_item();
                running.end_item(&[]).unwrap();
                assert!(running.finish(&[]).is_ok());
            }
            Next::Closed => panic!("closed"),
        }
        assert!(sender.take_result(ticket).unwrap().is_some());
    }
    (sender, receiver, mortal)
}

/// Runs `work` as the worker, for so many steps. `true`: it came to its end.
fn worker(
    mut receiver: Receiver<Mortal>,
    mortal: &Mortal,
    steps: usize,
    mut work: impl FnMut(&mut Receiver<Mortal>) + Send + 'static,
) -> thread::JoinHandle<bool> {
    mortal.steps_left.store(steps, Ordering::Relaxed);
    thread::spawn(move || match catch_unwind(AssertUnwindSafe(|| work(&mut receiver))) {
        Ok(()) => true,
        Err(payload) if payload.is::<Killed>() => false,
        Err(payload) => resume_unwind(payload),
    })
}

/// The model with every number of steps, up to the one with which the worker is never killed.
fn after_every_step(model: fn(usize) -> bool) {
    super::alone(|| every_step(model));
}

fn every_step(model: fn(usize) -> bool) {
    let mut executions = 0;
    for steps in 0.. {
        let killed = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&killed);
        executions += super::count_executions(None, None, move || {
            if !model(steps) {
                seen.store(true, Ordering::Relaxed);
            }
        });
        if !killed.load(Ordering::Relaxed) {
            super::report(executions);
            println!("killed after 0 to {} steps", steps - 1);
            return;
        }
    }
}

/// What the parent does while the worker may still live, and whether that lived on; then its end is certain.
///
/// By a thread of its own, so that loom begins with the worker: it finds that a look can come between two steps of
/// another thread only if it has seen the look come later.
fn beside<T: Send + 'static>(
    worker: thread::JoinHandle<bool>,
    mut sender: Parent,
    look: impl FnOnce(&mut Parent) -> T + Send + 'static,
) -> (T, bool, Parent) {
    let looker = thread::spawn(move || {
        let seen = look(&mut sender);
        (seen, sender)
    });
    let survived = worker.join().unwrap();
    let (seen, sender) = looker.join().unwrap();
    (seen, survived, sender)
}

/// What is left of a ticket after the worker's end.
fn state_of(remains: &[(Ticket, State)], ticket: Ticket) -> State {
    remains.iter().find(|(left, _)| *left == ticket).map_or(State::Settled, |(_, state)| *state)
}

/// Would show: DONE of a task whose result is not there, RUNNING of one that was not begun by the rules, QUEUED or
/// REVOKED of one that was (a DONE before the result, a begin after the run).
#[test]
fn completion_against_death() {
    after_every_step(|steps| {
        let (mut sender, receiver, mortal) = used_ring();
        let runs = Runs::new();
        let tickets = [2, 3].map(|entry| publish(&mut sender, entry));
        sender.close();
        let counted = runs.clone();
        let worker = worker(receiver, &mortal, steps, move |receiver| {
            serve(receiver, |running, bytes| counted.run(running, bytes));
        });
        let ((early, revoked), survived, mut sender) = beside(worker, sender, move |sender| {
            (sender.take_result(tickets[0]).unwrap(), sender.revoke(tickets[1]).unwrap())
        });
        let remains = sender.remains().unwrap();
        if let Some(early) = &early {
            assert_eq!((early, runs.count(2)), (&TaskBytes::Here(word(2).to_vec()), 1));
        }
        for (entry, ticket) in [2, 3].into_iter().zip(tickets) {
            let count = runs.count(entry);
            match state_of(&remains, ticket) {
                State::Queued => assert_eq!(count, 0),
                State::Running => assert!(count <= 1),
                State::Done => {
                    assert_eq!(count, 1);
                    assert_eq!(sender.take_result(ticket).unwrap(), Some(TaskBytes::Here(word(entry).to_vec())));
                }
                State::Settled => assert_eq!(count, usize::from(if entry == 2 { early.is_some() } else { !revoked })),
            }
        }
        survived
    });
}

/// Two of them share a word.
const ITEM: &[u8] = b"items";

/// Would show: an item that is counted before its result is there, or one that had ended and is not counted; bytes that
/// another item behind them in the same word has changed; or a task that has just been begun with the items of an earlier
/// lap (a report that is reset after the begin).
#[test]
fn items_against_death() {
    after_every_step(|steps| {
        let (mut sender, receiver, mortal) = used_ring();
        let chunk = Head { items: 2, ..task(2) };
        let ticket = sender.publish(chunk, &[]).unwrap();
        sender.close();
        let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counts = [Arc::clone(&begun), Arc::clone(&ended)];
        let worker = worker(receiver, &mortal, steps, move |receiver| {
            serve(receiver, |mut running, _| {
                for _ in 0..2 {
                    running.begin_item();
                    counts[0].fetch_add(1, Ordering::Relaxed);
                    running.end_item(ITEM).unwrap();
                    counts[1].fetch_add(1, Ordering::Relaxed);
                }
                assert!(running.finish(&[]).is_ok());
            });
        });
        let (early, survived, mut sender) = beside(worker, sender, move |sender| {
            let mut bytes = Vec::new();
            let items = sender.take_items(ticket, &mut bytes).unwrap();
            (items, bytes)
        });
        let (mut taken, mut bytes) = (early.0.here, early.1);
        sender.remains().unwrap();
        let progress = sender.progress(ticket).unwrap();
        let (begun, ended) = (begun.load(Ordering::Relaxed), ended.load(Ordering::Relaxed));
        // An item whose end is said, and which the worker died in noting for us.
        assert!((ended..=ended + 1).contains(&(progress.ended as usize)), "{progress:?}, {ended} ended");
        assert!(progress.ended as usize <= begun && begun <= progress.ended as usize + usize::from(progress.under_way));
        taken += sender.take_items(ticket, &mut bytes).unwrap().here;
        assert_eq!((taken, bytes), (progress.ended, ITEM.repeat(progress.ended as usize)));
        survived
    });
}

/// Would show: the time at which another task was begun, in an earlier lap (a report that is reset after the begin, or
/// without the time).
#[test]
fn the_time_of_a_begin_against_death() {
    after_every_step(|steps| {
        let (mut sender, receiver, mortal) = used_ring();
        let runs = Runs::new();
        let heap = Arc::clone(&mortal.heap);
        let before = heap.now();
        let ticket = publish(&mut sender, 2);
        sender.close();
        let counted = runs.clone();
        let worker = worker(receiver, &mortal, steps, move |receiver| {
            serve(receiver, |running, bytes| counted.run(running, bytes));
        });
        let bound = move |heap: &Arc<Heap>| Duration::from_nanos(heap.now() - before);
        let theirs = Arc::clone(&heap);
        let (early, survived, mut sender) = beside(worker, sender, move |sender| {
            let bound = bound(&theirs);
            // Both sides may look at the clock meanwhile.
            sender.age(ticket).unwrap().map(|age| (age, bound + Duration::from_nanos(2)))
        });
        assert!(early.is_none_or(|(age, bound)| age <= bound), "{early:?}");
        let bound = bound(&heap);
        let late = sender.age(ticket).unwrap();
        assert!(late.is_none_or(|age| age <= bound), "{late:?}, {bound:?}");
        assert!(runs.count(2) == 0 || late.is_some());
        survived
    });
}
