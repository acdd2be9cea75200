//! `block_on` in tasks of a pool that can add no thread: what it must not run, must not keep, and must not do again and
//! again.

use crate::support::{eventually, watchdog};
use crate::tools::{SEVEN, assert_works, builder, counted, poll_once, pool, strict, until_blocked};
use crate::torture::LONG;
use concurrent_futures::SharedFuture;
use futures::channel::oneshot;
use futures::future::{join, select};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::Duration;

/// One is run in place, and then the other one, which waits already, has still to be asked what it waits for.
#[test]
fn one_that_waits_already_beside_one_that_is_run() {
    let _watchdog = watchdog();
    let pool = strict(1);
    let same = pool.clone();
    let chain = pool.submit(move || {
        let inner = same.clone();
        let (tell, told) = oneshot::channel();
        let waiting = same.spawn(async move {
            inner.submit(|| ()).await.unwrap();
            tell.send(SEVEN).unwrap();
        });
        let other = same.clone();
        same.submit(move || {
            let fresh = other.spawn(async move { told.await.unwrap() });
            other.block_on(join(waiting, fresh)).1.unwrap()
        })
    });
    assert_eq!(chain.result(LONG).unwrap().result(LONG).unwrap(), SEVEN);
    assert_works(&pool);
}

/// A future that nobody can wake, and whose handle is gone, ends, although a `block_on` once awaited it.
#[test]
fn what_is_no_longer_awaited_is_not_kept() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let same = pool.clone();
    let done = pool.submit(move || {
        let (tell, told) = oneshot::channel::<()>();
        same.block_on(async {
            let mut never = same.spawn(async move {
                let _tell = tell;
                pending::<()>().await;
            });
            poll_once(&mut never).await;
            drop(never);
            told.await.unwrap_err();
        });
    });
    done.result(LONG).unwrap();
}

/// What is no longer awaited might want a lock that the task holds; also one whose handle is kept.
#[test]
#[expect(clippy::await_holding_lock, reason = "that is the question")]
fn what_is_no_longer_awaited_is_not_run_here() {
    let _watchdog = watchdog();
    for keeps in [false, true] {
        let pool = strict(1);
        let same = pool.clone();
        let (tell, told) = oneshot::channel::<()>();
        let lock = Arc::new(Mutex::new(0));
        let (around, wanted) = (Arc::clone(&lock), Arc::clone(&lock));
        let waiting = pool.submit(move || {
            let mut loser = Some(same.submit(move || *wanted.lock().unwrap() += 1));
            same.block_on(async {
                loser.as_mut().map(poll_once).unwrap().await;
                loser = loser.filter(|_| keeps);
                let guard = around.lock().unwrap();
                told.await.unwrap();
                drop(guard);
                // Awaited again, it is run.
                if let Some(loser) = loser {
                    loser.await.unwrap();
                }
            });
        });
        until_blocked(&pool, 1);
        tell.send(()).unwrap();
        waiting.result(LONG).unwrap();
        assert_works(&pool);
        assert_eq!(*lock.lock().unwrap(), 1);
    }
}

/// It is asked once what it waits for, however much comes that has nothing to do with it; also by way of another cell.
#[test]
fn what_waits_is_not_polled_in_a_circle() {
    let _watchdog = watchdog();
    let pool = strict(1);
    let (tell, told) = oneshot::channel::<u32>();
    let (polls, counting) = counted(told);
    let same = pool.clone();
    let around = pool.submit(move || same.block_on(same.spawn(counting).fallible()).unwrap());
    until_blocked(&pool, 1);
    let unrelated: Vec<_> = (0..200).map(|_| pool.submit(|| ())).collect();
    tell.send(SEVEN).unwrap();
    assert_eq!(around.result(LONG).unwrap(), SEVEN);
    assert!(polls.load(Ordering::SeqCst) <= 3, "{polls:?}");
    assert!(unrelated.into_iter().all(|unrelated| unrelated.result(LONG).is_ok()));
}

/// A hook of a thread has no tasks to run instead, and just waits.
#[test]
fn in_a_hook_it_sleeps() {
    static POLLS: AtomicUsize = AtomicUsize::new(0);
    static AWAITED: OnceLock<SharedFuture<u32>> = OnceLock::new();
    let _watchdog = watchdog();
    let in_hook = |_| {
        let mut awaited = AWAITED.get().unwrap().clone();
        let polled = poll_fn(|cx| {
            POLLS.fetch_add(1, Ordering::SeqCst);
            Pin::new(&mut awaited).poll(cx)
        });
        assert_eq!(pool(1).block_on(polled).unwrap(), SEVEN);
    };
    let other = strict(1);
    let (tell, told) = oneshot::channel::<u32>();
    AWAITED.set(other.spawn(async move { told.await.unwrap() }).shared()).unwrap();
    let pool = builder(1).max_spares(0).on_thread_start(in_hook).build().unwrap();
    let first = pool.submit(|| SEVEN);
    eventually("the hook waits", || POLLS.load(Ordering::SeqCst) > 0);
    drop((0..100).map(|_| pool.submit(|| ())).collect::<Vec<_>>());
    tell.send(SEVEN).unwrap();
    assert_eq!(first.result(LONG).unwrap(), SEVEN);
    assert!(POLLS.load(Ordering::SeqCst) <= 4, "{POLLS:?}");
}

/// It is polled by this very thread, beneath, and woken: there is nothing that anybody could do about it.
#[test]
fn one_that_waits_for_itself_stays_asleep() {
    let _watchdog = watchdog();
    let pool = strict(1);
    let (tell, told) = oneshot::channel::<()>();
    let (hand, handed) = oneshot::channel::<SharedFuture<()>>();
    let (polls, counting) = counted(async move {
        select(handed.await.unwrap(), told).await;
    });
    let same = pool.clone();
    let itself = pool.spawn(async move {
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(())
        })
        .await;
        same.block_on(counting);
    });
    let itself = itself.shared();
    hand.send(itself.clone()).ok().unwrap();
    until_blocked(&pool, 1);
    let unrelated: Vec<_> = (0..20).map(|_| pool.submit(|| ())).collect();
    assert_burns_nothing(&pool);
    tell.send(()).unwrap();
    itself.result(LONG).unwrap();
    assert!(polls.load(Ordering::SeqCst) <= 3, "{polls:?}");
    assert!(unrelated.into_iter().all(|unrelated| unrelated.result(LONG).is_ok()));
}

/// Futures that await themselves, or each other, are asked once, and not again by way of each other.
#[test]
fn what_waits_in_a_circle_is_not_asked_in_a_circle() {
    let _watchdog = watchdog();
    for length in [1, 2, 3] {
        let pool = strict(1);
        let (hands, handed): (Vec<_>, Vec<_>) = (0..length).map(|_| oneshot::channel::<SharedFuture<()>>()).unzip();
        let (counts, circle): (Vec<_>, Vec<_>) = handed
            .into_iter()
            .map(|handed| {
                let (polls, counting) = counted(async move { drop(handed.await.unwrap().await) });
                (polls, pool.spawn(counting).shared())
            })
            .unzip();
        for (number, hand) in hands.into_iter().enumerate() {
            hand.send(circle[(number + 1) % length].clone()).ok().unwrap();
        }
        let (tell, told) = oneshot::channel::<()>();
        let (same, first) = (pool.clone(), circle[0].clone());
        let around = pool.submit(move || drop(same.block_on(select(first, told))));
        let unrelated: Vec<_> = (0..20).map(|_| pool.submit(|| ())).collect();
        until_blocked(&pool, 1);
        assert_burns_nothing(&pool);
        tell.send(()).unwrap();
        around.result(LONG).unwrap();
        for polls in counts {
            assert!(polls.load(Ordering::SeqCst) <= 4, "{polls:?}");
        }
        assert!(unrelated.into_iter().all(|unrelated| unrelated.result(LONG).is_ok()));
        assert!(circle[0].cancel());
    }
}

/// What it waits for comes from outside, while there is work that has nothing to do with it.
#[test]
fn a_wait_for_something_outside_burns_nothing() {
    let _watchdog = watchdog();
    for spawns in [false, true] {
        let pool = strict(1);
        let (tell, told) = oneshot::channel::<u32>();
        let (polls, counting) = counted(told);
        let same = pool.clone();
        let around = pool.submit(move || match spawns {
            true => same.block_on(same.spawn(counting)).unwrap(),
            false => same.block_on(counting),
        });
        let unrelated: Vec<_> = (0..20).map(|_| pool.submit(|| ())).collect();
        until_blocked(&pool, 1);
        assert_burns_nothing(&pool);
        tell.send(SEVEN).unwrap();
        assert_eq!(around.result(LONG).unwrap(), Ok(SEVEN));
        assert!(polls.load(Ordering::SeqCst) <= 3, "{polls:?}");
        assert!(unrelated.into_iter().all(|unrelated| unrelated.result(LONG).is_ok()));
    }
}

/// For some time the pool's threads use next to no processor time.
#[cfg(target_os = "linux")]
fn assert_burns_nothing(pool: &concurrent_futures::ThreadPoolExecutor) {
    let used = || {
        let threads = pool.workers().into_iter().filter_map(|worker| worker.os_id);
        let first_figure = |thread| {
            let figures = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).unwrap();
            figures.split(' ').next().unwrap().parse::<u64>().unwrap()
        };
        Duration::from_nanos(threads.map(first_figure).sum())
    };
    let before = used();
    std::thread::sleep(Duration::from_millis(100));
    let used = used() - before;
    assert!(used < Duration::from_millis(10), "{used:?}");
}

#[cfg(not(target_os = "linux"))]
fn assert_burns_nothing(_pool: &concurrent_futures::ThreadPoolExecutor) {}
