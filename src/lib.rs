//! Python's `concurrent.futures` for Rust: one small API to run a function somewhere else, and a [`Future`] that can be
//! waited for with a timeout, awaited, polled, cancelled and collected.
//!
//! # A tour
//! * [`ThreadPoolExecutor`] runs closures on threads, `ProcessPoolExecutor` (on Linux) portable jobs in processes that
//!   can be lost; [`InlineExecutor`] and [`ManualExecutor`] run them here, for tests. Libraries take
//!   [`&dyn Executor`](Executor) and let their callers choose.
//! * [`Future`] is what a submit gives; [`wait`] and [`as_completed`] are for many of them, [`SharedFuture`] is for
//!   many readers, [`promise`] makes one by hand.
//! * [`Map`] is a function over many inputs: in order or not, in chunks, with limits.
//! * [`Scope`] is for tasks that borrow, [`Guard`] and [`Shutdown`] for the end.
//! * [`call!`] and [`task!`] make jobs that can run in another process; they refuse hidden captures.
//! * [`queue`] has Python's queues, for producers and consumers.
//! * [`threading`] has threads that are waited for at the end of the process, and what threads and futures wait on.
//! * `shared_memory` (on Linux) is for large data that such jobs carry without copying it.
//! * [`mod@task`] is what a running task can ask about itself, [`blocking`] what it says before it blocks.
//!
//! Whatever goes wrong is a [`TaskError`].
#![doc = include_str!("../README.md")]
#![deny(missing_docs, unreachable_pub)]
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]
#![deny(clippy::allow_attributes)]
// Dead code is looked for where everything is compiled; the floors below have parts that worker processes alone use.
#![cfg_attr(
    any(concurrent_futures_loom, not(all(feature = "processes", target_os = "linux"))),
    expect(dead_code, unused_imports, reason = "the engine of worker processes is not compiled in")
)]

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod executor;
#[cfg(all(feature = "processes", target_os = "linux"))]
mod memfd;
mod pool;
#[cfg(all(feature = "processes", target_os = "linux", not(concurrent_futures_loom)))]
mod process;
pub mod queue;
mod report;
#[cfg(all(feature = "processes", target_os = "linux"))]
mod ring;
#[cfg(all(feature = "processes", target_os = "linux"))]
pub mod shared_memory;
mod state;
mod sync;
pub mod task;
pub mod threading;
mod wire;

#[cfg(all(test, concurrent_futures_loom))]
#[path = "../loom_tests/models/mod.rs"]
mod models;

#[doc(inline)]
pub use crate::error::{BuildError, DeathReport, PanicReport, RejectReason, Rejected, TaskError, WaitTimedOut};
#[doc(inline)]
pub use crate::executor::{
    Executor, ExecutorExt, Guard, InProcessExecutor, InProcessExt, InlineExecutor, ManualExecutor, Map, MapIter,
    MapStream, Progress, Scope, ScopeOptions, ScopePolicy, Shutdown, ShutdownReport, SubmitOptions, ThreadPoolBuilder,
    ThreadPoolExecutor,
};
#[cfg(all(feature = "processes", target_os = "linux", not(concurrent_futures_loom)))]
#[doc(inline)]
pub use crate::executor::{ProcessPoolBuilder, ProcessPoolExecutor, WorkerStdio};
#[cfg(all(feature = "processes", target_os = "linux", not(concurrent_futures_loom)))]
#[doc(inline)]
pub use crate::process::init;
#[doc(inline)]
pub use crate::report::{Stats, WorkerInfo, WorkerState};
#[doc(inline)]
pub use crate::task::{
    AsCompleted, AsCompletedStream, CancelOnDrop, CancelOutcome, DoneAndNotDone, Future, FutureId, Outcome, Promise,
    ReturnWhen, SharedFuture, Task, Waitable, as_completed, blocking, promise, wait, wait_async,
};
#[doc(inline)]
pub use crate::wire::{Call, Code, Function, Job, Portable, PortableError, PortableJob, StateCall, StateFunction};

/// What generic code imports. `Future` is not in it: it would hide std's.
pub mod prelude {
    pub use crate::{Executor, ExecutorExt, InProcessExecutor, InProcessExt, call, task};
}

/// What the macros expand to, and what tries out the parts that are not public.
#[doc(hidden)]
pub mod __private {
    #[cfg(all(feature = "conformance", feature = "processes", target_os = "linux", not(concurrent_futures_loom)))]
    pub use crate::process::trial;

    /// Bytes that nobody has written, for whoever reads what comes from workers: each says whether it understood any.
    #[cfg(all(feature = "conformance", feature = "processes", target_os = "linux", not(concurrent_futures_loom)))]
    pub mod fuzz {
        pub use crate::executor::fuzz::chunks;
        pub use crate::process::fuzz::{envelopes, mail, starts, words};
        pub use crate::ring::fuzz::board;
        pub use crate::shared_memory::fuzz::handles;
        pub use crate::wire::fuzz::frames;
    }
    pub use crate::wire::{argument, infer, make_call, make_state_call};
}

/// For this workspace's benches alone: no part of the API.
#[cfg(all(feature = "internals", feature = "processes", target_os = "linux", not(concurrent_futures_loom)))]
#[doc(hidden)]
pub mod __internals {
    pub use crate::ring::bench::{Parent, Shared, serve};
}
