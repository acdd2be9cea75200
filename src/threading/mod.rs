//! Python's `threading`: threads that the end of the process waits for, or does not, and what they wait on.
//!
//! # A tour
//! * [`Thread`] is asked to be something and then started; [`ThreadHandle`] is the running one, with its result.
//!   [`ThreadRef`] is any thread: [`current`], [`main_thread`], and all of them by [`enumerate`]. [`Timer`] is one that
//!   waits first.
//! * [`Event`], [`Semaphore`], [`BoundedSemaphore`], [`Barrier`], [`Lock`] and [`Condition`]: waits have limits, or can
//!   be awaited, on the same object. A pool's worker that blocks on one lends its place. [`RLock`] belongs to a thread.
//! * [`Local`] has a value for each thread.
//! * [`set_excepthook`] hears of threads that a panic has ended.
//!
//! None of these is poisoned by a panic. Limits are a `Duration`, an `Option<Duration>`, or `None` for no limit.
//!
//! # The end of the process
//! As in Python, the process waits at its end until all threads that are no daemons have come to theirs, with their
//! thread-locals; daemons are ended where they are. (Threads of std's are always ended.) Seen with programs that did each
//! of these:
//!
//! | the process ends by | a thread that is no daemon | a daemon | started by a thread, no daemon |
//! |---|---|---|---|
//! | `main` returns | ends first; status 0 | is ended; status 0 | ends first; status 0 |
//! | a panic in `main` | ends first; status 101 | is ended; status 101 | ends first; status 101 |
//! | `exit(3)`, in `main` or in another thread | ends first; status 3 | is ended; status 3 | ends first; status 3 |
//!
//! * Threads that are started while the process waits are waited for too, until there are none left; after that a start
//!   is an error.
//! * A thread that calls `std::process::exit` does not wait for itself. Whoever joins it, or `main` after its return,
//!   goes on: to them it is at its end.
//! * If a second thread calls `exit` meanwhile, daemon or not, or `main` returns, the first one's status counts, and the
//!   second counts as ended. (It sleeps in `pause(2)` from then on, and that is how it is found, within seconds. A thread
//!   that waits for signals in that way, when nothing but the end of the process is left to wait for, is taken for one.
//!   Who calls C's `exit` directly twice at once is on their own.)
//! * A thread that calls `exit` gives nothing back: if it holds a lock, or is the party of a barrier, or calls it from a
//!   callback of a future, that one of the others needs to come to its end, neither ends. (The first one lends its place,
//!   if it is a worker of a pool.) Leaving `main` by return has no such trap.
//! * `std::process::abort`, C's `_exit` and deadly signals wait for nobody; Ctrl-C ends the waiting.
//! * A process that was forked off has no threads, and waits for none.
//! * On Windows `std::process::exit` ends the other threads before anybody could wait for them; a return from `main`
//!   waits. Where there is no C library with exit handlers, nobody waits.

// On floor 4. A thread (`thread`) enters the list (`registry`) and runs; what it leaves behind when it ends is told by
// `presence`. `exit` waits for the list. The primitives stand on `task`'s line of waiters; `permits` is what semaphores
// and locks have in common. `sys` is what the system is asked.

mod barrier;
mod condition;
mod error;
mod event;
mod excepthook;
mod exit;
mod handle;
mod ident;
mod local;
mod lock;
mod permits;
mod presence;
mod registry;
mod rlock;
mod semaphore;
mod sys;
mod thread;
mod thread_ref;
mod timer;

pub use barrier::Barrier;
pub use condition::Condition;
pub use error::{BrokenBarrier, TimedOut, TooManyReleases};
pub use event::Event;
pub use excepthook::{ExceptHook, ExceptHookArgs, set_excepthook, take_excepthook};
pub use handle::ThreadHandle;
pub use local::Local;
pub use lock::{Lock, LockGuard};
pub use presence::current;
pub use registry::{active_count, enumerate, main_thread};
pub use rlock::{RLock, RLockGuard};
pub use semaphore::{BoundedSemaphore, Permit, Semaphore};
pub use thread::Thread;
pub use thread_ref::ThreadRef;
pub use timer::{Timer, TimerHandle};
