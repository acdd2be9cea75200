//! What can go wrong in a worker, or on the way to it and back: the one future has the error that says so, and every
//! other task has its value.
//!
//! Tests that count what the whole process has, or change it, run in a process of their own, which this file starts
//! from itself. `cargo test --test faults table -- --nocapture` prints what dies, what the future says, and what the
//! others notice.
#![cfg(all(feature = "processes", target_os = "linux", not(miri)))]

mod kit;
mod support;

#[path = "faults/chunks.rs"]
mod chunks;
#[path = "faults/crowded.rs"]
mod crowded;
#[path = "faults/deaths.rs"]
mod deaths;
#[path = "faults/handing.rs"]
mod handing;
#[path = "faults/hosts.rs"]
mod hosts;
#[path = "faults/killed.rs"]
mod killed;
#[path = "faults/leaks.rs"]
mod leaks;
#[path = "faults/limits.rs"]
mod limits;
#[path = "faults/orphans.rs"]
mod orphans;
#[path = "faults/scene.rs"]
mod scene;
#[path = "faults/telling.rs"]
mod telling;
#[path = "faults/timing.rs"]
mod timing;
#[path = "faults/values.rs"]
mod values;
