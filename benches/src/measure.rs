//! Runs a line: every contender does the same work in every round, and each round begins with another one, so that what
//! disturbs the machine for a while, and what one leaves behind for the next (caches, the allocator's free lists),
//! spreads over all.

use crate::Failure;
use std::hint::black_box;
use std::time::Instant;

/// What a contender is there for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// This crate.
    Ours,
    /// One that the goal is over.
    Peer,
    /// A yardstick that users would not choose; no part of the verdict.
    Information,
}

/// One way to do a line's work.
pub(crate) struct Contender {
    name: &'static str,
    role: Role,
    /// Does all of the work once, and gives what it has computed.
    work: Box<dyn FnMut() -> u64>,
}

impl Contender {
    pub(crate) fn new(name: &'static str, role: Role, work: impl FnMut() -> u64 + 'static) -> Self {
        Contender { name, role, work: Box::new(work) }
    }
}

/// One piece of work, and who does it.
pub(crate) struct Line {
    pub(crate) id: &'static str,
    pub(crate) title: String,
    /// How our median should compare with that of the best peer, at most.
    pub(crate) goal: f64,
    /// What the time is divided by.
    pub(crate) items: u64,
    /// What the work computes, if it was all done.
    pub(crate) expected: u64,
    pub(crate) contenders: Vec<Contender>,
}

impl Line {
    pub(crate) fn heading(&self) -> String {
        format!("{}: {}, ns per item of {}", self.id, self.title, self.items)
    }
}

/// What one contender took, in nanoseconds per item, shortest first.
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    rounds: Vec<f64>,
}

impl Measured {
    pub(crate) fn median(&self) -> f64 {
        let middle = self.rounds.len() / 2;
        if self.rounds.len() % 2 == 1 {
            self.rounds[middle]
        } else {
            f64::midpoint(self.rounds[middle - 1], self.rounds[middle])
        }
    }

    pub(crate) fn minimum(&self) -> f64 {
        self.rounds[0]
    }
}

/// At least one round, after one that only warms up: threads start, and memory comes from the system.
pub(crate) fn measure(line: &mut Line, rounds: usize) -> Result<Vec<Measured>, Failure> {
    let count = line.contenders.len();
    let mut taken = vec![Vec::with_capacity(rounds); count];
    for turn in 0..count {
        time(line, turn)?;
    }
    for round in 0..rounds {
        for turn in 0..count {
            let who = (round + turn) % count;
            taken[who].push(time(line, who)?);
        }
    }
    let measured = line.contenders.iter().zip(taken).map(|(contender, mut rounds)| {
        rounds.sort_by(f64::total_cmp);
        Measured { name: contender.name, role: contender.role, rounds }
    });
    Ok(measured.collect())
}

/// Nanoseconds per item, if the work was done right.
fn time(line: &mut Line, who: usize) -> Result<f64, Failure> {
    let contender = &mut line.contenders[who];
    let start = Instant::now();
    let result = black_box((contender.work)());
    let taken = start.elapsed();
    if result != line.expected {
        let (id, name, expected) = (line.id, contender.name, line.expected);
        return Err(format!("{id}: {name} computed {result} instead of {expected}").into());
    }
    Ok(taken.as_nanos() as f64 / line.items as f64)
}
