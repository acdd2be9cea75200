//! How a pool ends, after CPython's `test_shutdown.py`. How whole programs end is in `cases_exit.rs`.

mod support;

use concurrent_futures::{
    Future, RejectReason, ReturnWhen, Shutdown, ShutdownReport, TaskError, ThreadPoolExecutor, as_completed, wait,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::{Gate, eventually, watchdog};

fn pool(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(workers).unwrap()
}

/// Keeps every worker busy until the gate opens.
fn hold(pool: &ThreadPoolExecutor) -> (Gate, Vec<Future<()>>) {
    let gate = Gate::new();
    let stay = |_| {
        let released = gate.clone();
        pool.submit(move || released.wait())
    };
    let futures: Vec<Future<()>> = (0..pool.max_workers()).map(stay).collect();
    futures.iter().for_each(|future| eventually("every worker is busy", || future.running()));
    (gate, futures)
}

fn is_shut_down(error: &TaskError) -> bool {
    matches!(error, TaskError::Rejected(RejectReason::ShutDown))
}

// case 96
#[test]
fn a_submit_after_the_shutdown_is_rejected() {
    let _watchdog = watchdog();
    for how in [Shutdown::wait(), Shutdown::no_wait()] {
        let pool = pool(1);
        pool.submit(|| ()).result(None).unwrap();
        pool.shutdown(how);
        let late = pool.submit(|| 1);
        assert!(late.done() && is_shut_down(&late.result(None).unwrap_err()));
        let kept = Arc::new(());
        let inside = Arc::clone(&kept);
        let rejected = pool.try_submit(move || Arc::strong_count(&inside)).unwrap_err();
        assert_eq!(rejected.reason, RejectReason::ShutDown);
        assert_eq!(concurrent_futures::Job::run(rejected.job), 2, "the very job comes back");
        drop(pool.submit(move || drop(kept)));
        assert!(pool.map(|n: u32| n, 0..3).all(|item| is_shut_down(&item.unwrap_err())));
        assert!(pool.broadcast(|()| ()).iter().all(|future| is_shut_down(&future.result(None).unwrap_err())));
    }
}

// beside case 96
#[test]
fn a_rejected_job_is_not_kept() {
    let pool = pool(1);
    pool.shutdown(Shutdown::wait());
    let captured = Arc::new(());
    let weak = Arc::downgrade(&captured);
    let future = pool.submit(move || drop(captured));
    assert!(weak.upgrade().is_none(), "while the future still lives");
    assert!(future.result(None).is_err());
}

// beside case 99
#[test]
fn work_that_is_queued_when_the_shutdown_comes_still_runs() {
    let _watchdog = watchdog();
    let pool = pool(5);
    let (gate, held) = hold(&pool);
    let futures: Vec<Future<usize>> = (0..50).map(|n| pool.submit(move || n)).collect();
    let closing = pool.clone();
    let closer = thread::spawn(move || closing.shutdown(Shutdown::wait()));
    let mut probes = 0;
    eventually("it is closed", || pool.try_submit(|| ()).map(|_| probes += 1).is_err());
    assert!(futures.iter().all(|future| !future.done()), "its workers are busy");
    gate.open();
    let report = closer.join().unwrap();
    assert_eq!((report.finished, report.cancelled, report.abandoned), (55 + probes, 0, 0));
    assert!(held.iter().all(Future::done));
    assert_eq!(futures.iter().map(|future| future.result(None).unwrap()).sum::<usize>(), 50 * 49 / 2);
}

// case 100
#[test]
fn cancelled_and_finished_add_up() {
    let _watchdog = watchdog();
    let pool = pool(5);
    let (gate, held) = hold(&pool);
    let queued: Vec<Future<()>> = (0..45).map(|_| pool.submit(|| ())).collect();
    let closing = pool.clone();
    let closer = thread::spawn(move || closing.shutdown(Shutdown::wait().cancel_pending()));
    // Whoever waits for the cancelled ones is not held up by those that run.
    assert_eq!(as_completed(&queued, None).filter(|end| end.is_ok_and(|future| future.cancelled())).count(), 45);
    assert_eq!(wait(&queued, None, ReturnWhen::AllCompleted).done.len(), 45);
    assert!(held.iter().all(|future| !future.done()));
    gate.open();
    let report = closer.join().unwrap();
    assert_eq!((report.finished, report.cancelled, report.abandoned, report.killed), (5, 45, 0, 0));
    assert!(held.iter().all(|future| future.result(None).is_ok()));
}

// beside case 100
#[test]
fn cancelling_everything_that_is_queued_leaves_what_ended_alone() {
    let _watchdog = watchdog();
    for _ in 0..50 {
        let pool = pool(2);
        let futures: Vec<Future<usize>> = (0..100).map(|n| pool.submit(move || n)).collect();
        let report = pool.shutdown(Shutdown::wait().cancel_pending());
        let cancelled = futures.iter().filter(|future| future.cancelled()).count();
        let finished = futures.iter().filter(|future| future.result(None).is_ok()).count();
        assert_eq!((cancelled + finished, report.cancelled), (100, cancelled));
    }
}

// case 102
#[test]
fn a_task_that_is_cancelled_at_once_does_not_hang_the_shutdown() {
    let _watchdog = watchdog();
    for round in 0..1000 {
        let pool = pool(1);
        if round % 2 == 0 {
            // A thread is there, and idle.
            pool.submit(|| ()).result(None).unwrap();
        }
        let future = pool.submit(|| ());
        let cancelled = future.cancel();
        let report = pool.shutdown(Shutdown::wait());
        assert_eq!(future.cancelled(), cancelled, "round {round}");
        assert!(future.done() && report.abandoned == 0, "round {round}: {report:?}");
    }
}

// beside case 103
#[test]
fn a_task_that_was_seen_to_end_before_is_not_counted() {
    let _watchdog = watchdog();
    for how in [Shutdown::wait(), Shutdown::no_wait()] {
        for round in 0..500 {
            let pool = pool(1);
            pool.submit(|| ()).result(None).unwrap();
            let report = pool.shutdown(how.clone());
            assert_eq!(report, ShutdownReport::default(), "round {round} of {how:?}: nothing ran meanwhile");
        }
    }
}

// case 104
#[test]
fn leaving_the_block_waits_for_everything() {
    let _watchdog = watchdog();
    let pool = pool(5);
    let results = {
        let _guard = pool.guard();
        pool.map(|n: i32| n.abs(), -5..5).eager()
    };
    assert_eq!(pool.workers(), [], "its threads have ended");
    let results: Vec<i32> = results.map(Result::unwrap).collect();
    assert_eq!(results, [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]);
    assert!(is_shut_down(&pool.submit(|| ()).result(None).unwrap_err()));
}

// beside case 104
#[test]
fn a_guard_also_shuts_down_when_unwinding() {
    let _watchdog = watchdog();
    support::quiet_panics_of(&["unwinds-on-purpose"]);
    let pool = pool(1);
    let inside = pool.clone();
    let unwinding = move || {
        let _guard = inside.guard().on_drop(Shutdown::wait().cancel_pending());
        panic!("out of the block");
    };
    let thread = thread::Builder::new().name("unwinds-on-purpose".to_owned()).spawn(unwinding).unwrap();
    assert!(thread.join().is_err());
    assert!(is_shut_down(&pool.submit(|| ()).result(None).unwrap_err()));
    let other = ThreadPoolExecutor::new(1).unwrap();
    other.guard().disarm();
    assert_eq!(other.submit(|| 3).result(None).unwrap(), 3);
    assert_eq!(other.guard().shutdown().abandoned, 0);
    assert!(other.submit(|| ()).result(None).is_err());
}

// case 105
#[test]
fn dropping_the_pool_runs_what_was_accepted() {
    let _watchdog = watchdog();
    let (starts, stops) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (started, stopped) = (Arc::clone(&starts), Arc::clone(&stops));
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .on_thread_start(move |_slot| {
            started.fetch_add(1, Ordering::Relaxed);
        })
        .on_thread_stop(move |_slot| {
            stopped.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .unwrap();
    let futures: Vec<Future<i32>> = (-5..5_i32).map(|n| pool.submit(move || n.abs())).collect();
    drop(pool);
    assert!(futures.iter().all(Future::done), "the drop waits");
    let results: Vec<i32> = futures.iter().map(|future| future.result(None).unwrap()).collect();
    assert_eq!(results, [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]);
    assert!(starts.load(Ordering::Relaxed) > 0);
    assert_eq!(stops.load(Ordering::Relaxed), starts.load(Ordering::Relaxed), "its threads have ended");
}

// beside case 105
#[test]
fn a_map_keeps_its_pool() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let map = pool.map(|n: i32| n.abs(), -5..5).buffersize(2).start();
    drop(pool);
    assert_eq!(map.map(Result::unwrap).collect::<Vec<_>>(), [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]);
}

// beside case 105
#[test]
fn dropping_a_clone_ends_nothing() {
    let _watchdog = watchdog();
    let pool = pool(1);
    drop(pool.clone());
    assert_eq!(pool.submit(|| 1).result(None).unwrap(), 1);
    let other = pool.clone();
    pool.shutdown(Shutdown::wait());
    assert!(is_shut_down(&other.submit(|| 1).result(None).unwrap_err()), "they are one pool");
}

// beside case 105
#[test]
fn the_last_handle_may_go_inside_a_task() {
    let _watchdog = watchdog();
    for workers in [1, 3] {
        let pool = pool(workers);
        let inside = pool.clone();
        let gate = Gate::new();
        let released = gate.clone();
        let future = pool.submit(move || {
            released.wait();
            drop(inside);
            7
        });
        drop(pool);
        gate.open();
        assert_eq!(future.result(None).unwrap(), 7, "the drop does not wait for itself");
    }
}

// beside case 105
#[test]
fn the_last_drop_can_be_told_to_do_otherwise() {
    let _watchdog = watchdog();
    let how = Shutdown::no_wait().cancel_pending();
    let pool = ThreadPoolExecutor::builder().max_workers(1).on_last_drop(how).build().unwrap();
    let (gate, held) = hold(&pool);
    let queued: Vec<Future<()>> = (0..5).map(|_| pool.submit(|| ())).collect();
    drop(pool);
    assert!(queued.iter().all(Future::cancelled) && !held[0].done());
    gate.open();
    held[0].result(None).unwrap();
}

// case 106
#[test]
fn a_shutdown_that_does_not_wait_returns_at_once() {
    let _watchdog = watchdog();
    let pool = pool(5);
    let (gate, held) = hold(&pool);
    let results = pool.map(|n: i32| n.abs(), -5..5).chunksize(1).eager();
    let began = Instant::now();
    let report = pool.shutdown(Shutdown::no_wait());
    assert!(began.elapsed() < Duration::from_secs(5) && held.iter().all(|future| !future.done()));
    assert_eq!((report.cancelled, report.abandoned), (0, 15), "five that run and ten that are queued go on");
    gate.open();
    assert_eq!(results.map(Result::unwrap).collect::<Vec<_>>(), [5, 4, 3, 2, 1, 0, 1, 2, 3, 4]);
    eventually("the threads end by themselves", || pool.workers().is_empty());
}

// beside case 106
#[test]
fn a_deadline_ends_the_wait_and_not_the_task() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let (gate, held) = hold(&pool);
    let queued = pool.submit(|| 1);
    for limit in [Duration::ZERO, Duration::from_millis(10)] {
        for how in [Shutdown::wait().deadline(limit), Shutdown::wait().kill_after(limit)] {
            let report = pool.shutdown(how);
            assert_eq!((report.finished, report.abandoned, report.killed), (0, 3, 0), "a thread cannot be killed");
        }
    }
    gate.open();
    assert_eq!(pool.shutdown(Shutdown::wait().deadline(Duration::MAX)).abandoned, 0);
    assert_eq!(queued.result(None).unwrap(), 1);
    assert!(held.iter().all(Future::done));
}

// beside case 106
#[test]
fn whoever_awaits_the_end_is_told() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let (gate, held) = hold(&pool);
    let queued: Vec<Future<()>> = (0..3).map(|_| pool.submit(|| ())).collect();
    let waiting = pool.clone();
    let waits = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(waiting.closed())
    });
    pool.shutdown(Shutdown::no_wait().cancel_pending());
    assert!(queued.iter().all(Future::cancelled) && !waits.is_finished());
    gate.open();
    let report = waits.join().unwrap();
    assert_eq!((report.finished, report.cancelled, report.abandoned), (2, 3, 0));
    assert!(held.iter().all(Future::done) && pool.workers().is_empty());
}

// beside case 102
#[test]
fn a_broadcast_while_the_pool_shuts_down_ends_too() {
    let _watchdog = watchdog();
    for _ in 0..200 {
        let pool = pool(3);
        let other = pool.clone();
        let broadcasts = thread::spawn(move || other.broadcast(|()| concurrent_futures::task::slot()));
        pool.shutdown(Shutdown::wait());
        for (slot, future) in broadcasts.join().unwrap().iter().enumerate() {
            match future.result(None) {
                Ok(ran_on) => assert_eq!(ran_on, Some(slot)),
                Err(error) => assert!(is_shut_down(&error), "{error}"),
            }
        }
        pool.shutdown(Shutdown::wait());
        assert!(pool.workers().is_empty());
    }
}

// beside case 102
#[test]
fn shutdowns_from_everywhere_at_once_all_return() {
    let _watchdog = watchdog();
    for _ in 0..50 {
        let pool = pool(3);
        let ran = Arc::new(AtomicUsize::new(0));
        let futures: Vec<Future<usize>> = (0..30)
            .map(|n| {
                let (inside, ran) = (pool.clone(), Arc::clone(&ran));
                pool.submit(move || {
                    if n % 10 == 0 {
                        inside.shutdown(Shutdown::wait());
                    }
                    ran.fetch_add(1, Ordering::Relaxed)
                })
            })
            .collect();
        thread::scope(|threads| {
            for how in [Shutdown::wait(), Shutdown::no_wait(), Shutdown::wait()] {
                let pool = &pool;
                threads.spawn(move || pool.shutdown(how));
            }
        });
        let accepted = futures.iter().filter(|future| future.result(None).is_ok()).count();
        pool.shutdown(Shutdown::wait());
        assert_eq!(ran.load(Ordering::Relaxed), accepted);
        assert!(pool.workers().is_empty());
    }
}

/// The end of a thread as the system sees it, which comes after its last step in the pool.
#[derive(Clone, Default)]
struct ThreadEnd {
    reached: Gate,
    may_pass: Gate,
}

impl Drop for ThreadEnd {
    fn drop(&mut self) {
        self.reached.open();
        self.may_pass.wait();
    }
}

thread_local! {
    static END: std::cell::OnceCell<ThreadEnd> = const { std::cell::OnceCell::new() };
}

/// A pool whose only thread has a thread-local whose destructor takes as long as the test wants.
fn pool_with_a_slow_thread() -> (ThreadPoolExecutor, Gate, Gate) {
    let pool = pool(1);
    let (reached, may_pass) = (Gate::new(), Gate::new());
    let end = ThreadEnd { reached: reached.clone(), may_pass: may_pass.clone() };
    pool.submit(move || END.with(|cell| assert!(cell.set(end).is_ok()))).result(None).unwrap();
    (pool, reached, may_pass)
}

// beside case 106
#[test]
fn a_deadline_also_ends_the_wait_for_a_thread_that_does_not_end() {
    let _watchdog = watchdog();
    let (pool, reached, may_pass) = pool_with_a_slow_thread();
    let report = pool.shutdown(Shutdown::wait().deadline(Duration::from_millis(10)));
    assert_eq!((report.finished, report.cancelled), (0, 0));
    reached.wait();
    pool.shutdown(Shutdown::wait().deadline(Duration::ZERO));
    assert!(!may_pass.is_open(), "both returned before the thread has ended");
    may_pass.open();
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}

// beside case 102
#[test]
fn everybody_who_waits_for_the_shutdown_waits_for_the_threads() {
    // Long enough for a thread that does not wait to be seen.
    const MEANWHILE: Duration = Duration::from_millis(50);
    let _watchdog = watchdog();
    let (pool, reached, may_pass) = pool_with_a_slow_thread();
    let returned = Gate::new();
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                pool.shutdown(Shutdown::wait());
                returned.open();
            });
        }
        reached.wait();
        let too_early = returned.wait_for(MEANWHILE);
        may_pass.open();
        assert!(!too_early, "a thread of the pool was there, and one of the two went on");
    });
}
