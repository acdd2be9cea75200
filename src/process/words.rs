//! What a pool and its workers say to each other beside the ring: the orders at the start, and a few words.

use crate::process::code::{CodeTable, signature};
use crate::process::launch::LARGEST_CONFIG;
use crate::process::sys::socket;
use crate::wire::{self, CodeMap, CodecError, Maker, Place, attachments};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// How many bytes an initializer's arguments may take: the rest of what can be sent with the orders is the pool's.
const LARGEST: usize = LARGEST_CONFIG - 1024;

/// The flags of a task in the ring.
pub(in crate::process) mod flags {
    /// The bytes are in memory that was sent under the task's number.
    pub(in crate::process) const LARGE: u32 = 1;
}

/// What a worker is told of its pool.
#[derive(Serialize, Deserialize)]
pub(in crate::process) struct Orders {
    /// Its stable number.
    pub(in crate::process) slot: usize,
    /// Whether there is another processor for its parent.
    pub(in crate::process) spins: bool,
    pub(in crate::process) initializer: Option<InitialCall>,
}

/// A call that makes a worker's state, with what its arguments need.
#[derive(Clone, Debug)]
pub(crate) struct Initializer {
    pub(in crate::process) call: InitialCall,
    pub(in crate::process) beside: Vec<Arc<OwnedFd>>,
}

/// The call as bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::process) struct InitialCall {
    place: Place,
    signature: u64,
    payload: Vec<u8>,
}

impl Orders {
    pub(in crate::process) fn write(&self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        wire::encode(self, &mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    pub(in crate::process) fn read(bytes: &[u8]) -> Result<Self, String> {
        wire::decode(bytes).map_err(|error| error.to_string())
    }
}

impl Initializer {
    /// `encode` writes the arguments.
    ///
    /// # Errors
    /// Why the call cannot be sent.
    pub(crate) fn new(
        maker: &'static Maker,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
    ) -> Result<Self, String> {
        let mut payload = Vec::new();
        let (encoded, beside) = attachments::collect(|| encode(&mut payload));
        encoded.map_err(|error| error.to_string())?;
        if payload.len() > LARGEST {
            let length = payload.len();
            return Err(format!(
                "its arguments take {length} bytes: at most {LARGEST} can go; put large data into a `SharedSlice`"
            ));
        }
        let place = CodeTable::default().locate(std::ptr::from_ref(maker).cast())?;
        let call = InitialCall { place, signature: signature(maker.name()), payload };
        Ok(Initializer { call, beside })
    }
}

impl InitialCall {
    /// # Errors
    /// Why there is no state.
    pub(in crate::process) fn run(&self, code: &CodeTable) -> Result<Box<dyn Any>, String> {
        let maker: &'static Maker = code.maker(&self.place, self.signature)?;
        maker.make(&self.payload)
    }
}

/// What a worker says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::process) enum Word {
    /// It has its state, and takes tasks from now on.
    Ready,
    /// The initializer has failed, or something is missing: it ends.
    Unfit(String),
}

// Above the kinds of a start and of descriptors.
const READY: u32 = 65;
const UNFIT: u32 = 66;
/// A longer text is cut.
const LONGEST_TEXT: usize = 400;

impl Word {
    pub(in crate::process) fn send(&self, socket: impl AsFd) -> io::Result<()> {
        let (kind, text) = match self {
            Word::Ready => (READY, ""),
            Word::Unfit(text) => (UNFIT, &**text),
        };
        let mut message = kind.to_le_bytes().to_vec();
        // A character that is cut in two is read as a mark that says so.
        message.extend_from_slice(&text.as_bytes()[..text.len().min(LONGEST_TEXT)]);
        socket::send(socket, &message, &[])
    }

    /// `None`: it is another message.
    pub(in crate::process) fn read(message: &[u8]) -> Option<Self> {
        let (kind, text) = message.split_first_chunk()?;
        match u32::from_le_bytes(*kind) {
            READY => Some(Word::Ready),
            UNFIT => Some(Word::Unfit(String::from_utf8_lossy(text).into_owned())),
            _ => None,
        }
    }
}
