//! Streams and the async form of `wait`: `as_completed(..).stream()`, `map(..).stream()`, `wait_async`.

mod support;

use concurrent_futures::{
    Future, InlineExecutor, Promise, ReturnWhen, TaskError, ThreadPoolExecutor, as_completed, promise, wait_async,
};
use futures::stream::FusedStream;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use support::{Gate, eventually, watchdog};

const LONG: Duration = Duration::from_secs(3600);

/// Counts its wakes.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn counting_waker() -> (Arc<Woken>, Waker) {
    let woken = Arc::new(Woken::default());
    (Arc::clone(&woken), Waker::from(woken))
}

fn poll<S: Stream + Unpin>(stream: &mut S, waker: &Waker) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(waker))
}

fn pool(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(workers).unwrap()
}

fn promises(count: usize) -> (Vec<Promise<usize>>, Vec<Future<usize>>) {
    (0..count).map(|_| promise()).unzip()
}

#[test]
fn as_completed_yields_in_the_order_of_the_ends() {
    let _watchdog = watchdog();
    let (promises, futures) = promises(3);
    let mut stream = as_completed(futures, None).stream();
    let (woken, waker) = counting_waker();
    assert!(poll(&mut stream, &waker).is_pending());
    for (number, promise) in promises.into_iter().enumerate().rev() {
        promise.set_result(number).unwrap();
        assert!(woken.0.load(Ordering::SeqCst) >= 1, "whoever polled is woken");
        let Poll::Ready(Some(Ok(future))) = poll(&mut stream, &waker) else { panic!("{number} has ended") };
        assert_eq!(future.result(None).unwrap(), number);
        if number > 0 {
            assert!(poll(&mut stream, &waker).is_pending());
        }
    }
    assert!(matches!(poll(&mut stream, &waker), Poll::Ready(None)));
}

#[test]
fn a_stream_that_is_polled_after_its_end_stays_there() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (_, waker) = counting_waker();
    let mut none = as_completed(Vec::<Future<u32>>::new(), None).stream();
    let mut empty = pool.map(|n: u32| n, Vec::new()).stream();
    for _ in 0..3 {
        assert!(matches!(poll(&mut none, &waker), Poll::Ready(None)) && none.is_terminated());
        assert!(matches!(poll(&mut empty, &waker), Poll::Ready(None)) && empty.is_terminated());
    }
}

#[test]
fn the_last_of_several_wakers_is_woken() {
    let _watchdog = watchdog();
    let (mut promises, futures) = promises(1);
    let mut stream = as_completed(futures, None).stream();
    let ((first, first_waker), (second, second_waker)) = (counting_waker(), counting_waker());
    assert!(poll(&mut stream, &first_waker).is_pending());
    assert!(poll(&mut stream, &second_waker).is_pending());
    promises.pop().unwrap().set_result(1).unwrap();
    assert_eq!((first.0.load(Ordering::SeqCst), second.0.load(Ordering::SeqCst)), (0, 1));
}

#[test]
fn a_stream_that_is_dropped_keeps_no_waker() {
    let (promises, futures) = promises(2);
    let pool = pool(1);
    let gate = Gate::new();
    let closed = gate.clone();
    let mut map = pool.map(move |n: u32| closed.wait_for(LONG) as u32 + n, 0..2).stream();
    let mut completed = as_completed(&futures, LONG).stream();
    let (woken, waker) = counting_waker();
    assert!(poll(&mut completed, &waker).is_pending() && poll(&mut map, &waker).is_pending());
    drop((completed, map));
    // One is `woken`, one is `waker`.
    assert_eq!(Arc::strong_count(&woken), 2, "nobody else keeps it");
    gate.open();
    drop(promises);
}

#[test]
fn the_deadline_wakes_who_polled_and_is_the_last_item() {
    let _watchdog = watchdog();
    let (_promises, futures) = promises(2);
    let pool = pool(2);
    pool.block_on(async {
        let mut stream = as_completed(&futures, Duration::from_millis(20)).stream();
        let error = stream.next().await.unwrap().unwrap_err();
        assert_eq!((error.unfinished, error.total), (2, 2));
        assert!(stream.next().await.is_none() && stream.next().await.is_none());
    });
}

#[test]
fn a_map_gives_its_results_in_order_and_without() {
    let _watchdog = watchdog();
    for workers in [1, 2, 4] {
        let pool = pool(workers);
        let ordered: Vec<u64> = pool.block_on(pool.map(|n: u64| n * n, 0..10_000).stream().try_collect()).unwrap();
        assert!(ordered.iter().enumerate().all(|(n, square)| *square == (n * n) as u64) && ordered.len() == 10_000);
        let unordered = pool.map(|n: u64| n, 0..10_000).unordered().stream();
        let sum = pool.block_on(unordered.try_fold(0, async |sum, n| Ok(sum + n))).unwrap();
        assert_eq!(sum, (0..10_000).sum());
    }
}

#[test]
fn a_map_pulls_no_more_than_its_window() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let pulled = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pulled);
    let endless = (0..).inspect(move |_: &usize| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    pool.block_on(async {
        let mut stream = pool.map(|n: usize| n, endless).buffersize(8).stream();
        assert_eq!(pulled.load(Ordering::SeqCst), 0, "nothing before the first poll");
        for handed_out in 1..=100 {
            assert_eq!(stream.next().await.unwrap().unwrap(), handed_out - 1);
            assert!(pulled.load(Ordering::SeqCst) <= handed_out + 8);
        }
    });
}

#[test]
fn dropping_a_map_cancels_what_has_not_begun() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (gate, began) = (Gate::new(), Arc::new(AtomicUsize::new(0)));
    let (closed, counted) = (gate.clone(), Arc::clone(&began));
    let f = move |_: u32| {
        counted.fetch_add(1, Ordering::SeqCst);
        closed.wait_for(LONG);
    };
    let mut stream = pool.map(f, 0..8).chunksize(1).buffersize(8).stream();
    let (_, waker) = counting_waker();
    assert!(poll(&mut stream, &waker).is_pending());
    eventually("the first has begun", || began.load(Ordering::SeqCst) == 1);
    drop(stream);
    gate.open();
    pool.submit(|| ()).result(None).unwrap();
    assert_eq!(began.load(Ordering::SeqCst), 1);
}

#[test]
fn the_limit_of_a_map_is_one_error_and_the_end() {
    let _watchdog = watchdog();
    for unordered in [false, true] {
        let pool = pool(1);
        let gate = Gate::new();
        let closed = gate.clone();
        let f = move |n: u32| if n > 0 { closed.wait_for(LONG) } else { true };
        let map = pool.map(f, 0..).chunksize(1).timeout(Duration::from_millis(50));
        let stream = if unordered { map.unordered() } else { map }.stream();
        let items: Vec<Result<bool, TaskError>> = pool.block_on(stream.collect());
        let (last, before) = items.split_last().unwrap();
        assert!(last.as_ref().is_err_and(TaskError::is_timed_out), "{items:?}");
        assert!(before.iter().all(Result::is_ok) && before.len() <= 1);
        gate.open();
    }
}

#[test]
fn an_error_of_an_item_is_its_own() {
    let _watchdog = watchdog();
    support::quiet_panics_of(&["odd-items"]);
    let pool = ThreadPoolExecutor::builder().max_workers(2).thread_name_prefix("odd-items").build().unwrap();
    let f = |n: u32| {
        assert!(n % 2 == 0, "odd {n}");
        n
    };
    let items: Vec<_> = pool.block_on(pool.map(f, 0..100).chunksize(10).stream().collect::<Vec<_>>());
    assert_eq!(items.len(), 100);
    for (n, item) in items.into_iter().enumerate() {
        match item {
            Ok(value) => assert!(n % 2 == 0 && value as usize == n),
            Err(error) => assert!(n % 2 == 1 && error.is_panicked()),
        }
    }
}

#[test]
fn streams_work_in_a_spawned_future_with_one_worker() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let same = pool.clone();
    let spawned = pool.spawn(async move {
        let mapped = same.map(|n: u64| n + 1, 0..1_000).stream().map(|item| item.unwrap());
        let squares: Vec<_> = (0..10u64).map(|n| same.submit(move || n * n)).collect();
        let squares =
            as_completed(squares, None).stream().map(|future| future.unwrap().now_or_never().unwrap().unwrap());
        mapped.fold(0, async |sum, n| sum + n).await + squares.fold(0, async |sum, n| sum + n).await
    });
    assert_eq!(spawned.result(None).unwrap(), 500_500 + 285);
}

#[test]
fn a_map_without_threads_is_ready_when_it_is_polled() {
    let (_, waker) = counting_waker();
    let mut stream = InlineExecutor::new().map(|n: u32| n * 2, [1, 2]).stream();
    assert!(matches!(poll(&mut stream, &waker), Poll::Ready(Some(Ok(2)))));
    assert!(matches!(poll(&mut stream, &waker), Poll::Ready(Some(Ok(4)))));
    assert!(matches!(poll(&mut stream, &waker), Poll::Ready(None)));
}

#[test]
fn wait_async_waits_for_as_many_as_it_is_told() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let (mut promises, futures) = promises(3);
    pool.block_on(async {
        promises.pop().unwrap().set_result(2).unwrap();
        let ended = wait_async(&futures, ReturnWhen::FirstCompleted).await;
        assert_eq!((ended.done, ended.not_done), (vec![&futures[2]], vec![&futures[0], &futures[1]]));
        drop(promises.pop());
        let ended = wait_async(&futures, ReturnWhen::FirstError).await;
        assert_eq!((ended.done.len(), ended.not_done), (2, vec![&futures[0]]));
        let all = pool.spawn({
            let last = promises.pop().unwrap();
            async move { last.set_result(0).unwrap() }
        });
        assert_eq!(wait_async(&futures, ReturnWhen::AllCompleted).await.done.len(), 3);
        all.await.unwrap();
        assert_eq!(wait_async(Vec::<Future<()>>::new(), ReturnWhen::AllCompleted).await.done.len(), 0);
    });
}

/// Races the ends against the polls; a wake that is lost is a hang.
#[test]
fn no_wake_is_lost() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for round in 0..2_000 {
        let (promises, futures) = promises(3);
        let ending = pool.submit(move || {
            for (number, promise) in promises.into_iter().enumerate() {
                (0..round % 50).for_each(|_| std::hint::spin_loop());
                promise.set_result(number).unwrap();
            }
        });
        let same = pool.clone();
        let counted = pool.spawn(async move {
            let yielded = as_completed(&futures, None).stream().count().await;
            let mapped = same.map(|n: u32| n, 0..3).chunksize(1).stream().count().await;
            yielded + mapped + wait_async(&futures, ReturnWhen::AllCompleted).await.done.len()
        });
        assert_eq!(counted.result(None).unwrap(), 9);
        ending.result(None).unwrap();
    }
}
