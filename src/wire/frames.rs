//! What comes back from a worker: one frame for every item, one after the other.
//!
//! A frame is the length of the rest ([`sized`]), a tag, and a body. Whoever reads them believes
//! nothing: a frame that is cut short or has a tag that nobody writes is an error.

use super::codec::{self, CodecError};
use super::sized::{self, Guess};
use crate::error::PanicReport;

const VALUE: u8 = 0;
const PANICKED: u8 = 1;
const CODEC: u8 = 2;
const CANCELLED: u8 = 3;
/// A value, behind which stands the number under which its descriptors were sent.
const BESIDE: u8 = 4;

/// What came of an item, as it is read.
#[derive(Debug)]
pub(crate) enum Frame<'a> {
    Value(&'a [u8]),
    /// The value needs the descriptors that were sent under this number.
    Beside(&'a [u8], u32),
    Panicked(PanicReport),
    Codec(String),
    /// It was not run, because the task was asked to stop before.
    Cancelled,
}

fn append(
    out: &mut Vec<u8>,
    guess: &mut Guess,
    tag: u8,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    guess.append(out, |out| {
        out.push(tag);
        body(out)
    })
}

/// Appends a value, and the number under which its descriptors were sent, if it has any; both are for `encode` to say. An
/// error leaves the buffer as it was.
#[inline]
pub(crate) fn append_value(
    out: &mut Vec<u8>,
    guess: &mut Guess,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<Option<u32>, CodecError>,
) -> Result<(), CodecError> {
    guess.append(out, |out| {
        let tag = out.len();
        out.push(VALUE);
        if let Some(serial) = encode(out)? {
            out.extend_from_slice(&serial.to_le_bytes());
            out[tag] = BESIDE;
        }
        Ok(())
    })
}

pub(crate) fn append_panic(out: &mut Vec<u8>, report: &PanicReport) {
    let body = (&report.task, &report.message, &report.location, &report.backtrace);
    if let Err(error) = append(out, &mut Guess::default(), PANICKED, |out| codec::encode(&body, out)) {
        append_codec(out, &error);
    }
}

pub(crate) fn append_codec(out: &mut Vec<u8>, error: &CodecError) {
    let text = error.to_string();
    // It is shorter than what did not fit.
    let _ = append(out, &mut Guess::default(), CODEC, |out| {
        out.extend_from_slice(text.as_bytes());
        Ok(())
    });
}

pub(crate) fn append_cancelled(out: &mut Vec<u8>) {
    let _ = append(out, &mut Guess::default(), CANCELLED, |_| Ok(()));
}

/// What a walk over frames finds, without a look into them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// How many whole frames there are.
    pub(crate) count: usize,
    /// How many bytes they are.
    pub(crate) length: usize,
    /// The numbers under which descriptors were sent that their values need.
    pub(crate) beside: Vec<u32>,
}

impl Survey {
    /// Of the first frames, so many at most.
    pub(crate) fn of(bytes: &[u8], most: usize) -> Survey {
        let mut survey = Survey::default();
        let mut rest = bytes;
        while survey.count < most {
            let Ok((tag, body)) = split(&mut rest) else { break };
            survey.count += 1;
            survey.length = bytes.len() - rest.len();
            if let (BESIDE, Some(serial)) = (tag, body.last_chunk()) {
                survey.beside.push(u32::from_le_bytes(*serial));
            }
        }
        survey
    }
}

fn damaged(what: &str) -> CodecError {
    CodecError::new(format!("a damaged result came back: {what}"))
}

/// Takes the first frame off: its tag and its body.
#[inline]
fn split<'a>(bytes: &mut &'a [u8]) -> Result<(u8, &'a [u8]), CodecError> {
    let (tag, body) =
        sized::take(bytes).and_then(<[u8]>::split_first).ok_or_else(|| damaged("it ends within a frame"))?;
    Ok((*tag, body))
}

/// The value in the first frame, and what follows, if it is one that needs nothing beside it.
#[inline]
pub(crate) fn take_plain(mut bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&VALUE, value) = sized::take(&mut bytes)?.split_first()? else { return None };
    Some((value, bytes))
}

/// Appends such a value, which is shorter than a length in its short form can say.
pub(crate) fn append_plain(out: &mut Vec<u8>, value: &[u8]) {
    let _ = append(out, &mut Guess::default(), VALUE, |out| {
        out.extend_from_slice(value);
        Ok(())
    });
}

/// Takes the first frame off.
///
/// # Errors
/// What is wrong with it; then nothing that follows can be read either.
#[inline]
pub(crate) fn take<'a>(bytes: &mut &'a [u8]) -> Result<Frame<'a>, CodecError> {
    let mut rest = *bytes;
    let (tag, body) = split(&mut rest)?;
    let frame = match tag {
        VALUE => Frame::Value(body),
        BESIDE => {
            let (value, serial) = body.split_last_chunk().ok_or_else(|| damaged("a value without its number"))?;
            Frame::Beside(value, u32::from_le_bytes(*serial))
        }
        PANICKED => {
            let (task, message, location, backtrace) = codec::decode(body)?;
            Frame::Panicked(PanicReport { task, message, location, backtrace })
        }
        CODEC => Frame::Codec(String::from_utf8_lossy(body).into_owned()),
        CANCELLED => Frame::Cancelled,
        other => return Err(damaged(&format!("there is no frame of kind {other}"))),
    };
    *bytes = rest;
    Ok(frame)
}
