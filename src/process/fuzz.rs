//! What workers and their parent say to each other beside the ring, made up by somebody else: for `fuzz/` and
//! `tests/fuzz.rs`, as in [`crate::wire::fuzz`].

use super::code::CodeTable;
use super::envelope;
use super::launch::fuzz::start;
use super::post::{self, Delivery, Pigeonholes};
use super::sys::socket;
use super::words::{Initializer, Orders, Word};
use crate::wire::fuzz::Script;
use crate::wire::{Entry, Maker, Parcel, decode};
use std::any::Any;
use std::os::fd::{AsFd, OwnedFd};

static ENTRY: Entry = Entry::new(|| "an entry that nothing calls", |_| ());
static MAKER: Maker = Maker::new(|| "a maker", make);

/// An initializer that takes a number and a list, and refuses an odd number.
fn make(payload: &[u8]) -> Result<Box<dyn Any>, String> {
    let (number, list): (u32, Vec<String>) = decode(payload).map_err(|error| error.to_string())?;
    if number % 2 == 0 { Ok(Box::new(list)) } else { Err("an odd number".to_owned()) }
}

/// A task's bytes, as a worker finds them: made up from the first to the last, or proper ones that were changed.
pub fn envelopes(input: &[u8]) -> bool {
    let code = CodeTable::default();
    let mut script = Script::new(input);
    if script.byte() % 2 == 0 {
        return envelope::open(script.take(usize::MAX), &code).is_ok();
    }
    let lengths = [script.byte(), script.byte()];
    let name = String::from_utf8_lossy(script.take(lengths[0])).into_owned();
    let payload = script.take(lengths[1]).to_vec();
    let name = (lengths[0] % 2 == 1).then_some(&*name);
    let sealed = envelope::seal(Parcel { entry: &ENTRY, payload: payload.clone(), items: 1 }, name, &code);
    let sealed = sealed.map(|pieces| pieces.concat());
    let sealed = sealed.unwrap_or_default();
    let edited = script.edit(sealed.clone());
    let opened = envelope::open(&edited, &code);
    if edited == sealed {
        assert!(opened.as_ref().is_ok_and(|opened| std::ptr::eq(opened.entry, &raw const ENTRY)
            && opened.name == name
            && opened.payload == payload));
    }
    opened.is_ok()
}

/// The orders that a worker has with its start, and what it says of itself.
pub fn words(input: &[u8]) -> bool {
    let mut script = Script::new(input);
    let which = script.byte();
    let bytes = match which % 4 {
        0 => script.take(usize::MAX).to_vec(),
        1 | 2 => {
            let list = vec![String::new(); script.byte() % 8];
            let arguments = (script.byte() as u32, list);
            let made = Initializer::new(&MAKER, |out| crate::wire::encode(&arguments, out));
            let initializer = made.ok().map(|initializer| initializer.call).filter(|_| which % 4 == 1);
            let orders = Orders { slot: which, spins: which > 100, initializer };
            script.edit(orders.write().unwrap_or_default())
        }
        _ => {
            let text = String::from_utf8_lossy(script.take(which)).into_owned();
            let Ok((here, there)) = socket::pair() else { return false };
            let sent = Word::Unfit(text).send(&here).is_ok();
            let mut message = vec![0; 512];
            let received = socket::receive(&there, &mut message, false).map_or(0, |received| received.length);
            assert!(!sent || Word::read(&message[..received]).is_some());
            message.truncate(received);
            script.edit(message)
        }
    };
    let orders = Orders::read(&bytes);
    if let Ok(orders) = &orders {
        let again = orders.write().unwrap_or_default();
        assert_eq!(Orders::read(&again).and_then(|orders| orders.write()), Ok(again));
        if let Some(call) = &orders.initializer {
            // Whatever is called here is a maker, and says why it makes nothing.
            let _ = call.run(&CodeTable::default());
        }
    }
    orders.is_ok() || Word::read(&bytes).is_some()
}

/// More descriptors than one message takes.
const BUNDLED: usize = socket::MOST_DESCRIPTORS + 2;

/// Messages on the control socket of a worker that has started, with descriptors and without.
pub fn mail(input: &[u8]) -> bool {
    let Ok((here, there)) = socket::pair() else { return false };
    let mut script = Script::new(input);
    let (mut pigeonholes, mut sorted, mut promised) = (Pigeonholes::default(), 0, Vec::new());
    while !script.is_over() {
        let descriptors = vec![here.as_fd(); [0, 1, 2, 3, 0, 1, 2, BUNDLED][script.byte() % 8]];
        let sent = if script.byte() % 2 == 0 {
            let serial = script.number(4) as u32;
            promised.push(serial);
            post::send(&here, serial, &descriptors)
        } else {
            let length = script.number(2) as usize;
            socket::send(&here, script.take(length), &descriptors)
        };
        if sent.is_err() {
            return false;
        }
        match pigeonholes.receive(&there, false) {
            Ok(Delivery::Sorted) => sorted += 1,
            // Nothing at all is what the end looks like.
            Ok(Delivery::Over) => {}
            Ok(Delivery::Other(message)) => assert!(message.len() <= 512),
            other => assert!(other.is_err(), "{other:?} after a message was sent"),
        }
    }
    promised.sort_unstable();
    promised.dedup();
    for serial in promised {
        let kept: Option<Vec<OwnedFd>> = pigeonholes.take(serial);
        assert!(kept.is_some_and(|kept| kept.len() < 4 || kept.len() == BUNDLED) && pigeonholes.take(serial).is_none());
    }
    sorted > 0
}

/// The messages of a start.
pub fn starts(input: &[u8]) -> bool {
    start(&mut Script::new(input))
}
