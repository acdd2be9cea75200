//! What executors tell about themselves.

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

/// One worker, a thread or a process: see [`ThreadPoolExecutor::workers`](crate::ThreadPoolExecutor::workers), and
/// `ProcessPoolExecutor::workers`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerInfo {
    /// Its number: 0..max_workers, and above that for threads that stand in for blocked ones.
    pub slot: usize,
    /// The system's number of its thread (Linux; `None` elsewhere), or of its process.
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
