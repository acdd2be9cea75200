//! What a pool tells about itself.

use super::shared::Pool;
use super::slot::Slot;
use std::time::Duration;

/// What an executor has to do and who does it, at about one moment.
///
/// The counts are read one after the other while work goes on, so they need not add up exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Tasks accepted that no worker has begun, and futures that were woken and are to be polled.
    pub queued: usize,
    /// Workers that have a task, blocked ones included. (A task that is run on top of the one that waits for it is not
    /// counted again.)
    pub running: usize,
    /// Tasks in a wait that has lent its place to another.
    pub blocked: usize,
    /// Workers without a task.
    pub idle: usize,
    /// Spawned futures that wait to be woken. They have begun, and have no worker.
    pub suspended: usize,
    /// Tasks that have run to their end, by a panic too.
    pub completed: u64,
}

/// One worker: see [`ThreadPoolExecutor::workers`](crate::ThreadPoolExecutor::workers).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerInfo {
    /// Its number: 0..max_workers, and above that for threads that stand in for blocked ones.
    pub slot: usize,
    /// The system's number of its thread (Linux; `None` elsewhere).
    pub os_id: Option<u64>,
    /// What it is at.
    pub state: WorkerState,
    /// The name of its task, if that has one.
    pub task: Option<String>,
    /// For how long the task has run, to a few milliseconds.
    pub age: Option<Duration>,
    /// How many tasks the slot has completed.
    pub completed: u64,
}

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerState {
    /// It has no task.
    Idle,
    /// It runs one.
    Running,
    /// Its task is in a wait, and another thread has its place.
    Blocked,
}

impl Pool {
    pub(crate) fn stats(&self) -> Stats {
        let crew = self.crew.load();
        let mut swept = self.swept_elsewhere();
        let (mut queued, mut mail, mut running) = (self.injector.len(), 0, 0);
        for slot in self.slots() {
            swept += slot.swept();
            queued += slot.stealer.len() + usize::from(!slot.woken.is_empty());
            mail += slot.mail_len();
            running += usize::from(slot.age().is_some());
        }
        // Tasks that were cancelled, or run by whoever waited for them, stay in a queue until it is their turn.
        let left_behind = self.withdrawn().saturating_sub(swept);
        Stats {
            queued: queued.saturating_sub(usize::try_from(left_behind).unwrap_or(usize::MAX)) + mail,
            running,
            blocked: self.lock().lent(),
            idle: crew.threads().saturating_sub(running),
            suspended: self.residents.suspended(),
            completed: self.completed(),
        }
    }

    /// Tasks that have run to their end.
    pub(crate) fn completed(&self) -> u64 {
        self.slots().map(Slot::completed).sum()
    }

    pub(crate) fn workers(&self) -> Vec<WorkerInfo> {
        let occupied = self.occupied_slots();
        let describe = |(number, slot): (usize, &Slot)| {
            let age = slot.age();
            slot.now(|now| WorkerInfo {
                slot: number,
                os_id: now.os_id,
                state: match age {
                    None => WorkerState::Idle,
                    Some(_) if now.blocked => WorkerState::Blocked,
                    Some(_) => WorkerState::Running,
                },
                task: now.task.as_deref().map(str::to_owned),
                age,
                completed: slot.completed(),
            })
        };
        self.slots().enumerate().filter(|(number, _)| occupied.contains(number)).map(describe).collect()
    }
}
