//! T5: a function over a million items, in order, in chunks that the pool chooses.

use super::{Entry, Scale, THREADS};
use crate::Failure;
use crate::measure::{Amount, Contender, Goal, Line, Role};
use concurrent_futures::ThreadPoolExecutor;
use rayon::ThreadPoolBuilder;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use std::hint::black_box;

pub(super) const ENTRIES: &[Entry] = &[Entry { id: "T5a", make: of_work }, Entry { id: "T5b", make: of_nothing }];

const RAYON: &str = "rayon par_iter";

/// About 100 ns of arithmetic, of which every step needs the one before.
fn work(number: u64) -> u64 {
    (0..56).fold(number, |mixed, _| {
        let mixed = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    })
}

fn nothing(number: u64) -> u64 {
    black_box(number)
}

fn total(results: &[u64]) -> u64 {
    results.iter().fold(0, |sum: u64, result| sum.wrapping_add(*result))
}

/// All gather the results in a `Vec`. rayon knows how many items there are and writes each where it belongs, which is
/// what it does best; that its results are no `Result`s is its choice.
fn contenders(items: u64, f: fn(u64) -> u64) -> Result<Vec<Contender>, Failure> {
    let pool = ThreadPoolExecutor::new(THREADS)?;
    let peer = ThreadPoolBuilder::new().num_threads(THREADS).build()?;
    let alone = move || (0..items).map(f).collect::<Vec<u64>>();
    let amount = Amount { items, expected: total(&alone()) };
    Ok(vec![
        Contender::timed("concurrent-futures", Role::Ours, amount, move || {
            let results: Result<Vec<u64>, _> = pool.map(f, 0..items).collect();
            Ok(total(&results?))
        }),
        Contender::timed(RAYON, Role::Peer, amount, move || {
            Ok(total(&peer.install(|| (0..items).into_par_iter().map(f).collect::<Vec<u64>>())))
        }),
        Contender::timed("one thread alone", Role::Information, amount, move || Ok(total(&alone()))),
    ])
}

fn of_work(scale: Scale) -> Result<Line, Failure> {
    let title = "map over items of about 100 ns".to_owned();
    let contenders = contenders(scale.of(1_000_000), work)?;
    Ok(Line::of_times("T5a", title, vec![Goal::BestPeer(1.15)], contenders))
}

/// What is left where the items cost nothing is what the map itself costs. (As a difference of lines with work it would
/// be lost in what the machine does meanwhile.)
fn of_nothing(scale: Scale) -> Result<Line, Failure> {
    let title = "map over items that cost nothing: its overhead".to_owned();
    let contenders = contenders(scale.of(1_000_000), nothing)?;
    Ok(Line::of_times("T5b", title, vec![Goal::AtMost(10.0)], contenders))
}
