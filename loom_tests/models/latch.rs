//! The lock that spins: one at a time, and each sees what the one before it did.

use super::exhaustively;
use crate::sync::SpinningLatch;
use loom::thread;
use std::sync::Arc;

/// Would show: two who have it at once, or a change that the next one does not see.
#[test]
fn two_who_count() {
    exhaustively(|| {
        let latch = Arc::new(SpinningLatch::new(0));
        let other = Arc::clone(&latch);
        let counter = thread::spawn(move || *other.lock() += 1);
        *latch.lock() += 1;
        counter.join().unwrap();
        assert_eq!(*latch.lock(), 2);
    });
}
