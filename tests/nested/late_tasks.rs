//! Tasks that come to a scope after its owner lay down in the join. The join was told of other tasks than these; it has
//! to hear of them, or it sleeps beside work that only it can do, and in circles that nobody sees.

use crate::{parcel, pool, pool_with_spares, support};
use concurrent_futures::{Future, ReturnWhen, Scope, SharedFuture, TaskError, ThreadPoolExecutor, as_completed, wait};
use std::sync::mpsc::channel;
use support::Gate;

/// Opens a scope on a worker, and runs `late` in one of its tasks, on another one, once the owner sleeps in the join.
fn once_the_owner_joins<'env>(
    pool: &'env ThreadPoolExecutor,
    late: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) + Send + 'env,
) {
    pool.scope(|s| {
        let under_way = Gate::new();
        let announce = under_way.clone();
        drop(s.submit(move || {
            announce.open();
            support::eventually("the join sleeps", || pool.stats().blocked == 1);
            late(s);
        }));
        // On another thread: otherwise the join would run it right here.
        under_way.wait();
    });
}

type Wait = fn(&SharedFuture<u32>) -> Result<(), String>;

/// Each tells whether the wait came to its end, or why it did not.
const WAITS: [(&str, Wait); 3] = [
    ("result", |outer| match outer.result(None) {
        Ok(_) => Ok(()),
        Err(TaskError::Deadlock(chain)) => Err(chain.to_string()),
        Err(other) => panic!("neither a value nor a circle: {other}"),
    }),
    ("all", |outer| {
        let left = wait([outer], None, ReturnWhen::AllCompleted).not_done.len();
        if left == 0 { Ok(()) } else { Err("not done".to_owned()) }
    }),
    ("as completed", |outer| {
        as_completed([outer], None).try_for_each(|one| one.map(drop).map_err(|error| error.to_string()))
    }),
];

#[test]
fn a_late_task_that_waits_for_the_task_with_the_scope_is_refused() {
    let _watchdog = support::watchdog();
    for (way, wait) in WAITS {
        let pool = pool(3);
        let (to_late, inbox) = parcel::<SharedFuture<u32>>();
        let (answer, answered) = channel();
        let same = pool.clone();
        let outer = pool.submit(move || {
            once_the_owner_joins(&same, |s| drop(s.submit(move || answer.send(wait(&inbox.open())).unwrap())));
            7
        });
        let outer = outer.shared();
        to_late.send(outer.clone());
        assert_eq!(outer.result(None).copied().unwrap(), 7, "{way}: the scope ends as if nothing had been");
        assert!(answered.recv().unwrap().is_err(), "{way}");
    }
}

/// The one that closes the circle is two steps away from the scope.
#[test]
fn a_late_circle_through_another_pool_is_refused() {
    let _watchdog = support::watchdog();
    let (pool, other) = (pool(3), pool(1));
    let (to_far, inbox) = parcel::<SharedFuture<u32>>();
    let (same, there) = (pool.clone(), other.clone());
    let (answer, answered) = channel();
    let outer = pool.submit(move || {
        once_the_owner_joins(&same, |s| {
            drop(s.submit(move || {
                let far = there.submit(move || inbox.open().result(None).copied());
                answer.send(far.result(None)).unwrap();
            }));
        });
        7
    });
    let outer = outer.shared();
    to_far.send(outer.clone());
    assert_eq!(outer.result(None).copied().unwrap(), 7);
    let answer = answered.recv().unwrap();
    let refused = |outcome: &Result<u32, TaskError>| matches!(outcome, Err(TaskError::Deadlock(_)));
    let far_or_near = answer.as_ref().map_or_else(TaskError::is_deadlock, refused);
    assert!(far_or_near, "{answer:?}");
}

/// Two workers and no spare: one joins, the other gets a task that waits for a scoped one that came late. Only the one
/// that joins can run that.
#[test]
fn the_owner_runs_what_comes_late() {
    let _watchdog = support::watchdog();
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::AllCompleted] {
        let pool = pool_with_spares(2, 0);
        let (same, waits_in) = (pool.clone(), pool.clone());
        let (to_waiter, inbox) = parcel::<Future<u32>>();
        let (answer, answered) = channel();
        let outer = pool.submit(move || {
            once_the_owner_joins(&same, |s| {
                drop(waits_in.submit(move || {
                    let late = inbox.open();
                    answer.send(wait([&late], None, when).done.len()).unwrap();
                }));
                // Both are queued by the time this thread takes the first of them.
                to_waiter.send(s.submit(|| 7));
            });
        });
        outer.result(None).unwrap();
        assert_eq!(answered.recv().unwrap(), 1, "{when:?}");
    }
}
