//! Why a value is not written, or not read.

use super::LEVELS;
use serde::{de, ser};
use std::fmt;

/// Either the value's own words, or what is wrong with the bytes. Thin, because every step of the way returns one.
#[derive(Debug)]
pub(in crate::wire) struct Refused(Box<Why>);

#[derive(Debug)]
pub(super) enum Why {
    /// What the value's `Serialize` or `Deserialize` says.
    Said(String),
    EndsEarly {
        wanted: u64,
        left: usize,
    },
    NoBool(u8),
    NoChar(u32),
    NoOption(u8),
    NoText(std::str::Utf8Error),
    NoVariant(u64),
    /// A reader does not know which of the fields is missing.
    FieldLeftOut(&'static str),
    LooksBeforeItReads,
    TooDeep,
}

impl From<Why> for Refused {
    #[cold]
    fn from(why: Why) -> Self {
        Refused(Box::new(why))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Why::Said(text) => f.write_str(text),
            Why::EndsEarly { wanted, left } => {
                write!(f, "its bytes end early: {wanted} more are needed, {left} are left")
            }
            Why::NoBool(byte) => write!(f, "{byte} is no bool"),
            Why::NoChar(number) => write!(f, "{number:#x} is no char"),
            Why::NoOption(byte) => write!(f, "{byte} does not say whether there is a value"),
            Why::NoText(error) => write!(f, "a text in it is damaged: {error}"),
            Why::NoVariant(index) => write!(f, "an enum has no variant with the number {index}"),
            Why::FieldLeftOut(name) => write!(
                f,
                "its field `{name}` is left out, and a reader could not tell which one is; take `skip_serializing_if` \
                 away, or send the value as text"
            ),
            Why::TooDeep => write!(
                f,
                "more than {LEVELS} values in it are inside of each other; send it flat, as a list whose items refer to \
                 each other by number"
            ),
            Why::LooksBeforeItReads => f.write_str(
                "its type is found out by a look at the data (`untagged`, `tag`, `flatten`, a JSON value), and the \
                 bytes between processes do not tell it; send it as text, or as a type without these",
            ),
        }
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    #[cold]
    fn custom<T: fmt::Display>(text: T) -> Self {
        Why::Said(text.to_string()).into()
    }
}

impl de::Error for Refused {
    #[cold]
    fn custom<T: fmt::Display>(text: T) -> Self {
        Why::Said(text.to_string()).into()
    }
}
