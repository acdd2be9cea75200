//! Several items that are run as one task, and what comes of them.

use crate::error::TaskError;
use crate::sync::contain;
use crate::task::{self, Work};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The job.
pub(super) struct ChunkWork<T, F> {
    pub(super) items: Vec<T>,
    pub(super) f: Arc<F>,
}

/// The results, in order. Errors are rare, and kept apart with their places, so that values lie close together.
pub(super) struct ChunkOutput<R> {
    pub(super) values: Vec<R>,
    pub(super) errors: VecDeque<(usize, TaskError)>,
    pub(super) elapsed: Duration,
}

impl<T, R, F: Fn(T) -> R> Work for ChunkWork<T, F> {
    type Output = ChunkOutput<R>;

    fn work(self) -> ChunkOutput<R> {
        run_chunk(self.items, |item| (self.f)(item))
    }
}

/// Runs items one after the other, in this process. A panic ends the item that it comes from and no other; that so many
/// items at once are run where panics are contained is because entering such a place can cost more than an item.
pub(super) fn run_chunk<T, R>(items: Vec<T>, f: impl Fn(T) -> R) -> ChunkOutput<R> {
    let began = Instant::now();
    let mut values = Vec::with_capacity(items.len());
    let mut errors = VecDeque::new();
    let mut items = items.into_iter();
    task::with_stop_sign(|stop| {
        // The map may have been dropped, or have run out of time: what is left has not begun. The first has, with the
        // task.
        let mut is_first = true;
        while let Err(payload) = contain(|| {
            while is_first || !stop.is_set() {
                is_first = false;
                let Some(item) = items.next() else { break };
                values.push(f(item));
            }
        }) {
            // Items have no names.
            errors.push_back((values.len() + errors.len(), task::panic_error(payload, None)));
        }
    });
    for item in items {
        crate::sync::drop_contained(item);
        errors.push_back((values.len() + errors.len(), TaskError::Cancelled));
    }
    ChunkOutput { values, errors, elapsed: began.elapsed() }
}

/// Hands the results of a chunk out one by one.
pub(super) struct ChunkResults<R> {
    values: std::vec::IntoIter<R>,
    errors: VecDeque<(usize, TaskError)>,
    place: usize,
}

impl<R> ChunkResults<R> {
    pub(super) fn new(values: Vec<R>, errors: VecDeque<(usize, TaskError)>) -> Self {
        ChunkResults { values: values.into_iter(), errors, place: 0 }
    }

    /// With nothing to hand out.
    pub(super) fn empty() -> Self {
        Self::new(Vec::new(), VecDeque::new())
    }

    /// So many values come before the next error.
    pub(super) fn values_ahead(&self) -> usize {
        self.errors.front().map_or(self.values.len(), |(at, _)| at - self.place)
    }

    /// The next value, while there is one ahead, and not counted: see [`pass`](Self::pass).
    #[inline]
    pub(super) fn next_value(&mut self) -> Option<R> {
        self.values.next()
    }

    /// So many values have been handed out by [`next_value`](Self::next_value).
    pub(super) fn pass(&mut self, values: usize) {
        self.place += values;
    }

    /// For a chunk that came to nothing: every item has its error.
    pub(super) fn failed(items: usize, error: &TaskError) -> Self {
        Self::new(Vec::new(), (0..items).map(|place| (place, error.clone())).collect())
    }
}

impl<R> Iterator for ChunkResults<R> {
    type Item = Result<R, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        let place = self.place;
        self.place += 1;
        if self.errors.front().is_some_and(|(at, _)| *at == place) {
            return self.errors.pop_front().map(|(_, error)| Err(error));
        }
        self.values.next().map(Ok)
    }
}
