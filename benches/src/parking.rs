//! Two threads that wake each other by `park` and `unpark`, with nothing in between: the least that it can take to hand
//! something to a thread that sleeps, and to hear back while sleeping.

use crate::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};

/// No number that is handed over.
const NOTHING: u64 = u64::MAX;
const OVER: u64 = u64::MAX - 1;

/// A place for one number.
struct Slot(AtomicU64);

impl Slot {
    fn put(&self, number: u64, whose: &Thread) {
        self.0.store(number, Ordering::Release);
        whose.unpark();
    }

    fn take(&self) -> u64 {
        loop {
            match self.0.swap(NOTHING, Ordering::Acquire) {
                NOTHING => thread::park(),
                number => return number,
            }
        }
    }
}

struct Table {
    there: Slot,
    back: Slot,
}

/// The other thread, until this is dropped.
pub(crate) struct PingPong {
    table: Arc<Table>,
    other: Option<JoinHandle<()>>,
}

impl PingPong {
    pub(crate) const NAME: &'static str = "park and unpark";

    /// It plays with the thread that this is called on.
    pub(crate) fn start() -> Result<Self, Failure> {
        let slot = || Slot(AtomicU64::new(NOTHING));
        let table = Arc::new(Table { there: slot(), back: slot() });
        let (theirs, player) = (Arc::clone(&table), thread::current());
        let play = move || {
            loop {
                match theirs.there.take() {
                    OVER => return,
                    number => theirs.back.put(number, &player),
                }
            }
        };
        let other = thread::Builder::new().name("ping_pong".to_owned()).spawn(play)?;
        Ok(PingPong { table, other: Some(other) })
    }

    fn send(&self, number: u64) {
        if let Some(other) = &self.other {
            self.table.there.put(number, other.thread());
        }
    }

    /// Each number goes there and comes back before the next.
    pub(crate) fn sum_below(&self, count: u64) -> u64 {
        let mut sum = 0;
        for number in 0..count {
            self.send(number);
            sum += self.table.back.take();
        }
        sum
    }
}

impl Drop for PingPong {
    fn drop(&mut self) {
        self.send(OVER);
        if let Some(other) = self.other.take() {
            // It runs no code that panics; if it did, that was printed.
            let _ = other.join();
        }
    }
}
