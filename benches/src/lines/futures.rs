//! T4: futures on a pool of two threads, against the runtimes that people would use for them.
//!
//! Every runtime does exactly the same: the work is written once, over [`Runtime`], whose implementations say how each
//! is used. Handles are kept in a `Vec` and awaited in order, by the one thread or task that has spawned them.

use super::{Entry, Scale};
use crate::Failure;
use crate::mailbox::Mailbox;
use crate::measure::{Contender, Line, Role};
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
trait Work: Copy + 'static {
    fn run<R: Runtime>(self, runtime: &R) -> u64;
}

/// A contender that has its threads for as long as the line is measured.
fn contender<R: Runtime>(role: Role, work: impl Work) -> Result<Contender, Failure> {
    let (runtime, threads) = R::start()?;
    Ok(Contender::new(R::NAME, role, move || {
        let _kept = &threads;
        work.run(&runtime)
    }))
}

fn against_runtimes(work: impl Work) -> Result<Vec<Contender>, Failure> {
    Ok(vec![
        contender::<Ours>(Role::Ours, work)?,
        contender::<Tokio>(Role::Peer, work)?,
        contender::<AsyncExecutor>(Role::Peer, work)?,
    ])
}

/// What the futures 0, 1, .. give together.
fn sum_below(count: u64) -> u64 {
    (0..count).sum()
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
    fn run<R: Runtime>(self, runtime: &R) -> u64 {
        let tasks = spawn_trivial(runtime, self.count);
        runtime.block_on(sum_of::<R>(tasks))
    }
}

fn spawned_outside(scale: Scale) -> Result<Line, Failure> {
    let work = Outside { count: scale.of(200_000) };
    let mut contenders = against_runtimes(work)?;
    // Its threads start and end within each round, because they cannot sleep; that adds less than one ns per item.
    contenders.push(Contender::new(Raw::NAME, Role::Information, move || match Raw::start() {
        Ok((raw, _threads)) => work.run(&raw),
        // What was not computed is not what was expected.
        Err(_) => 0,
    }));
    Ok(Line {
        id: "T4a",
        title: "spawn trivial futures from outside, and await them".to_owned(),
        goal: GOAL,
        items: work.count,
        expected: sum_below(work.count),
        contenders,
    })
}

// ---------------------------------------------------------------------------------------------- T4b

/// Many futures that give way to each other again and again: what a poll costs, and a queue that is never empty.
#[derive(Clone, Copy)]
struct Yielding {
    tasks: u64,
    times: u64,
}

impl Work for Yielding {
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
    Ok(Line {
        id: "T4b",
        title: format!("{} futures that yield {} times each", work.tasks, work.times),
        goal: GOAL,
        items: work.tasks * work.times,
        expected: work.tasks * work.times,
        contenders: against_runtimes(work)?,
    })
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
    let hands = 2 * work.trips;
    Ok(Line {
        id: "T4c",
        title: "two futures that hand a token to and fro".to_owned(),
        goal: GOAL,
        items: hands,
        // The token counts the hands that it went through, and each future gives the last that it saw.
        expected: hands + (hands - 1),
        contenders: against_runtimes(work)?,
    })
}

// ---------------------------------------------------------------------------------------------- T4d

/// As T4a, by a future on one of the pool's threads.
#[derive(Clone, Copy)]
struct Inside {
    count: u64,
}

impl Work for Inside {
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
    Ok(Line {
        id: "T4d",
        title: "spawn trivial futures from a future, and await them there".to_owned(),
        goal: GOAL,
        items: work.count,
        expected: sum_below(work.count),
        contenders: against_runtimes(work)?,
    })
}
