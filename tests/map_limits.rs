//! The limits of a map: its time, which comes also while results are ready and for endless inputs, and its window on
//! engines of any size.

mod support;

use concurrent_futures::{
    Executor, Future, InProcessExecutor, Map, Rejected, SharedFuture, Shutdown, ShutdownReport, Task, TaskError,
    ThreadPoolExecutor,
};
use futures::{Stream, StreamExt};
use std::ops::RangeFrom;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use support::{Gate, eventually, watchdog};

const LIMIT: Duration = Duration::from_millis(30);
const WINDOW: usize = 4;

type Outcome = Result<usize, TaskError>;

/// Takes items until there are none; each only after everything that was submitted has ended, so that there always is
/// a result ready. Returns what came after the time was up, an item under way at that moment included.
fn take_what_is_ready(pool: &ThreadPoolExecutor, mut items: impl Iterator<Item = Outcome>) -> Vec<Outcome> {
    let mut late = Vec::new();
    // The map's own clock has run since before this.
    let mut began = None;
    loop {
        eventually("everything has ended", || pool.stats().queued + pool.stats().running == 0);
        let is_late = began.is_some_and(|began: Instant| began.elapsed() > LIMIT);
        match items.next() {
            Some(item) if is_late || item.is_err() => late.push(item),
            Some(_) => {}
            None => break,
        }
        began.get_or_insert_with(Instant::now);
        assert!(late.len() < 1000, "its time never comes");
    }
    assert!(items.next().is_none() && items.next().is_none(), "its end is for ever");
    late
}

/// The results in the window, and then the one error.
#[track_caller]
fn check_the_end(way: &str, late: &[Outcome], most_ready: usize) {
    assert!(matches!(late.last(), Some(Err(TaskError::TimedOut))), "{way}: {late:?}");
    assert!(late[..late.len() - 1].iter().all(Result::is_ok), "{way}: {late:?}");
    assert!(late.len() <= most_ready + 1, "{way}: {} after the limit", late.len());
}

/// Ways to set up a map with a window of so many inputs.
type Setup = fn(Map<'static, RangeFrom<usize>, usize>) -> Map<'static, RangeFrom<usize>, usize>;

const SETUPS: [(&str, Setup); 4] = [
    ("in order", |map| map.buffersize(WINDOW).chunksize(1)),
    ("automatic chunks", |map| map.buffersize(WINDOW)),
    ("without an order", |map| map.buffersize(WINDOW).chunksize(1).unordered()),
    ("limited items", |map| map.buffersize(WINDOW).item_timeout(Duration::from_secs(600))),
];

#[test]
fn time_is_up_although_results_are_always_ready() {
    let _watchdog = watchdog();
    for (way, setup) in SETUPS {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let map = || setup(pool.map(|n: usize| n, 0..)).timeout(LIMIT);
        check_the_end(way, &take_what_is_ready(&pool, map()), WINDOW);
        check_the_end(way, &take_what_is_ready(&pool, map().start()), WINDOW);
    }
}

/// The same where the window is counted in chunks: four, and the one that is being handed out.
#[test]
fn time_is_up_with_the_default_window() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let late = take_what_is_ready(&pool, pool.map(|n: usize| n, 0..).chunksize(2).timeout(LIMIT));
    check_the_end("chunks of two", &late, (4 + 1) * 2);
}

/// Waits until the limit of a map that has just been started is past.
fn let_the_time_pass() {
    let until = Instant::now() + LIMIT;
    eventually("time passes", || Instant::now() > until);
}

/// An input of so many items that counts how many were pulled.
fn counted(items: usize) -> (impl Iterator<Item = usize> + Clone + Send + 'static, Arc<AtomicUsize>) {
    let pulled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&pulled);
    (
        (0..items).inspect(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        }),
        pulled,
    )
}

/// Starts a map with the limit; again, if the machine was so busy that the time was up before the window was full.
fn started_in_time<T>(mut start: impl FnMut() -> T, discard: impl Fn(&T)) -> T {
    loop {
        let began = Instant::now();
        let started = start();
        if began.elapsed() < LIMIT {
            return started;
        }
        discard(&started);
    }
}

#[test]
fn nothing_is_pulled_once_the_time_is_up() {
    let _watchdog = watchdog();
    for unordered in [false, true] {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let start = || {
            let (input, pulled) = counted(100);
            let map = pool.map(|n: usize| n, input).buffersize(WINDOW).chunksize(1).timeout(LIMIT);
            (if unordered { map.unordered().start() } else { map.start() }, pulled)
        };
        let (mut items, pulled) = started_in_time(start, |_| ());
        let_the_time_pass();
        eventually("everything has ended", || pool.stats().queued + pool.stats().running == 0);
        assert_eq!(pulled.load(Ordering::SeqCst), WINDOW);
        let ready: Vec<usize> = items.by_ref().map_while(Result::ok).collect();
        assert_eq!(ready, [0, 1, 2, 3], "what was ready is handed out");
        assert_eq!(pulled.load(Ordering::SeqCst), WINDOW, "and nothing more is pulled");
        assert!(items.next().is_none(), "the error was the last");
    }
}

/// No error where the time passes after the last item was there.
#[test]
fn a_map_whose_inputs_have_all_ended_in_time_has_no_error() {
    let _watchdog = watchdog();
    for unordered in [false, true] {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let start = || {
            let map = pool.map(|n: usize| n, 0..WINDOW).buffersize(WINDOW).chunksize(1).timeout(LIMIT);
            if unordered { map.unordered().start() } else { map.start() }
        };
        let items = started_in_time(start, |_| ());
        let_the_time_pass();
        eventually("everything has ended", || pool.stats().queued + pool.stats().running == 0);
        let values: Vec<usize> = items.map(Result::unwrap).collect();
        assert_eq!(values, [0, 1, 2, 3]);
    }
}

/// One item runs when the time is up; those behind it never begin, and are one error together.
#[test]
fn what_has_not_begun_when_the_time_is_up_never_does() {
    let _watchdog = watchdog();
    for (unordered, chunksize) in [(false, 1), (true, 1), (false, 2), (true, 2)] {
        let start = || {
            let pool = ThreadPoolExecutor::new(1).unwrap();
            let (gate, ran) = (Gate::new(), Arc::new(AtomicUsize::new(0)));
            let (closed, count) = (gate.clone(), Arc::clone(&ran));
            let holds_the_second = move |n: usize| {
                count.fetch_add(1, Ordering::SeqCst);
                if n == chunksize {
                    closed.wait();
                }
                n
            };
            let (input, pulled) = counted(100);
            let map = pool.map(holds_the_second, input).buffersize(4 * chunksize).chunksize(chunksize).timeout(LIMIT);
            let items = if unordered { map.unordered().start() } else { map.start() };
            (items, pool, gate, ran, pulled)
        };
        let (mut items, pool, gate, ran, pulled) = started_in_time(start, |(_, _, gate, ..)| gate.open());
        eventually("the second chunk runs", || ran.load(Ordering::SeqCst) == chunksize + 1);
        let_the_time_pass();
        // One of them is ready; to ask for it is also when the map finds that its time is up.
        let way = format!("unordered: {unordered}, chunks of {chunksize}");
        let ready: Vec<Outcome> = items.by_ref().take(chunksize).collect();
        assert!(ready.iter().all(Result::is_ok), "{way}: {ready:?}");
        assert!(matches!(items.next(), Some(Err(TaskError::TimedOut))), "{way}");
        assert!(items.next().is_none(), "{way}");
        gate.open();
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
        let ran = ran.load(Ordering::SeqCst);
        assert!(ran == chunksize + 1, "{way}: {ran} items ran, and no other was to begin");
        assert_eq!(pulled.load(Ordering::SeqCst), 4 * chunksize, "{way}");
    }
}

/// Says that it runs any number of tasks at once, or nearly; runs them on its caller's thread.
struct Unlimited(usize);

impl Executor for Unlimited {
    fn try_execute(&self, task: Task) -> Result<(), Rejected<Task>> {
        task.run();
        Ok(())
    }

    fn shutdown(&self, _: Shutdown) -> ShutdownReport {
        ShutdownReport::default()
    }

    fn max_workers(&self) -> usize {
        self.0
    }
}

impl InProcessExecutor for Unlimited {}

/// Any size may be said: none of them overflows, and none leaves a map without a window.
#[test]
fn maps_on_engines_of_every_size() {
    type Way = fn(Map<'_, std::ops::Range<usize>, usize>) -> Vec<usize>;
    let ways: [(&str, Way); 7] = [
        ("as it is", |map| map.map(Result::unwrap).collect()),
        ("started", |map| map.start().map(Result::unwrap).collect()),
        ("eager", |map| map.eager().map(Result::unwrap).collect()),
        ("eager, in chunks", |map| map.chunksize(3).eager().map(Result::unwrap).collect()),
        ("with a window", |map| map.buffersize(2).map(Result::unwrap).collect()),
        ("without an order", |map| map.unordered().map(Result::unwrap).collect()),
        ("futures", |map| {
            map.into_futures().iter().map(|future: &Future<usize>| future.result(None).unwrap()).collect()
        }),
    ];
    let _watchdog = watchdog();
    for workers in [0, 1, usize::MAX, usize::MAX / 2 + 1, 1 << (usize::BITS - 2), usize::MAX / 3] {
        for (way, collect) in ways {
            let engine = Unlimited(workers);
            let engine: &dyn InProcessExecutor = &engine;
            let mut values = collect(engine.map(|n: usize| n + 1, 0..10));
            values.sort_unstable();
            assert_eq!(values, (1..=10).collect::<Vec<_>>(), "{way}, {workers} workers");
        }
    }
}

/// Ways to go through a map whose input is slow; each gives what there was.
type Course = fn(&ThreadPoolExecutor, Map<'static, Slow, usize>) -> Vec<Outcome>;

const COURSES: [(&str, Course); 7] = [
    ("as it is", |_, map| map.collect()),
    ("in chunks", |_, map| map.chunksize(100).collect()),
    ("without an order", |_, map| map.chunksize(100).unordered().collect()),
    ("started", |_, map| map.start().collect()),
    ("eager", |_, map| map.eager().collect()),
    ("eager, in chunks", |_, map| map.chunksize(usize::MAX).eager().collect()),
    ("a stream", |pool, map| pool.block_on(map.chunksize(100).stream().collect())),
];

/// An endless input whose third pull takes until the limit of a map that was begun with it is past.
struct Slow {
    pulled: Arc<AtomicUsize>,
}

impl Iterator for Slow {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let before = self.pulled.fetch_add(1, Ordering::SeqCst);
        if before == 2 {
            let_the_time_pass();
        }
        assert!(before < 100_000, "it is pulled for ever");
        Some(before)
    }
}

/// Only the one pull under way delays the end. (Case 6.)
#[test]
fn a_slow_input_delays_the_end_by_one_pull() {
    let _watchdog = watchdog();
    for (way, course) in COURSES {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let pulled = Arc::new(AtomicUsize::new(0));
        let input = Slow { pulled: Arc::clone(&pulled) };
        let outcomes = course(&pool, pool.map(|n: usize| n, input).timeout(LIMIT));
        let pulled = pulled.load(Ordering::SeqCst);
        assert!(pulled <= 3, "{way}: {pulled} pulled: {outcomes:?}");
        let (last, ready) = outcomes.split_last().unwrap();
        assert!(matches!(last, Err(TaskError::TimedOut)), "{way}: {outcomes:?}");
        assert!(ready.len() <= 3 && ready.iter().all(Result::is_ok), "{way}: {outcomes:?}");
    }
}

#[test]
fn a_slow_input_ends_a_list_of_futures_in_time() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let pulled = Arc::new(AtomicUsize::new(0));
    let input = Slow { pulled: Arc::clone(&pulled) };
    let futures = pool.map(|n: usize| n, input).timeout(LIMIT).into_futures();
    let pulled = pulled.load(Ordering::SeqCst);
    assert!(pulled <= 3 && futures.len() == pulled + 1, "{pulled} pulled for {} futures", futures.len());
    let (last, each) = futures.split_last().unwrap();
    assert!(matches!(last.result(None), Err(TaskError::DeadlineExceeded)), "for those that were not pulled");
    assert!(each.iter().enumerate().all(|(n, future)| future.result(None).unwrap() == n));
    let known = pool.map(|n: usize| n, 0..3).timeout(Duration::ZERO).into_futures();
    assert!(matches!(known[0].result(None), Err(TaskError::DeadlineExceeded)) && known.len() == 1);
}

/// (Case 122, as far as the limit of zero goes.)
#[test]
fn a_limit_of_zero_pulls_nothing() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let (input, pulled) = counted(5);
    let outcomes: Vec<Outcome> = pool.map(|n: usize| n, input).timeout(Duration::ZERO).collect();
    assert!(matches!(outcomes[..], [Err(TaskError::TimedOut)]), "{outcomes:?}");
    assert_eq!(pulled.load(Ordering::SeqCst), 0);
    let none: Vec<Outcome> = pool.map(|n: usize| n, 0..0).timeout(Duration::ZERO).collect();
    assert!(none.is_empty(), "an input that is known to be empty is at its end: {none:?}");
}

/// An item's limit of zero sets its token, and is no limit on the map.
#[test]
fn an_items_limit_of_zero_asks_it_to_stop() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let until_asked = |n: usize| {
        eventually("the item is asked to stop", concurrent_futures::task::cancel_requested);
        n
    };
    let values: Result<Vec<usize>, TaskError> = pool.map(until_asked, 0..3).item_timeout(Duration::ZERO).collect();
    assert_eq!(values.unwrap(), [0, 1, 2]);
}

/// Each pull but the first waits until all that was pulled before has ended, and then a while: so a `next` finds
/// something to hand out after two of them, and does not go on to fill the window.
#[test]
fn what_is_ready_is_handed_out_before_a_slow_input_fills_the_window() {
    let _watchdog = watchdog();
    for unordered in [false, true] {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let (watched, pulled) = (pool.clone(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&pulled);
        let input = (0..100).inspect(move |_| {
            let before = counter.fetch_add(1, Ordering::SeqCst);
            let began = Instant::now();
            eventually("what was pulled has ended, a while ago", || {
                let stats = watched.stats();
                stats.completed == before as u64
                    && stats.running == 0
                    && began.elapsed() > Duration::from_millis(if before == 0 { 0 } else { 5 })
            });
        });
        let map = pool.map(|n: usize| n, input).chunksize(1).buffersize(50);
        let mut items: Box<dyn Iterator<Item = Outcome>> =
            if unordered { Box::new(map.unordered()) } else { Box::new(map) };
        for handed_out in 1..=10 {
            assert_eq!(items.next().unwrap().unwrap(), handed_out - 1);
            let pulled = pulled.load(Ordering::SeqCst);
            assert!(pulled <= 2 * handed_out, "{pulled} inputs pulled for {handed_out} results");
        }
    }
}

/// Most results are handed out without a look at the window; which must be filled all the same as soon as a chunk fits.
#[test]
fn the_window_is_filled_as_soon_as_it_has_room_for_a_chunk() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    for (chunk, window) in [(1, 1), (1, 7), (4, 12), (5, 12), (3, 3)] {
        let (input, pulled) = counted(100);
        let mut items = pool.map(|n| n, input).chunksize(chunk).buffersize(window);
        let filled = window / chunk * chunk;
        for taken in 1..=50 {
            assert_eq!(items.next().unwrap().unwrap(), taken - 1);
            // Whole chunks only, and each as soon as it fits.
            let expected = filled + (taken + window - filled) / chunk * chunk;
            assert_eq!(pulled.load(Ordering::SeqCst), expected, "{taken} taken, {chunk} a chunk, {window} ahead");
        }
        assert_eq!(items.size_hint(), (1, Some(50)));
        assert_eq!(items.map(Result::unwrap).collect::<Vec<_>>(), (50..100).collect::<Vec<_>>());
    }
}

/// A submit that waits for room in a bounded queue ends with the map's time.
#[test]
fn a_full_queue_does_not_hold_back_the_end() {
    let _watchdog = watchdog();
    for unordered in [false, true] {
        let pool = ThreadPoolExecutor::builder().max_workers(1).queue_bound(1).build().unwrap();
        let (gate, ran) = (Gate::new(), Arc::new(AtomicUsize::new(0)));
        let (closed, count) = (gate.clone(), Arc::clone(&ran));
        let hold = pool.submit(move || closed.wait());
        let map = pool.map(
            move |n: usize| {
                count.fetch_add(1, Ordering::SeqCst);
                n
            },
            0..,
        );
        let map = map.chunksize(1).timeout(LIMIT);
        let outcomes: Vec<Outcome> = if unordered { map.unordered().collect() } else { map.collect() };
        assert!(matches!(outcomes[..], [Err(TaskError::TimedOut)]), "{outcomes:?}");
        gate.open();
        hold.result(None).unwrap();
        drop(pool);
        assert_eq!(ran.load(Ordering::SeqCst), 0, "items that began after the end");
    }
}

/// What has not been handed out, as far as the input knows it.
#[test]
fn the_size_of_what_is_left() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    for chunksize in [1, 3] {
        let mut map = pool.map(|n: usize| n, 0..10).chunksize(chunksize);
        for left in (0..=10).rev() {
            assert_eq!(map.size_hint(), (left.min(1), Some(left)), "in chunks of {chunksize}");
            assert_eq!(map.next().is_some(), left > 0);
        }
        assert_eq!(map.size_hint(), (0, Some(0)), "after the end");
    }
    assert_eq!(pool.map(|n: usize| n, 0..10).start().size_hint(), (1, Some(10)));
    assert_eq!(pool.map(|n: usize| n, 0..10).eager().size_hint(), (1, Some(10)));
    let mut stream = pool.map(|n: usize| n, 0..10).stream();
    pool.block_on(stream.next()).unwrap().unwrap();
    assert_eq!(stream.size_hint(), (9, Some(9)));
    assert_eq!(pool.map(|n: usize| n, 0..).size_hint(), (1, None));
    assert_eq!(pool.map(|n: usize| n, 0..).stream().size_hint(), (usize::MAX, None));
    assert_eq!(pool.map(|n: usize| n, (0..10).filter(|n| n % 2 == 0)).size_hint(), (0, Some(10)));
}

/// Maps in a task for which the items wait. Says whether it was the map's own wait that was refused, and not an item's.
fn is_refused(unordered: bool) -> bool {
    let pool = ThreadPoolExecutor::new(2).unwrap();
    let (give, given) = channel::<SharedFuture<bool>>();
    let inner = pool.clone();
    let outer = pool.submit(move || {
        let own = given.recv().unwrap();
        let map = inner.map(move |_| own.result(None).is_ok(), 0..3).chunksize(1);
        let items = if unordered { map.unordered().start() } else { map.start() };
        eventually("the items are about to wait for the one who maps", || inner.stats().blocked == 3);
        let (least, most) = items.size_hint();
        let outcomes: Vec<_> = items.collect();
        assert!(least <= outcomes.len() && most == Some(3), "{least} at least, {most:?} at most: {outcomes:?}");
        // One error, and the end.
        matches!(&outcomes[..], [Err(error)] if error.is_deadlock())
    });
    let outer = outer.shared();
    give.send(outer.clone()).unwrap();
    *outer.result(None).unwrap()
}

/// A wait that would never end ends a map early.
#[test]
fn there_is_no_less_than_was_said_where_a_wait_is_refused() {
    let _watchdog = watchdog();
    for unordered in [false, true] {
        // It is the last one to lie down that is refused, and most often that is the map.
        assert!((0..1000).any(|_| is_refused(unordered)), "unordered: {unordered}");
    }
}

#[test]
fn the_size_of_what_is_left_of_a_map_with_a_limit() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let long = Duration::from_secs(600);
    let mut map = pool.map(|n: usize| n, 0..10).timeout(long);
    assert_eq!(map.size_hint(), (1, Some(10)), "it may end early, with an error");
    assert_eq!(map.by_ref().count(), 10);
    assert_eq!(map.size_hint(), (0, Some(0)));
    assert_eq!(pool.map(|n: usize| n, 0..0).timeout(long).size_hint(), (0, Some(0)));
    let unknown = (0..1).filter(|_| false);
    let mut unknown = pool.map(|n: usize| n, unknown).timeout(Duration::ZERO);
    assert_eq!(unknown.size_hint(), (0, Some(1)));
    assert!(unknown.next().unwrap().is_err(), "it was not pulled, and nobody knows whether there was something");
    assert_eq!(unknown.size_hint(), (0, Some(0)));
    let mut late = pool.map(|n: usize| n, 0..10).timeout(Duration::ZERO);
    assert!(late.next().unwrap().is_err());
    assert_eq!(late.size_hint(), (0, Some(0)), "the error was the last");
}

/// An input whose panic waits for the next `next` has nothing left to be handed out.
#[test]
fn the_size_of_what_is_left_where_the_input_panics() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let mut map = pool.map(|n: usize| n, (0..3).inspect(|n| assert!(*n < 1, "no more"))).buffersize(1).chunksize(1);
    assert_eq!(map.next().unwrap().unwrap(), 0);
    assert_eq!(map.size_hint(), (0, Some(0)));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| map.next())).is_err());
    assert_eq!((map.size_hint(), map.next().is_none()), ((0, Some(0)), true));
}

/// Also while it waits for room in a queue that has none.
#[test]
fn futures_that_find_no_room_in_time() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_bound(1).build().unwrap();
    let (gate, begun) = (Gate::new(), Gate::new());
    let (closed, tell) = (gate.clone(), begun.clone());
    let holds = pool.submit(move || {
        tell.open();
        closed.wait();
    });
    begun.wait();
    let futures = pool.map(|n: usize| n, 0..).timeout(LIMIT).into_futures();
    assert_eq!(futures.len(), 3);
    assert!(futures[1].exception(None).unwrap().is_some_and(|error| error.is_rejected()));
    assert!(futures[2].exception(None).unwrap().is_some_and(|error| error.is_deadline_exceeded()));
    gate.open();
    assert_eq!(futures[0].result(None).unwrap(), 0);
    holds.result(None).unwrap();
}
