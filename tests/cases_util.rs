//! What holds around every use of a pool, after CPython's `util.py`: no thread is left, and hand-made futures exist.

#[path = "cases/states.rs"]
mod states;
#[cfg(target_os = "linux")]
#[path = "cases/threads.rs"]
mod threads;

mod support;

use concurrent_futures::{Future, Waitable};
use states::{STATES, State, future_in};

// case 134
#[test]
fn a_future_can_be_made_in_every_state() {
    for state in STATES {
        let (promise, future) = future_in(state);
        let found = match (future.done(), future.running(), future.cancelled(), Waitable::error(&future).is_some()) {
            (false, false, false, false) => State::Pending,
            (false, true, false, false) => State::Running,
            (true, false, true, true) => State::Cancelled,
            (true, false, false, true) => State::Failed,
            (true, false, false, false) => State::Finished,
            other => panic!("{state:?} is {other:?}"),
        };
        assert_eq!(found, state);
        assert_eq!(promise.is_some(), !future.done());
    }
    assert!(Future::ready(1).done() && Future::<()>::failed(concurrent_futures::TaskError::Abandoned).done());
}

#[cfg(target_os = "linux")]
mod leaks {
    use super::{support, threads};
    use concurrent_futures::{Shutdown, SubmitOptions, ThreadPoolExecutor, blocking, task};
    use std::convert::Infallible;
    use std::time::Duration;
    use support::{Gate, eventually, quiet_panics_of, watchdog};

    const PREFIX: &str = "cf-leaks";

    fn pool(workers: usize) -> ThreadPoolExecutor {
        let pool = ThreadPoolExecutor::builder().max_workers(workers).thread_name_prefix(PREFIX);
        pool.idle_timeout(None).build().unwrap()
    }

    /// Uses of a pool, each of which ends it in a way of its own.
    fn uses() -> Vec<fn()> {
        vec![
            || drop(pool(4)),
            || {
                let pool = pool(4);
                pool.map(|n: u32| n, 0..100).for_each(drop);
                pool.shutdown(Shutdown::wait());
            },
            || {
                let pool = pool(4);
                drop(pool.map(|n: u64| n, 0..).start());
                pool.shutdown(Shutdown::no_wait().cancel_pending());
            },
            || {
                let pool = pool(2);
                let _ = pool.submit(|| panic!("a task")).result(None);
                let inside = pool.clone();
                drop(pool.submit(move || drop(inside)));
            },
            || {
                // Spare threads come and go.
                let pool = pool(1);
                let gate = Gate::new();
                let blocks = |_| {
                    let released = gate.clone();
                    pool.submit(move || blocking(|| released.wait()))
                };
                let blocked: Vec<_> = (0..5).map(blocks).collect();
                eventually("all of them block", || blocked.iter().all(|future| future.running()));
                gate.open();
            },
            || {
                let pool = pool(2);
                let limits = SubmitOptions::new().timeout(Duration::from_millis(1));
                let cancelled = pool.submit_with(limits, || while !task::cancel_requested() {});
                cancelled.result(None).unwrap();
            },
            || {
                let pool = ThreadPoolExecutor::builder()
                    .max_workers(2)
                    .thread_name_prefix(PREFIX)
                    .initializer(|_slot| Err::<(), _>("broken"))
                    .build()
                    .unwrap();
                assert!(pool.submit(|| ()).result(None).unwrap_err().is_broken());
            },
            || {
                let pool = ThreadPoolExecutor::builder()
                    .max_workers(2)
                    .thread_name_prefix(PREFIX)
                    .initializer(Ok::<_, Infallible>)
                    .build()
                    .unwrap();
                pool.broadcast(|slot| *slot);
                pool.scope(|s| drop(s.submit(|| ())));
            },
        ]
    }

    // cases 132 and 133
    #[test]
    fn no_thread_outlives_its_pool() {
        let _watchdog = watchdog();
        quiet_panics_of(&[PREFIX]);
        let held = pool(3);
        let (gate, waits) = (Gate::new(), Gate::new());
        let released = gate.clone();
        let entered = waits.clone();
        let future = held.submit(move || {
            entered.open();
            released.wait();
        });
        waits.wait();
        assert_eq!(threads::named(PREFIX), 1, "the count sees threads");
        gate.open();
        future.result(None).unwrap();
        drop(held);
        eventually("no thread is left", || threads::named(PREFIX) == 0);
        for _ in 0..20 {
            for (number, run) in uses().into_iter().enumerate() {
                run();
                eventually(&format!("no thread is left of use {number}"), || threads::named(PREFIX) == 0);
            }
        }
    }
}
