//! `block_on`: on any thread, nested, in the pool's own tasks, and in another runtime's.

use crate::support::{eventually, watchdog};
use crate::tools::{SEVEN, Strings, assert_works, builder, pool, quiet};
use crate::torture::{LONG, scaled};
use concurrent_futures::{Future, ThreadPoolExecutor, WorkerState, promise, task};
use futures::channel::oneshot;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::thread;

#[test]
fn of_a_future_that_waits_for_the_pools() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        let pool = pool(workers);
        let sum = pool.block_on(async {
            let mut sum = 0;
            for number in 0..100 {
                sum += pool.spawn(async move { number }).await.unwrap();
                sum += pool.submit(move || number).await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 9_900);
    }
}

/// It stays on this thread: it borrows, and is neither `Send` nor `'static`.
#[test]
fn of_a_future_that_borrows_and_is_not_send() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (words, count) = (RefCell::new(vec!["kept"]), Rc::new(Cell::new(0)));
    let here = thread::current().id();
    let length = pool.block_on(async {
        let counted = Rc::clone(&count);
        for _ in 0..10 {
            task::yield_now().await;
            assert_eq!(thread::current().id(), here);
            words.borrow_mut().push("here");
            counted.set(counted.get() + 1);
        }
        pool.spawn(async {}).await.unwrap();
        words.borrow().len()
    });
    assert_eq!((length, count.get()), (11, 10));
}

/// It needs no thread of the pool.
#[test]
fn on_an_unused_pool_starts_no_thread() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (promise, awaited) = promise::<u32>();
    let setting = thread::spawn(move || promise.set_result(SEVEN).unwrap());
    assert_eq!(pool.block_on(awaited).unwrap(), SEVEN);
    assert!(pool.workers().is_empty());
    setting.join().unwrap();
}

#[test]
fn nested_on_one_thread() {
    fn nested(pool: &ThreadPoolExecutor, depth: u32) -> u32 {
        pool.block_on(async {
            task::yield_now().await;
            let here = pool.spawn(async { 1 }).await.unwrap();
            if depth == 0 { here } else { here + nested(pool, depth - 1) }
        })
    }
    let _watchdog = watchdog();
    assert_eq!(nested(&pool(1), 50), 51);
}

/// In a closure of the only worker: what it awaits runs all the same, because the worker's place is lent.
#[test]
fn in_the_only_worker() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let same = pool.clone();
    let closure = pool.submit(move || {
        same.block_on(async {
            let spawned = same.spawn(async {
                task::yield_now().await;
                SEVEN
            });
            spawned.await.unwrap() + same.submit(|| SEVEN).await.unwrap()
        })
    });
    assert_eq!(closure.result(LONG).unwrap(), 2 * SEVEN);
    // And in a future of it, several levels deep.
    fn deep(pool: &ThreadPoolExecutor, depth: u32) -> Future<u32> {
        let same = pool.clone();
        pool.spawn(async move {
            if depth == 0 {
                return 0;
            }
            1 + same.block_on(deep(&same, depth - 1)).unwrap()
        })
    }
    assert_eq!(deep(&pool, 20).result(LONG).unwrap(), 20);
}

/// The thread whose place is lent runs nothing else, and says that it is blocked.
#[test]
fn a_worker_in_it_runs_nothing_else() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (sender, receiver) = oneshot::channel::<u32>();
    let same = pool.clone();
    let waiting = pool.submit(move || {
        thread_local! {
            static INSIDE: Cell<bool> = const { Cell::new(false) };
        }
        INSIDE.set(true);
        let submitted: Vec<_> = (0..20).map(|_| same.submit(|| INSIDE.get())).collect();
        let value = same.block_on(receiver);
        INSIDE.set(false);
        (value, submitted)
    });
    eventually("it is blocked", || pool.workers().iter().any(|worker| worker.state == WorkerState::Blocked));
    let spawned = pool.spawn(async { SEVEN });
    assert_eq!(spawned.result(LONG).unwrap(), SEVEN);
    sender.send(SEVEN).unwrap();
    let (value, submitted) = waiting.result(LONG).unwrap();
    assert_eq!(value, Ok(SEVEN));
    assert!(submitted.into_iter().all(|inside| !inside.result(LONG).unwrap()));
}

/// Its wake comes at any moment, and also before it sleeps.
#[test]
fn a_wake_that_races_its_sleep() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for _ in 0..scaled(5_000) {
        let strings = Strings::new();
        let (inner, waking) = (strings.puppet(), strings.clone());
        drop(pool.submit(move || {
            waking.wait_for_polls(1);
            waking.make_ready();
            waking.wake();
        }));
        assert_eq!(pool.block_on(inner), SEVEN);
    }
}

/// Only a wake makes it poll again, and several wakes before it make one poll.
#[test]
fn it_polls_once_for_each_wake() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let polls = AtomicUsize::new(0);
    pool.block_on(std::future::poll_fn(|cx| {
        let poll = polls.fetch_add(1, Ordering::SeqCst) + 1;
        cx.waker().wake_by_ref();
        let owned = cx.waker().clone();
        owned.wake();
        if poll == 10 { Poll::Ready(()) } else { Poll::Pending }
    }));
    assert_eq!(polls.load(Ordering::SeqCst), 10);
}

/// A waker that is kept does nothing afterwards, also once the pool is gone.
#[test]
fn its_waker_outlives_it() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let mut kept: Option<Waker> = None;
    pool.block_on(std::future::poll_fn(|cx| {
        kept = Some(cx.waker().clone());
        Poll::Ready(())
    }));
    drop(pool);
    let waker = kept.unwrap();
    let other = waker.clone();
    waker.wake_by_ref();
    other.wake();
    drop(waker);
}

#[test]
fn a_panic_goes_through_it() {
    let _watchdog = watchdog();
    quiet();
    let pool = pool(1);
    for yields in [0, 3] {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            pool.block_on(async {
                for _ in 0..yields {
                    task::yield_now().await;
                }
                // Without the hook: it is this thread's own panic, and the test is not of its report.
                std::panic::resume_unwind(Box::new("through"))
            })
        }));
        let payload: Box<dyn std::any::Any + Send> = match caught {
            Ok(()) => panic!("it did not panic"),
            Err(payload) => payload,
        };
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"through"));
    }
    let same = pool.clone();
    let in_a_task: Future<()> = pool.submit(move || same.block_on(async { panic!("inside") }));
    assert!(in_a_task.result(LONG).unwrap_err().is_panicked());
    assert_works(&pool);
}

/// The task that it runs in is still the task, for what a task can ask.
#[test]
fn it_is_part_of_the_task_around_it() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let same = pool.clone();
    let options = concurrent_futures::SubmitOptions::new().name("around");
    let names = pool.submit_with(options, move || {
        same.block_on(async {
            let other = same.spawn(async { task::name() }).await.unwrap();
            (task::name(), other, task::slot())
        })
    });
    assert_eq!(names.result(LONG).unwrap(), (Some("around".into()), None, Some(0)));
}

/// Each worker blocks on the next one's future: with places to lend, a line of them ends.
#[test]
fn many_workers_at_once() {
    let _watchdog = watchdog();
    let pool = builder(2).max_spares(64).build().unwrap();
    let waits: Vec<_> = (0..20)
        .map(|number: u32| {
            let same = pool.clone();
            pool.submit(move || {
                let yielding = async move {
                    for _ in 0..10 {
                        task::yield_now().await;
                    }
                    number
                };
                same.block_on(same.spawn(yielding)).unwrap()
            })
        })
        .collect();
    let sum: u32 = waits.into_iter().map(|wait| wait.result(LONG).unwrap()).sum();
    assert_eq!(sum, 190);
}

/// tokio's threads for blocking code, and a worker of it that says that it blocks.
#[test]
fn in_the_threads_of_another_runtime() {
    let _watchdog = watchdog();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let pool = Arc::new(pool(1));
    let same = Arc::clone(&pool);
    let (blocking, in_place) = runtime.block_on(async move {
        let other = Arc::clone(&same);
        let blocking =
            tokio::task::spawn_blocking(move || other.block_on(async { other.spawn(async { SEVEN }).await.unwrap() }));
        let in_place = tokio::spawn(async move {
            tokio::task::block_in_place(|| {
                same.block_on(async {
                    let (sender, receiver) = tokio::sync::oneshot::channel();
                    // Woken by tokio's own worker.
                    tokio::spawn(async move { sender.send(SEVEN).unwrap() });
                    receiver.await.unwrap() + same.spawn(async { SEVEN }).await.unwrap()
                })
            })
        });
        (blocking.await.unwrap(), in_place.await.unwrap())
    });
    assert_eq!((blocking, in_place), (SEVEN, 2 * SEVEN));
}

/// And the other way round: a runtime's handle is entered in a future of ours.
#[test]
fn futures_of_another_runtime_are_awaited_in_ours() {
    let _watchdog = watchdog();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let pool = pool(1);
    let handle = runtime.handle().clone();
    let ours = pool.spawn(async move {
        let theirs = handle.spawn(async {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            SEVEN
        });
        theirs.await.unwrap()
    });
    assert_eq!(ours.result(LONG).unwrap(), SEVEN);
    assert_eq!(runtime.block_on(pool.spawn(async { SEVEN })).unwrap(), SEVEN);
}
