//! `block_on` in tasks of a pool that can add no thread: what it awaits is run in its own thread.

use crate::support::watchdog;
use crate::tools::{SEVEN, assert_works, builder, counted, poll_once, pool, quiet, settle, strict, until_blocked};
use crate::torture::{Bell, Blast, LONG, Ledger};
use concurrent_futures::{ReturnWhen, ThreadPoolExecutor, as_completed, promise, task, wait_async};
use futures::StreamExt;
use futures::channel::oneshot;
use futures::future::join_all;
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

/// In a closure of the only worker, `f` with the pool.
fn in_the_only_worker<T: Send + 'static>(f: impl FnOnce(&ThreadPoolExecutor) -> T + Send + 'static) -> T {
    let pool = strict(1);
    let same = pool.clone();
    let value = pool.submit(move || f(&same)).result(LONG).unwrap();
    assert_works(&pool);
    value
}

#[test]
fn a_closure_and_a_future() {
    let _watchdog = watchdog();
    let values = in_the_only_worker(|pool| {
        let closure = pool.block_on(pool.submit(|| SEVEN)).unwrap();
        (closure, pool.block_on(pool.spawn(async { SEVEN })).unwrap())
    });
    assert_eq!(values, (SEVEN, SEVEN));
}

/// A wait that is forgotten is never told that what it was for is gone.
#[test]
fn a_wait_that_is_forgotten() {
    let _watchdog = watchdog();
    let value = in_the_only_worker(|pool| {
        let (promise, future) = promise::<u32>();
        // There before the other one's memory is given back, so that this is not given the same.
        let closure = pool.submit(|| SEVEN);
        pool.block_on(async {
            let mut waiting = as_completed([&future], None).stream();
            poll_once(&mut waiting.next()).await;
            std::mem::forget(waiting);
            drop((promise, future));
            // Whoever still took what was there for a task would come to no good.
            let others: Vec<_> = (1..64).map(|words| vec![usize::MAX; words]).collect();
            // To be run here, for which the list of what is awaited is gone through.
            let value = closure.await.unwrap();
            drop(black_box(others));
            value
        })
    });
    assert_eq!(value, SEVEN);
}

/// It is polled here, and then waits for a closure that nobody else can run either.
#[test]
fn a_future_that_awaits_others() {
    let _watchdog = watchdog();
    let sum = in_the_only_worker(|pool| {
        let (outer, inner) = (pool.clone(), pool.clone());
        let chain = pool.spawn(async move {
            let spawned = outer.spawn(async move { inner.submit(|| SEVEN).await.unwrap() });
            task::yield_now().await;
            spawned.await.unwrap() + outer.submit(|| SEVEN).await.unwrap()
        });
        pool.block_on(chain).unwrap()
    });
    assert_eq!(sum, 2 * SEVEN);
}

/// It had its first poll before, so what it waits for is not known until it is polled once more.
#[test]
fn a_future_that_waits_already() {
    let _watchdog = watchdog();
    let pool = strict(1);
    let same = pool.clone();
    let value = pool.submit(move || {
        let inner = same.clone();
        let (tell, told) = oneshot::channel();
        let waiting = same.spawn(async move {
            told.await.unwrap();
            inner.submit(|| SEVEN).await.unwrap()
        });
        (waiting, tell)
    });
    let (waiting, tell) = value.result(LONG).unwrap();
    // Its first poll is over: it waits to be told.
    pool.submit(|| ()).result(LONG).unwrap();
    let same = pool.clone();
    let around = pool.submit(move || {
        // Woken, it submits the closure behind this task.
        tell.send(()).unwrap();
        same.block_on(waiting).unwrap()
    });
    assert_eq!(around.result(LONG).unwrap(), SEVEN);
    // And where its poll, too, was before this task.
    let same = pool.clone();
    let chain = pool.submit(move || {
        let inner = same.clone();
        let waiting = same.spawn(async move { inner.submit(|| SEVEN).await.unwrap() });
        let other = same.clone();
        same.submit(move || other.block_on(waiting).unwrap())
    });
    assert_eq!(chain.result(LONG).unwrap().result(LONG).unwrap(), SEVEN);
    assert_works(&pool);
}

#[test]
fn many_at_once() {
    let _watchdog = watchdog();
    let sums = in_the_only_worker(|pool| {
        let spawn = |count: u32| (0..count).map(|number| pool.spawn(async move { number })).collect::<Vec<_>>();
        let submit = |count: u32| (0..count).map(|number| pool.submit(move || number)).collect::<Vec<_>>();
        let joined: u32 = pool.block_on(join_all(spawn(10))).into_iter().map(Result::unwrap).sum();
        let waited = pool.block_on(wait_async(&submit(200), ReturnWhen::AllCompleted)).done.len();
        let streamed = pool.block_on(async {
            as_completed(submit(200), None).stream().map(|future| future.unwrap().result(LONG).unwrap()).collect().await
        });
        let streamed: Vec<u32> = streamed;
        let mapped =
            pool.block_on(pool.map(|number: u32| number, 0..200).stream().map(Result::unwrap).collect::<Vec<_>>());
        (joined, waited, streamed.into_iter().sum::<u32>(), mapped.into_iter().sum::<u32>())
    });
    assert_eq!(sums, (45, 200, 19_900, 19_900));
}

/// Whichever of two comes first is enough, also where the other one can never come.
#[test]
fn the_first_of_several() {
    let _watchdog = watchdog();
    let value = in_the_only_worker(|pool| {
        let never = pool.spawn(std::future::pending::<u32>());
        let either = futures::future::select(never, pool.submit(|| SEVEN));
        let value = pool.block_on(async { either.await.factor_first().0.unwrap() });
        assert_eq!(value, SEVEN);
        value
    });
    assert_eq!(value, SEVEN);
}

/// Something from outside may come although nothing can be run: it is waited for, and asked only once.
#[test]
fn what_comes_from_outside() {
    let _watchdog = watchdog();
    let pool = strict(1);
    let (tell, told) = oneshot::channel::<u32>();
    let (polls, counting) = counted(told);
    let same = pool.clone();
    let waiting = pool.submit(move || same.block_on(same.spawn(counting)).unwrap());
    let unrelated = pool.submit(|| SEVEN);
    until_blocked(&pool, 1);
    assert!(!unrelated.done());
    tell.send(SEVEN).unwrap();
    assert_eq!(waiting.result(LONG).unwrap(), Ok(SEVEN));
    // Its first poll, perhaps one out of turn, and the one after the wake.
    let polls = polls.load(Ordering::SeqCst);
    assert!((1..=3).contains(&polls), "{polls}");
    assert_eq!(unrelated.result(LONG).unwrap(), SEVEN);
}

/// A combinator that polls only what was woken leaves no waker with the others again: those that it has left count, also
/// after a sleep in which nothing could be run.
#[test]
fn many_that_wait_for_something_outside_first() {
    let _watchdog = watchdog();
    /// The sum of what is told.
    type Collect = fn(&ThreadPoolExecutor, Vec<oneshot::Receiver<u32>>) -> u32;
    let count = 50;
    let collect: [Collect; 3] = [
        |pool, told| {
            let spawned = told.into_iter().map(|told| {
                let inner = pool.clone();
                pool.spawn(async move {
                    let number = told.await.unwrap();
                    inner.submit(move || number).await.unwrap()
                })
            });
            pool.block_on(join_all(spawned)).into_iter().map(Result::unwrap).sum()
        },
        |pool, told| {
            let stream = futures::stream::iter(told).map(|told| pool.spawn(async move { told.await.unwrap() }));
            pool.block_on(stream.buffer_unordered(7).map(Result::unwrap).collect::<Vec<_>>()).into_iter().sum()
        },
        |pool, told| {
            let spawned: Vec<_> = told.into_iter().map(|told| pool.spawn(async move { told.await.unwrap() })).collect();
            let stream = as_completed(spawned, None).stream();
            let values = stream.map(|future| future.unwrap().result(None).unwrap()).collect::<Vec<_>>();
            pool.block_on(values).into_iter().sum()
        },
    ];
    for collect in collect {
        let pool = strict(1);
        let (tells, told): (Vec<_>, Vec<_>) = (0..count).map(|_| oneshot::channel::<u32>()).unzip();
        let same = pool.clone();
        let waiting = pool.submit(move || collect(&same, told));
        for (number, tell) in (0..).zip(tells) {
            // It sleeps before each, so each has to get it up.
            until_blocked(&pool, 1);
            tell.send(number).unwrap();
        }
        assert_eq!(waiting.result(LONG).unwrap(), (0..count).sum());
        assert_works(&pool);
    }
}

/// Only this very thread may run them, whatever others there are.
#[test]
fn what_is_broadcast() {
    let _watchdog = watchdog();
    for workers in [1, 3] {
        for pool in [strict(workers), pool(workers)] {
            let same = pool.clone();
            let slots = pool.submit(move || {
                let told = same.broadcast(|()| task::slot());
                same.block_on(join_all(told)).into_iter().map(Result::unwrap).collect::<Vec<_>>()
            });
            assert_eq!(slots.result(LONG).unwrap(), (0..workers).map(Some).collect::<Vec<_>>());
            assert_works(&pool);
        }
    }
}

/// A future that gets its outcome from another one's cell, and one that several wait for.
#[test]
fn other_handles() {
    let _watchdog = watchdog();
    let values = in_the_only_worker(|pool| {
        let inner = pool.clone();
        let fallible = pool.spawn(async move { inner.submit(|| Ok::<_, std::fmt::Error>(SEVEN)).fallible().await });
        let shared = pool.spawn(async move { fallible.await.unwrap().unwrap() }).shared();
        let by_reference = pool.submit(|| SEVEN);
        let again = shared.clone();
        pool.block_on(async { (shared.await.unwrap(), (&by_reference).await.unwrap(), again.await.unwrap()) })
    });
    assert_eq!(values, (SEVEN, SEVEN, SEVEN));
}

/// Polled through a reference again and again with the same waker, it wakes that once.
#[test]
fn one_that_is_awaited_by_reference_in_many_polls() {
    let _watchdog = watchdog();
    let bell = Bell::new(&Ledger::new(), Blast::Dud);
    let waker = bell.waker();
    in_the_only_worker(move |pool| {
        let (awaited, others) = (pool.submit(|| SEVEN), (0..20).map(|_| pool.submit(|| ())).collect::<Vec<_>>());
        let mut others = join_all(others);
        let value = pool.block_on(async {
            poll_fn(|cx| {
                let _ = Pin::new(&mut &awaited).poll(&mut Context::from_waker(&waker));
                Pin::new(&mut others).poll(cx)
            })
            .await;
            awaited.await.unwrap()
        });
        assert_eq!(value, SEVEN);
    });
    assert_eq!(bell.rung(), 1);
}

/// That is its error, and nothing else's.
#[test]
fn one_that_panics_when_it_is_asked() {
    let _watchdog = watchdog();
    quiet();
    let pool = strict(1);
    let mut polled = false;
    let waiting = pool.spawn(poll_fn(move |_| {
        assert!(!polled, "it blows up");
        polled = true;
        Poll::<()>::Pending
    }));
    settle(&pool);
    let same = pool.clone();
    let around = pool.submit(move || {
        // Something is queued, which it may be waiting for.
        let other = same.submit(|| SEVEN);
        (same.block_on(waiting), same.block_on(other))
    });
    let (waited, other) = around.result(LONG).unwrap();
    assert!(waited.unwrap_err().is_panicked());
    assert_eq!(other.unwrap(), SEVEN);
    assert_works(&pool);
}

/// One that sleeps already is told when the last thread that could run what it awaits lies down.
#[test]
fn the_last_to_lie_down_is_another() {
    let _watchdog = watchdog();
    let pool = strict(2);
    let (begun, has_begun) = oneshot::channel();
    let (awaited, is_awaited) = oneshot::channel();
    let same = pool.clone();
    let other = pool.submit(move || {
        // The other worker takes the closure below before this one submits what it awaits.
        same.block_on(has_begun).unwrap();
        let (tell, told) = oneshot::channel();
        let released = same.submit(move || tell.send(()).unwrap());
        awaited.send(told).unwrap();
        same.block_on(released).unwrap();
    });
    let same = pool.clone();
    let last = pool.submit(move || {
        begun.send(()).unwrap();
        let told = same.block_on(is_awaited).unwrap();
        let waits = same.spawn(async move { told.await.unwrap() });
        waits.result(None)
    });
    other.result(LONG).unwrap();
    last.result(LONG).unwrap().unwrap();
    assert_works(&pool);
}

/// Deeper than there may ever be threads.
#[test]
fn nested_deep() {
    fn deep(pool: &ThreadPoolExecutor, depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        let same = pool.clone();
        1 + pool.block_on(pool.spawn(async move { deep(&same, depth - 1) })).unwrap()
    }
    let _watchdog = watchdog();
    let pool = builder(1).max_spares(3).stack_size(64 << 20).build().unwrap();
    let same = pool.clone();
    assert_eq!(pool.submit(move || deep(&same, 1_000)).result(LONG).unwrap(), 1_000);
}
