//! P4: from making a pool of processes to its first result; and from a call that ends its worker to the result of the next.

use super::{Entry, Scale, THREADS};
use crate::Failure;
use crate::measure::{Contender, Goal, Line, Role};
use crate::processes::{Ours, Procspawn, Python};
use std::time::Instant;

pub(super) const ENTRIES: &[Entry] = &[Entry { id: "P4a", make: start }, Entry { id: "P4b", make: replacement }];

const MILLISECOND: f64 = 1_000_000.0;

/// Starts a pool and has it do something; what is held is gone after the clock was read.
fn first<P>(start: impl Fn() -> Result<P, Failure>, one: impl Fn(&P) -> Result<u64, Failure>) -> Result<f64, Failure> {
    let began = Instant::now();
    let pool = start()?;
    let result = one(&pool)?;
    let taken = began.elapsed();
    if result != 0 {
        return Err(format!("{result} was computed instead of 0").into());
    }
    Ok(taken.as_nanos() as f64)
}

fn start(_: Scale) -> Result<Line, Failure> {
    let mut contenders = vec![
        Contender::gauged(Ours::NAME, Role::Ours, || first(|| Ours::start(THREADS), |pool| pool.one_by_one(1))),
        Contender::gauged(Procspawn::NAME, Role::Peer, || {
            first(|| Procspawn::start(THREADS), |pool| pool.one_by_one(1))
        }),
    ];
    for name in [Python::NAME, Python::LOKY] {
        if let Some(mut python) = Python::start(name, THREADS)? {
            contenders.push(Contender::gauged(name, Role::Peer, move || python.figure("first_result", 1)));
        }
    }
    let title = "from making a pool to its first result".to_owned();
    Ok(Line::of_times("P4a", title, vec![Goal::AtMost(3.0 * MILLISECOND)], contenders))
}

/// The only worker ends each time. Python's pools are beyond use after that.
fn replacing<P: 'static>(
    name: &'static str,
    role: Role,
    pool: P,
    kill_and_go_on: impl Fn(&P) -> Result<u32, Failure> + 'static,
) -> Contender {
    let mut worker = None;
    Contender::gauged(name, role, move || {
        let began = Instant::now();
        let next = kill_and_go_on(&pool)?;
        let taken = began.elapsed();
        if worker.replace(next) == Some(next) {
            return Err(format!("{next} was killed and goes on").into());
        }
        Ok(taken.as_nanos() as f64)
    })
}

fn replacement(_: Scale) -> Result<Line, Failure> {
    let contenders = vec![
        replacing(Ours::NAME, Role::Ours, Ours::start(1)?, Ours::kill_and_go_on),
        replacing(Procspawn::NAME, Role::Peer, Procspawn::start(1)?, Procspawn::kill_and_go_on),
    ];
    let title = "from a call that kills its worker to the next result".to_owned();
    Ok(Line::of_times("P4b", title, vec![Goal::AtMost(5.0 * MILLISECOND)], contenders))
}
