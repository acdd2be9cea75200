//! What a pool of processes tells about itself.

use super::roster::{Place, Roster};
use super::shared::ProcessPool;
use crate::report::{Stats, WorkerInfo, WorkerState};

impl ProcessPool {
    pub(crate) fn stats(&self) -> Stats {
        if !self.is_usable_here() {
            return Stats::default();
        }
        let mut roster = self.roster.lock();
        let queued = roster.reserved + roster.queue.len() + roster.aside.len();
        let mut stats = Stats { queued, ..Stats::default() };
        for place in &mut roster.places {
            stats.queued += place.mail.len();
            stats.completed += place.completed;
            let Some(worker) = &mut place.worker else { continue };
            let running = usize::from(worker.running().is_some());
            stats.running += running;
            stats.idle += usize::from(worker.is_idle());
            stats.queued += worker.handed.len() - running;
        }
        stats
    }

    /// Its processes, in the order of their slots.
    pub(crate) fn workers(&self) -> Vec<WorkerInfo> {
        if !self.is_usable_here() {
            return Vec::new();
        }
        let mut roster = self.roster.lock();
        let describe = |(slot, place): (usize, &mut Place)| {
            let worker = place.worker.as_mut()?;
            let os_id = Some(worker.pid.into());
            let age = worker.age();
            let running = worker.running();
            Some(WorkerInfo {
                slot,
                os_id,
                state: if running.is_some() { WorkerState::Running } else { WorkerState::Idle },
                task: running.and_then(|handed| handed.parked.packed.name().map(str::to_owned)),
                age,
                completed: place.completed,
            })
        };
        roster.places.iter_mut().enumerate().filter_map(describe).collect()
    }

    /// What has come of the pool's tasks since `before`, and how many have not ended; all at one moment, so that nothing
    /// is counted twice or not at all. `takes_late`: with those that were cancelled for a shutdown after it had looked.
    pub(crate) fn since(&self, before: Counts, takes_late: bool) -> Since {
        let mut roster = self.roster.lock();
        let cancelled = if takes_late { std::mem::take(&mut roster.cancelled_late) } else { 0 };
        roster.since(before, cancelled)
    }

    /// The same since the closing.
    pub(crate) fn since_close(&self) -> Since {
        let roster = self.roster.lock();
        let before = Counts { completed: roster.completed_before, killed: 0 };
        roster.since(before, roster.cancelled)
    }
}

/// Counts at one moment, which only grow.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    completed: u64,
    killed: usize,
}

/// What has come of a pool's tasks since a moment.
pub(crate) struct Since {
    pub(crate) finished: usize,
    pub(crate) cancelled: usize,
    pub(crate) killed: usize,
    /// Accepted, and not ended.
    pub(crate) unfinished: usize,
}

impl Roster {
    pub(in crate::process) fn counts(&self) -> Counts {
        Counts { completed: self.completed(), killed: self.killed }
    }

    fn since(&self, before: Counts, cancelled: usize) -> Since {
        let finished = self.completed().saturating_sub(before.completed);
        Since {
            finished: usize::try_from(finished).unwrap_or(usize::MAX),
            cancelled,
            killed: self.killed - before.killed,
            unfinished: self.unfinished(),
        }
    }
}
