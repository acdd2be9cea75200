//! A number of permits, and a line in front of them: what semaphores and locks are made of.

use crate::sync::{Deadline, Mutex, const_fn};
use crate::task::{Site, WaitList, Waiting};
use std::future::poll_fn;

/// Taken one at a time; given back, they wake as many who wait.
pub(super) struct Permits {
    state: Mutex<State>,
}

struct State {
    free: usize,
    line: WaitList,
}

fn take(state: &mut State, _chosen: bool) -> Option<()> {
    state.free = state.free.checked_sub(1)?;
    Some(())
}

impl Permits {
    const_fn! {
        pub(super) fn new(free: usize) -> Self {
            Permits { state: Mutex::new(State { free, line: WaitList::new() }) }
        }
    }

    pub(super) fn free(&self) -> usize {
        self.state.lock().free
    }

    pub(super) fn try_take(&self) -> bool {
        take(&mut self.state.lock(), false).is_some()
    }

    /// `false`: the deadline came first.
    pub(super) fn take_until(&self, deadline: Deadline) -> bool {
        self.waiting().block_until(deadline, take).is_some()
    }

    pub(super) async fn take(&self) {
        let mut waiting = self.waiting();
        poll_fn(|cx| waiting.poll(cx, take)).await;
    }

    /// Gives `count` back, if there are not more than `most` then.
    ///
    /// # Errors
    /// How many there are; nothing was given back.
    pub(super) fn put(&self, count: usize, most: usize) -> Result<(), usize> {
        let wakes = {
            let mut state = self.state.lock();
            match state.free.checked_add(count) {
                Some(free) if free <= most => state.free = free,
                _ => return Err(state.free),
            }
            state.line.notify_many(count)
        };
        wakes.wake();
        Ok(())
    }

    fn waiting(&self) -> Waiting<'_, State> {
        Waiting::new(Site::new(&self.state, |state| &mut state.line))
    }
}
