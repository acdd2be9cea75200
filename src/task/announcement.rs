//! Something that happens once, and that any number of people may await.

use super::promise::{Promise, promise};
use super::shared::SharedFuture;

/// Nobody has asked for it yet, or somebody has. Guarded by its owner's lock.
#[derive(Default)]
pub(crate) struct Announcement {
    promise: Option<Promise<()>>,
    future: Option<SharedFuture<()>>,
}

impl Announcement {
    /// Ready once it has been made.
    pub(crate) fn future(&mut self) -> SharedFuture<()> {
        let Announcement { promise: ours, future } = self;
        let known = future.get_or_insert_with(|| {
            let (promise, future) = promise();
            *ours = Some(promise);
            future.shared()
        });
        known.clone()
    }

    /// The right to make it, which is to be used outside of the lock, because that wakes people; `None` if nobody has
    /// asked for it, or it was made.
    pub(crate) fn take(&mut self) -> Option<Promise<()>> {
        self.promise.take()
    }
}
