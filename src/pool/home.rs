//! The pool as the place where spawned futures live while they wait to be woken.

use super::shared::Pool;
use super::worker;
use crate::error::TaskError;
use crate::state::Stop;
use crate::task::{CellRef, Home, Residence, Task};

impl Pool {
    /// Why futures that are not ready end, if they do: set for good before the queues are emptied.
    pub(super) fn stops(&self) -> Option<Stop> {
        self.residents.closed()
    }

    /// Takes a future in that is about to wait, near the worker that polled it.
    pub(super) fn house(&self, near: usize, task: &CellRef) -> Result<Residence, Stop> {
        let Some(home) = self.me.upgrade() else { unreachable!("whoever calls this has the pool") };
        let key = self.residents.add(near, task)?;
        Ok(Residence { home, key })
    }
}

impl Home for Pool {
    fn woken(&self, task: Task) {
        match worker::push_woken(self, task) {
            Ok(false) => return self.after_handing_over(),
            Ok(true) => {}
            Err(task) => self.injector.push(task),
        }
        self.after_push();
    }

    fn leaves(&self, key: usize) {
        self.residents.remove(key);
        let roll = self.crew.load();
        // Whoever saw this entry under its lock after the flag was set sleeps, and relies on this.
        if (roll.is_closed() || roll.is_broken()) && self.residents.is_empty() {
            self.wake_all();
            self.tell_if_gone(&self.lock());
            self.tell_ended();
        }
    }

    fn begins_to_wait(&self, key: usize) {
        self.residents.begin_wait(key);
    }

    fn waits_no_more(&self, key: usize) {
        self.residents.end_wait(key);
    }

    fn broken(&self) -> TaskError {
        Pool::broken(self).unwrap_or(TaskError::Abandoned)
    }
}
