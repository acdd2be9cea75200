//! Bytes with their length before them: one byte where that is enough, else [`LONG`] and eight, little-endian.
//!
//! How long something will be is not known before it is written, and to move it afterwards costs a copy. So whoever
//! writes several goes by the last one, for which there is a [`Guess`]; a short length may stand in the long form, too.

use super::codec::CodecError;

/// Says that the length is in the eight bytes behind this.
const LONG: u8 = u8::MAX;
const EIGHT: usize = size_of::<u64>();

/// How much room the next length will need.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Guess {
    long: bool,
}

impl Guess {
    /// For what may be of any length, and is not to be moved; also for the first of several.
    pub(crate) fn long() -> Self {
        Guess { long: true }
    }

    /// Appends what `write` appends, with its length before it; an error leaves the buffer as it was.
    #[inline]
    pub(crate) fn append(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
    ) -> Result<(), CodecError> {
        let start = out.len();
        out.push(LONG);
        if self.long {
            out.extend_from_slice(&[0; EIGHT]);
        }
        let body = out.len();
        write(out).inspect_err(|_| out.truncate(start))?;
        let length = out.len() - body;
        match u8::try_from(length) {
            Ok(short) if short < LONG && !self.long => out[start] = short,
            _ => self.set_long(out, start, length),
        }
        Ok(())
    }

    fn set_long(&mut self, out: &mut Vec<u8>, start: usize, length: usize) {
        let head = start + 1..start + 1 + EIGHT;
        let bytes = (length as u64).to_le_bytes();
        if self.long {
            out[head].copy_from_slice(&bytes);
        } else {
            out.splice(start + 1..start + 1, bytes);
        }
        self.long = length >= usize::from(LONG);
    }
}

/// Appends a length that is none, in place of something with its length.
pub(crate) fn append_mark(out: &mut Vec<u8>, mark: u64) {
    out.push(LONG);
    out.extend_from_slice(&mark.to_le_bytes());
}

/// Takes a length off; `None`: the bytes end before that.
#[inline]
pub(crate) fn take_length(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    if *first < LONG {
        *bytes = rest;
        return Some(u64::from(*first));
    }
    let (length, rest) = rest.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*length))
}

/// Takes so many bytes off; `None`: there are fewer.
#[inline]
pub(crate) fn take_bytes<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken)
}

/// Takes bytes off that have their length before them.
#[inline]
pub(crate) fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_length(bytes)?;
    take_bytes(bytes, length)
}

#[cfg(all(test, not(concurrent_futures_loom)))]
mod tests {
    use super::*;

    fn appends(bytes: &[u8]) -> impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError> {
        |out| {
            out.extend_from_slice(bytes);
            Ok(())
        }
    }

    #[test]
    fn lengths_travel_whatever_was_guessed() {
        let mut guess = Guess::default();
        let lengths = [0, 1, 254, 255, 256, 3, 300, 70_000, 254, 255, 0];
        let mut out = vec![9];
        for (at, length) in lengths.into_iter().enumerate() {
            let bytes = vec![at as u8; length];
            assert!(guess.append(&mut out, appends(&bytes)).is_ok());
        }
        let mut rest = &out[1..];
        for (at, length) in lengths.into_iter().enumerate() {
            assert_eq!(take(&mut rest), Some(&vec![at as u8; length][..]));
        }
        assert_eq!((take(&mut rest), rest.len()), (None, 0));
    }

    #[test]
    fn short_ones_take_one_byte_more_as_soon_as_one_was_short() {
        let mut guess = Guess::long();
        let mut out = Vec::new();
        let mut lengths = Vec::new();
        for _ in 0..2 {
            let before = out.len();
            assert!(guess.append(&mut out, appends(&[7])).is_ok());
            lengths.push(out.len() - before);
        }
        assert_eq!(lengths, [10, 2]);
    }

    #[test]
    fn an_error_leaves_the_buffer_as_it_was() {
        let mut out = vec![9];
        for mut guess in [Guess::default(), Guess::long()] {
            let failed = guess.append(&mut out, |out| {
                out.push(1);
                Err(CodecError::new("no"))
            });
            assert!(failed.is_err());
            assert_eq!(out, [9]);
        }
    }

    #[test]
    fn what_ends_early_is_nothing() {
        for mut bytes in [&[][..], &[2, 1], &[255], &[255, 1, 0, 0, 0, 0, 0, 0], &[255; 9], &[255; 12]] {
            assert_eq!(take(&mut bytes), None);
        }
    }
}
