//! What runs at the end of a future may use its pool: shut it down, drop its last handle, spawn again. Whoever ends the
//! future, none of these waits for itself.

use crate::support::{Gate, eventually, watchdog};
use crate::tools::{SEVEN, Strings, assert_cancelled, pool, settle};
use crate::torture::LONG;
use concurrent_futures::{Shutdown, SubmitOptions, ThreadPoolExecutor, task};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// Runs `f` on a thread of its own, and says whether it came back.
fn comes_back(f: impl FnOnce() + Send + 'static) -> bool {
    let done = Gate::new();
    let open = done.clone();
    drop(thread::spawn(move || {
        f();
        open.open();
    }));
    done.wait_for(LONG)
}

fn waiting_pool() -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(1).unwrap()
}

/// The future has the last handle of its own pool; whoever cancels it drops that handle, which waits for the pool's
/// end.
#[test]
fn a_cancelled_future_drops_the_last_handle_of_its_pool() {
    let _watchdog = watchdog();
    let pool = waiting_pool();
    let (same, strings) = (pool.clone(), Strings::new());
    let inner = strings.puppet();
    let future = pool.spawn(async move {
        let _same = same;
        inner.await
    });
    strings.wait_until_idle(&pool);
    drop(pool);
    assert!(
        comes_back(move || assert!(future.cancel())),
        "cancelling waits for the pool, which waits for the cancelled"
    );
    assert_eq!(strings.drops(), 1);
}

/// The same on the timer's thread, which everybody's limits need.
#[test]
fn a_future_whose_time_is_up_drops_the_last_handle_of_its_pool() {
    let _watchdog = watchdog();
    let pool = waiting_pool();
    let (same, strings) = (pool.clone(), Strings::new());
    let inner = strings.puppet();
    let options = SubmitOptions::new().timeout(Duration::from_millis(20));
    let future = pool.spawn_with(options, async move {
        let _same = same;
        inner.await
    });
    strings.wait_until_idle(&pool);
    drop(pool);
    crate::tools::assert_late(future.result(LONG));
    let other = crate::tools::pool(1);
    let limited =
        other.spawn_with(SubmitOptions::new().timeout(Duration::from_millis(1)), std::future::pending::<()>());
    crate::tools::assert_late(limited.result(LONG));
}

/// By its own worker, at its end.
#[test]
fn a_future_that_is_ready_drops_the_last_handle_of_its_pool() {
    let _watchdog = watchdog();
    let pool = waiting_pool();
    let (same, strings) = (pool.clone(), Strings::new());
    let inner = strings.puppet();
    let future = pool.spawn(async move {
        let _same = same;
        inner.await
    });
    strings.wait_until_idle(&pool);
    drop(pool);
    strings.finish();
    assert_eq!(future.result(LONG).unwrap(), SEVEN);
}

/// By a worker, because nobody could wake it any more.
#[test]
fn a_future_that_nobody_can_wake_drops_the_last_handle_of_its_pool() {
    let _watchdog = watchdog();
    let pool = waiting_pool();
    let (same, strings) = (pool.clone(), Strings::new());
    let inner = strings.puppet();
    drop(pool.spawn(async move {
        let _same = same;
        inner.await
    }));
    strings.wait_until_idle(&pool);
    drop(pool);
    drop(strings.take_waker());
    strings.wait_for_drop();
}

/// A callback of a future that is cancelled from outside, or of one that was never polled.
#[test]
fn a_callback_of_a_cancelled_task_shuts_the_pool_down() {
    let _watchdog = watchdog();
    for begun in [false, true] {
        let pool = waiting_pool();
        let strings = Strings::new();
        let held = (!begun).then(|| crate::tools::hold(&pool));
        let future = pool.spawn(strings.puppet());
        if begun {
            strings.wait_until_idle(&pool);
        }
        let (same, (tx, rx)) = (pool.clone(), channel());
        future.add_done_callback(move |_| {
            drop(held);
            // It need not wait, being called for a task of the pool; but it has to come back.
            same.shutdown(Shutdown::wait());
            tx.send(()).unwrap();
        });
        assert!(comes_back(move || assert!(future.cancel())), "begun: {begun}");
        rx.recv().unwrap();
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0, "begun: {begun}");
    }
}

#[test]
fn a_callback_on_the_worker_shuts_the_pool_down() {
    let _watchdog = watchdog();
    let pool = waiting_pool();
    let (same, strings) = (pool.clone(), Strings::new());
    let future = pool.spawn(strings.puppet());
    future.add_done_callback(move |_| {
        same.shutdown(Shutdown::wait());
    });
    strings.wait_until_idle(&pool);
    strings.finish();
    assert_eq!(future.result(LONG).unwrap(), SEVEN);
    drop(pool);
}

/// A future that shuts its own pool down: it is not waited for, and goes on to its end.
#[test]
fn a_future_shuts_its_own_pool_down() {
    let _watchdog = watchdog();
    let pool = waiting_pool();
    let same = pool.clone();
    let future = pool.spawn(async move {
        let report = same.shutdown(Shutdown::wait());
        task::yield_now().await;
        report.abandoned
    });
    assert!(future.result(LONG).unwrap() >= 1);
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}

/// A destructor in a future that cancels that very future: it is told what is the case.
#[test]
fn a_destructor_cancels_its_own_future() {
    struct CancelsItself(Arc<std::sync::OnceLock<concurrent_futures::Future<u32>>>, Arc<AtomicUsize>);
    impl Drop for CancelsItself {
        fn drop(&mut self) {
            self.1.fetch_add(usize::from(self.0.get().unwrap().cancel()), Ordering::SeqCst);
        }
    }
    let _watchdog = watchdog();
    let pool = pool(1);
    for ready in [false, true] {
        let (strings, own, said) = (Strings::new(), Arc::default(), Arc::new(AtomicUsize::new(0)));
        let (inner, late) = (strings.puppet(), CancelsItself(Arc::clone(&own), Arc::clone(&said)));
        let held = crate::tools::hold(&pool);
        let future = pool.spawn(async move {
            let _late = late;
            inner.await
        });
        own.set(future).unwrap();
        let own = own.get().unwrap();
        drop(held);
        strings.wait_until_idle(&pool);
        if ready {
            // The local is dropped in the last poll: the future was promised to end as cancelled.
            strings.finish();
        } else {
            assert!(own.cancel());
        }
        assert_cancelled(own.result(LONG));
        assert_eq!((said.load(Ordering::SeqCst), strings.drops()), (1, 1));
    }
}

/// A future that ends wakes others, which use the pool from there.
#[test]
fn a_waker_of_a_handle_spawns_and_waits() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (strings, count) = (Strings::new(), Arc::new(AtomicUsize::new(0)));
    let future = pool.spawn(strings.puppet());
    let (same, counted) = (pool.clone(), Arc::clone(&count));
    future.add_done_callback(move |_| {
        let nested = same.spawn(async { SEVEN });
        assert_eq!(nested.result(LONG).unwrap(), SEVEN);
        counted.fetch_add(1, Ordering::SeqCst);
    });
    strings.wait_until_idle(&pool);
    strings.finish();
    eventually("the callback has ended", || count.load(Ordering::SeqCst) == 1);
    settle(&pool);
}
