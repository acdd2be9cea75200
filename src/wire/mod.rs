//! Floor 1: what a job is, and which jobs can leave the address space.
//!
//! Anything that is `FnOnce() -> T + Send + 'static` is a job. A *portable* job is a function without captures plus
//! arguments that serde can carry: [`call!`](crate::call) and [`task!`](crate::task!) make one, and refuse hidden
//! captures while the program is being checked.

#[cfg(all(feature = "processes", target_os = "linux"))]
pub(crate) mod attachments;
mod call;
mod job;
mod macros;
mod portable;

pub use call::{Call, Function};
pub use job::Job;
pub use portable::{Code, Portable, PortableError, PortableJob};

#[doc(hidden)]
pub use call::make_call;
#[doc(hidden)]
pub use macros::{argument, infer};
