//! What runs functions in other processes: this crate's pool and its peers.

mod ours;
mod procspawn;
mod python;

pub(crate) use ours::Ours;
pub(crate) use procspawn::Procspawn;
pub(crate) use python::Python;

use rustix::process::{Signal, getpid, kill_process};
use std::hint::black_box;

/// What a worker does with a number.
pub(crate) fn trivial(number: u64) -> u64 {
    black_box(number)
}

/// What a worker does that comes to a violent end.
fn kill_itself() {
    // What cannot be signalled goes on, which whoever waits for its end finds out.
    let _ = kill_process(getpid(), Signal::KILL);
}
