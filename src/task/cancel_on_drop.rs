//! A future that takes its task with it.

use super::future::Future;
use super::waiters;
use crate::error::TaskError;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future whose task is cancelled with it: see [`Future::cancel_on_drop`].
#[must_use = "dropping it cancels the task at once"]
#[derive(Debug)]
pub struct CancelOnDrop<T>(Option<Future<T>>);

impl<T> CancelOnDrop<T> {
    pub(super) fn new(future: Future<T>) -> Self {
        CancelOnDrop(Some(future))
    }

    /// Back to a future that detaches when dropped.
    pub fn detach(mut self) -> Future<T> {
        match self.0.take() {
            Some(future) => future,
            None => unreachable!("only `detach` and `drop` empty it, and both consume it"),
        }
    }
}

impl<T> Deref for CancelOnDrop<T> {
    type Target = Future<T>;

    fn deref(&self) -> &Future<T> {
        match &self.0 {
            Some(future) => future,
            None => unreachable!("only `detach` and `drop` empty it, and both consume it"),
        }
    }
}

impl<T> Drop for CancelOnDrop<T> {
    fn drop(&mut self) {
        if let Some(future) = self.0.take() {
            future.request_cancel();
        }
    }
}

impl<T> std::future::Future for CancelOnDrop<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_outcome(cx, waiters::OWN)
    }
}
