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

/// The outcome of a parcel's items, as it came back: to be decoded by whoever wants it. It may be long until somebody
/// does, and there may be very many of them: so what is short takes little room.
pub(crate) enum Encoded {
    /// One item, whose value is these bytes.
    Short {
        elapsed: Duration,
        length: u8,
        value: [u8; SHORT],
    },
    Whole(Box<Whole>),
}

/// What goes beside the time into four words.
const SHORT: usize = 15;
const _: () = assert!(size_of::<Encoded>() <= 4 * size_of::<u64>());

/// Any outcome.
pub(crate) struct Whole {
    /// How many there should be.
    pub(crate) items: usize,
    pub(crate) segments: Vec<Segment>,
    /// How long the items took.
    pub(crate) elapsed: Duration,
    /// Descriptors that values need, by their segment and the numbers under which they were sent: every worker counts
    /// from the beginning, and the segments may be of different ones.
    pub(crate) beside: Beside,
}

/// `None`: there are none, as nearly always.
pub(crate) type Beside = Option<Box<HashMap<(usize, u32), Vec<Descriptor>>>>;

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

impl From<Whole> for Encoded {
    fn from(whole: Whole) -> Self {
        Encoded::short(&whole).unwrap_or_else(|| Encoded::Whole(Box::new(whole)))
    }
}

impl Encoded {
    fn short(whole: &Whole) -> Option<Self> {
        let Whole { items: 1, segments, elapsed, beside: None } = whole else { return None };
        let [Segment::Frames(frames)] = &segments[..] else { return None };
        let (bytes, []) = frames::take_plain(frames.bytes())? else { return None };
        let mut value = [0; SHORT];
        value.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Encoded::Short { elapsed: *elapsed, length: bytes.len() as u8, value })
    }

    fn into_whole(self) -> Whole {
        match self {
            Encoded::Whole(whole) => *whole,
            Encoded::Short { elapsed, length, value } => {
                let mut frame = Vec::new();
                frames::append_plain(&mut frame, &value[..length.into()]);
                Whole { items: 1, segments: vec![Segment::Frames(Frames::Here(frame))], elapsed, beside: None }
            }
        }
    }

    /// How many outcomes there should be.
    pub(crate) fn items(&self) -> usize {
        match self {
            Encoded::Short { .. } => 1,
            Encoded::Whole(whole) => whole.items,
        }
    }

    /// How long the items took.
    pub(crate) fn elapsed(&self) -> Duration {
        match self {
            Encoded::Short { elapsed, .. } => *elapsed,
            Encoded::Whole(whole) => whole.elapsed,
        }
    }

    /// The outcomes in their order, as many as there should be.
    pub(crate) fn outcomes(self) -> Outcomes {
        let missing = TaskError::Codec("a result came back with too few parts".into());
        let encoded = self.into_whole();
        Outcomes { left: encoded.items, encoded, segment: 0, passed: 0, missing }
    }

    /// The one value of a job that is no chunk.
    ///
    /// # Errors
    /// What the job came to instead, or why the value cannot be decoded.
    pub(crate) fn into_value<T: DeserializeOwned>(self) -> Result<T, TaskError> {
        if let Encoded::Short { length, value, .. } = &self {
            return ValueBytes { bytes: &value[..usize::from(*length)], beside: None }.decode();
        }
        let mut outcomes = Outcomes { left: 1, ..self.outcomes() };
        let missing = Err(TaskError::Codec("a result came back that is none".into()));
        outcomes.next().map_or(missing, |outcome| outcome.and_then(ValueBytes::decode))
    }
}

/// The outcomes of a parcel's items: each is the value's bytes, or the item's error.
pub(crate) struct Outcomes {
    encoded: Whole,
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
        let Outcomes { encoded: Whole { segments, beside, .. }, left, segment, passed, missing } = self;
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
                            return Some(outcome(frame, |serial| beside.as_mut()?.remove(&(number, serial))));
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

#[cfg(all(test, not(concurrent_futures_loom)))]
mod tests {
    use super::*;
    use crate::wire::append_value;
    use crate::wire::sized::Guess;

    fn alone(items: usize, value: &str) -> Encoded {
        let mut frame = Vec::new();
        let written = append_value(&mut frame, &mut Guess::long(), |out| codec::encode(value, out).map(|()| None));
        assert!(written.is_ok());
        let segments = vec![Segment::Frames(Frames::Here(frame))];
        Whole { items, segments, elapsed: Duration::from_nanos(7), beside: None }.into()
    }

    #[test]
    fn values_are_the_same_in_either_form() {
        let longest_short = "x".repeat(SHORT - codec_overhead());
        let shortest_long = longest_short.clone() + "x";
        for (value, is_short) in [("", true), (longest_short.as_str(), true), (shortest_long.as_str(), false)] {
            let encoded = alone(1, value);
            assert_eq!(matches!(encoded, Encoded::Short { .. }), is_short, "{value}");
            assert_eq!((encoded.items(), encoded.elapsed()), (1, Duration::from_nanos(7)));
            assert_eq!(encoded.into_value::<String>().unwrap(), value);

            // As the outcome of a chunk.
            let mut outcomes = alone(1, value).outcomes();
            assert_eq!(outcomes.next().unwrap().unwrap().decode::<String>().unwrap(), value);
            assert!(outcomes.next().is_none());
        }
    }

    /// How many bytes a text's length takes.
    fn codec_overhead() -> usize {
        let mut bytes = Vec::new();
        assert!(codec::encode("", &mut bytes).is_ok());
        bytes.len()
    }

    #[test]
    fn what_is_no_whole_value_is_kept_as_it_came() {
        // Of two items, one is missing.
        let mut outcomes = alone(2, "a").outcomes();
        assert!(outcomes.next().unwrap().is_ok());
        assert!(matches!(outcomes.next(), Some(Err(TaskError::Codec(_)))));

        let mut frames = Vec::new();
        append_value(&mut frames, &mut Guess::default(), |out| codec::encode(&1_u8, out).map(|()| None)).unwrap();
        frames.push(9);
        let segments = vec![Segment::Frames(Frames::Here(frames))];
        let encoded = Encoded::from(Whole { items: 1, segments, elapsed: Duration::ZERO, beside: None });
        assert!(matches!(encoded, Encoded::Whole(_)), "there is something behind the value");
        assert_eq!(encoded.into_value::<u8>().unwrap(), 1);

        let mut refusal = Vec::new();
        crate::wire::append_codec(&mut refusal, &codec::CodecError::new("no"));
        let segments = vec![Segment::Frames(Frames::Here(refusal))];
        let encoded = Encoded::from(Whole { items: 1, segments, elapsed: Duration::ZERO, beside: None });
        assert!(matches!(encoded, Encoded::Whole(_)), "it is no value");
        assert!(matches!(encoded.into_value::<u8>(), Err(TaskError::Codec(why)) if why.contains("no")));
    }
}
