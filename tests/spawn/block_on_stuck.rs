//! `block_on` in tasks of a pool that can add no thread: what it awaits is run in its own thread.

use crate::support::{eventually, watchdog};
use crate::tools::{SEVEN, assert_works, builder};
use crate::torture::LONG;
use concurrent_futures::{ReturnWhen, ThreadPoolExecutor, WorkerState, as_completed, task, wait_async};
use futures::StreamExt;
use futures::channel::oneshot;

/// So many threads and never more.
fn strict(workers: usize) -> ThreadPoolExecutor {
    builder(workers).max_spares(0).build().unwrap()
}

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
        let joined: u32 = pool.block_on(futures::future::join_all(spawn(10))).into_iter().map(Result::unwrap).sum();
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

/// Something from outside may come although nothing can be run: it is waited for, and looked at only once.
#[test]
fn what_comes_from_outside() {
    let _watchdog = watchdog();
    let pool = strict(1);
    let (tell, told) = oneshot::channel::<u32>();
    let same = pool.clone();
    let waiting = pool.submit(move || {
        let mut polls = 0;
        let mut told = told;
        let spawned = same.spawn(std::future::poll_fn(move |cx| {
            polls += 1;
            std::pin::Pin::new(&mut told).poll(cx).map(|value| (value.unwrap(), polls))
        }));
        same.block_on(spawned).unwrap()
    });
    let unrelated = pool.submit(|| SEVEN);
    eventually("it is blocked", || pool.workers().iter().any(|worker| worker.state == WorkerState::Blocked));
    assert!(!unrelated.done());
    tell.send(SEVEN).unwrap();
    let (value, polls) = waiting.result(LONG).unwrap();
    assert_eq!(value, SEVEN);
    // Its first poll, at most one out of turn for each time that it lay down, and the one after the wake.
    assert!((2..=4).contains(&polls), "{polls}");
    assert_eq!(unrelated.result(LONG).unwrap(), SEVEN);
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
