//! Panics, wherever foreign code runs for a spawned future: none ends the process or a worker, and each is told of by
//! the right future, or by none.

use crate::support::{eventually, watchdog};
use crate::tools::{SEVEN, Strings, assert_cancelled, assert_late, assert_works, hold, pool, quiet, settle};
use crate::torture::{Bell, Blast, LONG, LastGate, Ledger, Tracked};
use concurrent_futures::{Future, Shutdown, SubmitOptions, TaskError, ThreadPoolExecutor, promise, task};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

const BLASTS: [Blast; 2] = [Blast::Text, Blast::Payload];

#[track_caller]
fn assert_panicked<T>(outcome: &Result<T, TaskError>, with: &str) {
    match outcome {
        Err(TaskError::Panicked(report)) => assert!(report.message.contains(with), "{report}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("there is a value"),
    }
}

/// The one thread that the pool had is the one that it has.
fn with_one_worker(check: impl FnOnce(&ThreadPoolExecutor)) {
    quiet();
    let pool = pool(1);
    let thread = || std::thread::current().id();
    let before = pool.submit(thread).result(LONG).unwrap();
    check(&pool);
    assert_works(&pool);
    assert_eq!(pool.submit(thread).result(LONG).unwrap(), before);
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}

/// async-task's panic test, tokio's `panic_in_task`: in the first poll or in a later one.
#[test]
fn in_a_poll() {
    let _watchdog = watchdog();
    with_one_worker(|pool| {
        for blast in BLASTS {
            for yields in [0, 1, 5] {
                let ledger = Ledger::new();
                let (capture, thrower) = (ledger.capture(Blast::Dud), ledger.clone());
                let future: Future<()> = pool.spawn(async move {
                    let _capture = capture;
                    for _ in 0..yields {
                        task::yield_now().await;
                    }
                    thrower.blow(blast, "a poll");
                });
                let outcome = future.result(LONG);
                assert_panicked(&outcome, if blast == Blast::Text { "a poll blows up" } else { "" });
                assert_eq!(ledger.captures_dropped(), 1);
                assert!(!future.cancel());
            }
        }
    });
}

#[test]
fn the_report_says_where() {
    let _watchdog = watchdog();
    with_one_worker(|pool| {
        let future: Future<()> = pool.spawn(async {
            task::yield_now().await;
            panic!("no input");
        });
        let error = future.result(LONG).unwrap_err();
        let TaskError::Panicked(report) = error else { panic!("{error}") };
        assert_eq!(report.message, "no input");
        // Other tests of this process install a hook of their own, after which there may be no location.
        assert!(report.location.as_deref().is_none_or(|at| at.contains("panics.rs")), "{report}");
    });
}

/// A future that blows up when it is dropped, and does what it is told to in its poll.
struct Mine<P> {
    poll: P,
    // Dropped with the rest.
    _capture: Tracked,
}

impl<T, P: FnMut(&mut Context<'_>) -> Poll<T> + Unpin> std::future::Future for Mine<P> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        (self.poll)(cx)
    }
}

fn mine<T, P: FnMut(&mut Context<'_>) -> Poll<T> + Unpin>(ledger: &Ledger, blast: Blast, poll: P) -> Mine<P> {
    Mine { poll, _capture: ledger.capture(blast) }
}

/// Pending for ever; its waker is kept by the strings.
fn waiting(strings: &Strings) -> impl FnMut(&mut Context<'_>) -> Poll<u32> + Send + Unpin + use<> {
    let mut puppet = Box::pin(strings.puppet());
    move |cx| std::future::Future::poll(puppet.as_mut(), cx)
}

/// tokio's `test_abort_task_that_panics_on_drop_contained`: the canceller sees nothing of it.
#[test]
fn in_the_drop_of_one_that_is_cancelled() {
    let _watchdog = watchdog();
    with_one_worker(|pool| {
        for blast in BLASTS {
            let (ledger, strings) = (Ledger::new(), Strings::new());
            let future = pool.spawn(mine(&ledger, blast, waiting(&strings)));
            strings.wait_until_idle(pool);
            assert!(future.cancel());
            assert_eq!((ledger.captures_dropped(), strings.drops()), (1, 1));
            assert_cancelled(future.result(LONG));

            let held = hold(pool);
            let unbegun = pool.spawn(mine(&ledger, blast, waiting(&strings)));
            assert!(unbegun.cancel());
            assert_eq!(ledger.captures_dropped(), 2);
            assert_cancelled(unbegun.result(LONG));
            drop(held);
        }
    });
}

/// As with a closure's captures: it had a value, and has none now; the value is dropped, once.
#[test]
fn in_the_drop_of_one_that_is_ready() {
    let _watchdog = watchdog();
    with_one_worker(|pool| {
        for blast in BLASTS {
            for of_value in [Blast::Dud, blast] {
                let ledger = Ledger::new();
                let mut value = Some(ledger.value(of_value));
                let future = pool.spawn(mine(&ledger, blast, move |_| Poll::Ready(value.take().unwrap())));
                assert_panicked(&future.result(LONG), if blast == Blast::Text { "a capture blows up" } else { "" });
                assert_eq!((ledger.captures_dropped(), ledger.values_dropped()), (1, 1));
            }
        }
    });
}

/// The first of the two is the one that is told.
#[test]
fn in_the_drop_of_one_that_has_panicked() {
    let _watchdog = watchdog();
    with_one_worker(|pool| {
        for blast in BLASTS {
            let ledger = Ledger::new();
            let future: Future<()> = pool.spawn(mine(&ledger, blast, |_| panic!("the first")));
            assert_panicked(&future.result(LONG), "the first");
            assert_eq!(ledger.captures_dropped(), 1);
        }
    });
}

#[test]
fn in_the_drop_of_one_that_nobody_can_wake() {
    let _watchdog = watchdog();
    with_one_worker(|pool| {
        for blast in BLASTS {
            let (ledger, strings) = (Ledger::new(), Strings::new());
            drop(pool.spawn(mine(&ledger, blast, waiting(&strings))));
            strings.wait_until_idle(pool);
            drop(strings.take_waker());
            strings.wait_for_drop();
            settle(pool);
            assert_eq!(ledger.captures_dropped(), 1);
        }
    });
}

/// On the timer's thread, which has others to serve.
#[test]
fn in_the_drop_of_one_whose_time_is_up() {
    let _watchdog = watchdog();
    with_one_worker(|pool| {
        for blast in BLASTS {
            for _ in 0..3 {
                let (ledger, strings) = (Ledger::new(), Strings::new());
                let options = SubmitOptions::new().timeout(Duration::from_millis(1));
                let future = pool.spawn_with(options, mine(&ledger, blast, waiting(&strings)));
                assert_late(future.result(LONG));
                assert_eq!(ledger.captures_dropped(), 1);
            }
        }
    });
}

#[test]
fn in_the_drop_of_an_output_that_nobody_wants() {
    let _watchdog = watchdog();
    with_one_worker(|pool| {
        for blast in BLASTS {
            let ledger = Ledger::new();
            let value = ledger.value(blast);
            let held = hold(pool);
            drop(pool.spawn(async move { value }));
            drop(held);
            eventually("the output is dropped", || ledger.values_dropped() == 1);

            // Cancelled in its last poll.
            let (value, strings, goes_on) = (ledger.value(blast), Strings::new(), LastGate::new());
            let closed = goes_on.clone();
            let inner = strings.acting(move |_, _| closed.wait());
            strings.make_ready();
            let future = pool.spawn(async move {
                inner.await;
                value
            });
            strings.wait_for_polls(1);
            assert!(future.cancel());
            goes_on.open();
            assert!(matches!(future.result(LONG), Err(TaskError::Cancelled)));
            assert_eq!(ledger.values_dropped(), 2);
        }
    });
}

/// Blows up when it is dropped, as a waker.
struct Bomb(#[expect(dead_code, reason = "its drop is what it is for")] Tracked);

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {}
}

/// The handle is awaited by hand, with a waker that blows up: when it is woken, or when it is dropped.
#[test]
fn in_a_foreign_waker_that_awaits_the_handle() {
    let _watchdog = watchdog();
    with_one_worker(|pool| {
        for blast in BLASTS {
            for cancelled in [false, true] {
                let (ledger, strings) = (Ledger::new(), Strings::new());
                let mut future = pool.spawn(strings.puppet());
                strings.wait_until_idle(pool);
                let bell = Bell::new(&ledger, blast);
                let waker = bell.waker();
                let polled = std::future::Future::poll(Pin::new(&mut future), &mut Context::from_waker(&waker));
                assert!(polled.is_pending());
                let bomb = Waker::from(Arc::new(Bomb(ledger.capture(blast))));
                let polled = std::future::Future::poll(Pin::new(&mut &future), &mut Context::from_waker(&bomb));
                assert!(polled.is_pending());
                // The one that is left is the future's to drop.
                drop(bomb);
                assert_eq!(ledger.captures_dropped(), 0);
                let called = Arc::new(AtomicUsize::new(0));
                let counted = Arc::clone(&called);
                future.add_done_callback(move |_| {
                    counted.fetch_add(1, Ordering::SeqCst);
                });
                if cancelled {
                    assert!(future.cancel());
                } else {
                    strings.finish();
                }
                assert_eq!(future.exception(LONG).unwrap().is_some(), cancelled);
                settle(pool);
                assert_eq!((bell.rung(), ledger.captures_dropped()), (1, 1));
                assert_eq!(called.load(Ordering::SeqCst), 1);
            }
        }
    });
}

#[test]
fn in_a_callback() {
    let _watchdog = watchdog();
    with_one_worker(|pool| {
        let (strings, second) = (Strings::new(), Arc::new(AtomicUsize::new(0)));
        let future = pool.spawn(strings.puppet());
        let counted = Arc::clone(&second);
        future.add_done_callback(|_| panic!("a callback blows up"));
        future.add_done_callback(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        strings.wait_until_idle(pool);
        strings.finish();
        assert_eq!(future.result(LONG).unwrap(), SEVEN);
        settle(pool);
        assert_eq!(second.load(Ordering::SeqCst), 1);
    });
}

/// In the waker of another task's `poll`, by a wake from within a poll of ours: it unwinds into that poll, and is its.
#[test]
fn in_a_waker_that_it_wakes_itself() {
    let _watchdog = watchdog();
    with_one_worker(|pool| {
        let ledger = Ledger::new();
        let waker = Bell::new(&ledger, Blast::Text).waker();
        let future: Future<()> = pool.spawn(async move { waker.wake() });
        assert_panicked(&future.result(LONG), "a waker blows up");
        // A promise contains what its future's waiters do.
        let (promise, awaited) = promise::<u32>();
        let waker = Bell::new(&ledger, Blast::Text).waker();
        let mut awaited = Box::pin(awaited);
        assert!(std::future::Future::poll(awaited.as_mut(), &mut Context::from_waker(&waker)).is_pending());
        let setting = pool.spawn(async move { promise.set_result(SEVEN) });
        assert_eq!(setting.result(LONG).unwrap(), Ok(()));
        assert_eq!(awaited.result(LONG).unwrap(), SEVEN);
    });
}

/// Several threads at once, and every tenth blows up, each at another point.
#[test]
fn many_at_once_cost_no_worker() {
    let _watchdog = watchdog();
    quiet();
    let pool = pool(4);
    let futures: Vec<_> = (0..1_000)
        .map(|number: usize| {
            let ledger = Ledger::new();
            let capture = ledger.capture(if number % 10 == 1 { Blast::Text } else { Blast::Dud });
            pool.spawn(async move {
                let _capture = capture;
                for _ in 0..number % 5 {
                    task::yield_now().await;
                }
                ledger.blow(if number % 10 == 0 { Blast::Payload } else { Blast::Dud }, "a poll");
                number
            })
        })
        .collect();
    for (number, future) in futures.into_iter().enumerate() {
        match future.result(LONG) {
            Ok(value) => assert_eq!((value, number % 10 < 2), (number, false)),
            Err(error) => assert!(error.is_panicked() && number % 10 < 2, "{number}: {error}"),
        }
    }
    let stats = pool.stats();
    assert!(stats.idle + stats.running <= 4, "{stats:?}");
    assert_works(&pool);
}
