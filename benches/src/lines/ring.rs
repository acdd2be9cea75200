//! P0: what it costs to get something to another process and back, before anything is encoded or run there: the ring of
//! the process pool against a pair of sockets.

use super::{Entry, Scale};
use crate::Failure;
use crate::measure::{Amount, Contender, Goal, Line, Role};
use crate::peer::{Ring, Sockets};

pub(super) const ENTRIES: &[Entry] = &[Entry { id: "P0a", make: one_by_one }, Entry { id: "P0b", make: in_bulk }];

/// Our median is to be at most this much of the sockets'.
const GOAL: f64 = 0.2;

fn line(id: &'static str, title: String, items: u64, window: usize) -> Result<Line, Failure> {
    let (mut ring, mut sockets) = (Ring::start()?, Sockets::start()?);
    let amount = Amount::numbers_below(items);
    let contenders = vec![
        Contender::timed("ring", Role::Ours, amount, move || ring.sum_below(items, window)),
        Contender::timed(Sockets::NAME, Role::Peer, amount, move || sockets.sum_below(items, window)),
    ];
    Ok(Line::of_times(id, title, vec![Goal::BestPeer(GOAL)], contenders))
}

/// The next goes there when the last has come back.
fn one_by_one(scale: Scale) -> Result<Line, Failure> {
    line("P0a", "a number to another process and back, one by one".to_owned(), scale.of(20_000), 1)
}

/// Many are under way.
fn in_bulk(scale: Scale) -> Result<Line, Failure> {
    let window = 64;
    line("P0b", format!("numbers to another process and back, {window} under way"), scale.of(100_000), window)
}
