//! Ends that meet what is left in a queue, or in a thread that is going.

use crate::support::{Gate, eventually, watchdog};
use concurrent_futures::{CancelOnDrop, Future, Shutdown, ThreadPoolExecutor, blocking, task};
use futures::channel::oneshot;
use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Poll, Waker};
use std::thread;

type Slot = Arc<Mutex<Option<Waker>>>;

/// Waits for ever; the one clone of its waker is in `slot`, which it does not keep.
fn parked(pool: &ThreadPoolExecutor, slot: &Slot, captured: &Arc<()>) -> Future<()> {
    let (slot, captured) = (Arc::downgrade(slot), Arc::clone(captured));
    pool.spawn(poll_fn(move |cx| {
        let _captured = &captured;
        if let Some(slot) = Weak::upgrade(&slot) {
            *slot.lock().unwrap() = Some(cx.waker().clone());
        }
        Poll::Pending
    }))
}

fn busy(pool: &ThreadPoolExecutor, workers: usize) -> (Gate, Vec<Future<()>>) {
    let gate = Gate::new();
    let one = |_| {
        let closed = gate.clone();
        pool.submit(move || {
            closed.wait();
        })
    };
    let futures: Vec<_> = (0..workers).map(one).collect();
    eventually("all are busy", || futures.iter().all(Future::running));
    (gate, futures)
}

fn wait_until_idle(pool: &ThreadPoolExecutor, slot: &Slot) {
    eventually("it waits", || slot.lock().unwrap().is_some() && pool.stats().running == 0);
}

/// It is queued to be dropped when the shutdown empties the queues.
#[test]
fn one_that_nobody_can_wake_meets_a_shutdown_that_cancels() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        let pool = ThreadPoolExecutor::new(workers).unwrap();
        let (slot, captured) = (Slot::default(), Arc::new(()));
        drop(parked(&pool, &slot, &captured));
        wait_until_idle(&pool, &slot);
        let (gate, _held) = busy(&pool, workers);
        drop(slot.lock().unwrap().take());
        assert_eq!(Arc::strong_count(&captured), 2, "it is for a worker to drop");
        assert_eq!(pool.shutdown(Shutdown::no_wait().cancel_pending()).cancelled, 1);
        assert_eq!(Arc::strong_count(&captured), 1);
        gate.open();
        pool.shutdown(Shutdown::wait());
    }
}

thread_local! {
    static KEPT: RefCell<Option<CancelOnDrop<()>>> = const { RefCell::new(None) };
}

/// The destructor runs when the thread's other thread-locals may be gone.
#[test]
fn one_that_is_cancelled_by_the_end_of_a_thread() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let captured = Arc::new(());
    let (kept, other) = (Slot::default(), Slot::default());
    let first = parked(&pool, &kept, &captured);
    let second = parked(&pool, &other, &captured);
    wait_until_idle(&pool, &kept);
    wait_until_idle(&pool, &other);
    thread::spawn(move || {
        KEPT.with(|place| *place.borrow_mut() = Some(first.cancel_on_drop()));
        // So that what the crate keeps for the thread comes after that.
        assert!(second.cancel());
    })
    .join()
    .unwrap();
    assert_eq!(Arc::strong_count(&captured), 1);
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}

/// They have only yielded, and wait in the queue behind a closure.
#[test]
fn the_counts_after_futures_that_yield_were_cancelled() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let yielding = || {
        pool.spawn(async {
            loop {
                task::yield_now().await;
            }
        })
    };
    let futures: Vec<Future<()>> = (0..10).map(|_| yielding()).collect();
    eventually("all have begun", || futures.iter().all(Future::running));
    let (gate, held) = busy(&pool, 1);
    assert_eq!(pool.stats().queued, 10);
    assert!(futures.iter().all(Future::cancel));
    assert_eq!(pool.stats().queued, 0, "what is left of them does not count");
    gate.open();
    held[0].result(None).unwrap();
    let (gate, _held) = busy(&pool, 1);
    let closures: Vec<_> = (0..10).map(|_| pool.submit(|| ())).collect();
    assert_eq!(pool.stats().queued, 10);
    assert!(closures.iter().all(Future::cancel));
    assert_eq!(pool.stats().queued, 0);
    assert_eq!(pool.shutdown(Shutdown::no_wait()).abandoned, 1);
    gate.open();
}

/// A thread whose place is lent keeps nothing for later, and the injector is never empty.
#[test]
fn what_a_blocked_thread_has_woken_is_not_kept_out_by_others() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    let (slot, woken) = (Slot::default(), Arc::new(AtomicBool::new(false)));
    let (leaves, sees) = (Arc::clone(&slot), Arc::clone(&woken));
    let future = pool.spawn(poll_fn(move |cx| {
        if sees.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        *leaves.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    }));
    wait_until_idle(&pool, &slot);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                // More than the workers come by, and not more than memory holds.
                if pool.stats().queued < 2_000 {
                    (0..500).for_each(|_| drop(pool.submit(|| (0..500).for_each(|_| std::hint::spin_loop()))));
                }
            }
        });
        eventually("there is a load", || pool.stats().queued > 500);
        let gate = Gate::new();
        let closed = gate.clone();
        let waking = pool.submit(move || {
            blocking(|| {
                woken.store(true, Ordering::SeqCst);
                let waker = slot.lock().unwrap().take();
                waker.unwrap().wake();
                closed.wait();
            });
        });
        let ended = future.result(None);
        stop.store(true, Ordering::SeqCst);
        gate.open();
        ended.unwrap();
        waking.result(None).unwrap();
    });
}

/// A future that was woken lies with a worker that does not come to it, and is dead: in a pool that is closed nobody is
/// started for it, because whoever came would leave, and be replaced, again and again.
#[test]
fn a_closed_pool_starts_nobody_for_what_is_dead() {
    let _watchdog = watchdog();
    let starts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&starts);
    let count = move |_| _ = counted.fetch_add(1, Ordering::Relaxed);
    let pool = ThreadPoolExecutor::builder().max_workers(2).on_thread_start(count).build().unwrap();
    let (sender, receiver) = oneshot::channel();
    let woken = pool.spawn(receiver);
    eventually("it waits", || pool.stats().suspended == 1);
    let (other, others) = busy(&pool, 1);
    let (gate, told) = (Gate::new(), Gate::new());
    let (closed, tell) = (gate.clone(), told.clone());
    let greedy = pool.spawn(async move {
        sender.send(()).unwrap();
        tell.open();
        closed.wait();
    });
    told.wait();
    assert!(woken.cancel());
    pool.shutdown(Shutdown::no_wait());
    other.open();
    others.iter().for_each(|other| other.result(None).unwrap());
    eventually("its thread has left", || pool.workers().len() == 1);
    gate.open();
    greedy.result(None).unwrap();
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    assert_eq!(starts.load(Ordering::Relaxed), 2);
}
