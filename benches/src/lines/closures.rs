//! T1, T2, T3, T7: closures on a pool of two threads, submitted by one thread outside, one by one, by a thread of the
//! pool itself, and by four threads at once; against everything that people would use for them.

use super::futures::{self, Inside};
use super::{Entry, Scale, THREADS};
use crate::Failure;
use crate::measure::{Amount, Contender, Goal, Line, Role};
use crate::parking::PingPong;
use crate::pools::{
    Blocking, FuturesPool, Ours, OursScope, Pool, Rayon, RayonOneshot, RustyPool, Spawning, ThreadPool, TokioBlocking,
};
use crate::runtimes::{AsyncExecutor, Tokio};
use std::hint::black_box;
use std::thread;

pub(super) const ENTRIES: &[Entry] = &[
    Entry { id: "T1", make: from_outside },
    Entry { id: "T2", make: one_by_one },
    Entry { id: "T3", make: from_inside },
    Entry { id: "T7", make: from_four },
];

/// One line's work, for any pool.
pub(super) trait Work: Copy + 'static {
    fn amount(self) -> Amount;

    fn run<P: Pool>(self, pool: &P) -> u64;
}

/// A contender that has its threads for as long as the line is measured.
pub(super) fn contender<P: Pool>(role: Role, threads: usize, work: impl Work) -> Result<Contender, Failure> {
    let pool = P::start(threads)?;
    Ok(Contender::timed(P::NAME, role, work.amount(), move || Ok(work.run(&pool))))
}

fn against_all(work: impl Work) -> Result<Vec<Contender>, Failure> {
    Ok(vec![
        contender::<Ours>(Role::Ours, THREADS, work)?,
        contender::<Rayon>(Role::Peer, THREADS, work)?,
        contender::<RayonOneshot>(Role::Peer, THREADS, work)?,
        contender::<Spawning<Tokio>>(Role::Peer, THREADS, work)?,
        contender::<TokioBlocking>(Role::Peer, THREADS, work)?,
        contender::<Spawning<AsyncExecutor>>(Role::Peer, THREADS, work)?,
        contender::<FuturesPool>(Role::Peer, THREADS, work)?,
        contender::<ThreadPool>(Role::Peer, THREADS, work)?,
        contender::<RustyPool>(Role::Peer, THREADS, work)?,
        contender::<Blocking>(Role::Peer, THREADS, work)?,
    ])
}

// ---------------------------------------------------------------------------------------------- T1

#[derive(Clone, Copy)]
pub(super) struct Outside {
    pub(super) count: u64,
}

impl Work for Outside {
    fn amount(self) -> Amount {
        Amount::numbers_below(self.count)
    }

    fn run<P: Pool>(self, pool: &P) -> u64 {
        pool.sum_below(self.count)
    }
}

fn from_outside(scale: Scale) -> Result<Line, Failure> {
    let title = "submit from one outside thread, collect all".to_owned();
    let contenders = against_all(Outside { count: scale.of(200_000) })?;
    Ok(Line::of_times("T1", title, vec![Goal::BestPeer(0.5)], contenders))
}

// ---------------------------------------------------------------------------------------------- T2

#[derive(Clone, Copy)]
struct OneByOne {
    count: u64,
}

impl Work for OneByOne {
    fn amount(self) -> Amount {
        Amount::numbers_below(self.count)
    }

    fn run<P: Pool>(self, pool: &P) -> u64 {
        (0..self.count).map(|number| pool.one(number)).sum()
    }
}

/// Two goals, over what users could take instead, and over what the system takes at least.
fn one_by_one(scale: Scale) -> Result<Line, Failure> {
    let work = OneByOne { count: scale.of(4_000) };
    let amount = work.amount();
    let mut contenders = against_all(work)?;
    // A thread for each: no pool, but what people write who have none.
    contenders.push(Contender::timed("std::thread", Role::Peer, amount, move || {
        let mut sum = 0;
        for number in 0..work.count {
            let thread = thread::Builder::new().spawn(move || black_box(number))?;
            sum += thread.join().map_err(|_| "the thread panicked")?;
        }
        Ok(sum)
    }));
    let limit = PingPong::start()?;
    contenders.push(Contender::timed(PingPong::NAME, Role::Limit, amount, move || Ok(limit.sum_below(work.count))));
    let goals = vec![Goal::BestPeer(1.0), Goal::Than(PingPong::NAME, 1.5)];
    Ok(Line::of_times("T2", "submit and wait, one by one".to_owned(), goals, contenders))
}

// ---------------------------------------------------------------------------------------------- T3

/// By a task of the pool, which collects too. Of the peers those that can do that without blocking a thread.
pub(super) fn inside(threads: usize, count: u64) -> Result<Vec<Contender>, Failure> {
    let (amount, spawned) = (Amount::numbers_below(count), Inside { count });
    let (ours, scope, rayon) = (Ours::start(threads)?, OursScope::start(threads)?, Rayon::start(threads)?);
    Ok(vec![
        Contender::timed(Ours::NAME, Role::Ours, amount, move || Ok(ours.sum_below_inside(count))),
        Contender::timed(OursScope::NAME, Role::Information, amount, move || Ok(scope.sum_below_inside(count))),
        Contender::timed(Rayon::NAME, Role::Peer, amount, move || Ok(rayon.sum_below_inside(count))),
        futures::contender::<Tokio>(Role::Peer, threads, spawned)?,
        futures::contender::<AsyncExecutor>(Role::Information, threads, spawned)?,
    ])
}

fn from_inside(scale: Scale) -> Result<Line, Failure> {
    let title = "submit from a worker, collect there".to_owned();
    let contenders = inside(THREADS, scale.of(200_000))?;
    Ok(Line::of_times("T3", title, vec![Goal::BestPeer(0.5)], contenders))
}

// ---------------------------------------------------------------------------------------------- T7

#[derive(Clone, Copy)]
struct FromMany {
    submitters: u64,
    each: u64,
}

impl Work for FromMany {
    fn amount(self) -> Amount {
        let each = Amount::numbers_below(self.each);
        Amount { items: self.submitters * each.items, expected: self.submitters * each.expected }
    }

    fn run<P: Pool>(self, pool: &P) -> u64 {
        thread::scope(|scope| {
            let submitter = |_| scope.spawn(|| pool.sum_below(self.each));
            let submitters: Vec<_> = (0..self.submitters).map(submitter).collect();
            submitters.into_iter().map(|submitter| submitter.join().expect("it does not panic")).sum()
        })
    }
}

fn from_four(scale: Scale) -> Result<Line, Failure> {
    let work = FromMany { submitters: 4, each: scale.of(200_000) };
    let title = format!("{} threads submit at once and collect", work.submitters);
    Ok(Line::of_times("T7", title, vec![Goal::BestPeer(0.6)], against_all(work)?))
}
