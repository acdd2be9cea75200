//! What comes back from a worker: results, in the ring or sent beside it, and its few words.

use super::Worker;
use crate::error::TaskError;
use crate::memfd::{self, Sealed};
use crate::process::launch::LastWords;
use crate::process::pool::parked::Parked;
use crate::process::post::Delivery;
use crate::process::serve::ELAPSED;
use crate::process::words::Word;
use crate::ring::{Damage, Items, TaskBytes, Ticket};
use crate::wire::{Frames, Survey};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// The memory of a large result, but for how long the task took.
struct BeforeElapsed(Sealed);

impl AsRef<[u8]> for BeforeElapsed {
    fn as_ref(&self) -> &[u8] {
        split_elapsed(self.0.bytes()).1
    }
}

/// The memory of a file of frames, as far as they are whole.
struct WholeFrames(Sealed, usize);

impl AsRef<[u8]> for WholeFrames {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes()[..self.1]
    }
}

/// The first so many frames in a file that a worker has written, and what they need beside them: what it was just
/// writing behind them when it died is no result.
fn frames_in(file: OwnedFd, count: usize) -> io::Result<(Frames, Survey)> {
    // Another process may have a mapping by which it could write; then there has to be a copy.
    if let Ok(sealed) = Sealed::close_off(file.try_clone()?) {
        let Some((sealed, _)) = sealed else { return Ok((Frames::Here(Vec::new()), Survey::default())) };
        let survey = Survey::of(sealed.bytes(), count);
        return Ok((Frames::Mapped(Box::new(WholeFrames(sealed, survey.length))), survey));
    }
    let mut bytes = memfd::read_scratch(&file)?;
    let survey = Survey::of(&bytes, count);
    bytes.truncate(survey.length);
    Ok((Frames::Here(bytes), survey))
}

/// How long a task took, and what stands before that in its final result.
fn split_elapsed(bytes: &[u8]) -> (Duration, &[u8]) {
    let (frame, elapsed) = bytes.split_last_chunk::<ELAPSED>().unwrap_or((&[], &[0; ELAPSED]));
    (Duration::from_nanos(u64::from_le_bytes(*elapsed)), frame)
}

fn lost(why: impl fmt::Display) -> TaskError {
    TaskError::Codec(format!("its result was lost on the way: {why}").into())
}

impl Worker {
    /// Takes what has ended.
    pub(in crate::process) fn collect(&mut self, ended: &mut Vec<Parked>, now: Instant) {
        if self.damage.is_some() {
            return;
        }
        if let Err(damage) = self.try_collect(ended, now) {
            self.is_damaged(damage);
        }
    }

    /// # Errors
    /// What came back cannot be believed: the worker has to go.
    pub(super) fn try_collect(&mut self, ended: &mut Vec<Parked>, now: Instant) -> Result<(), Damage> {
        let mut count = 0;
        let mut took = Duration::ZERO;
        self.took_unawaited = false;
        while let Some(ticket) = self.sender.next_done()? {
            let Some(mut handed) = self.handed.pop_front() else { break };
            debug_assert_eq!(handed.ticket, ticket);
            let elapsed = match self.take_results(&mut handed.parked, ticket) {
                Ok(elapsed) => elapsed,
                Err(damage) => {
                    self.handed.push_front(handed);
                    return Err(damage);
                }
            };
            self.took_unawaited |= !handed.is_awaited;
            handed.parked.ran_for(elapsed);
            took += elapsed;
            count += 1;
            ended.push(handed.parked);
            self.next_is_first(now);
        }
        if count > 0 {
            self.has_served = true;
            self.learn_pace(count, took);
            self.idle_since = now;
        }
        Ok(())
    }

    /// All that a task that has ended came to, and how long it took.
    fn take_results(&mut self, parked: &mut Parked, ticket: Ticket) -> Result<Duration, Damage> {
        self.take_items(parked, ticket)?;
        let result = self.sender.take_result(ticket)?;
        Ok(self.take_final(parked, result))
    }

    /// The results of items of a chunk that have ended.
    pub(super) fn take_items(&mut self, parked: &mut Parked, ticket: Ticket) -> Result<(), Damage> {
        if parked.items() == 1 {
            return Ok(());
        }
        let mut frames = Vec::new();
        let Items { here, spilled, serial } = self.sender.take_items(ticket, &mut frames)?;
        // Were there more or fewer frames than items, each result behind them would be taken for another item's.
        let damage = |what, found: usize| Damage::at(ticket, what, found as u64);
        if here > 0 {
            let survey = Survey::of(&frames, here as usize);
            if survey.count < here as usize {
                return Err(damage("the number of results", survey.count));
            }
            if survey.length < frames.len() {
                return Err(damage("what follows the results", frames.len() - survey.length));
            }
            self.sort_beside(parked, survey.beside);
            parked.ended(here, Frames::Here(frames));
        }
        if spilled > 0 {
            match self.sent(serial).and_then(|file| frames_in(file, spilled as usize).map_err(lost)) {
                Ok((_, survey)) if survey.count < spilled as usize => {
                    return Err(damage("the number of results in a file", survey.count));
                }
                Ok((frames, survey)) => {
                    self.sort_beside(parked, survey.beside);
                    parked.ended(spilled, frames);
                }
                Err(error) => parked.failed(spilled, error),
            }
        }
        Ok(())
    }

    /// The final result: how long it took, and for a plain task its frame.
    fn take_final(&mut self, parked: &mut Parked, result: Option<TaskBytes>) -> Duration {
        let taken = match result {
            Some(TaskBytes::Here(mut bytes)) => {
                let (elapsed, frame) = split_elapsed(&bytes);
                let length = frame.len();
                bytes.truncate(length);
                Ok((elapsed, Frames::Here(bytes)))
            }
            Some(TaskBytes::Sent { serial, .. }) => self.sent(serial).and_then(|memory| {
                let opened = Sealed::open_whole(memory).map_err(lost)?;
                let (sealed, _) = opened.ok_or_else(|| lost("it is empty"))?;
                Ok((split_elapsed(sealed.bytes()).0, Frames::Mapped(Box::new(BeforeElapsed(sealed)))))
            }),
            None => Ok((Duration::ZERO, Frames::Here(Vec::new()))),
        };
        let (elapsed, ended) = match taken {
            Ok((elapsed, frames)) => (elapsed, Ok(frames)),
            Err(error) => (Duration::ZERO, Err(error)),
        };
        if parked.items() == 1 {
            match ended {
                Ok(frames) => {
                    self.sort_beside(parked, Survey::of(frames.bytes(), 1).beside);
                    parked.ended(1, frames);
                }
                Err(error) => parked.failed(1, error),
            }
        }
        elapsed
    }

    /// What was sent under a number is on the socket by now.
    ///
    /// # Errors
    /// It was lost.
    fn sent(&mut self, serial: u32) -> Result<OwnedFd, TaskError> {
        self.listen();
        let memory = self.post.take(serial).and_then(|mut memory| memory.pop());
        memory.ok_or_else(|| lost("this process may not have more open files; raise `ulimit -n`"))
    }

    /// Gives a task the descriptors that were sent for its next results under these numbers.
    fn sort_beside(&mut self, parked: &mut Parked, serials: Vec<u32>) {
        for serial in serials {
            self.listen();
            if let Some(descriptors) = self.post.take(serial) {
                parked.came_beside(serial, descriptors);
            }
        }
    }

    /// Takes what is on the socket. `false`: nothing will come any more.
    pub(in crate::process) fn listen(&mut self) -> bool {
        while let Ok(delivery) = self.post.receive(&*self.socket, false) {
            match delivery {
                Delivery::Sorted => {}
                Delivery::Other(message) => match Word::read(&message) {
                    Some(Word::Ready) => {
                        self.is_ready = true;
                        self.idle_since = Instant::now();
                    }
                    Some(Word::Unfit(why)) => self.last_message = Some(why),
                    None => self.last_words = LastWords::read(&message).unwrap_or(self.last_words),
                },
                Delivery::Nothing => break,
                Delivery::Over => return false,
            }
        }
        true
    }
}
