//! Queues for threads and futures: Python's `queue`.
//!
//! # A tour
//! * [`Queue`] is first in, first out; [`LifoQueue`] last in, first out; [`PriorityQueue`] smallest first. Each has any
//!   number of producers and consumers, a bound or none, and counts what is unfinished: [`join`](Queue::join) waits
//!   until every item that was put is done.
//! * [`SimpleQueue`] has no bound, no count and no end.
//! * `put` and `get` wait, with or without a limit; `try_put` and `try_get` do not; `put_async`, `get_async` and
//!   `join_async` are for futures. All of them work on the same queue.
//! * [`Got`] is an item that somebody has taken. Dropping it says that the item is done, so that a consumer that panics
//!   keeps nobody waiting.
//! * [`shutdown`](Queue::shutdown) ends the loops of all consumers, at once or when the queue is empty.
//!
//! A queue is shared by reference (in a scope of threads, or a [`Scope`](crate::Scope) of tasks) or in an `Arc`.
//!
//! # Examples
//! A pipeline: what `numbers` gives goes through `squares`, and the end of one stage is that of the next.
//!
//! ```
//! use concurrent_futures::{ThreadPoolExecutor, queue::Queue};
//!
//! let pool = ThreadPoolExecutor::new(2)?;
//! let (numbers, squares) = (Queue::bounded(4), Queue::bounded(4));
//! let sum = pool.scope(|scope| {
//!     scope.submit(|| {
//!         for number in 1..=100_u64 {
//!             numbers.put(number, None).unwrap();
//!         }
//!         numbers.shutdown(false);
//!     });
//!     scope.submit(|| {
//!         for number in numbers.iter() {
//!             squares.put(*number * *number, None).unwrap();
//!         }
//!         squares.shutdown(false);
//!     });
//!     squares.iter().map(|square| *square).sum::<u64>()
//! });
//! assert_eq!(sum, 338_350);
//! # Ok::<(), concurrent_futures::BuildError>(())
//! ```

// Floor 4. From below: `store` is what a queue needs to hold items; `ring`, `fifo` (`in_order` is whichever of the two
// suits) and `ordered` (over a `pile`) hold them; `accounts` counts what is unfinished; `engine` waits; `kinds` and
// `simple` are the faces.

mod accounts;
mod engine;
mod error;
mod fifo;
mod got;
mod in_order;
mod kinds;
mod ordered;
mod pile;
mod ring;
mod simple;
mod store;

pub use error::{GetError, PutError, TaskDoneError};
pub use got::Got;
pub use kinds::{LifoQueue, PriorityQueue, Queue};
pub use simple::SimpleQueue;
