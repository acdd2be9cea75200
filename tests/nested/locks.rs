//! Waits under a lock that other tasks want. No unrelated task is run beneath the lock, so all of these end.

use crate::{LIMIT, lending_pool, pool, support};
use concurrent_futures::{Future, ReturnWhen, ThreadPoolExecutor, as_completed, wait};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use support::Gate;

type Wait = fn(Future<u32>) -> u32;

const WAITS: [(&str, Wait); 5] = [
    ("result", |future| future.result(None).unwrap()),
    ("result with a limit", |future| future.result(LIMIT).unwrap()),
    ("all", |future| wait([future], None, ReturnWhen::AllCompleted).done[0].result(None).unwrap()),
    ("first", |future| wait([future], None, ReturnWhen::FirstCompleted).done[0].result(None).unwrap()),
    ("as completed", |future| as_completed([future], None).map(|one| one.unwrap().result(None).unwrap()).sum()),
];

/// A task waits under the lock for one that was queued after a task that wants the lock.
fn wait_with_a_sibling_ahead(pool: &ThreadPoolExecutor, wait: Wait) {
    let lock = Arc::new(Mutex::new(0));
    let (locked, queued) = (Gate::new(), Gate::new());
    let (held, same, announce, go_on) = (Arc::clone(&lock), pool.clone(), locked.clone(), queued.clone());
    let holder = pool.submit(move || {
        let mut count = held.lock().unwrap();
        announce.open();
        go_on.wait();
        *count += wait(same.submit(|| 1));
    });
    locked.wait();
    let wanted = Arc::clone(&lock);
    let sibling = pool.submit(move || *wanted.lock().unwrap() += 10);
    queued.open();
    holder.result(None).unwrap();
    sibling.result(None).unwrap();
    assert_eq!(*lock.lock().unwrap(), 11);
}

#[test]
fn a_sibling_that_wants_the_lock_is_queued_before_the_awaited_task() {
    let _watchdog = support::watchdog();
    for (way, wait) in WAITS {
        println!("{way}");
        wait_with_a_sibling_ahead(&pool(1), wait);
        wait_with_a_sibling_ahead(&lending_pool(1, 4), wait);
    }
}

/// The same, with the sibling already asleep on the lock, on the other worker.
fn wait_with_a_sibling_blocked(pool: &ThreadPoolExecutor, wait: Wait) {
    let lock = Arc::new(Mutex::new(0));
    let (locked, about_to_lock) = (Gate::new(), Gate::new());
    let (held, same, announce, go_on) = (Arc::clone(&lock), pool.clone(), locked.clone(), about_to_lock.clone());
    let holder = pool.submit(move || {
        let mut count = held.lock().unwrap();
        announce.open();
        go_on.wait();
        *count += wait(same.submit(|| 1));
    });
    locked.wait();
    let (wanted, announce) = (Arc::clone(&lock), about_to_lock.clone());
    let sibling = pool.submit(move || {
        announce.open();
        *wanted.lock().unwrap() += 10;
    });
    holder.result(None).unwrap();
    sibling.result(None).unwrap();
    assert_eq!(*lock.lock().unwrap(), 11);
}

#[test]
fn a_sibling_blocks_on_the_lock_on_the_other_worker() {
    let _watchdog = support::watchdog();
    for (way, wait) in WAITS {
        println!("{way}");
        wait_with_a_sibling_blocked(&pool(2), wait);
        wait_with_a_sibling_blocked(&lending_pool(2, 4), wait);
    }
}

/// With a lent place in the hands of a task that wants the lock, the lender comes back all the same.
#[test]
fn a_lender_comes_back_although_its_place_is_taken() {
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let lock = Arc::new(Mutex::new(()));
    let (lent, wants) = (Gate::new(), Arc::new(AtomicBool::new(false)));
    let (promise, promised) = concurrent_futures::promise::<u32>();
    let (held, announce) = (Arc::clone(&lock), lent.clone());
    let holder = pool.submit(move || {
        let _held = held.lock().unwrap();
        announce.open();
        promised.result(None).unwrap()
    });
    lent.wait();
    let (wanted, about_to_lock) = (Arc::clone(&lock), Arc::clone(&wants));
    let taker = pool.submit(move || {
        about_to_lock.store(true, Ordering::SeqCst);
        drop(wanted.lock().unwrap());
    });
    support::eventually("the place is taken", || wants.load(Ordering::SeqCst));
    promise.set_result(7).unwrap();
    assert_eq!(holder.result(None).unwrap(), 7);
    taker.result(None).unwrap();
}
