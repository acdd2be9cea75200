//! Floor 2: the ring: how tasks get to one worker process, and their results back, in a fraction of a microsecond.
//!
//! `layout` says where in the two pieces of memory each word stands, `medium` what a ring stands on, and `mapped` is
//! the medium that ships: sealed memory, a futex, an event descriptor. [`Sender`] is the parent's side, [`Watch`] what
//! a thread of the parent does while it waits for one result, and [`Receiver`] is the worker's side. The words and
//! their protocol are floor 1's, in [`crate::state::ring`], and are told of there.
//!
//! The ring carries tasks and results that fit into it. What does not goes another way, which is the callers' own; the
//! ring carries its number.

#[cfg(all(feature = "internals", not(concurrent_futures_loom)))]
pub(crate) mod bench;
mod damage;
#[cfg(all(feature = "conformance", not(concurrent_futures_loom)))]
pub(crate) mod fuzz;
#[cfg(test)]
mod heap;
mod layout;
#[cfg(not(concurrent_futures_loom))]
mod mapped;
mod medium;
mod receiver;
mod results;
mod sender;
#[cfg(not(concurrent_futures_loom))]
mod sys;
mod watch;

#[cfg(all(test, not(concurrent_futures_loom)))]
#[path = "../../tests/ring/mod.rs"]
mod tests;

pub(crate) use damage::Damage;
#[cfg(test)]
pub(crate) use heap::Heap;
pub(crate) use layout::{Layout, Sizes, Ticket};
#[cfg(not(concurrent_futures_loom))]
pub(crate) use mapped::{Descriptors, Mapped, spinning_may_pay};
pub(crate) use medium::{Medium, Ring};
pub(crate) use receiver::{Next, Receiver, Running};
pub(crate) use results::{Items, Progress, TaskBytes};
pub(crate) use sender::{NoRoom, Sender, State};
#[cfg(not(concurrent_futures_loom))]
pub(crate) use sys::bell;
pub(crate) use watch::{Watch, Watched};
