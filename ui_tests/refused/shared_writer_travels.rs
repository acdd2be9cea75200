//! The writer of shared memory stays in its process; what is frozen travels.
use concurrent_futures::shared_memory::{SharedSlice, SharedSliceMut};
use concurrent_futures::*;

fn fill(mut numbers: SharedSliceMut<u8>) {
    numbers.fill(1);
}

fn program(executor: &dyn Executor, numbers: SharedSliceMut<u8>) {
    executor.submit(call!(fill(numbers))); //~ `SharedSliceMut<u8>` cannot cross a process boundary
}

fn main() {
    program(&InlineExecutor::new(), SharedSlice::zeroed(1).unwrap());
}
