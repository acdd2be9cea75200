//! How the items of a map get to an engine and back: erased, so that a map's type tells its input and result only.

use super::chunk::{ChunkOutput, ChunkWork};
use crate::error::TaskError;
use crate::executor::engine::{self, Engine};
use crate::sync::Deadline;
use crate::task::{self, Extras, Future, Sealed, Target, Work};
use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

pub(super) trait Runner<'e, T, R>: Send {
    /// Runs the items as one task. `room`: how long to wait for room in a bounded queue.
    fn submit(&self, items: Vec<T>, limit: Option<Duration>, room: Option<Duration>) -> Box<dyn Pending<R> + 'e>;

    /// Runs one item as a task whose future is given away. `room`: as above.
    fn submit_one(&self, item: T, limit: Option<Duration>, room: Option<Duration>) -> Future<R>;

    fn max_workers(&self) -> usize;
}

/// A chunk on its way.
pub(super) trait Pending<R>: Sealed + Send {
    /// The outcome, waited for until the deadline.
    fn take_until(&self, deadline: Deadline) -> Result<ChunkOutput<R>, TaskError>;

    /// Cancels it, or asks it to stop after the item that it is at.
    fn stop(&self);
}

pub(super) struct ClosureRunner<'e, F> {
    engine: Arc<dyn Engine + 'e>,
    f: Arc<F>,
}

impl<'e, F> ClosureRunner<'e, F> {
    pub(super) fn new(engine: Arc<dyn Engine + 'e>, f: F) -> Self {
        ClosureRunner { engine, f: Arc::new(f) }
    }

    fn give<W: Work>(&self, work: W, limit: Option<Duration>, room: Option<Duration>) -> Future<W::Output> {
        let extras = match (self.engine.extras(), limit) {
            (None, None) => None,
            (extras, run_limit) => Some(Extras { run_limit, ..extras.unwrap_or_default() }),
        };
        let (task, future) = task::make(work, extras);
        engine::give(&*self.engine, task, future, room)
    }
}

struct OneItem<T, F>(T, Arc<F>);

impl<T, R, F: Fn(T) -> R> Work for OneItem<T, F> {
    type Output = R;

    fn work(self) -> R {
        (self.1)(self.0)
    }
}

impl<'e, T, R, F> Runner<'e, T, R> for ClosureRunner<'e, F>
where
    T: Send + 'e,
    R: Send + 'e,
    F: Fn(T) -> R + Send + Sync + 'e,
{
    fn submit(&self, items: Vec<T>, limit: Option<Duration>, room: Option<Duration>) -> Box<dyn Pending<R> + 'e> {
        Box::new(self.give(ChunkWork { items, f: Arc::clone(&self.f) }, limit, room))
    }

    fn submit_one(&self, item: T, limit: Option<Duration>, room: Option<Duration>) -> Future<R> {
        self.give(OneItem(item, Arc::clone(&self.f)), limit, room)
    }

    fn max_workers(&self) -> usize {
        self.engine.max_workers()
    }
}

impl<R: Send> Pending<R> for Future<ChunkOutput<R>> {
    fn take_until(&self, deadline: Deadline) -> Result<ChunkOutput<R>, TaskError> {
        self.result_until(deadline)
    }

    fn stop(&self) {
        self.request_cancel();
    }
}

/// Makes the items' own errors those of the map.
pub(super) struct FallibleRunner<'e, T, R, E>(pub(super) Box<dyn Runner<'e, T, Result<R, E>> + 'e>);

impl<'e, T, R, E> Runner<'e, T, R> for FallibleRunner<'e, T, R, E>
where
    R: Send + 'e,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'e,
{
    fn submit(&self, items: Vec<T>, limit: Option<Duration>, room: Option<Duration>) -> Box<dyn Pending<R> + 'e> {
        Box::new(FalliblePending(self.0.submit(items, limit, room)))
    }

    fn submit_one(&self, item: T, limit: Option<Duration>, room: Option<Duration>) -> Future<R> {
        self.0.submit_one(item, limit, room).fallible()
    }

    fn max_workers(&self) -> usize {
        self.0.max_workers()
    }
}

struct FalliblePending<'a, R, E>(Box<dyn Pending<Result<R, E>> + 'a>);

impl<R, E> Sealed for FalliblePending<'_, R, E> {
    fn target(&self) -> Target<'_> {
        self.0.target()
    }
}

impl<R: Send, E: Into<Box<dyn Error + Send + Sync>> + Send> Pending<R> for FalliblePending<'_, R, E> {
    fn take_until(&self, deadline: Deadline) -> Result<ChunkOutput<R>, TaskError> {
        let mut output = self.0.take_until(deadline)?;
        let mut merged = ChunkOutput { values: Vec::new(), errors: VecDeque::new(), elapsed: output.elapsed };
        let mut place = 0;
        let mut values = output.values.into_iter();
        loop {
            if output.errors.front().is_some_and(|(at, _)| *at == place) {
                merged.errors.extend(output.errors.pop_front());
            } else {
                match values.next() {
                    Some(Ok(value)) => merged.values.push(value),
                    Some(Err(error)) => merged.errors.push_back((place, TaskError::Failed(Arc::from(error.into())))),
                    None => return Ok(merged),
                }
            }
            place += 1;
        }
    }

    fn stop(&self) {
        self.0.stop();
    }
}
