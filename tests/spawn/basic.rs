//! A future that is spawned is run, wherever it was spawned and whatever it looks like.

use crate::support::watchdog;
use crate::tools::{SEVEN, Strings, pool};
use crate::torture::LONG;
use concurrent_futures::{Future, ReturnWhen, ThreadPoolExecutor, as_completed, futures, promise, task, wait};
use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::mpsc::channel;
use std::task::Poll;

#[test]
fn one_that_is_ready_at_once() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        assert_eq!(pool(workers).spawn(async { 6 * 7 }).result(LONG).unwrap(), 42);
    }
}

#[test]
fn one_that_waits_for_a_promise() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        let pool = pool(workers);
        for round in 0..1_000 {
            let (promise, future) = promise::<u32>();
            let spawned = pool.spawn(async move { future.await.unwrap() + 1 });
            promise.set_result(round).unwrap();
            assert_eq!(spawned.result(LONG).unwrap(), round + 1);
        }
    }
}

/// tokio's rt_common: `spawn_many_from_task` and its like.
#[test]
fn a_chain_of_a_thousand_each_awaiting_the_one_before() {
    let _watchdog = watchdog();
    for workers in [1, 4] {
        let pool = pool(workers);
        let (promise, first) = promise::<u32>();
        let mut last = first;
        for _ in 0..1_000 {
            let before = last;
            last = pool.spawn(async move { before.await.unwrap() + 1 });
        }
        promise.set_result(0).unwrap();
        assert_eq!(last.result(LONG).unwrap(), 1_000);
    }
}

/// async-task's basic test: a detached future runs to its end all the same.
#[test]
fn one_that_is_detached_goes_on() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    drop(pool.spawn(strings.puppet()));
    strings.wait_until_idle(&pool);
    assert_eq!(strings.drops(), 0);
    strings.finish();
    strings.wait_for_drop();
    assert_eq!(strings.polls(), 2);
}

/// Every way to see the end of a future serves for a spawned one.
#[test]
fn every_way_to_wait_for_its_handle() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let seven = || {
        pool.spawn(async {
            task::yield_now().await;
            SEVEN
        })
    };
    let future = seven();
    assert!(future.exception(LONG).unwrap().is_none());
    assert!(future.done() && !future.running() && !future.cancelled());
    assert_eq!(future.try_result().unwrap().unwrap(), SEVEN);
    assert!(future.result(None).unwrap_err().is_result_taken());

    let (closure, spawned) = (pool.submit(|| 1), seven());
    let both = futures![closure, spawned];
    let ended = wait(both, LONG, ReturnWhen::AllCompleted);
    assert_eq!((ended.done.len(), ended.not_done.len()), (2, 0));

    let sum: u32 = as_completed((0..10).map(|_| seven()).collect::<Vec<_>>(), LONG)
        .map(|future| future.unwrap().result(None).unwrap())
        .sum();
    assert_eq!(sum, 10 * SEVEN);

    let (tx, rx) = channel();
    let called = seven();
    called.add_done_callback(move |outcome| tx.send(*outcome.unwrap()).unwrap());
    assert_eq!(rx.recv().unwrap(), SEVEN);

    assert_eq!(futures::executor::block_on(seven()).unwrap(), SEVEN);
    let shared = seven().shared();
    assert_eq!((shared.result(LONG).unwrap(), shared.clone().result(LONG).unwrap()), (&SEVEN, &SEVEN));
}

#[test]
fn its_own_error_can_become_the_futures() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let failing = pool.spawn(async { "x".parse::<u32>() }).fallible();
    let error = failing.result(LONG).unwrap_err();
    assert!(error.downcast_ref::<std::num::ParseIntError>().is_some(), "{error}");
}

/// From outside, from a closure, from a future, from a callback, from another pool, and from a destructor on a worker.
#[test]
fn it_can_be_spawned_from_anywhere() {
    let _watchdog = watchdog();
    let (pool, other) = (pool(1), pool(1));
    let (tx, rx) = channel::<&str>();
    let say = |what: &'static str| {
        let tx = tx.clone();
        async move { tx.send(what).unwrap() }
    };
    let (closure, future, callback, foreign, destructor) =
        (say("closure"), say("future"), say("callback"), say("foreign"), say("destructor"));
    let same = pool.clone();
    pool.submit(move || drop(same.spawn(closure))).result(LONG).unwrap();
    let same = pool.clone();
    pool.spawn(async move { same.spawn(future).await }).result(LONG).unwrap().unwrap();
    let same = pool.clone();
    pool.submit(|| ()).add_done_callback(move |_| drop(same.spawn(callback)));
    let same = pool.clone();
    other.spawn(async move { same.spawn(foreign).await }).result(LONG).unwrap().unwrap();

    struct SpawnsWhenDropped<F: std::future::Future<Output = ()> + Send + 'static>(ThreadPoolExecutor, Option<F>);
    impl<F: std::future::Future<Output = ()> + Send + 'static> Drop for SpawnsWhenDropped<F> {
        fn drop(&mut self) {
            drop(self.0.spawn(self.1.take().unwrap()));
        }
    }
    let late = SpawnsWhenDropped(pool.clone(), Some(destructor));
    pool.spawn(async move {
        let _late = late;
        task::yield_now().await;
    })
    .result(LONG)
    .unwrap();
    let mut said: Vec<_> = (0..5).map(|_| rx.recv().unwrap()).collect();
    said.sort_unstable();
    assert_eq!(said, ["callback", "closure", "destructor", "foreign", "future"]);
}

/// async-executor's `larger_tasks`, and more: where a future is while it waits, it stays.
#[test]
fn large_and_aligned_futures_do_not_move() {
    #[repr(align(256))]
    struct Aligned([u8; 10_000]);

    let _watchdog = watchdog();
    let pool = pool(2);
    let spawned: Vec<_> = (0..50_u8)
        .map(|fill| {
            let large = Aligned([fill; 10_000]);
            pool.spawn(async move {
                let address = |large: &Aligned| std::ptr::from_ref(large).addr();
                let before = address(&large);
                for _ in 0..20 {
                    task::yield_now().await;
                }
                assert_eq!((before, before % 256), (address(&large), 0));
                large
            })
        })
        .collect();
    for (fill, future) in spawned.into_iter().enumerate() {
        let large = future.result(LONG).unwrap();
        assert!(large.0.iter().all(|byte| usize::from(*byte) == fill));
    }
}

/// A future and its output have to be `Send`, and nothing else.
#[test]
fn neither_future_nor_output_need_be_sync() {
    let _watchdog = watchdog();
    let cell = Cell::new(1);
    let pool = pool(2);
    let spawned = pool.spawn(async move {
        cell.set(cell.get() + 1);
        task::yield_now().await;
        cell.set(cell.get() + 1);
        cell
    });
    assert_eq!(spawned.result(LONG).unwrap().get(), 3);
}

/// One without a size, and one that is polled once, by hand.
#[test]
fn zero_sized_and_hand_made_futures() {
    let _watchdog = watchdog();
    let pool = pool(1);
    pool.spawn(std::future::ready(())).result(LONG).unwrap();
    let mut left = 100;
    let counted = poll_fn(move |cx| {
        left -= 1;
        cx.waker().wake_by_ref();
        if left == 0 { Poll::Ready(SEVEN) } else { Poll::Pending }
    });
    assert_eq!(pool.spawn(counted).result(LONG).unwrap(), SEVEN);
    let boxed: Pin<Box<dyn std::future::Future<Output = u32> + Send>> = Box::pin(async { SEVEN });
    assert_eq!(pool.spawn(boxed).result(LONG).unwrap(), SEVEN);
}

/// A pool and a handle can be used on both sides of a `catch_unwind`.
#[test]
fn handles_are_unwind_safe() {
    fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    is_unwind_safe::<ThreadPoolExecutor>();
    is_unwind_safe::<Future<Cell<u32>>>();

    let _watchdog = watchdog();
    let pool = pool(1);
    let caught = std::panic::catch_unwind(|| {
        let future = pool.spawn(async { SEVEN });
        future.result(LONG).unwrap()
    });
    assert_eq!(caught.unwrap(), SEVEN);
}

/// A handle that is awaited after its value was taken says so, and does not panic.
#[test]
fn awaiting_after_the_value_was_taken() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let taken = pool.spawn(async { SEVEN });
    taken.result(LONG).unwrap();
    let awaiting = pool.spawn(async move { (&taken).await.unwrap_err().is_result_taken() });
    assert!(awaiting.result(LONG).unwrap());
}
