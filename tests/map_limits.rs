//! The limits of a map: its time, which comes also while results are ready and for endless inputs, and its window on
//! engines of any size.

mod support;

use concurrent_futures::{
    Executor, Future, InProcessExecutor, Map, Rejected, Shutdown, ShutdownReport, Task, TaskError, ThreadPoolExecutor,
};
use std::ops::RangeFrom;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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

#[test]
fn nothing_is_pulled_once_the_time_is_up() {
    let _watchdog = watchdog();
    for unordered in [false, true] {
        let pool = ThreadPoolExecutor::new(1).unwrap();
        let (input, pulled) = counted(100);
        let map = pool.map(|n: usize| n, input).buffersize(WINDOW).chunksize(1).timeout(LIMIT);
        let mut items = if unordered { map.unordered().start() } else { map.start() };
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
        let map = pool.map(|n: usize| n, 0..WINDOW).buffersize(WINDOW).chunksize(1).timeout(LIMIT);
        let items = if unordered { map.unordered().start() } else { map.start() };
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
        let mut items = if unordered { map.unordered().start() } else { map.start() };
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
