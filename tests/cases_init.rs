//! What each worker does before its first task, after CPython's `test_init.py` and pebble's initializer tests.

mod support;

use concurrent_futures::{Future, Shutdown, TaskError, ThreadPoolExecutor, blocking};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;
use support::{Gate, eventually, quiet_panics_of, watchdog};

thread_local! {
    /// What an initializer leaves for tasks that know nothing of worker state.
    static STATUS: RefCell<String> = const { RefCell::new(String::new()) };
}

// case 65
#[test]
fn every_task_finds_what_the_initializer_left() {
    let _watchdog = watchdog();
    let initialized = "initialized";
    let pool = ThreadPoolExecutor::builder()
        .max_workers(4)
        .initializer(move |_slot| {
            STATUS.set(initialized.to_owned());
            Ok::<_, Infallible>(())
        })
        .build()
        .unwrap();
    // All workers at once, so that each has its turn.
    let all = Arc::new(Barrier::new(4));
    let look = |_| {
        let all = Arc::clone(&all);
        pool.submit(move || {
            all.wait();
            (thread::current().id(), STATUS.with_borrow(Clone::clone))
        })
    };
    let looks: Vec<Future<(thread::ThreadId, String)>> = (0..4).map(look).collect();
    let looks: HashSet<_> = looks.iter().map(|future| future.result(None).unwrap()).collect();
    assert_eq!(looks.len(), 4, "four threads");
    assert!(looks.iter().all(|(_, status)| status == "initialized"));
}

// case 578
#[test]
fn state_is_made_once_for_each_worker_and_lent_to_its_tasks() {
    let _watchdog = watchdog();
    let made = Arc::new(AtomicUsize::new(0));
    let makes = Arc::clone(&made);
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .initializer(move |slot| {
            makes.fetch_add(1, Ordering::Relaxed);
            // Neither Send nor Sync.
            Ok::<_, Infallible>(Rc::new(Cell::new(slot * 1000)))
        })
        .build()
        .unwrap();
    let all = Arc::new(Barrier::new(2));
    for _ in 0..50 {
        let count = |_| {
            let all = Arc::clone(&all);
            pool.submit_with_state(move |count| {
                all.wait();
                count.set(count.get() + 1);
                (concurrent_futures::task::slot().unwrap(), count.get())
            })
        };
        for future in [(); 2].map(count) {
            future.result(None).unwrap();
        }
    }
    assert_eq!(made.load(Ordering::Relaxed), 2);
    let counts: Vec<usize> =
        pool.broadcast(|count| count.get()).iter().map(|count| count.result(None).unwrap()).collect();
    assert_eq!(counts, [50, 1050], "each worker counted its own");
}

// beside case 65
#[test]
fn threads_that_come_later_are_initialized_too() {
    let _watchdog = watchdog();
    let made = Arc::new(AtomicUsize::new(0));
    let makes = Arc::clone(&made);
    let pool = ThreadPoolExecutor::builder()
        .max_workers(1)
        .idle_timeout(Duration::from_millis(1))
        .initializer(move |_slot| Ok::<_, Infallible>(makes.fetch_add(1, Ordering::Relaxed)))
        .build()
        .unwrap();
    for expected in 0..3 {
        assert_eq!(pool.submit_with_state(|number| *number).result(None).unwrap(), expected);
        eventually("the idle thread leaves", || pool.workers().is_empty());
    }
    assert_eq!(made.load(Ordering::Relaxed), 3);
}

// beside case 65
#[test]
fn a_thread_that_stands_in_has_a_state_of_its_own() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::builder().max_workers(1).initializer(Ok::<_, Infallible>).build().unwrap();
    let (gate, inside) = (Gate::new(), Gate::new());
    let (released, enters) = (gate.clone(), inside.clone());
    let waiting = pool.submit_with_state(move |slot| {
        enters.open();
        blocking(|| released.wait());
        *slot
    });
    inside.wait();
    let other = pool.submit_with_state(|slot| *slot);
    assert_ne!(other.result(None).unwrap(), 0, "a spare thread's slot, though the only worker is blocked");
    gate.open();
    assert_eq!(waiting.result(None).unwrap(), 0);
}

// beside case 67
#[test]
fn hooks_and_state_begin_and_end_with_their_thread() {
    struct Dropped(std::sync::mpsc::Sender<&'static str>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.send("state dropped").unwrap();
        }
    }
    let _watchdog = watchdog();
    let (sender, events) = std::sync::mpsc::channel();
    let (start, stop, state) = (sender.clone(), sender.clone(), sender.clone());
    let pool = ThreadPoolExecutor::builder()
        .max_workers(1)
        .on_thread_start(move |_slot| start.send("started").unwrap())
        .on_thread_stop(move |_slot| stop.send("stopped").unwrap())
        .initializer(move |_slot| {
            state.send("state made").unwrap();
            Ok::<_, Infallible>(Dropped(state.clone()))
        })
        .build()
        .unwrap();
    pool.submit(move || sender.send("task").unwrap()).result(None).unwrap();
    drop(pool);
    let events: Vec<_> = events.iter().collect();
    assert_eq!(events, ["started", "state made", "task", "state dropped", "stopped"]);
}

/// What a pool with this initializer makes of tasks before and after the initializer has failed.
fn assert_breaks<E>(cause: &str, initializer: impl Fn() -> Result<(), E> + Send + Sync + 'static)
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let gate = Gate::new();
    let (released, tries) = (gate.clone(), Arc::new(AtomicUsize::new(0)));
    let tried = Arc::clone(&tries);
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .initializer(move |_slot| {
            tried.fetch_add(1, Ordering::Relaxed);
            released.wait();
            initializer()
        })
        .build()
        .unwrap();
    let queued: Vec<Future<u32>> = (0..10).map(|n| pool.submit(move || n)).collect();
    gate.open();
    let assert_broken = |error: TaskError| {
        assert!(error.is_broken(), "{error}");
        assert!(error.to_string().contains(cause), "the cause is told: {error}");
    };
    for future in &queued {
        assert_broken(future.result(None).unwrap_err());
    }
    for _ in 0..3 {
        assert_broken(pool.submit(|| 1).result(None).unwrap_err());
        assert_broken(pool.map(|n: u32| n, [1]).next().unwrap().unwrap_err());
        assert_broken(pool.try_submit(|| 1).unwrap().result(None).unwrap_err());
    }
    eventually("its threads leave", || pool.workers().is_empty());
    assert!(tries.load(Ordering::Relaxed) <= 2, "no thread is started again and again");
    let report = pool.shutdown(Shutdown::wait());
    assert_eq!((report.cancelled, report.abandoned), (0, 0));
}

// case 66
#[test]
fn an_initializer_that_fails_breaks_the_pool() {
    let _watchdog = watchdog();
    assert_breaks("no such resource", || Err(io::Error::other("no such resource")));
}

// case 578
#[test]
fn an_initializer_that_panics_breaks_the_pool() {
    let _watchdog = watchdog();
    quiet_panics_of(&["ThreadPoolExecutor"]);
    assert_breaks("it just panics", || -> Result<(), Infallible> { panic!("it just panics") });
}

// beside case 66
#[test]
fn waits_and_callbacks_hear_of_a_broken_pool() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let released = gate.clone();
    let pool = ThreadPoolExecutor::builder()
        .max_workers(1)
        .initializer(move |_slot| {
            released.wait();
            Err::<(), _>("broken on purpose")
        })
        .build()
        .unwrap();
    let future = pool.submit(|| ());
    let (sender, calls) = std::sync::mpsc::channel();
    future.add_done_callback(move |outcome| sender.send(outcome.unwrap_err().is_broken()).unwrap());
    gate.open();
    let ended = concurrent_futures::wait([&future], None, concurrent_futures::ReturnWhen::FirstError);
    assert_eq!(ended.done.len(), 1);
    assert!(calls.recv().unwrap());
    assert!(pool.scope_with(Default::default(), |s| s.submit(|| ()).result(None).unwrap_err().is_broken()).unwrap());
}

// beside case 66
#[test]
fn an_initializer_may_not_wait_for_its_own_pool() {
    let _watchdog = watchdog();
    let own: Arc<std::sync::OnceLock<ThreadPoolExecutor<()>>> = Arc::default();
    let inside = Arc::clone(&own);
    let (sender, seen) = std::sync::mpsc::channel();
    let pool = ThreadPoolExecutor::builder()
        .max_workers(1)
        .initializer(move |_slot| {
            let pool = inside.get().unwrap();
            let future = pool.submit(|| 1);
            sender.send(future.result(None).unwrap_err().is_deadlock()).unwrap();
            Ok::<_, Infallible>(())
        })
        .build()
        .unwrap();
    own.set(pool.clone()).unwrap();
    assert_eq!(pool.submit(|| 2).result(None).unwrap(), 2);
    assert!(seen.recv().unwrap(), "told at once instead of waiting for ever");
    pool.shutdown(Shutdown::wait());
}
