//! Waits of workers, which lend their places.

use crate::support::watchdog;
use concurrent_futures::ThreadPoolExecutor;
use concurrent_futures::threading::{Barrier, Condition, Event, Lock, RLock, Semaphore};
use std::sync::Arc;

#[test]
fn workers_that_block_lend_their_places() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let (event, semaphore, barrier) = (Arc::new(Event::new()), Arc::new(Semaphore::new(0)), Arc::new(Barrier::new(3)));
    let lock = Arc::new((Lock::new(0), Condition::new(), RLock::new(())));
    let held = lock.2.acquire(None).unwrap();
    let waits = {
        let (event, semaphore, barrier, lock) = (event.clone(), semaphore.clone(), barrier.clone(), lock.clone());
        let blocked: Vec<Box<dyn FnOnce() + Send>> = vec![
            Box::new(move || assert!(event.wait(None))),
            Box::new(move || semaphore.acquire(None).unwrap().forget()),
            Box::new({
                let barrier = Arc::clone(&barrier);
                move || assert!(barrier.wait(None).is_ok())
            }),
            Box::new(move || assert!(barrier.wait(None).is_ok())),
            Box::new({
                let lock = Arc::clone(&lock);
                move || assert!(lock.1.wait_for(&mut lock.0.acquire(None).unwrap(), |ready| *ready == 1, None))
            }),
            Box::new(move || drop(lock.2.acquire(None).unwrap())),
        ];
        blocked.into_iter().map(|blocked| pool.submit(blocked)).collect::<Vec<_>>()
    };
    // With the one worker blocked six times over, it still gets its turn.
    let last = {
        let (event, semaphore, barrier, lock) = (event, semaphore, barrier, Arc::clone(&lock));
        pool.submit(move || {
            event.set();
            semaphore.release(1);
            barrier.wait(None).unwrap();
            *lock.0.acquire(None).unwrap() = 1;
            lock.1.notify_all();
        })
    };
    last.result(None).unwrap();
    drop(held);
    for wait in waits {
        wait.result(None).unwrap();
    }
}
