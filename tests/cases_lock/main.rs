//! Locks, events, conditions, semaphores and barriers, after CPython's `lock_tests.py`: each as what blocks, with limits,
//! and as what is awaited, on the same object.
//!
//! Not here, because Rust has nothing like it: weak references to locks (in 261), the arguments that make no sense
//! together (in 265), forks (269). What Python refuses at run time does not compile: a release without an acquire or by
//! another thread (in 270, 272), and a wait or a notification without the lock (277; a notification without it is fine).

#[path = "../support/mod.rs"]
mod support;

mod barriers;
mod conditions;
mod events;
mod locals;
mod locks;
mod on_a_pool;
mod semaphores;

use concurrent_futures::threading::{Thread, ThreadHandle, TimedOut};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const SOON: Duration = Duration::from_millis(20);

/// So many threads that do the same.
pub(crate) fn bunch<T: Send + 'static>(
    count: usize,
    body: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<ThreadHandle<T>> {
    let body = Arc::new(body);
    let start = |number| {
        let body = Arc::clone(&body);
        Thread::new(move || body(number)).start().unwrap()
    };
    (0..count).map(start).collect()
}

pub(crate) fn join<T>(threads: Vec<ThreadHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join(None).unwrap()).collect()
}

/// It takes at least so long, and fails.
pub(crate) fn times_out<T>(wait: impl FnOnce(Duration) -> Result<T, TimedOut>) {
    let began = Instant::now();
    assert_eq!(wait(SOON).err(), Some(TimedOut));
    assert!(began.elapsed() >= SOON);
}
