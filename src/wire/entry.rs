//! What a worker process calls: an [`Entry`] for every kind of job, the same constant in parent and worker.
//!
//! The two run the same program, so the entry's place in it is the same, and that place is what is sent. A worker takes
//! nothing else for code: it looks whether the place lies in the program's read-only data, and whether what is there
//! calls itself an entry of the name that was sent with it.

use super::codec::{self, CodecError};
use crate::sync::{Payload as Panic, contain, drop_contained};
use serde::Serialize;
use std::any::Any;

/// Tells an entry from whatever else may lie at an address.
pub(crate) const MAGIC: u64 = 0x9d1c_5ab7_e40f_3b26;

/// The same for a [`Maker`].
pub(crate) const MAKER_MAGIC: u64 = 0x3e77_08c1_52fb_ad94;

/// How a worker runs one kind of job.
#[repr(C)]
pub struct Entry {
    magic: u64,
    name: fn() -> &'static str,
    invoke: Invoke,
}

/// Runs the items of a parcel, and tells the host what came of each. Never unwinds.
type Invoke = fn(Invocation<'_>);

/// One call of an entry.
pub(crate) struct Invocation<'a> {
    pub(crate) payload: &'a [u8],
    /// Items before this one have had their turn already.
    pub(crate) first: usize,
    /// How many there are.
    pub(crate) items: usize,
    /// What the worker's initializer made.
    pub(crate) state: &'a dyn Any,
    pub(crate) host: &'a mut dyn Host,
}

/// The worker, seen from the code that it calls.
pub(crate) trait Host {
    /// The next item is about to be run.
    fn begins(&mut self);

    /// Whether what has not begun should not begin any more. If so, this was the next item's turn.
    fn skips(&mut self) -> bool;

    /// What came of it.
    fn ended(&mut self, outcome: ItemOutcome<'_>);

    /// The function at a place that [`CodeMap::locate`] gave.
    ///
    /// # Errors
    /// Why there is none.
    fn resolve(&self, place: &Place) -> Result<*const (), String>;
}

/// What came of an item.
pub(crate) enum ItemOutcome<'a> {
    /// Writes it to the end of a buffer.
    Value(&'a mut dyn FnMut(&mut Vec<u8>) -> Result<(), CodecError>),
    Panicked(Panic),
    /// Its argument or its result could not be carried.
    Codec(CodecError),
}

/// Where a function or an entry lies, as bytes that mean something to those who made them.
pub(crate) type Place = [u8; 24];

/// Where functions lie, in a way that another process of the same program understands.
pub(crate) trait CodeMap {
    /// The place of a function or an entry.
    ///
    /// # Errors
    /// Why it cannot be told.
    fn locate(&self, address: *const ()) -> Result<Place, String>;
}

/// Runs one item in a worker, and tells its host what came of it.
pub(crate) fn run_item<R: Serialize>(host: &mut dyn Host, f: impl FnOnce() -> R) {
    let value = match contain(f) {
        Ok(value) => value,
        Err(panic) => return host.ended(ItemOutcome::Panicked(panic)),
    };
    let mut value = Some(value);
    // The value goes before anybody hears of it: a `Drop` that ends the process is this item's, and not the next one's.
    host.ended(ItemOutcome::Value(&mut |out| {
        let Some(value) = value.take() else { return Err(CodecError::new("a value can be written once")) };
        let encoded = codec::encode(&value, out);
        drop_contained(value);
        encoded
    }));
    // If nobody wanted it.
    drop_contained(value);
}

impl Entry {
    pub(crate) const fn new(name: fn() -> &'static str, invoke: Invoke) -> Self {
        Entry { magic: MAGIC, name, invoke }
    }

    /// What the types behind it are called.
    pub(crate) fn name(&self) -> &'static str {
        (self.name)()
    }

    pub(crate) fn invoke(&self, invocation: Invocation<'_>) {
        (self.invoke)(invocation);
    }
}

/// How a worker makes its state.
#[repr(C)]
pub(crate) struct Maker {
    magic: u64,
    name: fn() -> &'static str,
    make: Make,
}

/// From a call's arguments to the state, or why there is none.
type Make = fn(&[u8]) -> Result<Box<dyn Any>, String>;

impl Maker {
    pub(crate) const fn new(name: fn() -> &'static str, make: Make) -> Self {
        Maker { magic: MAKER_MAGIC, name, make }
    }

    pub(crate) fn name(&self) -> &'static str {
        (self.name)()
    }

    /// # Errors
    /// Why there is no state: the initializer's own error, its panic, or that its arguments cannot be read.
    pub(crate) fn make(&self, payload: &[u8]) -> Result<Box<dyn Any>, String> {
        match contain(|| (self.make)(payload)) {
            Ok(made) => made,
            Err(panic) => Err(format!("the initializer panicked: {}", panic.text())),
        }
    }
}
