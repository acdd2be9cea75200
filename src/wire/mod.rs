//! Floor 1: what a job is, and which jobs can leave the address space.
//!
//! Anything that is `FnOnce() -> T + Send + 'static` is a job. A *portable* job is a function without captures plus
//! arguments that serde can carry: [`call!`](crate::call) and [`task!`](crate::task!) make one, and refuse hidden
//! captures while the program is being checked.

#[cfg(all(feature = "processes", target_os = "linux"))]
pub(crate) mod attachments;
mod call;
mod codec;
mod entry;
mod format;
mod frames;
#[cfg(all(feature = "conformance", feature = "processes", target_os = "linux", not(concurrent_futures_loom)))]
pub(crate) mod fuzz;
mod job;
mod macros;
mod parcel;
mod portable;
pub(crate) mod sized;
mod state_call;
mod sys;

pub use call::{Call, Function};
pub use job::Job;
pub use portable::{Code, Portable, PortableError, PortableJob};

pub(crate) use codec::{CodecError, decode, decoding_panicked, encode, encoding_panicked, read, write};
pub(crate) use entry::{CodeMap, Entry, Host, Invocation, ItemOutcome, MAGIC, MAKER_MAGIC, Maker, Place, run_item};
pub(crate) use frames::{Survey, append_cancelled, append_codec, append_panic, append_value};
pub(crate) use parcel::{Beside, Encoded, Frames, Parcel, Segment, ValueBytes, Whole};

#[doc(hidden)]
pub use call::make_call;
#[doc(hidden)]
pub use macros::{argument, infer};
#[doc(hidden)]
pub use state_call::make_state_call;
pub use state_call::{StateCall, StateFunction};
