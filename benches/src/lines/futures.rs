//! T4: futures on a pool of two threads, against the runtimes that people would use for them.
//!
//! Every runtime does exactly the same: the work is written once, over [`Runtime`], whose implementations say how each
//! is used. Handles are kept in a `Vec` and awaited in order, by the one thread or task that has spawned them.

use super::{Entry, Scale, THREADS};
use crate::Failure;
use crate::mailbox::Mailbox;
use crate::measure::{Amount, Contender, Goal, Line, Role};
use crate::raw::Raw;
use crate::runtimes::{AsyncExecutor, Ours, Runtime, Tokio};
use std::hint::black_box;
use std::sync::Arc;

pub(super) const ENTRIES: &[Entry] = &[
    Entry { id: "T4a", make: spawned_outside },
    Entry { id: "T4b", make: yielding },
    Entry { id: "T4c", make: handing_over },
    Entry { id: "T4d", make: spawned_inside },
];

/// Our median is to be at most this much of the best peer's.
const GOAL: f64 = 0.8;

/// One line's work, for any runtime.
pub(super) trait Work: Copy + 'static {
    fn amount(self) -> Amount;

    fn run<R: Runtime>(self, runtime: &R) -> u64;
}

/// A contender that has its threads for as long as the line is measured.
pub(super) fn contender<R: Runtime>(role: Role, threads: usize, work: impl Work) -> Result<Contender, Failure> {
    let (runtime, threads) = R::start(threads)?;
    Ok(Contender::timed(R::NAME, role, work.amount(), move || {
        let _kept = &threads;
        Ok(work.run(&runtime))
    }))
}

fn against_runtimes(work: impl Work) -> Result<Vec<Contender>, Failure> {
    Ok(vec![
        contender::<Ours>(Role::Ours, THREADS, work)?,
        contender::<Tokio>(Role::Peer, THREADS, work)?,
        contender::<AsyncExecutor>(Role::Peer, THREADS, work)?,
    ])
}

fn line(id: &'static str, title: String, contenders: Vec<Contender>) -> Line {
    Line::of_times(id, title, vec![Goal::BestPeer(GOAL)], contenders)
}

async fn trivial(number: u64) -> u64 {
    black_box(number)
}

fn spawn_trivial<R: Runtime>(runtime: &R, count: u64) -> Vec<R::Task<u64>> {
    (0..count).map(|number| runtime.spawn(trivial(number))).collect()
}

async fn sum_of<R: Runtime>(tasks: Vec<R::Task<u64>>) -> u64 {
    let mut sum = 0;
    for task in tasks {
        sum += R::join(task).await;
    }
    sum
}

// ---------------------------------------------------------------------------------------------- T4a

/// One thread that is none of the runtime's spawns futures that are ready at once, and awaits them all.
#[derive(Clone, Copy)]
struct Outside {
    count: u64,
}

impl Work for Outside {
    fn amount(self) -> Amount {
        Amount::numbers_below(self.count)
    }

    fn run<R: Runtime>(self, runtime: &R) -> u64 {
        let tasks = spawn_trivial(runtime, self.count);
        runtime.block_on(sum_of::<R>(tasks))
    }
}

fn spawned_outside(scale: Scale) -> Result<Line, Failure> {
    let work = Outside { count: scale.of(200_000) };
    let mut contenders = against_runtimes(work)?;
    // Its threads start and end within each round, because they cannot sleep; that adds less than one ns per item.
    contenders.push(Contender::timed(Raw::NAME, Role::Information, work.amount(), move || {
        let (raw, _threads) = Raw::start(THREADS)?;
        Ok(work.run(&raw))
    }));
    Ok(line("T4a", "spawn trivial futures from outside, and await them".to_owned(), contenders))
}

// ---------------------------------------------------------------------------------------------- T4b

/// Many futures that give way to each other again and again: what a poll costs, and a queue that is never empty.
#[derive(Clone, Copy)]
struct Yielding {
    tasks: u64,
    times: u64,
}

impl Work for Yielding {
    fn amount(self) -> Amount {
        let yields = self.tasks * self.times;
        Amount { items: yields, expected: yields }
    }

    fn run<R: Runtime>(self, runtime: &R) -> u64 {
        let yielder = || async move {
            let mut turns = 0;
            for _ in 0..self.times {
                R::yield_now().await;
                turns += 1;
            }
            turns
        };
        let tasks = (0..self.tasks).map(|_| runtime.spawn(yielder())).collect();
        runtime.block_on(sum_of::<R>(tasks))
    }
}

fn yielding(scale: Scale) -> Result<Line, Failure> {
    let work = Yielding { tasks: 1_000, times: scale.of(200) };
    let title = format!("{} futures that yield {} times each", work.tasks, work.times);
    Ok(line("T4b", title, against_runtimes(work)?))
}

// ---------------------------------------------------------------------------------------------- T4c

/// Two futures of which one always waits for the other: from a wake to the poll that it leads to.
#[derive(Clone, Copy)]
struct HandingOver {
    /// There and back.
    trips: u64,
}

async fn play(inbox: Arc<Mailbox>, outbox: Arc<Mailbox>, trips: u64) -> u64 {
    let mut token = 0;
    for _ in 0..trips {
        token = inbox.take().await + 1;
        outbox.put(token);
    }
    token
}

impl Work for HandingOver {
    /// The token counts the hands that it went through, and each future gives the last that it saw.
    fn amount(self) -> Amount {
        let hands = 2 * self.trips;
        Amount { items: hands, expected: hands + (hands - 1) }
    }

    fn run<R: Runtime>(self, runtime: &R) -> u64 {
        let (there, back) = (Arc::new(Mailbox::new()), Arc::new(Mailbox::new()));
        let one = runtime.spawn(play(Arc::clone(&back), Arc::clone(&there), self.trips));
        let other = runtime.spawn(play(there, Arc::clone(&back), self.trips));
        back.put(0);
        runtime.block_on(async { R::join(one).await + R::join(other).await })
    }
}

fn handing_over(scale: Scale) -> Result<Line, Failure> {
    let work = HandingOver { trips: scale.of(100_000) };
    Ok(line("T4c", "two futures that hand a token to and fro".to_owned(), against_runtimes(work)?))
}

// ---------------------------------------------------------------------------------------------- T4d

/// As T4a, by a future on one of the pool's threads.
#[derive(Clone, Copy)]
pub(super) struct Inside {
    pub(super) count: u64,
}

impl Work for Inside {
    fn amount(self) -> Amount {
        Amount::numbers_below(self.count)
    }

    fn run<R: Runtime>(self, runtime: &R) -> u64 {
        let inside = runtime.clone();
        let root = runtime.spawn(async move {
            let tasks = spawn_trivial(&inside, self.count);
            sum_of::<R>(tasks).await
        });
        runtime.block_on(R::join(root))
    }
}

fn spawned_inside(scale: Scale) -> Result<Line, Failure> {
    let work = Inside { count: scale.of(200_000) };
    let title = "spawn trivial futures from a future, and await them there".to_owned();
    Ok(line("T4d", title, against_runtimes(work)?))
}
