//! Room in a bounded queue.

use crate::sync::{Condvar, Deadline, Mutex};

/// How many more tasks a bounded queue takes. A task has a place in it from its acceptance until a worker begins it, or
/// until it is cancelled or expires.
pub(super) struct Room {
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    free: usize,
    closed: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Got,
    /// None came free in time.
    Full,
    /// The pool was shut down meanwhile.
    Closed,
}

impl Room {
    pub(super) fn new(bound: usize) -> Self {
        Room { state: Mutex::new(State { free: bound, closed: false }), freed: Condvar::new() }
    }

    pub(super) fn try_take(&self) -> Place {
        let mut state = self.state.lock();
        state.take()
    }

    pub(super) fn take_until(&self, deadline: Deadline) -> Place {
        let mut state = self.state.lock();
        let mut last_look = false;
        loop {
            match state.take() {
                Place::Full if !last_look => {
                    last_look = deadline.is_past();
                    state = self.freed.wait_until(state, deadline);
                }
                place => return place,
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.state.lock().free == 0
    }

    pub(super) fn give_back(&self) {
        self.state.lock().free += 1;
        self.freed.notify_one();
    }

    /// Whoever waits for a place goes without.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.freed.notify_all();
    }
}

impl State {
    fn take(&mut self) -> Place {
        if self.closed {
            Place::Closed
        } else if self.free == 0 {
            Place::Full
        } else {
            self.free -= 1;
            Place::Got
        }
    }
}
