//! How a worker process begins, and how it ends.
//!
//! A worker is this same program, executed once more (`spawn`, `program`). Before its `main`, a constructor recognises
//! what it is (`child`) and never comes back: the worker sets itself up as it is told (`marker`, `message`,
//! `handshake`), runs a function of the parent's choice on a thread of its own, and watches over its parent meanwhile.
//! Functions and constants are named by where they are in their object (`identity`). `exit` is how a worker ends and
//! what the parent learns of it; `forked` is whether this process is the one that had workers.

mod child;
mod exit;
mod forked;
#[cfg(feature = "conformance")]
pub(in crate::process) mod fuzz;
mod handshake;
mod identity;
mod marker;
mod message;
mod program;
mod spawn;
#[cfg(feature = "conformance")]
pub mod trial;

pub use child::init;
pub(crate) use program::Program;
pub(crate) use spawn::{Input, Output, Settings};

pub(in crate::process) use child::Context;
pub(in crate::process) use exit::Process;
pub(in crate::process) use forked::Origin;
pub(in crate::process) use handshake::{Handshake, Progress};
pub(in crate::process) use identity::{Expected, Location, ObjectId, locate, resolve};
pub(in crate::process) use message::{LARGEST_CONFIG, LONGEST, LastWords};
pub(in crate::process) use spawn::{LaunchError, Newborn, says_out_of_memory, spawn};
