//! Runs a line: every contender does the same work in every round, and each round begins with another one, so that what
//! disturbs the machine for a while, and what one leaves behind for the next (caches, the allocator's free lists),
//! spreads over all.

use crate::Failure;
use std::hint::black_box;
use std::time::Instant;

/// What a contender is there for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// This crate. Where there are several, they are ways that its users may choose from, and the best of them counts.
    Ours,
    /// What users would take instead; the best of them is what we are compared with.
    Peer,
    /// The bare system, which leaves out what users need. A goal may be over it by its name.
    Limit,
    /// No part of the verdict.
    Information,
}

/// What figures count, for each item of the work. Less is better, whatever it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds by the clock on the wall.
    Time,
    /// Bytes that the allocator has given out.
    Memory,
    /// Nanoseconds of processors.
    ProcessorTime,
}

impl Unit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Unit::Time => "ns",
            Unit::Memory => "bytes",
            Unit::ProcessorTime => "ns of CPU time",
        }
    }
}

/// What our median should be at most.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// So many times that of the best peer.
    BestPeer(f64),
    /// So many times that of this contender.
    Than(&'static str, f64),
    /// So much, in the line's unit.
    AtMost(f64),
}

/// How often a contender's turn comes.
#[derive(Clone, Copy)]
pub(crate) enum Turns {
    /// Once to warm up, then once a round.
    EachRound,
    /// Once: the figure is the same each time, or takes that long by its nature.
    Once,
}

/// How much there is to do.
#[derive(Clone, Copy)]
pub(crate) struct Amount {
    /// What the time is divided by.
    pub(crate) items: u64,
    /// What the work computes, if it was all done.
    pub(crate) expected: u64,
}

impl Amount {
    /// Items that each compute their number.
    pub(crate) fn numbers_below(items: u64) -> Self {
        Amount { items, expected: (0..items).sum() }
    }
}

type Work<T> = Box<dyn FnMut() -> Result<T, Failure>>;

enum Method {
    /// The clock runs while it does all of the work once. Gives what was computed.
    Timed(Amount, Work<u64>),
    /// Takes the figure of one item itself, and sees to it that the work was done.
    Gauged(Work<f64>),
}

/// One way to do a line's work.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    method: Method,
}

impl Contender {
    /// Does all of the work once, and gives what it has computed.
    pub(crate) fn timed(
        name: &'static str,
        role: Role,
        amount: Amount,
        work: impl FnMut() -> Result<u64, Failure> + 'static,
    ) -> Self {
        Contender { name, role, method: Method::Timed(amount, Box::new(work)) }
    }

    /// Gives its own figure for one item.
    pub(crate) fn gauged(name: &'static str, role: Role, work: impl FnMut() -> Result<f64, Failure> + 'static) -> Self {
        Contender { name, role, method: Method::Gauged(Box::new(work)) }
    }

    /// The figure of one item.
    fn figure(&mut self) -> Result<f64, Failure> {
        let (amount, work) = match &mut self.method {
            Method::Timed(amount, work) => (*amount, work),
            Method::Gauged(work) => return work(),
        };
        let start = Instant::now();
        let result = black_box(work()?);
        let taken = start.elapsed();
        if result != amount.expected {
            return Err(format!("{result} was computed instead of {}", amount.expected).into());
        }
        Ok(taken.as_nanos() as f64 / amount.items as f64)
    }
}

/// One piece of work, and who does it.
pub(crate) struct Line {
    pub(crate) id: &'static str,
    pub(crate) title: String,
    pub(crate) unit: Unit,
    /// All of them are to be met. Without any, the line is information.
    pub(crate) goals: Vec<Goal>,
    pub(crate) turns: Turns,
    pub(crate) contenders: Vec<Contender>,
}

impl Line {
    /// Of times, in rounds.
    pub(crate) fn of_times(id: &'static str, title: String, goals: Vec<Goal>, contenders: Vec<Contender>) -> Self {
        Line { id, title, unit: Unit::Time, goals, turns: Turns::EachRound, contenders }
    }
}

/// What one contender took for one item, least first.
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
    let rounds = match line.turns {
        Turns::Once => 1,
        Turns::EachRound => {
            for turn in 0..count {
                figure(line, turn)?;
            }
            rounds
        }
    };
    for round in 0..rounds {
        for turn in 0..count {
            let who = (round + turn) % count;
            taken[who].push(figure(line, who)?);
        }
    }
    let measured = line.contenders.iter().zip(taken).map(|(contender, mut rounds)| {
        rounds.sort_by(f64::total_cmp);
        Measured { name: contender.name, role: contender.role, rounds }
    });
    Ok(measured.collect())
}

fn figure(line: &mut Line, who: usize) -> Result<f64, Failure> {
    let contender = &mut line.contenders[who];
    contender.figure().map_err(|failure| format!("{}: {}: {failure}", line.id, contender.name).into())
}
