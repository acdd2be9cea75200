//! Who waits on a condition holds the lock.
use concurrent_futures::threading::{Condition, Lock};

fn main() {
    let (lock, changed) = (Lock::new(0), Condition::new());
    changed.wait(&lock, None); //~ mismatched types
}
