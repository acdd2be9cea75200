//! A flag that threads and futures wait for.

use crate::sync::{Deadline, Mutex, const_fn};
use crate::task::{Site, WaitList, Waiting};
use std::fmt;
use std::future::poll_fn;
use std::time::Duration;

/// A flag: one side sets it, any number of threads and futures wait until it is.
///
/// Python's, but that it can also be awaited. Who waits when it is set is released, also if it is cleared again before
/// they come to look.
///
/// # Cancel safety
/// Dropping a [`wait_async`](Event::wait_async) loses nothing.
///
/// # Examples
/// ```
/// use concurrent_futures::threading::{Event, Thread};
/// use std::time::Duration;
///
/// static READY: Event = Event::new();
///
/// let other = Thread::new(|| READY.wait(None)).start()?;
/// assert!(!READY.wait(Duration::ZERO));
/// READY.set();
/// assert!(other.join(None)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Event {
    state: Mutex<State>,
}

struct State {
    set: bool,
    /// How often it was set: who waits goes by this, and so cannot miss one that was cleared at once.
    sets: u64,
    line: WaitList,
}

impl Event {
    const_fn! {
        /// A flag that is not set.
        pub fn new() -> Self {
            Event { state: Mutex::new(State { set: false, sets: 0, line: WaitList::new() }) }
        }
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.state.lock().set
    }

    /// Sets it and releases all who wait.
    pub fn set(&self) {
        let wakes = {
            let mut state = self.state.lock();
            state.set = true;
            state.sets += 1;
            state.line.notify_all()
        };
        wakes.wake();
    }

    /// From now on waits block again, until it is set.
    pub fn clear(&self) {
        self.state.lock().set = false;
    }

    /// Waits until it is set. `false`: the limit came first. A worker of a pool lends its place while it waits.
    pub fn wait(&self, timeout: impl Into<Option<Duration>>) -> bool {
        self.wait_until(Deadline::after(timeout.into()))
    }

    pub(super) fn wait_until(&self, deadline: Deadline) -> bool {
        self.waiting().block_until(deadline, came()).is_some()
    }

    /// Waits until it is set, without blocking the thread.
    pub async fn wait_async(&self) {
        let (mut waiting, mut came) = (self.waiting(), came());
        poll_fn(|cx| waiting.poll(cx, &mut came)).await;
    }

    fn waiting(&self) -> Waiting<'_, State> {
        Waiting::new(Site::new(&self.state, |state| &mut state.line))
    }
}

/// The attempt of one wait: it is set, or was since the first look.
fn came() -> impl FnMut(&mut State, bool) -> Option<()> {
    let mut seen = None;
    move |state, _| (state.set || state.sets != *seen.get_or_insert(state.sets)).then_some(())
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("set", &self.is_set()).finish_non_exhaustive()
    }
}
