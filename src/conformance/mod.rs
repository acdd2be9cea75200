//! The rules that every [`Executor`](crate::Executor) keeps, as checks that can be run on yours.
//!
//! A [`Subject`] says how to make one of your executors and how it runs its tasks. [`run_all`] then tries every rule
//! that applies and panics with a list of those that were broken; [`checks`] has them one by one, for a harness that
//! shows each as a test of its own. Each check makes its own executor, lives in the module of its group, and has the
//! rule as its documentation.
//!
//! Nearly all checks send portable jobs only, so they fit executors that run elsewhere as well (files in the temporary
//! directory serve as signals and counters). Those of [`scope`], and those of [`memory`] and [`reentry`] whose jobs take
//! along what cannot leave the process, are for [`InProcessExecutor`](crate::InProcessExecutor)s. The report says which
//! were not tried.
//!
//! Every wait has a limit ([`Subject::patience`]): a wrong engine fails and does not hang. Some jobs panic on purpose,
//! on threads of your engine, and the panic hook reports that.
//!
//! # Examples
//! ```
//! use concurrent_futures::conformance::{self, Runs, Subject};
//! use concurrent_futures::{InlineExecutor, ThreadPoolExecutor};
//!
//! // An executor with threads of its own, which takes closures.
//! let threads = Subject::in_process(|| ThreadPoolExecutor::new(2).expect("two is a good size")).nested_waits();
//! # let threads = threads.patience(std::time::Duration::from_secs(60));
//! println!("{}", conformance::run_all(&threads));
//!
//! // One that runs its tasks inside `submit`: what cannot be tried there is skipped, and the report says so.
//! let inline = Subject::in_process(InlineExecutor::new).runs(Runs::AtSubmit).nested_waits();
//! let report = conformance::run_all(&inline);
//! assert!(report.skipped.iter().any(|(check, _)| check.name() == "a_pending_task_can_be_cancelled"));
//! ```
//!
//! As tests of their own, one for each check:
//! ```
//! use concurrent_futures::conformance::{self, Runs, Subject};
//!
//! let subject = Subject::in_process(concurrent_futures::ManualExecutor::new).runs(Runs::WhenStepped);
//! for check in conformance::checks().filter(|check| check.group() == "submit") {
//!     println!("{}: {}", check.name(), check.rule());
//!     check.run(&subject);
//! }
//! ```
#![expect(unsafe_code, reason = "what `call!` and `task!` expand to, which only inside this crate counts as its own")]
#![expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "`call!` expands to one, which clippy sees in the macro's own crate"
)]

/// A function of the module that this stands in, as a [`Check`] with its rule.
macro_rules! check {
    ($name:ident, $rule:literal) => {
        crate::conformance::Check::new(GROUP, stringify!($name), $rule, $name)
    };
}

// The crate's own macros, as its users write them: by name alone.
macro_rules! call {
    ($($call:tt)*) => {
        $crate::call!($($call)*)
    };
}
macro_rules! futures {
    ($($futures:tt)*) => {
        $crate::futures!($($futures)*)
    };
}

mod bench;
mod check;
mod signal;
mod specimen;
mod subject;

pub mod callbacks;
pub mod cancel;
pub mod futures;
pub mod map;
pub mod map_ends;
pub mod memory;
pub mod panics;
pub mod reentry;
pub mod scope;
pub mod shutdown;
pub mod submit;
pub mod waits;
pub mod workers;

pub use bench::Bench;
pub use check::{Check, Report, Verdict, run_all, run_group};
pub use subject::{Runs, Subject};

/// All checks: the order is that of the groups in the report.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    let groups: [&'static [Check]; 13] = [
        submit::CHECKS,
        futures::CHECKS,
        panics::CHECKS,
        cancel::CHECKS,
        callbacks::CHECKS,
        waits::CHECKS,
        map::CHECKS,
        map_ends::CHECKS,
        shutdown::CHECKS,
        workers::CHECKS,
        memory::CHECKS,
        reentry::CHECKS,
        scope::CHECKS,
    ];
    groups.into_iter().flatten()
}
