//! Waits are given up, for a scope's join that would never end, at the moment at which what they wait for ends.

use crate::support;
use crate::torture::scaled;
use concurrent_futures::{SharedFuture, ThreadPoolExecutor};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};

/// Scoped tasks wait for another one, which waits for the task with the scope. The join gives up one wait after the
/// other until it can end; the last of these wakes the very task that the others wait for.
#[test]
fn a_wait_is_given_up_while_what_it_waits_for_ends() {
    const WAITERS: usize = 6;
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::new(WAITERS + 2).unwrap();
    for _ in 0..scaled(300) {
        let (send, receive) = channel::<SharedFuture<()>>();
        let (same, receive) = (pool.clone(), Mutex::new(receive));
        let outer = pool.submit(move || {
            let own = receive.lock().unwrap().recv().unwrap();
            same.scope(|s| {
                let awaited: Arc<OnceLock<SharedFuture<()>>> = Arc::default();
                let under_way = Arc::new(AtomicUsize::new(0));
                for _ in 0..WAITERS {
                    let (awaited, under_way) = (Arc::clone(&awaited), Arc::clone(&under_way));
                    drop(s.submit(move || {
                        under_way.fetch_add(1, Ordering::SeqCst);
                        // Given up, or in time.
                        let _ = awaited.wait().result(None);
                    }));
                }
                let last = Arc::clone(&under_way);
                let closes_the_circle = s.submit(move || {
                    last.fetch_add(1, Ordering::SeqCst);
                    let _ = own.result(None);
                });
                support::eventually("all run", || under_way.load(Ordering::SeqCst) == WAITERS + 1);
                awaited.set(closes_the_circle.shared()).unwrap();
                support::eventually("all sleep", || same.stats().blocked == WAITERS + 1);
            });
        });
        let outer = outer.shared();
        send.send(outer.clone()).unwrap();
        outer.result(None).unwrap();
    }
}
