//! The engine of a pool of worker processes, in the parent.
//!
//! A submit packs its task and queues it (`shared`), and hands out what workers want (`handing`, `worker`); one lock
//! guards all of that (`roster`). One thread, the `supervisor`, listens to the workers: it takes what has ended, looks
//! after their processes (`ward`), and starts new ones. `findings` is what it comes to under the lock and does outside
//! of it; `death` is what becomes of a worker's tasks when it is over. Who waits for a task may look out for its end
//! himself for a moment (`reach`). What foreign code is to be told is told on a thread of its own (`notify`), and what
//! workers write to their standard error is passed on by another (`echo`, `tail`).

mod closing;
mod death;
mod echo;
mod findings;
mod handing;
mod notify;
mod parked;
mod reach;
mod report;
mod roster;
mod shared;
mod supervisor;
mod tail;
mod ward;
mod worker;

pub(crate) use shared::{Config, ProcessPool};
