//! Running a parcel in a worker: as a task like any other of this process, whose items' outcomes become frames.

use crate::task::{self, Extras, Work};
use crate::wire::{
    CodecError, Entry, Host, Invocation, ItemOutcome, Place, append_cancelled, append_codec, append_panic,
    append_value, attachments, sized::Guess,
};
use std::any::Any;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A parcel that has arrived.
pub(crate) struct Received<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) payload: &'a [u8],
    /// How many items there are, and how many of them have had their turn elsewhere.
    pub(crate) items: usize,
    pub(crate) first: usize,
    /// What the worker's initializer made.
    pub(crate) state: &'a dyn Any,
    pub(crate) name: Option<Arc<str>>,
    /// Whether the task was asked to stop.
    pub(crate) cancelled: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Where the frames go, and what is known of this program's code.
pub(crate) trait Courier {
    /// An empty buffer to write frames to.
    fn buffer(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// An item is about to be run.
    fn begins(&mut self);

    /// An item's frame, which may be taken: what is left of it is not used.
    fn deliver(&mut self, frame: &mut Vec<u8>);

    /// Sends descriptors, and says under which number.
    ///
    /// # Errors
    /// Why not.
    fn attach(&mut self, descriptors: &[Arc<OwnedFd>]) -> Result<u32, String>;

    /// The function at a place.
    ///
    /// # Errors
    /// Why there is none.
    fn resolve(&self, place: &Place) -> Result<*const (), String>;
}

/// Runs the parcel's items on this thread, in order. Never unwinds.
pub(crate) fn run(received: Received<'_>, courier: &mut dyn Courier) {
    let extras = Extras {
        name: received.name.clone(),
        asked_to_stop: Some(Arc::clone(&received.cancelled)),
        ..Extras::default()
    };
    let (task, future) = task::make(Run { received, courier }, Some(extras));
    task.run();
    drop(future);
}

struct Run<'a> {
    received: Received<'a>,
    courier: &'a mut dyn Courier,
}

impl Work for Run<'_> {
    type Output = ();

    fn work(self) {
        let Run { received, courier } = self;
        let Received { entry, payload, items, first, state, name, cancelled } = received;
        let name = name.filter(|_| items == 1).map(|name| name.to_string());
        let frame = courier.buffer();
        let mut desk = Desk { courier, cancelled: &*cancelled, frame, guess: Guess::long(), name };
        entry.invoke(Invocation { payload, first, items, state, host: &mut desk });
    }
}

/// Turns outcomes into frames.
struct Desk<'a> {
    courier: &'a mut dyn Courier,
    cancelled: &'a dyn Fn() -> bool,
    frame: Vec<u8>,
    guess: Guess,
    /// Of a task that is no chunk.
    name: Option<String>,
}

impl Host for Desk<'_> {
    fn begins(&mut self) {
        self.courier.begins();
    }

    fn skips(&mut self) -> bool {
        let skips = (self.cancelled)();
        if skips {
            self.frame.clear();
            append_cancelled(&mut self.frame);
            self.courier.deliver(&mut self.frame);
        }
        skips
    }

    fn ended(&mut self, outcome: ItemOutcome<'_>) {
        self.frame.clear();
        let written = match outcome {
            ItemOutcome::Value(write) => self.value(write),
            ItemOutcome::Panicked(payload) => {
                let report = task::panic_report(&payload, self.name.as_deref());
                append_panic(&mut self.frame, &report);
                Ok(())
            }
            ItemOutcome::Codec(error) => Err(error),
        };
        if let Err(error) = written {
            self.frame.clear();
            append_codec(&mut self.frame, &error);
        }
        self.courier.deliver(&mut self.frame);
    }

    fn resolve(&self, place: &Place) -> Result<*const (), String> {
        self.courier.resolve(place)
    }
}

impl Desk<'_> {
    fn value(&mut self, write: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), CodecError>) -> Result<(), CodecError> {
        let Desk { courier, frame, guess, .. } = self;
        append_value(frame, guess, |out| {
            let (written, beside) = attachments::collect(|| write(out));
            written?;
            if beside.is_empty() { Ok(None) } else { courier.attach(&beside).map(Some).map_err(CodecError::new) }
        })
    }
}

/// What cannot be run: every item that is left has this for its outcome.
pub(crate) fn refuse(why: &str, items: u32, courier: &mut dyn Courier) {
    let mut frame = courier.buffer();
    for _ in 0..items {
        frame.clear();
        append_codec(&mut frame, &CodecError::new(why));
        courier.begins();
        courier.deliver(&mut frame);
    }
}
