//! Maps whose function is only code: their chunks can go to another process.
//!
//! # A chunk's payload
//! The place of the function (24 bytes); for a map with shared data, the length of its bytes and these; then each item:
//! the length of its bytes and these. An item that could not be encoded has [`UNENCODABLE`] for its length, and then the
//! length of a text and the text: it costs no other item. How lengths are written is in [`sized`].
#![expect(unsafe_code, reason = "a function pointer that has travelled as a number")]

use super::chunk::{ChunkOutput, run_chunk};
use super::runner::{Pending, Runner};
use crate::error::TaskError;
use crate::executor::engine::{self, Engine};
use crate::sync::{Payload, contain, drop_contained};
use crate::task::{self, Extras, Future, PortableWork, Work};
use crate::wire::{
    self, CodeMap, CodecError, Encoded, Entry, Host, Invocation, ItemOutcome, Parcel, Portable, ValueBytes,
    sized::{self, Guess},
};
use std::any::type_name;
use std::cell::Cell;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

const UNENCODABLE: u64 = u64::MAX;
/// Why a value is not written a second time.
const WRITTEN: &str = "a value can be written once";
/// Room for items is made before they are there up to so many bytes: about what one message to a worker takes.
const MOST_RESERVED: usize = 64 << 10;

/// A function that is only code, with the data that it shares between all items.
pub(super) trait Mapped<T, R>: Clone + Send + Sync {
    /// What the worker keeps of it while it runs a chunk.
    type Received;

    fn call(&self, item: T) -> R;

    fn send(&self, code: &dyn CodeMap, out: &mut Vec<u8>) -> Result<(), CodecError>;

    fn receive(host: &dyn Host, payload: &mut &[u8]) -> Result<Self::Received, CodecError>;

    fn call_received(received: &Self::Received, item: T) -> R;
}

/// For `map`.
pub(super) struct Plain<T, R>(pub(super) fn(T) -> R);

impl<T, R> Clone for Plain<T, R> {
    fn clone(&self) -> Self {
        Plain(self.0)
    }
}

impl<T: Portable, R: Portable> Mapped<T, R> for Plain<T, R> {
    type Received = fn(T) -> R;

    fn call(&self, item: T) -> R {
        (self.0)(item)
    }

    fn send(&self, code: &dyn CodeMap, out: &mut Vec<u8>) -> Result<(), CodecError> {
        send_place(code, self.0 as *const (), out)
    }

    fn receive(host: &dyn Host, payload: &mut &[u8]) -> Result<fn(T) -> R, CodecError> {
        let address = receive_place(host, payload)?;
        // SAFETY: the entry that this is called by came with the place of such a function, and the host has looked
        // whether the place lies in this program's code.
        Ok(unsafe { std::mem::transmute::<*const (), fn(T) -> R>(address) })
    }

    fn call_received(received: &fn(T) -> R, item: T) -> R {
        received(item)
    }
}

/// For `map_with`.
pub(super) struct With<C, T, R> {
    pub(super) shared: Arc<C>,
    pub(super) f: fn(&C, T) -> R,
}

impl<C, T, R> Clone for With<C, T, R> {
    fn clone(&self) -> Self {
        With { shared: Arc::clone(&self.shared), f: self.f }
    }
}

impl<C: Portable + Sync, T: Portable, R: Portable> Mapped<T, R> for With<C, T, R> {
    type Received = (C, fn(&C, T) -> R);

    fn call(&self, item: T) -> R {
        (self.f)(&self.shared, item)
    }

    fn send(&self, code: &dyn CodeMap, out: &mut Vec<u8>) -> Result<(), CodecError> {
        send_place(code, self.f as *const (), out)?;
        Guess::long().append(out, |out| wire::encode(&*self.shared, out))
    }

    fn receive(host: &dyn Host, payload: &mut &[u8]) -> Result<Self::Received, CodecError> {
        let address = receive_place(host, payload)?;
        // SAFETY: as in `Plain::receive`.
        let f = unsafe { std::mem::transmute::<*const (), fn(&C, T) -> R>(address) };
        Ok((wire::decode(sized::take(payload).ok_or_else(too_short)?)?, f))
    }

    fn call_received((shared, f): &Self::Received, item: T) -> R {
        f(shared, item)
    }
}

fn send_place(code: &dyn CodeMap, address: *const (), out: &mut Vec<u8>) -> Result<(), CodecError> {
    out.extend_from_slice(&code.locate(address).map_err(CodecError::new)?);
    Ok(())
}

fn receive_place(host: &dyn Host, payload: &mut &[u8]) -> Result<*const (), CodecError> {
    let (place, rest) = payload.split_first_chunk().ok_or_else(|| CodecError::new("a chunk without its function"))?;
    *payload = rest;
    host.resolve(place).map_err(CodecError::new)
}

fn too_short() -> CodecError {
    CodecError::new("a chunk that ends too soon")
}

/// The next item's bytes; in the `Ok`, the text of why it could not be encoded.
#[inline]
fn take_item<'a>(payload: &mut &'a [u8]) -> Result<Result<&'a [u8], String>, CodecError> {
    let taken = match sized::take_length(payload) {
        Some(UNENCODABLE) => sized::take(payload).map(|text| Err(String::from_utf8_lossy(text).into_owned())),
        Some(length) => sized::take_bytes(payload, length).map(Ok),
        None => None,
    };
    taken.ok_or_else(too_short)
}

fn append_unencodable(out: &mut Vec<u8>, error: &CodecError) {
    sized::append_mark(out, UNENCODABLE);
    let text = error.to_string();
    let _ = Guess::default().append(out, |out| {
        out.extend_from_slice(text.as_bytes());
        Ok(())
    });
}

/// Appends items, each for itself: what one cannot be encoded for costs no other one.
fn append_items<'i, T: Portable>(out: &mut Vec<u8>, mut items: impl ExactSizeIterator<Item = &'i T>) {
    let (mut guess, mut start) = (Guess::long(), out.len());
    // To enter a place where panics end costs as much as to encode a number; so it is entered again after one only.
    while let Err(panic) = contain(|| {
        while let Some(item) = items.next() {
            start = out.len();
            if let Err(error) = guess.append(out, |out| wire::write(item, out)) {
                append_unencodable(out, &error);
            } else if out.capacity() - out.len() < out.len() - start {
                // Others will take as much.
                let rest = (out.len() - start).saturating_mul(items.len());
                out.reserve(rest.min(MOST_RESERVED));
            }
        }
    }) {
        out.truncate(start);
        append_unencodable(out, &wire::encoding_panicked::<T>(&panic));
    }
}

/// How far a worker is with an item.
#[derive(Clone, Copy)]
enum Stage {
    /// Nothing foreign runs.
    Ours,
    Decoding,
    Running,
    Encoding,
}

/// Runs chunks of such a map in a worker.
pub(super) struct Trampoline<M, T, R>(PhantomData<(M, T, R)>);

impl<T: Portable, R: Portable, M: Mapped<T, R>> Trampoline<M, T, R> {
    pub(super) const ENTRY: &'static Entry = &Entry::new(type_name::<(M, T, R)>, Self::invoke);

    /// A panic ends the item that it comes from and no other; that so many are run where panics are contained is because
    /// entering such a place can cost more than an item.
    fn invoke(invocation: Invocation<'_>) {
        let Invocation { mut payload, first, items, host, .. } = invocation;
        let received = M::receive(host, &mut payload).map_err(|error| error.to_string());
        let (mut item, stage) = (0, Cell::new(Stage::Ours));
        // Out here, so that a panic of its `Serialize` does not drop it on the way: a second panic would end the process.
        let mut value: Option<R> = None;
        while let Err(panic) = contain(|| {
            while item < items {
                let bytes = take_item(&mut payload);
                item += 1;
                if item <= first || host.skips() {
                    continue;
                }
                host.begins();
                stage.set(Stage::Decoding);
                let ready = match (&received, bytes) {
                    (Ok(received), Ok(Ok(bytes))) => wire::read::<T>(bytes).map(|item| (received, item)),
                    (Err(why), _) => Err(CodecError::new(why.clone())),
                    (_, Ok(Err(why))) => Err(CodecError::new(why)),
                    (_, Err(error)) => Err(error),
                };
                stage.set(Stage::Running);
                match ready {
                    Ok((received, item)) => value = Some(M::call_received(received, item)),
                    Err(error) => {
                        stage.set(Stage::Ours);
                        host.ended(ItemOutcome::Codec(error));
                        continue;
                    }
                }
                // The value goes before anybody hears of it: a `Drop` that ends the process is this item's, and not the
                // next one's.
                host.ended(ItemOutcome::Value(&mut |out| {
                    stage.set(Stage::Encoding);
                    let written =
                        value.as_ref().map_or_else(|| Err(CodecError::new(WRITTEN)), |value| wire::write(value, out));
                    stage.set(Stage::Ours);
                    drop_contained(value.take());
                    written
                }));
            }
        }) {
            drop_contained(value.take());
            host.ended(Self::panicked(stage.replace(Stage::Ours), panic));
        }
    }

    /// What an item that panicked came to. Its payload goes with that, or before anybody hears of it.
    fn panicked(stage: Stage, panic: Payload) -> ItemOutcome<'static> {
        match stage {
            Stage::Ours => panic.resume(),
            Stage::Decoding => ItemOutcome::Codec(wire::decoding_panicked::<T>(&panic)),
            Stage::Running => ItemOutcome::Panicked(panic),
            Stage::Encoding => ItemOutcome::Codec(wire::encoding_panicked::<R>(&panic)),
        }
    }

    pub(super) fn pack<'i>(
        mapped: &M,
        items: impl ExactSizeIterator<Item = &'i T>,
        code: &dyn CodeMap,
    ) -> Result<Parcel, TaskError>
    where
        T: 'i,
    {
        let codec = |error: CodecError| TaskError::Codec(error.to_string().into());
        let mut payload = Vec::new();
        mapped.send(code, &mut payload).map_err(codec)?;
        let count = items.len();
        append_items(&mut payload, items);
        Ok(Parcel { entry: Self::ENTRY, payload, items: count })
    }
}

/// Several items as one task.
pub(super) struct Chunk<M, T, R> {
    items: Vec<T>,
    mapped: M,
    _result: PhantomData<fn() -> R>,
}

impl<T: Portable, R: Portable, M: Mapped<T, R>> Work for Chunk<M, T, R> {
    type Output = ChunkOutput<R>;

    fn work(self) -> ChunkOutput<R> {
        run_chunk(self.items, |item| self.mapped.call(item))
    }
}

impl<T: Portable, R: Portable, M: Mapped<T, R>> PortableWork for Chunk<M, T, R> {
    fn pack(&self, code: &dyn CodeMap) -> Result<Parcel, TaskError> {
        Trampoline::pack(&self.mapped, self.items.iter(), code)
    }

    fn unpack(encoded: Encoded) -> Result<ChunkOutput<R>, TaskError> {
        let mut output = ChunkOutput {
            values: Vec::with_capacity(encoded.items()),
            errors: VecDeque::new(),
            elapsed: encoded.elapsed(),
        };
        let mut outcomes = encoded.outcomes();
        let ChunkOutput { values, errors, .. } = &mut output;
        while let Err(panic) = contain(|| {
            loop {
                let read = match outcomes.next_plain() {
                    Some(value) => value.read(),
                    None => match outcomes.next() {
                        Some(outcome) => outcome.and_then(ValueBytes::read),
                        None => break,
                    },
                };
                match read {
                    Ok(value) => values.push(value),
                    Err(error) => errors.push_back((values.len() + errors.len(), error)),
                }
            }
        }) {
            let error = TaskError::Codec(wire::decoding_panicked::<R>(&panic).to_string().into());
            errors.push_back((values.len() + errors.len(), error));
        }
        Ok(output)
    }
}

/// One item as a task of its own.
struct OneItem<M, T, R> {
    item: T,
    mapped: M,
    _result: PhantomData<fn() -> R>,
}

impl<T: Portable, R: Portable, M: Mapped<T, R>> Work for OneItem<M, T, R> {
    type Output = R;

    fn work(self) -> R {
        self.mapped.call(self.item)
    }
}

impl<T: Portable, R: Portable, M: Mapped<T, R>> PortableWork for OneItem<M, T, R> {
    fn pack(&self, code: &dyn CodeMap) -> Result<Parcel, TaskError> {
        Trampoline::pack(&self.mapped, std::iter::once(&self.item), code)
    }

    fn unpack(encoded: Encoded) -> Result<R, TaskError> {
        encoded.into_value()
    }
}

pub(super) struct PortableRunner<'e, M> {
    pub(super) engine: Arc<dyn Engine + 'e>,
    pub(super) mapped: M,
}

impl<M> PortableRunner<'_, M> {
    fn give<W: PortableWork>(&self, work: W, limit: Option<Duration>, room: Option<Duration>) -> Future<W::Output> {
        let extras = limit.map(|limit| Extras::new(None, Some(limit)));
        let (task, future) = task::make_portable(work, extras);
        engine::give(&*self.engine, task, future, room)
    }
}

impl<'e, T, R, M> Runner<'e, T, R> for PortableRunner<'e, M>
where
    T: Portable,
    R: Portable,
    M: Mapped<T, R> + 'e,
{
    fn submit(&self, items: Vec<T>, limit: Option<Duration>, room: Option<Duration>) -> Box<dyn Pending<R> + 'e> {
        Box::new(self.give(Chunk { items, mapped: self.mapped.clone(), _result: PhantomData }, limit, room))
    }

    fn submit_one(&self, item: T, limit: Option<Duration>, room: Option<Duration>) -> Future<R> {
        self.give(OneItem { item, mapped: self.mapped.clone(), _result: PhantomData }, limit, room)
    }

    fn max_workers(&self) -> usize {
        self.engine.max_workers()
    }
}
