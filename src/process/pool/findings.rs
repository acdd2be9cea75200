//! What came of looking at the workers under the lock: to be done outside of it.

use super::parked::{Parked, ToSeal};
use super::roster::Roster;
use super::shared::ProcessPool;
use crate::error::TaskError;
use std::sync::Arc;

#[derive(Default)]
pub(in crate::process) struct Findings {
    pub(in crate::process) ended: Vec<Parked>,
    pub(in crate::process) failed: Vec<(Parked, TaskError)>,
    pub(in crate::process) cancelled: Vec<Parked>,
    /// Killed by a shutdown.
    pub(in crate::process) cut_off: Vec<Parked>,
    /// What workers wait for.
    pub(in crate::process) to_seal: Vec<ToSeal>,
    /// The pool cannot go on: why.
    pub(in crate::process) broken: Option<Arc<str>>,
}

impl Findings {
    /// A task that nobody has begun, or that goes on elsewhere.
    pub(in crate::process) fn take_again(&mut self, parked: Parked, roster: &mut Roster) {
        if roster.cancels {
            roster.cancelled += 1;
            roster.cancelled_late += 1;
            self.cancelled.push(parked);
        } else {
            roster.enqueue(parked);
        }
    }

    /// It has ended, but too late.
    pub(in crate::process) fn was_late(&mut self, sequence: u64) {
        if let Some(at) = self.ended.iter().position(|parked| parked.sequence == sequence) {
            let late = self.ended.swap_remove(at);
            self.failed.push((late, TaskError::DeadlineExceeded));
        }
    }

    /// Whether there is a task to be ended.
    pub(in crate::process) fn has_ends(&self) -> bool {
        let Findings { ended, failed, cancelled, cut_off, .. } = self;
        !(ended.is_empty() && failed.is_empty() && cancelled.is_empty() && cut_off.is_empty())
    }

    /// Ends the tasks.
    pub(in crate::process) fn conclude(self, pool: &ProcessPool) {
        let Findings { ended, failed, cancelled, cut_off, to_seal, broken } = self;
        for parked in ended {
            parked.arrive(&pool.notifier);
        }
        for (parked, error) in failed {
            parked.into_packed().fail(error, &pool.notifier);
        }
        for parked in cancelled {
            parked.cancel(&pool.notifier);
        }
        for parked in cut_off {
            parked.cut_off(&pool.notifier);
        }
        if let Some(why) = broken {
            pool.break_down(why);
        }
        to_seal.into_iter().for_each(|to_seal| pool.seal(to_seal));
    }
}
