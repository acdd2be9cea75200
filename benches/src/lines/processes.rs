//! P1, P2, P5: functions that cost nothing in other processes: one by one, all at once, and as a map.

use super::{Entry, Scale, THREADS};
use crate::Failure;
use crate::measure::{Amount, Contender, Goal, Line, Role};
use crate::peer::{Futex, Sockets};
use crate::processes::{Ours, Procspawn, Python};

pub(super) const ENTRIES: &[Entry] =
    &[Entry { id: "P1", make: one_by_one }, Entry { id: "P2", make: in_bulk }, Entry { id: "P5", make: map }];

/// Python's pools, as far as they are here. They are told to do fewer items where many would take minutes; what one takes
/// does not depend on that.
fn in_python(contenders: &mut Vec<Contender>, role: Role, work: &'static str, items: u64) -> Result<(), Failure> {
    for name in [Python::NAME, Python::LOKY] {
        if let Some(mut python) = Python::start(name, THREADS)? {
            contenders.push(Contender::gauged(name, role, move || python.figure(work, items)));
        }
    }
    Ok(())
}

fn one_by_one(scale: Scale) -> Result<Line, Failure> {
    let count = scale.of(4_000);
    let amount = Amount::numbers_below(count);
    let (ours, procspawn) = (Ours::start(THREADS)?, Procspawn::start(THREADS)?);
    let (mut sockets, mut asleep, mut awake) = (Sockets::start()?, Futex::start(0)?, Futex::start(2_000)?);
    let mut contenders = vec![
        Contender::timed(Ours::NAME, Role::Ours, amount, move || ours.one_by_one(count)),
        Contender::timed(Procspawn::NAME, Role::Peer, amount, move || procspawn.one_by_one(count)),
        Contender::timed(Sockets::NAME, Role::Limit, amount, move || sockets.sum_below(count, 1)),
        Contender::timed("futex", Role::Limit, amount, move || asleep.sum_below(count)),
        Contender::timed("futex, after a look", Role::Limit, amount, move || awake.sum_below(count)),
    ];
    in_python(&mut contenders, Role::Peer, "one_by_one", scale.of(1_000))?;
    let goals = vec![Goal::Than(Sockets::NAME, 1.0), Goal::Than(Procspawn::NAME, 0.25)];
    Ok(Line::of_times("P1", "a call to a process and back, one by one".to_owned(), goals, contenders))
}

fn in_bulk(scale: Scale) -> Result<Line, Failure> {
    let (count, few) = (scale.of(100_000), scale.of(4_000));
    let (ours, procspawn) = (Ours::start(THREADS)?, Procspawn::start(THREADS)?);
    let mut contenders = vec![
        Contender::timed(Ours::NAME, Role::Ours, Amount::numbers_below(count), move || ours.in_bulk(count)),
        // As in Python: what one takes does not depend on how many there are.
        Contender::timed(Procspawn::NAME, Role::Peer, Amount::numbers_below(few), move || procspawn.in_bulk(few)),
    ];
    in_python(&mut contenders, Role::Peer, "in_bulk", few)?;
    let goals = vec![Goal::AtMost(1_000.0), Goal::Than(Python::NAME, 0.02)];
    Ok(Line::of_times("P2", "no-op calls to processes, all collected".to_owned(), goals, contenders))
}

/// procspawn has no map, and a call of it for each item is P2.
fn map(scale: Scale) -> Result<Line, Failure> {
    let count = scale.of(1_000_000);
    let ours = Ours::start(THREADS)?;
    let amount = Amount { items: count, expected: 3 * (0..count).sum::<u64>() };
    let mut contenders = vec![Contender::timed(Ours::NAME, Role::Ours, amount, move || ours.map(count))];
    in_python(&mut contenders, Role::Peer, "map", count / 4)?;
    Ok(Line::of_times("P5", "map of integers over processes".to_owned(), vec![Goal::AtMost(60.0)], contenders))
}
