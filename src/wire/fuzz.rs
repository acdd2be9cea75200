//! The decoders of this floor, given bytes that somebody has made up: for `fuzz/` and `tests/fuzz.rs`.
//!
//! Every such function panics where a decoder does what it must not, and says whether it could make anything of the
//! bytes. Higher floors have theirs in files of the same name, and use [`Script`] too.

use super::codec;
use super::frames::{self, Frame, Survey};
use super::parcel::{Encoded, Frames, Segment, Whole};
use super::sized::Guess;
use crate::error::{PanicReport, TaskError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::time::Duration;

/// Made-up bytes, read as decisions. Behind their end everything is zero.
pub(crate) struct Script<'i>(&'i [u8]);

impl<'i> Script<'i> {
    pub(crate) fn new(input: &'i [u8]) -> Self {
        Script(input)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// So many bytes, or as many as there are.
    pub(crate) fn take(&mut self, length: usize) -> &'i [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(crate) fn number(&mut self, bytes: usize) -> u64 {
        self.take(bytes.min(8)).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    pub(crate) fn byte(&mut self) -> usize {
        self.number(1) as usize
    }

    /// Something that was written properly, with changes: each is a place (two bytes), what to do there, and with what.
    /// As there may be none, what is proper is among what is tried.
    pub(crate) fn edit(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        while !self.is_over() && !bytes.is_empty() {
            let at = self.number(2) as usize % bytes.len();
            match self.byte() % 8 {
                0 => bytes.truncate(at),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, self.byte() as u8),
                3 => {
                    let count = self.byte() % 9;
                    let bytes = &mut bytes[at..];
                    let fill = self.take(count.min(bytes.len()));
                    bytes[..fill.len()].copy_from_slice(fill);
                }
                4 => {
                    let count = self.byte();
                    bytes.extend_from_slice(self.take(count));
                }
                _ => bytes[at] = self.byte() as u8,
            }
        }
        bytes
    }
}

/// Frames, as they come back from a worker: taken one by one, and as the outcome of a parcel.
pub fn frames(input: &[u8]) -> bool {
    let mut script = Script::new(input);
    if script.byte() % 4 == 0 {
        written_frames_are_read(script.take(usize::MAX));
        return true;
    }
    let items = script.byte();
    let frames = script.take(usize::MAX);
    let (mut rest, mut count, mut beside) = (frames, 0, Vec::new());
    while let Ok(frame) = frames::take(&mut rest) {
        count += 1;
        if let Frame::Beside(_, serial) = frame {
            beside.push(serial);
        }
    }
    let whole = frames.len() - rest.len();
    assert!(whole >= count * 2, "{count} frames in {whole} bytes");
    assert_eq!(Survey::of(frames, count), Survey { count, length: whole, beside: beside.clone() });
    // It does not look into a frame, so it may find more.
    let all = Survey::of(frames, usize::MAX);
    assert!(all.count >= count && all.length >= whole && all.beside.starts_with(&beside), "{all:?}");

    let encoded = |segments| Whole { items, segments, elapsed: Duration::ZERO, beside: None };
    let half = frames.split_at(frames.len() / 2);
    let failed = Segment::Failed(items / 2, TaskError::Abandoned);
    outcomes(encoded(vec![Segment::Frames(Frames::Here(frames.to_vec()))]).into());
    let in_parts = encoded(vec![
        Segment::Frames(Frames::Here(half.0.to_vec())),
        failed,
        Segment::Frames(Frames::Here(half.1.to_vec())),
    ]);
    outcomes(in_parts.into());
    let one = || Encoded::from(encoded(vec![Segment::Frames(Frames::Here(frames.to_vec()))]));
    // A frame by itself, which may be one of the short ones.
    let first = &frames[..Survey::of(frames, 1).length];
    let segments = || vec![Segment::Frames(Frames::Here(first.to_vec()))];
    let whole = || Whole { items: 1, segments: segments(), elapsed: Duration::ZERO, beside: None };
    let both = || [Encoded::from(whole()), Encoded::Whole(Box::new(whole()))];
    let [once, again] = both().map(|encoded| encoded.into_value::<u64>().map_err(|error| error.to_string()));
    assert_eq!(once, again);
    let [once, again] = both().map(|encoded| encoded.into_value::<String>().map_err(|error| error.to_string()));
    assert_eq!(once, again);
    both().into_iter().for_each(outcomes);
    decoded(one().into_value::<u64>());
    decoded(one().into_value::<String>());
    decoded(one().into_value::<Vec<(bool, Option<Vec<u16>>)>>());
    decoded(one().into_value::<BTreeMap<String, Result<char, i128>>>());
    count > 0
}

/// As many outcomes as were promised, whatever came.
fn outcomes(encoded: Encoded) {
    let (items, mut count) = (encoded.items(), 0);
    let mut outcomes = encoded.outcomes();
    while let Some(outcome) = outcomes.next() {
        count += 1;
        decoded(outcome.and_then(|value| value.decode::<Vec<String>>()));
    }
    assert_eq!(count, items);
}

/// What can be decoded is the same when it has been encoded and decoded once more.
fn decoded<T: Serialize + DeserializeOwned>(outcome: Result<T, TaskError>) {
    match outcome {
        Ok(value) => {
            let (mut once, mut twice) = (Vec::new(), Vec::new());
            assert!(codec::encode(&value, &mut once).is_ok());
            let again = codec::decode::<T>(&once);
            assert!(again.is_ok_and(|value| codec::encode(&value, &mut twice).is_ok()));
            assert_eq!(once, twice);
        }
        Err(TaskError::Codec(why)) => assert!(!why.contains("Deserialize panicked"), "{why}"),
        Err(_) => {}
    }
}

/// What is written is read, with whatever text in it.
fn written_frames_are_read(input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    let report = PanicReport {
        task: input.first().map(|_| text.clone()),
        message: text.clone(),
        location: input.get(1).map(|_| text.clone()),
        backtrace: None,
    };
    let mut value = Vec::new();
    let mut guess = if input.len() % 2 == 0 { Guess::default() } else { Guess::long() };
    let encode = |out: &mut Vec<u8>| codec::encode(&text, out).map(|()| Some(input.len() as u32));
    assert!(frames::append_value(&mut value, &mut guess, encode).is_ok());
    frames::append_panic(&mut value, &report);
    frames::append_cancelled(&mut value);
    frames::append_codec(&mut value, &codec::CodecError::new(text.clone()));
    let mut rest = &value[..];
    let beside = frames::take(&mut rest);
    assert!(matches!(beside, Ok(Frame::Beside(bytes, serial)) if serial == input.len() as u32
        && codec::decode::<String>(bytes).is_ok_and(|read| read == text)));
    assert!(matches!(frames::take(&mut rest), Ok(Frame::Panicked(read)) if read.message == text
        && read.task == report.task && read.location == report.location));
    assert!(matches!(frames::take(&mut rest), Ok(Frame::Cancelled)));
    assert!(matches!(frames::take(&mut rest), Ok(Frame::Codec(read)) if read == text) && rest.is_empty());
}
