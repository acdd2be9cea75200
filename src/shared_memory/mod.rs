//! Floor 4: slices in memory that processes share (Linux, feature `processes`).
//!
//! Large plain data is made once and then passed as a handle: in the arguments of [`call!`](crate::call), in the list of
//! [`task!`](crate::task!), in results. Whoever receives it maps the same memory; nothing is copied.
//!
//! * [`SharedSlice`] is for reading. Everybody may have one, in every process, and none can change it.
//! * [`SharedSliceMut`] is for writing. There is one owner; [`freeze`](SharedSliceMut::freeze) makes a `SharedSlice` of it.
//! * [`SharedBytes`] are a slice of bytes, with [`from_reader`](SharedBytes::from_reader).
//! * [`Plain`] says what the elements can be.
//!
//! Everything that works on a slice works on these: iterators, `bytemuck::cast_slice`, the views of `ndarray`
//! (`ArrayView2::from_shape((rows, columns), &shared)`).
//!
//! # How long it lives
//! Exactly as long as its handles, in whichever process: there is no name to unlink, and nothing is left when a process
//! is killed. That is where Python's `multiprocessing.shared_memory` differs: a block there has a name, must be closed
//! in each process and unlinked in one, and a tracker process looks after what was forgotten.
//!
//! # What can go wrong, and what cannot
//! In Python every process can write to a block at any time. Here the kernel seals the memory before anybody else sees
//! it, and whoever receives it checks the seals, so that a reader is safe whatever another process does: the elements
//! cannot change under it, and the memory cannot go away. The contents are bits that mean something in any case, because
//! of [`Plain`]. What can fail is making a slice, by an [`io::Error`](std::io::Error) that names the size and says what
//! to do.
//!
//! A program that uses shared memory on Linux and goes without elsewhere asks `#[cfg(target_os = "linux")]`: on other
//! systems this module does not exist.
//!
//! # Examples
//! ```
//! use concurrent_futures::{ThreadPoolExecutor, shared_memory::SharedSlice, task};
//!
//! let mut table = SharedSlice::<f64>::zeroed(1_000_000)?;
//! table[7] = 0.5;
//! let table = table.freeze()?;
//!
//! let pool = ThreadPoolExecutor::new(2)?;
//! let sums = [0, 1].map(|half| {
//!     let table = table.clone();
//!     pool.submit(task!([table, half] => table[half * 500_000..][..500_000].iter().sum::<f64>()))
//! });
//! assert_eq!(sums[0].result(None)? + sums[1].result(None)?, 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod element;
#[cfg(all(feature = "conformance", not(concurrent_futures_loom)))]
pub(crate) mod fuzz;
mod slice;
mod travel;
mod writer;

pub use element::Plain;
pub use slice::{SharedBytes, SharedSlice};
pub use writer::{FreezeError, SharedSliceMut};
