//! What goes to a worker process, and what comes back.

use super::codec;
use super::entry::Entry;
use super::frames::{self, Frame};
use crate::error::TaskError;
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
        let decode = || codec::decode(self.bytes);
        #[cfg(all(feature = "processes", target_os = "linux"))]
        let decoded = match self.beside {
            // Most values; a scope costs as much as decoding a number.
            None if !super::attachments::is_open() => decode(),
            beside => super::attachments::provide(beside.unwrap_or_default(), decode),
        };
        #[cfg(not(all(feature = "processes", target_os = "linux")))]
        let decoded = decode();
        decoded.map_err(|error| TaskError::Codec(error.to_string().into()))
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
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Frames::Here(bytes) => bytes,
            Frames::Mapped(memory) => (**memory).as_ref(),
        }
    }
}

impl Encoded {
    /// The outcomes in their order, as many as there should be: the value's bytes, or the item's error.
    pub(crate) fn for_each(self, mut f: impl FnMut(Result<ValueBytes<'_>, TaskError>)) {
        let (mut left, mut beside) = (self.items, self.beside);
        let mut missing = TaskError::Codec("a result came back with too few parts".into());
        for (number, segment) in self.segments.into_iter().enumerate() {
            match segment {
                Segment::Failed(items, error) => {
                    for _ in 0..items.min(left) {
                        f(Err(error.clone()));
                    }
                    left -= items.min(left);
                }
                Segment::Frames(frames) => {
                    let mut rest = frames.bytes();
                    while left > 0 && !rest.is_empty() {
                        match frames::take(&mut rest) {
                            Ok(frame) => f(outcome(frame, |serial| beside.remove(&(number, serial)))),
                            Err(damage) => {
                                missing = TaskError::Codec(damage.to_string().into());
                                break;
                            }
                        }
                        left -= 1;
                    }
                }
            }
        }
        for _ in 0..left {
            f(Err(missing.clone()));
        }
    }

    /// The one value of a job that is no chunk.
    ///
    /// # Errors
    /// What the job came to instead, or why the value cannot be decoded.
    pub(crate) fn into_value<T: DeserializeOwned>(self) -> Result<T, TaskError> {
        let mut value = Err(TaskError::Codec("a result came back that is none".into()));
        Encoded { items: 1, ..self }.for_each(|outcome| value = outcome.and_then(ValueBytes::decode));
        value
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
