//! Polling a future on the calling thread.

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

/// Polls a future on this thread until it is ready. A worker lends its place while it sleeps, and runs nothing else.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let signal = Arc::new(Signal { woken: AtomicBool::new(false), sleeper: Mutex::new(None) });
    let waker = Waker::from(Arc::clone(&signal));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while !signal.take() {
            sleep(&signal);
        }
    }
}

fn sleep(signal: &Signal) {
    // What the future waits for is not known here, so nobody can say that it will never come.
    let outside = Pause::new(&[], Need::Outside, Deadline::NEVER);
    let Ok(Some(ticket)) = blocking::enter(&outside) else { return };
    *signal.sleeper.lock() = Some(ticket.parker.unparker());
    if !signal.is_set() {
        ticket.parker.park_until(Deadline::NEVER);
    }
    *signal.sleeper.lock() = None;
}
