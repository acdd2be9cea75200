//! Maps whose function is only code: their chunks can go to another process.
//!
//! # A chunk's payload
//! The place of the function (24 bytes); for a map with shared data, the length of its bytes (eight, little-endian)
//! and these; then each item: the length of its bytes (eight) and these. An item that could not be encoded has
//! [`UNENCODABLE`] for its length, and then the length of a text and the text: it costs no other item.
#![expect(unsafe_code, reason = "a function pointer that has travelled as a number")]

use super::chunk::{ChunkOutput, run_chunk};
use super::runner::{Pending, Runner};
use crate::error::TaskError;
use crate::executor::engine::{self, Engine};
use crate::task::{self, Extras, Future, PortableWork, Work};
use crate::wire::{
    self, CodeMap, CodecError, Encoded, Entry, Host, Invocation, ItemOutcome, Parcel, Portable, ValueBytes, run_item,
};
use std::any::type_name;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

const UNENCODABLE: u64 = u64::MAX;

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
        append_sized(out, |out| wire::encode(&*self.shared, out))
    }

    fn receive(host: &dyn Host, payload: &mut &[u8]) -> Result<Self::Received, CodecError> {
        let address = receive_place(host, payload)?;
        // SAFETY: as in `Plain::receive`.
        let f = unsafe { std::mem::transmute::<*const (), fn(&C, T) -> R>(address) };
        Ok((wire::decode(take_sized(payload)?)?, f))
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

/// Appends what `write` appends, with its length before it.
fn append_sized(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    write(out)?;
    let length = (out.len() - start - 8) as u64;
    out[start..start + 8].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

fn take_length(payload: &mut &[u8]) -> Result<u64, CodecError> {
    let (length, rest) = payload.split_first_chunk().ok_or_else(|| CodecError::new("a chunk that ends too soon"))?;
    *payload = rest;
    Ok(u64::from_le_bytes(*length))
}

fn take_bytes<'a>(payload: &mut &'a [u8], length: u64) -> Result<&'a [u8], CodecError> {
    let split = usize::try_from(length).ok().and_then(|length| payload.split_at_checked(length));
    let (bytes, rest) = split.ok_or_else(|| CodecError::new("a chunk that ends too soon"))?;
    *payload = rest;
    Ok(bytes)
}

fn take_sized<'a>(payload: &mut &'a [u8]) -> Result<&'a [u8], CodecError> {
    let length = take_length(payload)?;
    take_bytes(payload, length)
}

/// The next item's bytes; in the `Ok`, the text of why it could not be encoded.
fn take_item<'a>(payload: &mut &'a [u8]) -> Result<Result<&'a [u8], String>, CodecError> {
    match take_length(payload)? {
        UNENCODABLE => Ok(Err(String::from_utf8_lossy(take_sized(payload)?).into_owned())),
        length => take_bytes(payload, length).map(Ok),
    }
}

fn append_item<T: Portable>(out: &mut Vec<u8>, item: &T) {
    let start = out.len();
    if let Err(error) = append_sized(out, |out| wire::encode(item, out)) {
        out.truncate(start);
        out.extend_from_slice(&UNENCODABLE.to_le_bytes());
        let text = error.to_string();
        let _ = append_sized(out, |out| {
            out.extend_from_slice(text.as_bytes());
            Ok(())
        });
    }
}

/// Runs chunks of such a map in a worker.
pub(super) struct Trampoline<M, T, R>(PhantomData<(M, T, R)>);

impl<T: Portable, R: Portable, M: Mapped<T, R>> Trampoline<M, T, R> {
    pub(super) const ENTRY: &'static Entry = &Entry::new(type_name::<(M, T, R)>, Self::invoke);

    fn invoke(invocation: Invocation<'_>) {
        let Invocation { mut payload, first, items, host, .. } = invocation;
        let received = M::receive(host, &mut payload);
        for item in 0..items {
            let bytes = take_item(&mut payload);
            if item < first {
                continue;
            }
            if host.skips() {
                continue;
            }
            host.begins();
            let ready = match (&received, bytes) {
                (Ok(received), Ok(Ok(bytes))) => wire::decode::<T>(bytes).map(|item| (received, item)),
                (Err(error), _) => Err(CodecError::new(error.to_string())),
                (_, Err(error)) => Err(error),
                (_, Ok(Err(text))) => Err(CodecError::new(text)),
            };
            match ready {
                Ok((received, item)) => run_item(host, || M::call_received(received, item)),
                Err(error) => host.ended(ItemOutcome::Codec(error)),
            }
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
        items.for_each(|item| append_item(&mut payload, item));
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
            values: Vec::with_capacity(encoded.items),
            errors: VecDeque::new(),
            elapsed: encoded.elapsed,
        };
        let mut place = 0;
        encoded.for_each(|outcome| {
            match outcome.and_then(ValueBytes::decode) {
                Ok(value) => output.values.push(value),
                Err(error) => output.errors.push_back((place, error)),
            }
            place += 1;
        });
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
