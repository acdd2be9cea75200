//! What goes to a worker process, and what comes back.

use super::codec;
use super::entry::Entry;
use super::frames::{self, Frame};
use crate::error::TaskError;
use crate::sync::{Payload, contain};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A job on its way to a worker: what to call, and with what.
pub(crate) struct Parcel {
    pub(crate) entry: &'static Entry,
    pub(crate) payload: Vec<u8>,
    /// How many results there will be: more than one for a chunk of a map.
    pub(crate) items: usize,
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parcel { entry, payload, items } = self;
        f.debug_struct("Parcel")
            .field("entry", &entry.name())
            .field("bytes", &payload.len())
            .field("items", items)
            .finish()
    }
}

/// The outcome of a parcel's items, as it came back: to be decoded by whoever wants it.
pub(crate) struct Encoded {
    /// How many there should be.
    pub(crate) items: usize,
    pub(crate) segments: Vec<Segment>,
    /// How long the items took.
    pub(crate) elapsed: Duration,
    /// Descriptors that values need, by their segment and the numbers under which they were sent: every worker counts
    /// from the beginning, and the segments may be of different ones.
    pub(crate) beside: HashMap<(usize, u32), Vec<Descriptor>>,
}

/// What a value came with: only systems with worker processes have any.
#[cfg(all(feature = "processes", target_os = "linux"))]
pub(crate) type Descriptor = std::os::fd::OwnedFd;
/// There is none.
#[cfg(not(all(feature = "processes", target_os = "linux")))]
pub(crate) type Descriptor = std::convert::Infallible;

/// The bytes of a value, and what it came with.
pub(crate) struct ValueBytes<'a> {
    bytes: &'a [u8],
    /// `None`: it needs none.
    beside: Option<Vec<Descriptor>>,
}

impl ValueBytes<'_> {
    /// # Errors
    /// [`TaskError::Codec`].
    pub(crate) fn decode<T: DeserializeOwned>(self) -> Result<T, TaskError> {
        let panicked = |panic: Payload| Err(TaskError::Codec(codec::decoding_panicked::<T>(&panic).to_string().into()));
        contain(|| self.read()).unwrap_or_else(panicked)
    }

    /// The same for who contains panics for many values at once.
    ///
    /// # Errors
    /// [`TaskError::Codec`].
    #[inline]
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, TaskError> {
        let read = || codec::read(self.bytes);
        #[cfg(all(feature = "processes", target_os = "linux"))]
        let read = match self.beside {
            // Most values; a scope costs as much as decoding a number.
            None if !super::attachments::is_open() => read(),
            beside => super::attachments::provide(beside.unwrap_or_default(), read),
        };
        #[cfg(not(all(feature = "processes", target_os = "linux")))]
        let read = read();
        read.map_err(|error| TaskError::Codec(error.to_string().into()))
    }
}

/// A part of an outcome. A worker that dies in the middle of a chunk leaves what it had done, an error, and the rest to
/// another worker.
pub(crate) enum Segment {
    /// Frames, one after the other.
    Frames(Frames),
    /// So many items have this error.
    Failed(usize, TaskError),
}

/// Where frames are.
pub(crate) enum Frames {
    Here(Vec<u8>),
    /// Too large to be copied without need.
    Mapped(Box<dyn AsRef<[u8]> + Send + Sync>),
}

impl Frames {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Frames::Here(bytes) => bytes,
            Frames::Mapped(memory) => (**memory).as_ref(),
        }
    }
}

impl Encoded {
    /// The outcomes in their order, as many as there should be.
    pub(crate) fn outcomes(self) -> Outcomes {
        let missing = TaskError::Codec("a result came back with too few parts".into());
        Outcomes { left: self.items, encoded: self, segment: 0, passed: 0, missing }
    }

    /// The one value of a job that is no chunk.
    ///
    /// # Errors
    /// What the job came to instead, or why the value cannot be decoded.
    pub(crate) fn into_value<T: DeserializeOwned>(self) -> Result<T, TaskError> {
        let mut outcomes = Encoded { items: 1, ..self }.outcomes();
        let missing = Err(TaskError::Codec("a result came back that is none".into()));
        outcomes.next().map_or(missing, |outcome| outcome.and_then(ValueBytes::decode))
    }
}

/// The outcomes of a parcel's items: each is the value's bytes, or the item's error.
pub(crate) struct Outcomes {
    encoded: Encoded,
    /// How many there will be.
    left: usize,
    /// The segment that the next one is in, and how much of that was passed: bytes of frames, or items.
    segment: usize,
    passed: usize,
    /// What those have that are not there.
    missing: TaskError,
}

impl Outcomes {
    /// The next one, if it is a value that needs nothing beside it, as nearly all are. `None`: it is something else, for
    /// [`next`](Self::next) to say, or there is none.
    #[inline]
    pub(crate) fn next_plain(&mut self) -> Option<ValueBytes<'_>> {
        let left = self.left.checked_sub(1)?;
        let Some(Segment::Frames(frames)) = self.encoded.segments.get(self.segment) else { return None };
        let (bytes, rest) = frames::take_plain(frames.bytes().get(self.passed..)?)?;
        self.left = left;
        self.passed = frames.bytes().len() - rest.len();
        Some(ValueBytes { bytes, beside: None })
    }

    pub(crate) fn next(&mut self) -> Option<Result<ValueBytes<'_>, TaskError>> {
        let Outcomes { encoded: Encoded { segments, beside, .. }, left, segment, passed, missing } = self;
        *left = left.checked_sub(1)?;
        while let Some(here) = segments.get(*segment) {
            match here {
                Segment::Failed(items, error) if *passed < *items => {
                    *passed += 1;
                    return Some(Err(error.clone()));
                }
                Segment::Frames(frames) if *passed < frames.bytes().len() => {
                    let all = frames.bytes();
                    let mut rest = &all[*passed..];
                    match frames::take(&mut rest) {
                        Ok(frame) => {
                            *passed = all.len() - rest.len();
                            let number = *segment;
                            return Some(outcome(frame, |serial| beside.remove(&(number, serial))));
                        }
                        // Nothing that follows in it can be read either.
                        Err(damage) => *missing = TaskError::Codec(damage.to_string().into()),
                    }
                }
                Segment::Failed(..) | Segment::Frames(_) => {}
            }
            *segment += 1;
            *passed = 0;
        }
        Some(Err(missing.clone()))
    }
}

fn outcome(frame: Frame<'_>, beside: impl FnOnce(u32) -> Option<Vec<Descriptor>>) -> Result<ValueBytes<'_>, TaskError> {
    match frame {
        Frame::Value(bytes) => Ok(ValueBytes { bytes, beside: None }),
        Frame::Beside(bytes, serial) => Ok(ValueBytes { bytes, beside: Some(beside(serial).unwrap_or_default()) }),
        Frame::Panicked(report) => Err(TaskError::Panicked(Arc::new(report))),
        Frame::Codec(text) => Err(TaskError::Codec(text.into())),
        Frame::Cancelled => Err(TaskError::Cancelled),
    }
}
