//! How many tasks run at once when threads come and go that stand in for waiting ones: those that are one too many
//! begin nothing, and a look that does not wait calls for none.

use crate::{pool, support};
use concurrent_futures::{Future, ReturnWhen, Shutdown, ThreadPoolExecutor, as_completed, blocking, wait};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

/// Counts who is inside of it at once.
#[derive(Clone, Default)]
struct Room(Arc<(AtomicUsize, AtomicUsize)>);

impl Room {
    /// Stays for long enough that anybody else who may come in does.
    fn visit(&self) {
        let (inside, most) = &*self.0;
        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        (0..2_000).for_each(|_| std::thread::yield_now());
        inside.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

/// A pool of one worker with so many threads asleep that stood in for it.
fn pool_with_sleeping_spares(spares: usize) -> ThreadPoolExecutor {
    let pool = pool(1);
    let all_blocked = Arc::new(Barrier::new(spares));
    let blocked: Vec<Future<()>> = (0..spares)
        .map(|_| {
            let all_blocked = Arc::clone(&all_blocked);
            pool.submit(move || {
                blocking(|| all_blocked.wait());
            })
        })
        .collect();
    blocked.iter().for_each(|future| future.result(None).unwrap());
    assert!(pool.workers().len() >= spares, "{:?}", pool.workers());
    pool
}

#[test]
fn a_shutdown_does_not_call_surplus_threads_to_work() {
    let _watchdog = support::watchdog();
    for how in [Shutdown::wait(), Shutdown::no_wait()] {
        let pool = pool_with_sleeping_spares(5);
        let (room, order) = (Room::default(), Arc::new(Mutex::new(Vec::new())));
        let queued: Vec<Future<()>> = (0..8)
            .map(|number| {
                let (room, order) = (room.clone(), Arc::clone(&order));
                pool.submit(move || {
                    order.lock().unwrap().push(number);
                    room.visit();
                })
            })
            .collect();
        pool.shutdown(how.clone());
        queued.iter().for_each(|future| future.result(None).unwrap());
        assert_eq!(room.most(), 1, "{how:?}: tasks at once in a pool of one worker");
        assert!(order.lock().unwrap().is_sorted(), "{how:?}: {order:?}");
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    }
}

/// What is past its limit already is a look.
#[test]
fn a_look_at_others_neither_lends_the_place_nor_starts_a_thread() {
    type Look = fn(&Future<()>);
    let _watchdog = support::watchdog();
    let looks: [(&str, Look); 5] = [
        ("result", |other| assert!(other.result(Duration::ZERO).unwrap_err().is_timed_out())),
        ("exception", |other| assert!(other.exception(Duration::ZERO).is_err())),
        ("all", |other| assert!(wait([other], Duration::ZERO, ReturnWhen::AllCompleted).done.is_empty())),
        ("first", |other| assert!(wait([other], Duration::ZERO, ReturnWhen::FirstCompleted).done.is_empty())),
        ("as completed", |other| assert!(as_completed([other], Duration::ZERO).all(|one| one.is_err()))),
    ];
    for (way, look) in looks {
        let pool = pool(1);
        let same = pool.clone();
        let looking = pool.submit(move || {
            let other = same.submit(|| ());
            look(&other);
            (same.workers().len(), other)
        });
        let (threads, other) = looking.result(None).unwrap();
        assert_eq!(threads, 1, "{way}: nobody stood in for who only looked");
        other.result(None).unwrap();
    }
}
