//! Values to bytes and back. What a caller's `Serialize` or `Deserialize` does, a panic included, ends here as an error.

use super::format::{Reader, Writer};
use crate::sync::{Payload, contain};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// Why a value cannot be carried.
#[derive(Debug)]
pub struct CodecError(String);

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl CodecError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        CodecError(text.into())
    }

    /// For a task that wants a state that its worker has not.
    pub(crate) fn of_state<S>() -> Self {
        CodecError(format!(
            "this worker's state is no {}: the initializer made another one",
            std::any::type_name::<S>()
        ))
    }

    fn of<T>(verb: &str, why: &dyn fmt::Display) -> Self {
        CodecError(format!("a value of type {} cannot be {verb}: {why}", std::any::type_name::<T>()))
    }
}

/// That a value's `Serialize` has panicked.
pub(crate) fn encoding_panicked<T: ?Sized>(panic: &Payload) -> CodecError {
    CodecError::of::<&T>("encoded", &format_args!("its Serialize panicked: {}", panic.text()))
}

/// That a value's `Deserialize` has panicked.
pub(crate) fn decoding_panicked<T>(panic: &Payload) -> CodecError {
    CodecError::of::<T>("decoded", &format_args!("its Deserialize panicked: {}", panic.text()))
}

/// Appends a value's bytes, for who contains panics for many values at once. What an error or a panic leaves behind them is
/// for the caller to take away.
#[inline]
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    value.serialize(&mut Writer::new(out)).map_err(|error| CodecError::of::<&T>("encoded", &error))
}

/// Appends a value's bytes; an error leaves the buffer as it was.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let before = out.len();
    let encoded = contain(|| write(value, out)).unwrap_or_else(|panic| Err(encoding_panicked::<T>(&panic)));
    encoded.inspect_err(|_| out.truncate(before))
}

/// The value that all of these bytes are, for who contains panics for many values at once.
#[inline]
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut reader = Reader::new(bytes);
    match T::deserialize(&mut reader) {
        Ok(value) if reader.left() == 0 => Ok(value),
        Ok(value) => {
            crate::sync::drop_contained(value);
            Err(CodecError::of::<T>("decoded", &format_args!("{} bytes are left over", reader.left())))
        }
        Err(error) => Err(CodecError::of::<T>("decoded", &error)),
    }
}

/// The value that all of these bytes are.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    contain(|| read(bytes)).unwrap_or_else(|panic| Err(decoding_panicked::<T>(&panic)))
}

#[cfg(all(test, not(concurrent_futures_loom)))]
mod tests {
    use super::*;
    use serde::{Deserialize, Deserializer, Serializer};

    struct Nasty;

    impl Serialize for Nasty {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            std::panic::resume_unwind(Box::new("on the way out"))
        }
    }

    impl<'de> Deserialize<'de> for Nasty {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            std::panic::resume_unwind(Box::new("on the way in"))
        }
    }

    #[test]
    fn there_and_back() {
        let mut bytes = vec![9];
        encode(&("text".to_owned(), vec![1_u32, 2]), &mut bytes).unwrap();
        assert_eq!(decode::<(String, Vec<u32>)>(&bytes[1..]).unwrap(), ("text".to_owned(), vec![1, 2]));
    }

    #[test]
    fn errors_name_the_type_and_leave_the_buffer() {
        let mut bytes = vec![9];
        // A half of it is written before the panic.
        let error = encode(&(7_u64, Nasty), &mut bytes).unwrap_err();
        assert_eq!(bytes, [9]);
        assert!(error.to_string().contains("Nasty") && error.to_string().contains("on the way out"), "{error}");
        let error = decode::<Nasty>(&[]).err().unwrap();
        assert!(error.to_string().contains("on the way in"), "{error}");
    }

    #[test]
    fn damaged_bytes_are_errors() {
        assert!(decode::<String>(&[5, b'a']).is_err());
        assert!(decode::<bool>(&[7]).is_err());
        let error = decode::<u8>(&[1, 2]).unwrap_err();
        assert!(error.to_string().contains("1 bytes are left over"), "{error}");
        // A length that no memory could hold is not believed.
        assert!(decode::<Vec<u64>>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).is_err());
    }
}
