//! What a newborn worker finds in its environment: that it is one, which one, and which copy of this crate is meant.
//!
//! A marker alone makes no worker, because environments are handed on to whatever a program starts: the standard input
//! has to be the socket on which the marker's nonce arrives, too.

use super::identity::{Location, ObjectId};
use super::message::{Nonce, VERSION};

/// The variable's name.
pub(in crate::process) const VARIABLE: &str = "CONCURRENT_FUTURES_WORKER";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::process) struct Marker {
    pub(in crate::process) nonce: Nonce,
    /// The copy of this crate that is to take over: a program and its libraries may each hold one.
    pub(in crate::process) copy: Location,
}

impl Marker {
    pub(in crate::process) fn to_text(self) -> String {
        let Marker { nonce, copy: Location { object, offset } } = self;
        format!("{VERSION}:{:032x}:{object}:{offset:x}", nonce.0)
    }

    /// `None`: nothing that this version of the crate has written.
    pub(in crate::process) fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(&format!("{VERSION}:"))?;
        let (nonce, rest) = rest.split_once(':')?;
        let (object, offset) = rest.split_once(':')?;
        let number = |text| u128::from_str_radix(text, 16).ok();
        let object = ObjectId(number(object)?);
        let offset = u64::from_str_radix(offset, 16).ok()?;
        Some(Marker { nonce: Nonce(number(nonce)?), copy: Location { object, offset } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_as_it_was_written_and_anything_else_is_none() {
        let copy = Location { object: ObjectId(u128::MAX - 5), offset: 0x1234 };
        let marker = Marker { nonce: Nonce(1 << 127 | 3), copy };
        assert_eq!(Marker::read(&marker.to_text()), Some(marker));
        for text in ["", "1", "1:", "0:1:2:3", "1:x:2:3", "1:1:2", "1:1:2:3:4", "11:1:2:3"] {
            assert_eq!(Marker::read(text), None, "{text}");
        }
    }
}
