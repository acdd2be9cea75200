//! The queues of a pool: one for what comes from outside, one for each thread.
//!
//! They are crossbeam's; under loom, which cannot see into those, a double with the same names and weaker promises.

#[cfg(concurrent_futures_loom)]
mod modelled;
#[cfg(not(concurrent_futures_loom))]
mod native;

#[cfg(concurrent_futures_loom)]
pub(super) use modelled::{Injector, Local, Stealer};
#[cfg(not(concurrent_futures_loom))]
pub(super) use native::{Injector, Local, Stealer};
