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

/// Runs items one after the other, in this process.
pub(super) fn run_chunk<T, R>(items: Vec<T>, f: impl Fn(T) -> R) -> ChunkOutput<R> {
    let began = Instant::now();
    let mut values = Vec::with_capacity(items.len());
    let mut errors = VecDeque::new();
    for (place, item) in items.into_iter().enumerate() {
        // The map may have been dropped, or have run out of time: what is left has not begun. The first has, with the
        // task.
        if place > 0 && task::cancel_requested() {
            crate::sync::drop_contained(item);
            errors.push_back((place, TaskError::Cancelled));
            continue;
        }
        match contain(|| f(item)) {
            Ok(value) => values.push(value),
            // Items have no names.
            Err(payload) => errors.push_back((place, task::panic_error(payload, None))),
        }
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
