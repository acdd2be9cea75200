//! What a worker does between its start and its end: it takes tasks from the ring, one at a time, and runs them.

use super::host::{self, Courier, Received};
use crate::memfd::{self, Sealed};
use crate::process::code::CodeTable;
use crate::process::envelope;
use crate::process::launch::Context;
use crate::process::post::{self, Delivery, Pigeonholes};
use crate::process::words::{Orders, Word, flags};
use crate::ring::{Descriptors, Mapped, Next, Receiver, Running};
use crate::sync::Parker;
use crate::task::{Pause, Place, Step, with_place};
use crate::wire::{self, CodecError, append_codec, attachments};
use std::any::Any;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// The service of every worker of a pool.
pub(in crate::process) fn serve(context: Context) {
    let socket = context.socket;
    if let Err(why) = Desk::open(context).and_then(Desk::work) {
        // Nobody can be told if this fails, and the end of this process tells it too.
        let _ = Word::Unfit(why).send(socket);
    }
}

/// The task thread's place: nobody else could take it, so whoever waits there just sleeps.
struct Seat(usize);

impl Place for Seat {
    fn before_wait(&self, _pause: &Pause<'_>, _parker: &Parker) -> Step {
        Step::Sleep
    }

    fn after_wait(&self) {}

    fn slot(&self) -> Option<usize> {
        Some(self.0)
    }

    fn turn_key(&self) -> Option<usize> {
        None
    }
}

/// A worker at work.
struct Desk {
    seat: Seat,
    socket: BorrowedFd<'static>,
    receiver: Receiver<Mapped>,
    code: Arc<CodeTable>,
    /// What the initializer made.
    state: Box<dyn Any>,
    post: Pigeonholes,
    /// Under which number the next descriptors go.
    serial: u32,
}

impl Desk {
    fn open(context: Context) -> Result<Self, String> {
        let Context { socket, mut fds, config } = context;
        let orders = Orders::read(&config)?;
        let beside = fds.split_off(fds.len().min(3));
        let [jobs, board, bell] =
            <[OwnedFd; 3]>::try_from(fds).map_err(|fds| format!("{} descriptors came, of 3", fds.len()))?;
        let receiver = Receiver::open(&Descriptors { jobs, board }, Arc::new(bell), orders.spins)
            .map_err(|error| format!("the ring: {error}"))?;
        let code = Arc::new(CodeTable::default());
        let state = match &orders.initializer {
            None => Box::new(()),
            Some(call) => attachments::provide(beside, || call.run(&code))?,
        };
        Word::Ready.send(socket).map_err(|error| format!("the control socket: {error}"))?;
        Ok(Desk { seat: Seat(orders.slot), socket, receiver, code, state, post: Pigeonholes::default(), serial: 0 })
    }

    fn work(mut self) -> Result<(), String> {
        let (mut bytes, mut buffer) = (Vec::new(), Vec::new());
        let Desk { seat, socket, receiver, code, state, post, serial } = &mut self;
        loop {
            let running = match receiver.next(&mut bytes).map_err(|damage| format!("the ring: {damage}"))? {
                Next::Task(running) => running,
                Next::Closed => return Ok(()),
            };
            let mut attached = Vec::new();
            let head = running.head();
            if head.serial != 0 {
                attached = collect(post, *socket, head.serial)?;
            }
            let large = head.flags & flags::LARGE != 0;
            let envelope = if large { Some(attached.drain(..1.min(attached.len())).next()) } else { None };
            let cancel = running.cancel_request();
            let mut delivery = Delivering {
                items: head.items as usize,
                running: Some(running),
                buffer,
                result: Vec::new(),
                spill: None,
                socket: *socket,
                serial,
                code,
                broken: None,
            };
            let opened = match &envelope {
                None => Ok(None),
                Some(Some(descriptor)) => open_large(descriptor).map(Some),
                Some(None) => Err("its bytes were lost on the way: the worker may not have more open files".to_owned()),
            };
            let received = opened.as_ref().map_err(String::clone).and_then(|opened| {
                let bytes = opened.as_ref().map_or(&bytes[..], Sealed::bytes);
                envelope::open(bytes, code)
            });
            match received {
                Ok(envelope) => {
                    let received = Received {
                        entry: envelope.entry,
                        payload: envelope.payload,
                        items: head.items as usize,
                        first: head.skip as usize,
                        state: &**state,
                        name: envelope.name.map(Arc::from),
                        cancelled: Arc::new(move || cancel.is_made()),
                    };
                    attachments::provide(attached, || with_place(seat, || host::run(received, &mut delivery)));
                }
                Err(why) => host::refuse(&why, head.items - head.skip.min(head.items), &mut delivery),
            }
            buffer = delivery.end()?;
        }
    }
}

/// What a result ends with: how long the task took, in nanoseconds. At its end, so that a frame is made a result without
/// being copied.
pub(in crate::process) const ELAPSED: usize = 8;

/// How much of a long result's memory is kept for the next one.
const MOST_KEPT: usize = 64 << 10;

/// The descriptors that were sent under a number, which are on the socket by now.
fn collect(post: &mut Pigeonholes, socket: BorrowedFd<'_>, serial: u32) -> Result<Vec<OwnedFd>, String> {
    loop {
        // What was sent for tasks that were taken back again is let go of.
        if let Some(descriptors) = post.take_next(serial) {
            return Ok(descriptors);
        }
        match post.receive(socket, true).map_err(|error| format!("the control socket: {error}"))? {
            Delivery::Sorted | Delivery::Other(_) | Delivery::Nothing => {}
            Delivery::Over => return Err("the parent has gone".to_owned()),
        }
    }
}

fn open_large(descriptor: &OwnedFd) -> Result<Sealed, String> {
    let copy = descriptor.try_clone().map_err(|error| format!("its bytes cannot be read: {error}"))?;
    let opened = Sealed::open_whole(copy).map_err(|error| format!("its bytes cannot be read: {error}"))?;
    opened.map(|(sealed, _)| sealed).ok_or_else(|| "its bytes are none".to_owned())
}

/// The file for items of a chunk for which the ring had no room.
struct Spill {
    file: File,
    /// Under which number it was sent.
    serial: u32,
    /// How many bytes of it are whole frames.
    length: u64,
}

impl Spill {
    fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        let written = self.file.write_all_at(frame, self.length);
        match written {
            Ok(()) => self.length += frame.len() as u64,
            Err(_) => self.file.set_len(self.length)?,
        }
        written
    }
}

/// A task's frames on their way back.
struct Delivering<'d> {
    items: usize,
    /// `None` only while it is being consumed.
    running: Option<Running<'d, Mapped>>,
    /// Empty; from one task to the next.
    buffer: Vec<u8>,
    /// Of a task that is no chunk.
    result: Vec<u8>,
    spill: Option<Spill>,
    socket: BorrowedFd<'static>,
    serial: &'d mut u32,
    code: &'d Arc<CodeTable>,
    /// Why this worker cannot go on.
    broken: Option<String>,
}

impl Courier for Delivering<'_> {
    fn buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    fn begins(&mut self) {
        if let Some(running) = &mut self.running {
            running.begin_item();
        }
    }

    fn deliver(&mut self, frame: &mut Vec<u8>) {
        if self.items == 1 {
            std::mem::swap(&mut self.result, frame);
            return;
        }
        let Err(why) = self.end_item(frame) else { return };
        // An item whose result is too large for what there is costs that item alone.
        let mut refusal = Vec::new();
        append_codec(&mut refusal, &CodecError::new(format!("a result of {} bytes: {why}", frame.len())));
        if let Err(why) = self.end_item(&refusal) {
            self.broken = Some(why);
        }
    }

    fn attach(&mut self, descriptors: &[Arc<OwnedFd>]) -> Result<u32, String> {
        let descriptors: Vec<_> = descriptors.iter().map(|descriptor| descriptor.as_fd()).collect();
        self.send(&descriptors)
    }

    fn resolve(&self, place: &wire::Place) -> Result<*const (), String> {
        self.code.function(place)
    }
}

impl Delivering<'_> {
    fn send(&mut self, descriptors: &[BorrowedFd<'_>]) -> Result<u32, String> {
        *self.serial = self.serial.checked_add(1).unwrap_or(1);
        post::send_patiently(self.socket, *self.serial, descriptors)
            .map_err(|error| format!("{} descriptors cannot be sent: {error}", descriptors.len()))?;
        Ok(*self.serial)
    }

    /// Leaves an item's frame in the ring, or else behind the last one in the task's file.
    fn end_item(&mut self, frame: &[u8]) -> Result<(), String> {
        let Some(running) = &mut self.running else { return Ok(()) };
        if self.spill.is_none() && running.end_item(frame).is_ok() {
            return Ok(());
        }
        let spill = self.spill()?;
        spill.append(frame).map_err(|error| error.to_string())?;
        let serial = spill.serial;
        if let Some(running) = &mut self.running {
            running.end_item_in_spill(serial);
        }
        Ok(())
    }

    /// The task's file, which is sent before there is anything in it: whatever happens to this worker, the parent has
    /// it.
    fn spill(&mut self) -> Result<&mut Spill, String> {
        let spill = match self.spill.take() {
            Some(spill) => spill,
            None => {
                let file = memfd::scratch().map_err(|error| error.to_string())?;
                let serial = self.send(&[file.as_fd()])?;
                Spill { file, serial, length: 0 }
            }
        };
        Ok(self.spill.insert(spill))
    }

    /// The task's end. Gives a buffer for the next one.
    ///
    /// # Errors
    /// This worker cannot go on.
    fn end(mut self) -> Result<Vec<u8>, String> {
        if let Some(why) = self.broken.take() {
            return Err(why);
        }
        self.finish()?;
        self.result.clear();
        self.result.shrink_to(MOST_KEPT);
        Ok(self.result)
    }

    fn finish(&mut self) -> Result<(), String> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let elapsed: [u8; ELAPSED] = running.elapsed().to_le_bytes();
        self.result.extend_from_slice(&elapsed);
        let Err(running) = running.finish(&self.result) else { return Ok(()) };
        let length = self.result.len();
        let why = match self.send_result() {
            Ok(serial) => {
                running.finish_elsewhere(serial, length as u64);
                return Ok(());
            }
            Err(why) => why,
        };
        self.result.clear();
        append_codec(&mut self.result, &CodecError::new(format!("a result of {length} bytes: {why}")));
        self.result.extend_from_slice(&elapsed);
        running.finish(&self.result).map_err(|_| why)
    }

    /// Sends the result in memory of its own; under which number.
    fn send_result(&mut self) -> Result<u32, String> {
        let sealed = Sealed::copy_of(&[&self.result]).map_err(|error| error.to_string())?;
        let sealed = sealed.ok_or_else(|| "it is empty".to_owned())?;
        self.send(&[sealed.descriptor().as_fd()])
    }
}
