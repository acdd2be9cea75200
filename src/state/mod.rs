//! Floor 1: every atomic word of the crate and its transitions, and nothing else.
//!
//! Each file is one word, or two that belong together: its vocabulary, what may follow what, and why no wake-up or
//! reference is lost. (`word` is the vocabulary of `lifecycle`.) The other floors call transitions and act on their
//! answers; none of them touches an atomic of these by itself.

mod crew;
mod ends;
mod lifecycle;
mod packing;
mod polling;
mod returns;
#[cfg(all(feature = "processes", target_os = "linux"))]
pub(crate) mod ring;
mod tally;
mod word;

pub(crate) use crew::{Crew, MAX_THREADS, Roll};
pub(crate) use ends::Turn;
pub(crate) use lifecycle::Lifecycle;
pub(crate) use packing::{Fate, Left, Packing};
pub(crate) use polling::{Polling, Stop, Stopping, Suspend};
pub(crate) use returns::{Chain, MAX_BYTES, MAX_CELLS, Place, Returns, Seen};
pub(crate) use tally::{Finish, Tally};
pub(crate) use word::{Begin, Birth, Borrow, Cancel, Detach, Ending, Quiet, Release, Snapshot, Take};
