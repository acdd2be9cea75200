//! Q: items that go from producers to consumers, on threads that block. Q1 is from one to one, Q2 from four to one, Q3
//! from one to four, Q4 from four to four; a has no bound, b one of 1,024, c one of 1.
//!
//! Ours counts meanwhile what is unfinished, and is joined in the end; the peers have nothing like that.

use super::{Entry, Scale};
use crate::Failure;
use crate::channels::{AsyncChannel, Channel, Crossbeam, Flume, Ours};
use crate::measure::{Amount, Contender, Goal, Line, Role};
use std::thread::{self, ScopedJoinHandle};

pub(super) const ENTRIES: &[Entry] = &[
    Entry { id: "Q1a", make: |scale| line("Q1a", Work::new(scale, 1, 1, None)) },
    Entry { id: "Q1b", make: |scale| line("Q1b", Work::new(scale, 1, 1, Some(1024))) },
    Entry { id: "Q1c", make: |scale| line("Q1c", Work::new(scale, 1, 1, Some(1))) },
    Entry { id: "Q2a", make: |scale| line("Q2a", Work::new(scale, 4, 1, None)) },
    Entry { id: "Q2b", make: |scale| line("Q2b", Work::new(scale, 4, 1, Some(1024))) },
    Entry { id: "Q2c", make: |scale| line("Q2c", Work::new(scale, 4, 1, Some(1))) },
    Entry { id: "Q3a", make: |scale| line("Q3a", Work::new(scale, 1, 4, None)) },
    Entry { id: "Q3b", make: |scale| line("Q3b", Work::new(scale, 1, 4, Some(1024))) },
    Entry { id: "Q3c", make: |scale| line("Q3c", Work::new(scale, 1, 4, Some(1))) },
    Entry { id: "Q4a", make: |scale| line("Q4a", Work::new(scale, 4, 4, None)) },
    Entry { id: "Q4b", make: |scale| line("Q4b", Work::new(scale, 4, 4, Some(1024))) },
    Entry { id: "Q4c", make: |scale| line("Q4c", Work::new(scale, 4, 4, Some(1))) },
];

/// Our median is to be at most this much of the best peer's.
const GOAL: f64 = 1.5;

#[derive(Clone, Copy)]
struct Work {
    producers: u64,
    consumers: u64,
    bound: Option<usize>,
    /// How many items each producer sends: the numbers from 0 on.
    each: u64,
}

impl Work {
    fn new(scale: Scale, producers: u64, consumers: u64, bound: Option<usize>) -> Self {
        // With room for one, every item may mean a change of threads.
        let items = if bound == Some(1) { 20_000 } else { 400_000 };
        Work { producers, consumers, bound, each: scale.of(items) / producers }
    }

    /// The sum of all that the consumers got.
    fn run<C: Channel>(self) -> u64 {
        let (sender, receiver) = C::make(self.bound);
        thread::scope(|scope| {
            let consumers: Vec<_> = (0..self.consumers)
                .map(|_| {
                    let receiver = receiver.clone();
                    scope.spawn(move || std::iter::from_fn(|| C::receive(&receiver)).sum::<u64>())
                })
                .collect();
            let producers: Vec<_> = (0..self.producers)
                .map(|_| {
                    let sender = sender.clone();
                    scope.spawn(move || (0..self.each).for_each(|item| C::send(&sender, item)))
                })
                .collect();
            producers.into_iter().for_each(joined);
            C::close(sender);
            consumers.into_iter().map(joined).sum()
        })
    }
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().expect("it does not panic")
}

fn contender<C: Channel>(role: Role, work: Work) -> Contender {
    let amount = Amount { items: work.producers * work.each, expected: work.producers * (0..work.each).sum::<u64>() };
    Contender::timed(C::NAME, role, amount, move || Ok(work.run::<C>()))
}

fn line(id: &'static str, work: Work) -> Result<Line, Failure> {
    let room = work.bound.map_or_else(|| "no bound".to_owned(), |bound| format!("a bound of {bound}"));
    let title = format!("items from {} to {} threads, {room}", work.producers, work.consumers);
    let contenders = vec![
        contender::<Ours>(Role::Ours, work),
        contender::<Crossbeam>(Role::Peer, work),
        contender::<Flume>(Role::Peer, work),
        contender::<AsyncChannel>(Role::Peer, work),
    ];
    Ok(Line::of_times(id, title, vec![Goal::BestPeer(GOAL)], contenders))
}
