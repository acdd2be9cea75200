//! Floor 3: worker processes.
//!
//! `launch` is how one comes into being and how it ends, `serve` what it does in between, and `pool` is the engine in
//! the parent that has many of them. What the two sides say to each other is `envelope` (a task), `words` (the rest),
//! and `post` (what goes with descriptors); tasks and results themselves go through the [`ring`](crate::ring). `code` is
//! how functions are named, since every process has them at other addresses.
//!
//! All system calls are in `sys`.

mod bundle;
mod code;
mod envelope;
#[cfg(feature = "conformance")]
pub(crate) mod fuzz;
mod launch;
mod pool;
mod post;
mod serve;
mod sys;
mod words;

pub(crate) use launch::{Input, Output, Program, Settings};
pub(crate) use pool::{Config, ProcessPool};
pub(crate) use words::Initializer;

pub use launch::init;
#[cfg(feature = "conformance")]
pub use launch::trial;

#[cfg(any(test, feature = "conformance"))]
pub(crate) use serve::{Courier, Received, run as run_received};
