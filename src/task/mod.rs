//! What a running task can ask about itself.
//!
//! # Examples
//! ```
//! use concurrent_futures::{SubmitOptions, ThreadPoolExecutor, task};
//!
//! let pool = ThreadPoolExecutor::new(1)?;
//! let who = pool.submit_with(SubmitOptions::new().name("probe"), || (task::name(), task::slot()));
//! assert_eq!(who.result(None)?, (Some("probe".to_string()), Some(0)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Floor 2: a task is a state with a job and a result; a future and a promise are its two ends.
//
// One allocation holds everything (`cell`). `header` is the part that is the same for every job, `waiters` who wants
// to know of the end, `run` what happens from the first step of a job to the last callback. On these stand the
// handles: `future`, `shared`, `promise`, `erased` (the executor's end), and the waits for many: `wait`,
// `as_completed`. What a *thread* does while it waits is a hook that the pool fills in (`blocking`). `wait_list` is the
// line in which threads and futures wait for what is no task: items, room, permits.

mod announcement;
mod as_completed;
mod awaited;
mod bell;
mod block_on;
mod blocking;
mod callback;
mod cancel_on_drop;
mod cell;
pub(crate) mod cells;
mod current;
mod encoded;
mod erased;
mod extras;
mod fallible;
mod frame;
mod future;
mod graph;
mod handoff;
mod header;
mod make;
mod panic;
mod promise;
mod remote;
mod residents;
mod run;
mod run_here;
mod shared;
mod spawned;
mod timer;
mod wait;
mod wait_list;
mod wait_set;
mod waiters;
mod yielding;

pub(crate) use current::with_stop_sign;
pub use current::{cancel_requested, check_cancelled, name, slot};
pub use yielding::yield_now;

// These are public at the crate's root.
#[doc(hidden)]
pub use self::{
    as_completed::{AsCompleted, AsCompletedStream, as_completed},
    blocking::blocking,
    callback::Outcome,
    cancel_on_drop::CancelOnDrop,
    erased::Task,
    future::{CancelOutcome, Future, FutureId},
    promise::{Promise, promise},
    shared::SharedFuture,
    wait::{DoneAndNotDone, ReturnWhen, wait, wait_async},
    wait_set::Waitable,
};

pub(crate) use wait_list::{Site, WaitList, Waiting, Wakes};
pub(crate) use wait_set::WaitSet;
pub(crate) use wait_set::sealed::{Sealed, Target};

pub(crate) use announcement::Announcement;
pub(crate) use awaited::Awaited;
pub(crate) use bell::Bell;
pub(crate) use block_on::block_on;
pub(crate) use blocking::{Member, Need, Pause, Place, Step, enter, with_place};
#[cfg(all(test, concurrent_futures_loom))]
pub(crate) use cell::NewCell;
pub(crate) use cell::{PortableWork, Work, value};
pub(crate) use erased::Begun;
pub(crate) use extras::{Extras, Watcher};
pub(crate) use future::{leave_waker, request_cancel};
pub(crate) use handoff::Handoff;
pub(crate) use header::{CellRef, Header, Owner};
pub(crate) use make::{make, make_portable, make_spawned};
pub(crate) use panic::{describe as panic_report, report as panic_error};
pub(crate) use promise::{Standing, named_promise};
pub(crate) use remote::{Packed, Remote, ticket};
pub(crate) use residents::Residents;
#[cfg(all(test, concurrent_futures_loom))]
pub(crate) use run::withdraw;
pub(crate) use run::{Anybody, Conclusion, Runner, cancel};
#[cfg(all(test, concurrent_futures_loom))]
pub(crate) use spawned::cell_for;
pub(crate) use spawned::{Home, Residence, is_leaving, stop};
pub(crate) use timer::{Alarm, after, expire_after};
