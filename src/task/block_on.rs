//! Polling a future on the calling thread.

use super::awaited::Awaited;
use super::blocking::{self, Member, Need, Pause};
use super::spawned::is_suspended;
use crate::sync::{AtomicBool, Deadline, Mutex, Ordering, Unparker};
use std::collections::HashSet;
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

/// Polls a future on this thread until it is ready. A worker lends its place while it sleeps. It runs nothing else,
/// unless no thread can be added for what the future awaits: then it does that itself.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let signal = Arc::new(Signal { woken: AtomicBool::new(false), sleeper: Mutex::new(None) });
    let waker = Waker::from(Arc::clone(&signal));
    let mut poll = || future.as_mut().poll(&mut Context::from_waker(&waker));
    if !blocking::has_place() {
        loop {
            if let Poll::Ready(output) = poll() {
                return output;
            }
            while !signal.take() {
                sleep(&signal, &[], Need::Outside);
            }
        }
    }
    let awaited = Awaited::new();
    loop {
        if let Poll::Ready(output) = awaited.note_during(&mut poll) {
            return output;
        }
        wait_in_place(&signal, &awaited);
    }
}

/// What came of lying down.
#[derive(PartialEq)]
enum Rest {
    /// It slept, or need not.
    Over,
    /// Something that is awaited was run instead.
    Ran,
    /// Nobody can be found to run what is awaited, nor can it be run here.
    InVain,
}

/// Until there was a wake.
fn wait_in_place(signal: &Signal, awaited: &Awaited) {
    // Since the last wake: what could not be run here either, and what was polled out of turn.
    let (mut hopeless, mut looked_at) = (HashSet::new(), HashSet::new());
    while !signal.take() {
        let mut tasks = awaited.unfinished();
        tasks.retain(|task| !hopeless.contains(&task.pointer()));
        let members: Vec<_> = tasks
            .iter()
            .map(|task| Member::resolved(task, false).looked_at_before(looked_at.contains(&task.pointer())))
            .collect();
        let need = if members.is_empty() { Need::Outside } else { Need::Polled };
        let rest = awaited.note_during(|| sleep(signal, &members, need));
        if rest != Rest::Over {
            let (waiting, ready) = tasks.iter().partition::<Vec<_>, _>(|task| is_suspended(task));
            looked_at.extend(waiting.into_iter().map(|task| task.pointer()));
            if rest == Rest::InVain {
                hopeless.extend(ready.into_iter().map(|task| task.pointer()));
            }
        }
    }
}

fn sleep(signal: &Signal, awaited: &[Member<'_>], need: Need<'_>) -> Rest {
    let ticket = match blocking::enter(&Pause::new(awaited, need, Deadline::NEVER)) {
        Ok(Some(ticket)) => ticket,
        Ok(None) => return Rest::Ran,
        Err(_) => return Rest::InVain,
    };
    *signal.sleeper.lock() = Some(ticket.parker.unparker());
    if !signal.is_set() {
        ticket.parker.park_until(Deadline::NEVER);
    }
    *signal.sleeper.lock() = None;
    Rest::Over
}
