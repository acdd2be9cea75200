//! Spawned futures that await handles, alone and with the combinators of the `futures` crate; and that crate's own ways
//! to spawn on the pool.

use crate::support::{eventually, watchdog};
use crate::tools::{SEVEN, Strings, assert_cancelled, pool, quiet, settle};
use crate::torture::{Blast, LONG, Ledger, scaled};
use concurrent_futures::{Future, Shutdown, ThreadPoolExecutor, promise, task};
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{self, Either, join_all, select, select_all, try_join_all};
use futures::stream::{self, FuturesOrdered, FuturesUnordered, StreamExt};
use futures::task::{LocalSpawnExt, Spawn, SpawnExt};
use std::sync::Arc;
use std::task::{Context, Waker};

const WORKERS: [usize; 2] = [1, 2];

#[test]
fn several_await_one_shared_handle() {
    let _watchdog = watchdog();
    for workers in WORKERS {
        let pool = pool(workers);
        let strings = Strings::new();
        let shared = pool.spawn(strings.puppet()).shared();
        let readers: Vec<_> = (0..50).map(|_| pool.spawn(shared.clone())).collect();
        eventually("all wait", || readers.iter().all(Future::running));
        // A few go before the end, and take their wakers with them.
        assert!(readers.iter().step_by(5).all(Future::cancel));
        strings.wait_for_polls(1);
        strings.finish();
        for (number, reader) in readers.into_iter().enumerate() {
            match number % 5 {
                0 => assert_cancelled(reader.result(LONG)),
                _ => assert_eq!(reader.result(LONG).unwrap().unwrap(), SEVEN),
            }
        }
        assert_eq!(shared.result(None).unwrap(), &SEVEN);
    }
}

/// By reference: one of them gets the value, the others are told that it is gone; all are woken.
#[test]
fn several_await_one_handle_by_reference() {
    let _watchdog = watchdog();
    for workers in WORKERS {
        let pool = pool(workers);
        let strings = Strings::new();
        let handle = Arc::new(pool.spawn(strings.puppet()));
        let readers: Vec<_> = (0..20)
            .map(|_| {
                let handle = Arc::clone(&handle);
                pool.spawn(async move { (&*handle).await.map_err(|error| error.is_result_taken()) })
            })
            .collect();
        eventually("all wait", || readers.iter().all(Future::running));
        strings.wait_for_polls(1);
        strings.finish();
        let outcomes: Vec<_> = readers.into_iter().map(|reader| reader.result(LONG).unwrap()).collect();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(outcomes.iter().flat_map(|outcome| outcome.err()).all(|taken| taken));
    }
}

#[test]
fn joins_of_many() {
    let _watchdog = watchdog();
    for workers in WORKERS {
        let pool = pool(workers);
        let same = pool.clone();
        let joined = pool.spawn(async move {
            let yielding = |number: usize| async move {
                for _ in 0..number % 7 {
                    task::yield_now().await;
                }
                number
            };
            let few: usize = join_all((0..20).map(|n| same.spawn(yielding(n)))).await.into_iter().flatten().sum();
            let many: usize = join_all((0..100).map(|n| same.spawn(yielding(n)))).await.into_iter().flatten().sum();
            let fine = try_join_all((0..50).map(|n| same.spawn(yielding(n)))).await.unwrap().len();
            let unordered: FuturesUnordered<_> = (0..100).map(|n| same.spawn(yielding(n))).collect();
            let any: usize = unordered.map(Result::unwrap).fold(0, |sum, n| future::ready(sum + n)).await;
            let ordered: FuturesOrdered<_> = (0..50).map(|n| same.spawn(yielding(n))).collect();
            let in_order: Vec<_> = ordered.map(Result::unwrap).collect().await;
            let buffered: Vec<_> =
                stream::iter(0..50).map(|n| same.spawn(yielding(n))).buffered(8).map(Result::unwrap).collect().await;
            assert_eq!((&in_order, &buffered), (&(0..50).collect(), &(0..50).collect()));
            (few, many, fine, any)
        });
        assert_eq!(joined.result(LONG).unwrap(), (190, 4_950, 50, 4_950));
    }
}

/// One loses: what is awaited by reference can be awaited again, with another waker.
#[test]
fn the_loser_of_a_select_is_as_good_as_before() {
    let _watchdog = watchdog();
    for workers in WORKERS {
        let pool = pool(workers);
        for _ in 0..scaled(200) {
            let strings = Strings::new();
            let (mut slow, quick) = (pool.spawn(strings.puppet()), pool.spawn(async { 1 }));
            let selecting = pool.spawn(async move {
                let first = match select(&mut slow, quick).await {
                    Either::Left(_) => panic!("nobody has finished it"),
                    Either::Right((first, _)) => first.unwrap(),
                };
                strings.wait_for_polls(1);
                strings.finish();
                first + slow.await.unwrap()
            });
            assert_eq!(selecting.result(LONG).unwrap(), 1 + SEVEN);
        }
    }
}

/// Handed from one awaiting future to the next: the waker that was left last is the one that is woken.
#[test]
fn a_handle_is_awaited_by_one_future_after_another() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let mut handle = pool.spawn(strings.puppet());
    for _ in 0..20 {
        let (sender, stop) = oneshot::channel::<()>();
        let handed = pool.spawn(select(handle, stop).map(|first| match first {
            Either::Left(_) => panic!("nobody has finished it"),
            Either::Right((_, handle)) => handle,
        }));
        eventually("it waits", || handed.running());
        sender.send(()).unwrap();
        handle = handed.result(LONG).unwrap();
    }
    let last = pool.spawn(handle);
    settle(&pool);
    strings.finish();
    assert_eq!(last.result(LONG).unwrap().unwrap(), SEVEN);
}

#[test]
fn the_first_of_several() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let all: Vec<_> = (0..10).map(|_| Strings::new()).collect();
    let handles: Vec<_> = all.iter().map(|strings| pool.spawn(strings.puppet()).cancel_on_drop()).collect();
    let first = pool.spawn(async move {
        let (value, at, rest) = select_all(handles).await;
        drop(rest);
        (value.unwrap(), at)
    });
    all.iter().for_each(|strings| strings.wait_for_polls(1));
    eventually("it waits", || first.running());
    all[6].finish();
    assert_eq!(first.result(LONG).unwrap(), (SEVEN, 6));
    // The others were cancelled with their handles.
    eventually("all are dropped", || all.iter().all(|strings| strings.drops() == 1));
}

/// Polled with other wakers in turn: each replaces the one before, which is dropped and not woken.
#[test]
fn a_new_waker_replaces_the_old() {
    struct Counts(
        std::sync::atomic::AtomicUsize,
        #[expect(dead_code, reason = "counts its drop")] crate::torture::Tracked,
    );
    impl std::task::Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let _watchdog = watchdog();
    let (pool, ledger) = (pool(1), Ledger::new());
    let strings = Strings::new();
    let mut handle = pool.spawn(strings.puppet());
    strings.wait_until_idle(&pool);
    let mut last = None;
    for number in 1..=10 {
        let counts = Arc::new(Counts(0.into(), ledger.capture(Blast::Dud)));
        let waker = Waker::from(Arc::clone(&counts));
        let polled = std::future::Future::poll(std::pin::Pin::new(&mut handle), &mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        drop(waker);
        let before = last.replace(counts);
        if let Some(before) = before {
            assert_eq!((Arc::strong_count(&before), before.0.load(std::sync::atomic::Ordering::SeqCst)), (1, 0));
        }
        assert_eq!(ledger.captures_dropped(), number - 1);
    }
    strings.finish();
    assert!(handle.exception(LONG).unwrap().is_none());
    settle(&pool);
    let last = last.unwrap();
    assert_eq!((Arc::strong_count(&last), last.0.load(std::sync::atomic::Ordering::SeqCst)), (1, 1));
    assert_eq!(handle.result(None).unwrap(), SEVEN);
}

// ---------------------------------------------------------------------------------------------- the traits of
// `futures`

/// futures' own tests of its ThreadPool.
#[test]
fn the_pool_is_a_spawner() {
    let _watchdog = watchdog();
    let pool = pool(2);
    fn generic(spawner: &impl Spawn) -> future::RemoteHandle<u32> {
        spawner.status().unwrap();
        spawner.spawn_with_handle(async { SEVEN }).unwrap()
    }
    assert_eq!(futures::executor::block_on(generic(&pool)), SEVEN);
    let spawner: Arc<dyn Spawn + Send + Sync> = Arc::new(pool.clone());
    let (sender, receiver) = oneshot::channel();
    SpawnExt::spawn(&spawner, async move { sender.send(SEVEN).unwrap() }).unwrap();
    assert_eq!(futures::executor::block_on(receiver), Ok(SEVEN));
    // A local spawner beside it.
    let mut local = futures::executor::LocalPool::new();
    let same = pool.clone();
    let value = local.spawner().spawn_local_with_handle(async move { same.spawn(async { SEVEN }).await }).unwrap();
    assert_eq!(local.run_until(value).unwrap(), SEVEN);
}

/// A dropped `RemoteHandle` ends its future at its next wake; a forgotten one lets it go on.
#[test]
fn remote_handles() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let strings = Strings::new();
    let handle = SpawnExt::spawn_with_handle(&pool, strings.puppet()).unwrap();
    strings.wait_until_idle(&pool);
    drop(handle);
    strings.wait_for_drop();

    let strings = Strings::new();
    SpawnExt::spawn_with_handle(&pool, strings.puppet()).unwrap().forget();
    strings.wait_until_idle(&pool);
    strings.finish();
    strings.wait_for_drop();
    assert!(strings.polls() >= 2);
}

#[test]
fn a_spawner_that_is_shut_down() {
    let _watchdog = watchdog();
    let pool = pool(1);
    pool.shutdown(Shutdown::wait());
    assert!(pool.status().is_err_and(|error| error.is_shutdown()));
    let strings = Strings::new();
    let puppet = strings.puppet();
    let spawned = SpawnExt::spawn(&pool, async move {
        puppet.await;
    });
    assert!(spawned.is_err_and(|error| error.is_shutdown()));
    assert_eq!((strings.polls(), strings.drops()), (0, 1));
}

#[test]
fn a_panic_in_what_was_spawned_by_the_trait() {
    let _watchdog = watchdog();
    quiet();
    let pool: ThreadPoolExecutor = pool(1);
    SpawnExt::spawn(&pool, async { panic!("nobody is told") }).unwrap();
    crate::tools::assert_works(&pool);
}

/// A future of another executor awaits ours, and ours awaits what another executor completes.
#[test]
fn between_executors() {
    let _watchdog = watchdog();
    let ours = pool(1);
    let theirs = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (promise, awaited) = promise::<u32>();
    let on_ours = ours.spawn(async move { awaited.await.unwrap() + 1 });
    let on_theirs = theirs.spawn(async move { on_ours.await.unwrap() + 1 });
    let back_on_ours = ours.spawn(async move { on_theirs.await.unwrap() + 1 });
    promise.set_result(0).unwrap();
    assert_eq!(back_on_ours.result(LONG).unwrap(), 3);
}
