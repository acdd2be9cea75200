//! A place for one token, and one future that waits for it. The same for all runtimes, so that nothing but the runtimes
//! differs; with a plain lock, because it is hardly ever contended.

use std::future::{Future, poll_fn};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

#[derive(Default)]
struct Inside {
    token: Option<u64>,
    waiter: Option<Waker>,
}

pub(crate) struct Mailbox(Mutex<Inside>);

impl Mailbox {
    pub(crate) fn new() -> Self {
        Mailbox(Mutex::new(Inside::default()))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Nothing panics under the lock, but for memory that is exhausted.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In place of the one that is there.
    pub(crate) fn put(&self, token: u64) {
        let mut inside = self.lock();
        inside.token = Some(token);
        let waiter = inside.waiter.take();
        drop(inside);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// By one future at a time.
    pub(crate) fn take(&self) -> impl Future<Output = u64> + Send {
        poll_fn(|cx| {
            let mut inside = self.lock();
            match inside.token.take() {
                Some(token) => Poll::Ready(token),
                None => {
                    inside.waiter = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
    }
}
