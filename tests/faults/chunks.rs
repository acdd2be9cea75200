//! A chunk of a map, of which one item is bad: it costs that item.

use crate::kit::trap::{Blast, Point, Recipe, Side, Trap};
use crate::kit::{SIGABRT, death, double, pool};
use crate::support::watchdog;
use concurrent_futures::{TaskError, call};
use serde::{Deserialize, Serialize};

/// An item, which may be a trap.
#[derive(Serialize, Deserialize)]
struct Item(u64, Option<Trap>);

fn number(item: Item) -> u64 {
    item.0
}

fn number_and_trap((number, recipe): (u64, Option<Recipe>)) -> Item {
    Item(number, recipe.map(Recipe::set))
}

/// That items 0..`len` have their numbers, but for some.
#[track_caller]
fn check(outcomes: Vec<Result<u64, TaskError>>, len: usize, bad: &[usize], expected: fn(&TaskError) -> bool) {
    assert_eq!(outcomes.len(), len);
    for (n, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(value) => assert!(value == n as u64 && !bad.contains(&n), "item {n}: {value}"),
            Err(error) => assert!(bad.contains(&n) && expected(&error), "item {n}: {error}"),
        }
    }
}

#[test]
fn an_item_that_dies_costs_that_item() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for bad in [&[0][..], &[9], &[10], &[39], &[3, 4, 5], &[0, 39], &[9, 10, 19, 20]] {
        let items = || (0..40).map(|n| (n, bad.contains(&(n as usize))));
        for chunk in [1, 7, 10, 40] {
            let outcomes = pool.map(|(n, dies)| if dies { std::process::abort() } else { n }, items()).chunksize(chunk);
            check(outcomes.collect(), 40, bad, |error| death(error).signal == Some(SIGABRT));
        }
        let automatic = pool.map(|(n, dies)| if dies { std::process::exit(0) } else { n }, items());
        check(automatic.collect(), 40, bad, |error| death(error).exit_code == Some(0));
        let panicking = pool.map(|(n, dies)| if dies { panic!("item {n}") } else { n }, items()).chunksize(10);
        check(panicking.collect(), 40, bad, TaskError::is_panicked);
    }
    assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
}

#[test]
fn a_whole_chunk_that_dies() {
    let _watchdog = watchdog();
    let outcomes = pool(2).map(|n: u64| if n < 20 { std::process::abort() } else { n }, 0..30).chunksize(10);
    check(outcomes.collect(), 30, &(0..20).collect::<Vec<_>>(), TaskError::is_worker_died);
}

/// Items whose value blows up at some point, in the middle of a chunk, at its ends, and alone.
#[track_caller]
fn traps(point: Point, side: Side, blast: Blast, as_argument: bool, expected: fn(&TaskError) -> bool) {
    let pool = pool(2);
    for bad in [&[0][..], &[4], &[9], &[19], &[4, 5]] {
        let recipe = |n: u64| bad.contains(&(n as usize)).then(|| Recipe::new(point, side, blast));
        for chunk in [1, 10, 20] {
            let outcomes: Vec<_> = if as_argument {
                pool.map(number, (0..20).map(|n| Item(n, recipe(n).map(Recipe::set)))).chunksize(chunk).collect()
            } else {
                let outcomes = pool.map(number_and_trap, (0..20).map(|n| (n, recipe(n)))).chunksize(chunk);
                outcomes.map(|outcome| outcome.map(|item| item.0)).collect()
            };
            check(outcomes, 20, bad, expected);
        }
    }
}

#[test]
fn an_argument_that_blows_up_costs_its_item() {
    let _watchdog = watchdog();
    traps(Point::Encode, Side::Parent, Blast::Err, true, TaskError::is_codec);
    traps(Point::Encode, Side::Parent, Blast::Panic, true, TaskError::is_codec);
    traps(Point::Decode, Side::Worker, Blast::Err, true, TaskError::is_codec);
    traps(Point::Decode, Side::Worker, Blast::Panic, true, TaskError::is_codec);
    traps(Point::Decode, Side::Worker, Blast::Exit(0), true, TaskError::is_worker_died);
    traps(Point::Drop, Side::Worker, Blast::Panic, true, TaskError::is_panicked);
    traps(Point::Drop, Side::Worker, Blast::Segfault, true, TaskError::is_worker_died);
}

#[test]
fn a_result_that_blows_up_costs_its_item() {
    let _watchdog = watchdog();
    traps(Point::Encode, Side::Worker, Blast::Err, false, TaskError::is_codec);
    traps(Point::Encode, Side::Worker, Blast::Panic, false, TaskError::is_codec);
    traps(Point::Encode, Side::Worker, Blast::Segfault, false, TaskError::is_worker_died);
    traps(Point::Decode, Side::Parent, Blast::Err, false, TaskError::is_codec);
    traps(Point::Decode, Side::Parent, Blast::Panic, false, TaskError::is_codec);
    // It was written, but is not lost on anybody else.
    traps(Point::Drop, Side::Worker, Blast::Exit(0), false, TaskError::is_worker_died);
    traps(Point::Drop, Side::Worker, Blast::Abort, false, TaskError::is_worker_died);
}

#[test]
fn what_all_items_share_blows_up() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let all: Vec<usize> = (0..20).collect();
    let shared = |point, side, blast| Item(0, Some(Recipe::new(point, side, blast).set()));
    let run = |item: Item| pool.map_with(item, |_: &Item, n: u64| n, 0..20).chunksize(5).collect::<Vec<_>>();
    check(run(shared(Point::Encode, Side::Parent, Blast::Err)), 20, &all, TaskError::is_codec);
    check(run(shared(Point::Encode, Side::Parent, Blast::Panic)), 20, &all, TaskError::is_codec);
    check(run(shared(Point::Decode, Side::Worker, Blast::Err)), 20, &all, TaskError::is_codec);
    check(run(shared(Point::Decode, Side::Worker, Blast::Panic)), 20, &all, TaskError::is_codec);
    check(run(shared(Point::Decode, Side::Worker, Blast::Exit(0))), 20, &all, TaskError::is_worker_died);
    check(run(shared(Point::Drop, Side::Worker, Blast::Panic)), 20, &[], TaskError::is_panicked);
    assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
}

/// Cannot be encoded, and panics once more when it is dropped, whatever is going on then.
#[derive(Deserialize)]
struct Twice(u64);

impl Twice {
    fn is_bad(&self) -> bool {
        self.0 % 8 == 3
    }
}

impl Serialize for Twice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(!self.is_bad(), "once");
        self.0.serialize(serializer)
    }
}

impl Drop for Twice {
    fn drop(&mut self) {
        assert!(!self.is_bad(), "twice");
    }
}

/// A second panic while the first one is on its way ends the process.
#[test]
fn a_result_that_panics_again_when_it_is_dropped_costs_its_item() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let before = pool.submit(call!(std::process::id())).result(None).unwrap();
    for chunk in [1, 8, 24] {
        let outcomes = pool.map(Twice, 0..24).chunksize(chunk).map(|outcome| outcome.map(|value| value.0));
        check(outcomes.collect(), 24, &[3, 11, 19], |error| error.is_codec() && error.to_string().contains("once"));
    }
    let alive: Vec<_> = pool.workers().iter().filter_map(|worker| worker.os_id).collect();
    assert!(alive.contains(&u64::from(before)), "{before} is none of {alive:?}");
}

/// What it panics with ends the process when it is dropped.
#[derive(Deserialize)]
struct Armed(u64);

impl Serialize for Armed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                std::process::abort();
            }
        }
        if self.0 % 8 == 3 {
            std::panic::panic_any(Bomb);
        }
        self.0.serialize(serializer)
    }
}

/// So it is that item's end, and not one between two items.
#[test]
fn the_death_by_what_an_item_panicked_with_is_that_items() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for chunk in [1, 8, 24] {
        let outcomes = pool.map(Armed, 0..24).chunksize(chunk).map(|outcome| outcome.map(|value| value.0));
        check(outcomes.collect(), 24, &[3, 11, 19], TaskError::is_worker_died);
    }
}

#[test]
fn an_item_that_takes_too_long_costs_that_item() {
    let _watchdog = watchdog();
    let pool = crate::scene::pool(2);
    let outcomes = pool.map(|n: u64| if n % 8 == 3 { crate::kit::stay() } else { n }, 0..24).chunksize(8);
    let outcomes = outcomes.item_timeout(std::time::Duration::from_millis(50));
    check(outcomes.collect(), 24, &[3, 11, 19], TaskError::is_deadline_exceeded);
}

#[test]
fn large_results_before_a_death_are_kept() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let large = |n: u64| if n == 7 { std::process::abort() } else { vec![n; 100_000] };
    let outcomes: Vec<_> = pool.map(large, 0..10).chunksize(10).collect();
    let firsts = outcomes.into_iter().map(|outcome| {
        outcome.map(|values| {
            assert!(values.len() == 100_000 && values.iter().all(|value| *value == values[0]));
            values[0]
        })
    });
    check(firsts.collect(), 10, &[7], TaskError::is_worker_died);
}
