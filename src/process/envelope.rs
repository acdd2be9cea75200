//! A task's bytes on their way to a worker: what to call, the task's name, and the parcel's payload.

use crate::process::code::CodeTable;
use crate::wire::{Entry, Parcel, Place};

/// An envelope as the worker finds it.
pub(in crate::process) struct Envelope<'a> {
    pub(in crate::process) entry: &'static Entry,
    pub(in crate::process) name: Option<&'a str>,
    pub(in crate::process) payload: &'a [u8],
}

/// Stands for a task without a name.
const NO_NAME: u32 = u32::MAX;

/// In two pieces, of which the second one is the payload as it is: it may be large, and is not copied for this.
///
/// # Errors
/// Why the parcel's entry cannot be named.
pub(in crate::process) fn seal(parcel: Parcel, name: Option<&str>, code: &CodeTable) -> Result<[Vec<u8>; 2], String> {
    // A small payload will follow.
    let mut bytes = Vec::with_capacity(36 + name.map_or(0, str::len) + parcel.payload.len().min(1024));
    let (place, signature) = code.name(parcel.entry)?;
    bytes.extend_from_slice(&place);
    bytes.extend_from_slice(&signature.to_le_bytes());
    // A name that long says nothing; it stays with the future.
    let sent = name.filter(|name| name.len() < 1024);
    let length = sent.and_then(|name| u32::try_from(name.len()).ok()).unwrap_or(NO_NAME);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(sent.unwrap_or_default().as_bytes());
    Ok([bytes, parcel.payload])
}

/// # Errors
/// What is wrong with it.
pub(in crate::process) fn open<'a>(bytes: &'a [u8], code: &CodeTable) -> Result<Envelope<'a>, String> {
    let short = || "an envelope that ends too soon".to_owned();
    let (place, rest) = bytes.split_first_chunk::<{ size_of::<Place>() }>().ok_or_else(short)?;
    let (wanted, rest) = rest.split_first_chunk().ok_or_else(short)?;
    let (length, rest) = rest.split_first_chunk().ok_or_else(short)?;
    let entry = code.entry(place, u64::from_le_bytes(*wanted))?;
    let length = u32::from_le_bytes(*length);
    if length == NO_NAME {
        return Ok(Envelope { entry, name: None, payload: rest });
    }
    let (name, payload) = rest.split_at_checked(length as usize).ok_or_else(short)?;
    let name = std::str::from_utf8(name).map_err(|_| "an envelope with a name that is no text".to_owned())?;
    Ok(Envelope { entry, name: Some(name), payload })
}
