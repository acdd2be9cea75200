//! A scope's join against its tasks.

use super::bounded;
use super::pool::{pool, shut_down};
use crate::executor::on_pool;
use crate::sync::{AtomicUsize, Ordering};

/// Would show: a scope that returns while a task still borrows, or one that is not told of the last task's end.
#[test]
fn join_against_the_last_task() {
    bounded(2, || {
        let pool = pool(1, 0);
        let count = AtomicUsize::new(0);
        on_pool::scope(&pool, |scope| {
            drop(scope.submit(|| count.fetch_add(1, Ordering::AcqRel)));
        });
        assert_eq!(count.load(Ordering::Acquire), 1);
        shut_down(&pool);
    });
}
