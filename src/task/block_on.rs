//! Polling a future on the calling thread.
//!
//! A worker tells its pool what the future awaits, as far as that are tasks (`awaited`): where no other thread can be had
//! for them, the pool has it run them itself.

use super::awaited::Awaited;
use super::blocking::{self, Need, Pause};
use crate::sync::{AtomicBool, Deadline, Mutex, Ordering, Parker, Unparker};
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
    match blocking::enter(&Pause::new(&[], need, Deadline::NEVER)) {
        Ok(Some(ticket)) => park(signal, &ticket.parker),
        Ok(None) => {}
        // It may wait for something that is no task, so nobody can say that it waits for ever: whoever refuses the place
        // of this thread to others cannot refuse it the sleep. (To look again instead would be to be refused again.)
        Err(_) if !blocking::must_not_sleep() => park(signal, &Parker::new()),
        Err(error) => std::panic::panic_any(error.to_string()),
    }
}

fn park(signal: &Signal, parker: &Parker) {
    *signal.sleeper.lock() = Some(parker.unparker());
    if !signal.is_set() {
        parker.park_until(Deadline::NEVER);
    }
    *signal.sleeper.lock() = None;
}

#[cfg(all(test, not(concurrent_futures_loom)))]
mod tests {
    use super::super::blocking::{Place, Step, with_place};
    use super::*;
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    /// Refuses every wait, and says so.
    struct Refuses {
        asked: Cell<usize>,
        ask: std::sync::mpsc::Sender<()>,
    }

    impl Place for Refuses {
        fn before_wait(&self, _pause: &Pause<'_>, _parker: &Parker) -> Step {
            self.asked.set(self.asked.get() + 1);
            let _ = self.ask.send(());
            Step::Never("nobody waits here".into())
        }

        fn after_wait(&self) {}

        fn slot(&self) -> Option<usize> {
            None
        }

        fn turn_key(&self) -> Option<usize> {
            None
        }
    }

    #[test]
    fn a_wait_that_is_refused_sleeps_until_it_is_woken() {
        let (ask, asked) = channel();
        let place = Refuses { asked: Cell::new(0), ask };
        let (waker, wakers) = channel::<Waker>();
        let mut polls = 0;
        let goes_round = std::thread::scope(|scope| {
            let wakes = scope.spawn(move || {
                let waker = wakers.recv().unwrap();
                asked.recv().unwrap();
                // Whoever is refused and looks again is refused again before this is over.
                let again = asked.recv_timeout(Duration::from_millis(200)).is_ok();
                waker.wake();
                again
            });
            let future = poll_fn(|cx| {
                polls += 1;
                if polls == 1 {
                    waker.send(cx.waker().clone()).unwrap();
                    return Poll::Pending;
                }
                Poll::Ready(())
            });
            with_place(&place, || block_on(future));
            wakes.join().unwrap()
        });
        assert!(!goes_round, "it looks again and again");
        assert_eq!((polls, place.asked.get()), (2, 1));
    }
}
