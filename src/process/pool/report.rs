//! What a pool of processes tells about itself.

use super::roster::Place;
use super::shared::ProcessPool;
use crate::report::{Stats, WorkerInfo, WorkerState};

impl ProcessPool {
    pub(crate) fn stats(&self) -> Stats {
        if !self.is_usable_here() {
            return Stats::default();
        }
        let mut roster = self.roster.lock();
        let mut stats = Stats { queued: roster.reserved + roster.queue.len(), ..Stats::default() };
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
            let running = worker.running();
            Some(WorkerInfo {
                slot,
                os_id,
                state: if running.is_some() { WorkerState::Running } else { WorkerState::Idle },
                task: running.and_then(|handed| handed.parked.packed.name().map(str::to_owned)),
                age: running.map(|handed| handed.since.elapsed()),
                completed: place.completed,
            })
        };
        roster.places.iter_mut().enumerate().filter_map(describe).collect()
    }

    /// Tasks that have run to their end.
    pub(crate) fn completed(&self) -> u64 {
        self.roster.lock().completed()
    }

    /// Tasks that shutdowns have killed so far.
    pub(crate) fn killed(&self) -> usize {
        self.roster.lock().killed
    }

    /// How many tasks were cancelled for a shutdown after it had looked, and nobody has reported.
    pub(crate) fn take_cancelled_late(&self) -> usize {
        std::mem::take(&mut self.roster.lock().cancelled_late)
    }

    /// What came of the closing so far: tasks that ran to an end since, that were cancelled, and that were killed.
    pub(crate) fn since_close(&self) -> (usize, usize, usize) {
        let roster = self.roster.lock();
        let finished = roster.completed().saturating_sub(roster.completed_before);
        (usize::try_from(finished).unwrap_or(usize::MAX), roster.cancelled, roster.killed)
    }

    /// What has not ended: queued and running.
    pub(crate) fn unfinished(&self) -> usize {
        let stats = self.stats();
        stats.queued + stats.running
    }
}
