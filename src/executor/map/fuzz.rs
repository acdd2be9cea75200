//! Chunks of maps, made up by somebody else, on their way to a worker and back: for `fuzz/` and `tests/fuzz.rs`, as in
//! [`crate::wire::fuzz`].

use super::portable::{Chunk, Mapped, Plain, Trampoline, With};
use crate::error::TaskError;
use crate::process::{Courier, Received, run_received};
use crate::task::PortableWork;
use crate::wire::fuzz::Script;
use crate::wire::{CodeMap, Frames, Place, Portable, Segment, Whole};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

type Item = (String, Option<Option<u32>>);
type Outcome = Result<(usize, Option<u32>), String>;
type Shared = BTreeMap<u64, ()>;

fn measured((text, number): Item) -> Outcome {
    match number {
        Some(number) => Ok((text.len(), number)),
        None => Err(text),
    }
}

fn measured_with(shared: &Shared, (text, number): Item) -> Outcome {
    measured((text, number.map(|number| number.or(u32::try_from(shared.len()).ok()))))
}

/// One function has a place.
struct One;

impl CodeMap for One {
    fn locate(&self, _: *const ()) -> Result<Place, String> {
        Ok(Place::default())
    }
}

/// A worker that keeps what it is given.
struct Kept {
    function: *const (),
    begun: usize,
    frames: Vec<u8>,
}

impl Courier for Kept {
    fn begins(&mut self) {
        self.begun += 1;
    }

    fn deliver(&mut self, frame: &mut Vec<u8>) {
        self.frames.extend_from_slice(frame);
    }

    fn attach(&mut self, _: &[Arc<OwnedFd>]) -> Result<u32, String> {
        Err("nothing here has descriptors".to_owned())
    }

    fn resolve(&self, place: &Place) -> Result<*const (), String> {
        if *place == Place::default() { Ok(self.function) } else { Err("there is no function there".to_owned()) }
    }
}

/// A chunk's bytes, as a worker finds them, and its results, as its parent does; each proper, or with changes.
pub fn chunks(input: &[u8]) -> bool {
    let mut script = Script::new(input);
    if script.byte() % 2 == 0 {
        chunk(&Plain(measured as fn(Item) -> Outcome), measured as fn(Item) -> Outcome as *const (), &mut script)
    } else {
        let f: fn(&Shared, Item) -> Outcome = measured_with;
        let shared = Arc::new((0..script.number(1) % 4).map(|n| (n, ())).collect());
        chunk(&With { shared, f }, f as *const (), &mut script)
    }
}

fn chunk<M>(mapped: &M, function: *const (), script: &mut Script<'_>) -> bool
where
    M: Mapped<Item, Outcome> + 'static,
    Item: Portable,
{
    let items: Vec<Item> = (0..script.byte() % 5)
        .map(|n| {
            let (kind, length) = (script.byte(), script.byte());
            let number = [None, Some(None), Some(Some(n as u32))][kind % 3];
            (String::from_utf8_lossy(script.take(length)).into_owned(), number)
        })
        .collect();
    let expected: Vec<Outcome> = items.iter().cloned().map(|item| mapped.call(item)).collect();
    let Ok(parcel) = Trampoline::<M, Item, Outcome>::pack(mapped, items.iter(), &One) else {
        unreachable!("such items can be packed")
    };
    let (made_up, on_the_way_back) = (script.byte() % 4, script.byte() % 2 == 0);
    // How many there are, and how many have had their turn, is told beside the bytes.
    let (promised, first) = match made_up {
        0 => (items.len(), 0),
        _ => (script.byte() % 8, script.byte() % 3),
    };
    let payload = match (made_up, on_the_way_back) {
        (1, _) => script.take(usize::MAX).to_vec(),
        (_, true) => parcel.payload.clone(),
        (_, false) => script.edit(parcel.payload.clone()),
    };
    let mut kept = Kept { function, begun: 0, frames: Vec::new() };
    let received = Received {
        entry: Trampoline::<M, Item, Outcome>::ENTRY,
        payload: &payload,
        items: promised,
        first,
        state: &(),
        name: None,
        cancelled: Arc::new(|| false),
    };
    run_received(received, &mut kept);
    assert_eq!(kept.begun, promised.saturating_sub(first), "each item that is left has its turn, whatever it is");
    let frames = if on_the_way_back { script.edit(kept.frames.clone()) } else { kept.frames.clone() };
    let proper = payload == parcel.payload && frames == kept.frames && (promised, first) == (items.len(), 0);
    let segments =
        vec![Segment::Failed(first.min(promised), TaskError::Abandoned), Segment::Frames(Frames::Here(frames))];
    let encoded = Whole { items: promised, segments, elapsed: Duration::ZERO, beside: None };
    let Ok(output) = Chunk::<M, Item, Outcome>::unpack(encoded.into()) else {
        unreachable!("a chunk has items, and no error")
    };
    assert_eq!(output.values.len() + output.errors.len(), promised);
    let understood = output.errors.is_empty();
    if proper {
        assert!(understood && output.values == expected);
    }
    understood && promised > 0
}
