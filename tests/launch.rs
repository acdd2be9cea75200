//! Single worker processes, by hand: that they begin wherever a program runs, never run its `main`, and end whatever
//! happens to them and to their parent.
//!
//! Tests that change the whole process, or end it, run in a process of their own, which this file starts from itself.
#![cfg(all(feature = "processes", target_os = "linux", not(miri)))]

#[path = "launch/beginning.rs"]
mod beginning;
#[path = "launch/deaths.rs"]
mod deaths;
#[path = "launch/disguises.rs"]
mod disguises;
#[path = "launch/ending.rs"]
mod ending;
#[path = "launch/hosts.rs"]
mod hosts;
#[path = "launch/orphans.rs"]
mod orphans;
#[path = "launch/program.rs"]
mod program;
mod support;
