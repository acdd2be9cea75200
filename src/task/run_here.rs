//! Running a future to its end on one thread: for engines that have no place to keep one that waits.

use super::blocking::{self, Need, Pause};
use super::erased::{Begun, Task};
use super::header::CellRef;
use super::run::Runner;
use super::spawned::{Home, Residence};
use crate::error::TaskError;
use crate::state::Stop;
use crate::sync::{Deadline, Mutex, Unparker};
use std::sync::Arc;

/// Where the one future lives, and comes back to when it is woken.
#[derive(Default)]
struct Berth(Mutex<Berthed>);

#[derive(Default)]
struct Berthed {
    /// To be polled again.
    woken: Option<Task>,
    /// It waits to be woken, or did once.
    housed: bool,
    ended: bool,
    sleeper: Option<Arc<Unparker>>,
}

impl Berth {
    fn tell(&self, change: impl FnOnce(&mut Berthed)) {
        let sleeper = {
            let mut berthed = self.0.lock();
            change(&mut berthed);
            berthed.sleeper.take()
        };
        if let Some(sleeper) = sleeper {
            sleeper.unpark();
        }
    }
}

impl Home for Berth {
    fn woken(&self, task: Task) {
        let mut left = None;
        self.tell(|berthed| {
            // A wake that comes after the end has nothing to poll; kept here, it would keep this.
            left = if berthed.ended { Some(task) } else { berthed.woken.replace(task) };
        });
        if let Some(task) = left {
            task.discard();
        }
    }

    fn leaves(&self, _key: usize) {
        self.tell(|berthed| berthed.ended = true);
    }

    fn broken(&self) -> TaskError {
        TaskError::Abandoned
    }
}

impl Runner for Arc<Berth> {
    fn house(&self, _task: &CellRef) -> Result<Residence, Stop> {
        self.0.lock().housed = true;
        Ok(Residence { home: Arc::clone(self) as Arc<dyn Home>, key: 0 })
    }

    fn again(&self, task: Task) {
        self.woken(task);
    }
}

/// Polls the future until it has ended, whoever ends it.
pub(super) fn run_here(begun: Begun) {
    let berth = Arc::new(Berth::default());
    begun.run(&berth);
    loop {
        let woken = {
            let mut berthed = berth.0.lock();
            let woken = berthed.woken.take();
            if woken.is_none() && (berthed.ended || !berthed.housed) {
                return;
            }
            woken
        };
        match woken {
            Some(task) => {
                if let Some(begun) = task.begin() {
                    begun.run(&berth);
                }
            }
            None => sleep(&berth),
        }
    }
}

fn sleep(berth: &Berth) {
    let outside = Pause { firm: true, ..Pause::new(&[], Need::Outside, Deadline::NEVER) };
    let Ok(Some(ticket)) = blocking::enter(&outside) else { return };
    {
        let mut berthed = berth.0.lock();
        if berthed.woken.is_some() || berthed.ended {
            return;
        }
        berthed.sleeper = Some(ticket.parker.unparker());
    }
    ticket.parker.park_until(Deadline::NEVER);
}
