//! Polling a future on the calling thread.
//!
//! A worker tells its pool what the future awaits, as far as that are tasks (`awaited`): where no other thread can be had
//! for them, the pool has it run them itself.

use super::awaited::Awaited;
use super::blocking::{self, Need, Pause};
use crate::sync::{AtomicBool, Deadline, Mutex, Ordering, Unparker};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Wakes whoever polls: sets a flag, and unparks the thread if it sleeps.
struct Signal {
    woken: AtomicBool,
    sleeper: Mutex<Option<Arc<Unparker>>>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: Release publishes what the waker did before to the poll that follows (pairs with `take`).
        if self.woken.swap(true, Ordering::AcqRel) {
            return;
        }
        let sleeper = self.sleeper.lock().take();
        if let Some(sleeper) = sleeper {
            sleeper.unpark();
        }
    }
}

impl Signal {
    fn take(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `wake_by_ref`.
        self.woken.swap(false, Ordering::AcqRel)
    }

    fn is_set(&self) -> bool {
        // ORDERING: Acquire, as above.
        self.woken.load(Ordering::Acquire)
    }
}

/// Polls a future on this thread until it is ready. A worker lends its place while it sleeps. It runs nothing else, but
/// what the future awaits and nobody else can run.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let signal = Arc::new(Signal { woken: AtomicBool::new(false), sleeper: Mutex::new(None) });
    let waker = Waker::from(Arc::clone(&signal));
    let awaited = blocking::has_place().then(|| Awaited::new(&waker));
    let need = awaited.as_ref().map_or(Need::Outside, Need::Polled);
    let mut woken = true;
    loop {
        let mut poll = || future.as_mut().poll(&mut Context::from_waker(&waker));
        let polled = match &awaited {
            Some(awaited) => awaited.during_poll(woken, &mut poll),
            None => poll(),
        };
        if let Poll::Ready(output) = polled {
            return output;
        }
        woken = loop {
            if signal.take() {
                break true;
            }
            if awaited.as_ref().is_some_and(|awaited| awaited.wants_a_poll()) {
                break false;
            }
            sleep(&signal, need);
        };
    }
}

/// Sleeps once, unless something was run meanwhile.
///
/// # Panics
/// If this thread must not sleep at all. (There is no value to return instead.)
fn sleep(signal: &Signal, need: Need<'_>) {
    // It may wait for something that is no task, so nobody can say that it waits for ever.
    let ticket = match blocking::enter(&Pause::new(&[], need, Deadline::NEVER)) {
        Ok(Some(ticket)) => ticket,
        Ok(None) => return,
        Err(_) if !blocking::must_not_sleep() => return,
        Err(error) => std::panic::panic_any(error.to_string()),
    };
    *signal.sleeper.lock() = Some(ticket.parker.unparker());
    if !signal.is_set() {
        ticket.parker.park_until(Deadline::NEVER);
    }
    *signal.sleeper.lock() = None;
}
