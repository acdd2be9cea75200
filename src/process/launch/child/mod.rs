//! The worker's side: from before `main` to its end.
//!
//! 1. A constructor (`constructor`) looks for the marker, which costs a program that is no worker one look into its
//!    environment. Where the constructor cannot do the rest, [`init`] does it.
//! 2. `recognise`: only marker, socket and nonce together make a worker.
//! 3. `start`: the answer, the setup, the constructors that come later, signals, limits; then the service on a thread.
//! 4. `watch`: meanwhile the main thread waits for the parent's death and for the service's end.

mod constructor;
mod recognise;
mod start;
mod watch;

pub use constructor::init;
pub(super) use constructor::{copy, has_entry};
pub(in crate::process) use start::Context;
