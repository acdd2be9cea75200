//! Floor 0: the one switch between std and loom.
//!
//! Every atomic, lock and thread of the crate comes from here, so that the models in `loom_tests` check the code
//! that ships. clippy's disallowed lists keep std's own names out of the other floors.
//!
//! What loom cannot do is modelled here, once: it has no timed waits (a timed wait gives up its turn and then counts
//! as expired, which explores both outcomes), and its thread-locals have no const constructors.

#[cfg(concurrent_futures_loom)]
mod modelled;
#[cfg(not(concurrent_futures_loom))]
mod native;

#[cfg(concurrent_futures_loom)]
use modelled as chosen;
#[cfg(not(concurrent_futures_loom))]
use native as chosen;

mod contain;
mod deadline;
mod latch;
mod patience;
mod signal;
mod stand_by;

pub(crate) use chosen::{
    Access, AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Condvar, JoinHandle, Latch, Mutex, MutexGuard, Thread,
    allocate, const_fn, deallocate, fence, give_way, global, processors, spawn_thread, spin, spin_hint, thread_local,
};
#[cfg(all(feature = "processes", target_os = "linux"))]
pub(crate) use chosen::{AtomicU32, spin_for};
pub(crate) use contain::{Payload, contain, drop_contained};
pub(crate) use deadline::Deadline;
pub(crate) use latch::Latch as SpinningLatch;
pub(crate) use patience::{Experience, Patience};
pub(crate) use signal::{Parker, Unparker};
pub(crate) use stand_by::stand_by;
pub(crate) use std::sync::atomic::Ordering;
