//! A lock that belongs to a thread is released by that thread.
use concurrent_futures::threading::{RLock, Thread};

static LOCK: RLock<u32> = RLock::new(1);

fn main() {
    let guard = LOCK.acquire(None).ok();
    Thread::new(move || drop(guard)).start().ok(); //~ cannot be sent between threads safely
}
