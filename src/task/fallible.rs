//! A future of a result made one whose task fails with that result's error: a cell that another one hands its outcome to.
#![expect(unsafe_code, reason = "takes the source's value by the access rules")]

use super::callback::{self, Outcome};
use super::cell::{NewCell, value};
use super::extras::Attached;
use super::future::Future;
use super::header::{CellRef, Header};
use super::panic;
use super::run;
use crate::error::TaskError;
use crate::state::Birth;
use crate::sync::contain;
use std::error::Error;
use std::sync::Arc;

impl<T, E: Into<Box<dyn Error + Send + Sync>>> Future<Result<T, E>> {
    /// Makes the job's own `Err` the future's: [`TaskError::Failed`], so that one `?` serves, and
    /// [`ReturnWhen::FirstError`](crate::ReturnWhen), scopes and fail-fast see it.
    ///
    /// # Examples
    /// ```
    /// use concurrent_futures::ThreadPoolExecutor;
    ///
    /// let pool = ThreadPoolExecutor::new(1)?;
    /// let number = pool.submit(|| "x".parse::<u32>()).fallible();
    /// let error = number.result(None).unwrap_err();
    /// assert!(error.is_failed() && error.downcast_ref::<std::num::ParseIntError>().is_some());
    /// # Ok::<(), concurrent_futures::BuildError>(())
    /// ```
    pub fn fallible(self) -> Future<T> {
        let new = NewCell { birth: Birth::Handed, references: 2, attached: Source(self) };
        let cell = new.empty::<T>();
        // SAFETY: one of the two references is the continuation's.
        let handed = unsafe { CellRef::from_owned(cell) };
        // SAFETY: the other is the future's, and the value will be a `T`.
        let future = unsafe { Future::<T>::from_owned(cell) };
        let source = future.header().source();
        source.life.forward();
        // SAFETY: the source's value is a `Result<T, E>`; its only future is kept out of reach inside the new cell, so
        // nobody else takes the value.
        unsafe { callback::add::<Result<T, E>, _>(source, move |source, outcome| forward(handed, source, outcome)) };
        future
    }
}

/// Ends a handed cell with what its source came to. Called with the source's `ACCESS` held, by the only one who takes.
fn forward<T, E>(handed: CellRef, source: &Header, outcome: Outcome<'_, Result<T, E>>)
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let outcome = match outcome {
        Ok(_) => {
            source.life.mark_taken();
            // SAFETY: ACCESS is held, nobody else takes the value, and TAKEN says that it has left.
            let taken = unsafe { value::read::<Result<T, E>>(source) };
            // The conversion is the caller's code.
            panic::forget_noted();
            taken.map_err(|error| match contain(move || error.into()) {
                Ok(error) => TaskError::Failed(Arc::from(error)),
                Err(payload) => panic::report(payload, source.name()),
            })
        }
        Err(TaskError::Cancelled) if source.snapshot().is_cancelled() => {
            return run::cancel_owned(handed, &run::Anybody);
        }
        Err(error) => Err(error.clone()),
    };
    let failed = outcome.is_err();
    match outcome {
        // SAFETY: only this continuation ends the handed cell, so it owns the slot, whose value is a `T`.
        Ok(value) => unsafe { value::write::<T>(&handed, value) },
        // SAFETY: as above.
        Err(error) => unsafe { value::write_error(&handed, error) },
    }
    let ended = handed.clone();
    run::finish(handed, failed);
    if let Some(watcher) = source.extras().and_then(|extras| extras.watcher.clone()) {
        watcher.ended(&ended);
    }
}

/// Keeps the future from which a handed cell gets its outcome.
struct Source<T>(Future<T>);

impl<T> Attached for Source<T> {
    fn source(&self) -> Option<&Header> {
        Some(self.0.header())
    }
}
