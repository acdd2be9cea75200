//! A map that is polled.

use super::drive::Drive;
use crate::error::TaskError;
use crate::task::Bell;
use futures_core::{FusedStream, Stream};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A [`Map`](super::Map) as a stream: see [`Map::stream`](super::Map::stream).
#[must_use = "streams do nothing unless they are polled"]
pub struct MapStream<'e, I: Iterator, R> {
    drive: Drive<'e, I, R>,
    bell: Bell,
}

impl<'e, I: Iterator, R> MapStream<'e, I, R> {
    pub(super) fn new(drive: Drive<'e, I, R>) -> Self {
        MapStream { drive, bell: Bell::default() }
    }
}

// Nothing in it is ever pinned.
impl<I: Iterator, R> Unpin for MapStream<'_, I, R> {}

impl<I: Iterator, R: Send> Stream for MapStream<'_, I, R> {
    type Item = Result<R, TaskError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let MapStream { drive, bell } = self.get_mut();
        drive.poll_next(cx, bell)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.drive.left()
    }
}

impl<I: Iterator, R: Send> FusedStream for MapStream<'_, I, R> {
    fn is_terminated(&self) -> bool {
        self.drive.is_ended()
    }
}

impl<I: Iterator, R> fmt::Debug for MapStream<'_, I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapStream").finish_non_exhaustive()
    }
}
