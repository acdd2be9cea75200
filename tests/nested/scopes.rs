//! A scope's join cannot be refused: where it is part of a circle, another wait is.

use crate::torture::LastGate;
use crate::{LIMIT, parcel, pool, pool_with_spares, support};
use concurrent_futures::{
    Executor, InProcessExecutor, Rejected, SharedFuture, Shutdown, ShutdownReport, SubmitOptions, Task, TaskError,
    ThreadPoolExecutor,
};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;
use support::Gate;

/// A task with a scope in it; the scoped part gets the task's own future and runs before the join, or in it.
fn scope_in_a_circle(pool: &ThreadPoolExecutor, join_first: bool) -> Result<u32, TaskError> {
    let (to_scoped, inbox) = parcel::<SharedFuture<u32>>();
    let (answer, answered) = channel();
    let same = pool.clone();
    let outer = pool.submit(move || {
        same.scope(|s| {
            let scoped = s.submit(|| {
                let own = inbox.open();
                if join_first {
                    // The join is what the outer task is in by now; another thread has its place.
                    support::eventually("the join waits", || same.stats().blocked == 1);
                }
                answer.send(own.result(None).copied()).unwrap();
            });
            if join_first {
                support::eventually("the scoped task runs on another thread", || scoped.running());
            }
        });
        7
    });
    let outer = outer.shared();
    to_scoped.send(outer.clone());
    assert_eq!(outer.result(None).copied().unwrap(), 7, "the scope ends as if nothing had been");
    answered.recv().unwrap()
}

#[test]
fn a_scoped_task_that_waits_for_the_task_with_the_scope_is_refused() {
    let _watchdog = support::watchdog();
    for (workers, join_first) in [(1, false), (2, false), (2, true)] {
        let answer = scope_in_a_circle(&pool(workers), join_first);
        assert!(matches!(answer, Err(TaskError::Deadlock(_))), "{answer:?}");
    }
}

/// The scoped task sleeps already when the join closes the circle: its wait is given up for the join.
#[test]
fn a_wait_is_given_up_when_the_join_closes_the_circle() {
    let _watchdog = support::watchdog();
    let pool = pool(2);
    let (to_scoped, inbox) = parcel::<SharedFuture<u32>>();
    let (answer, answered) = channel();
    let same = pool.clone();
    let outer = pool.submit(move || {
        same.scope(|s| {
            drop(s.submit(|| answer.send(inbox.open().result(None).copied()).unwrap()));
            support::eventually("the scoped task waits", || same.stats().blocked == 1);
        });
        7
    });
    let outer = outer.shared();
    to_scoped.send(outer.clone());
    assert_eq!(outer.result(None).copied().unwrap(), 7);
    let answer = answered.recv().unwrap();
    assert!(matches!(answer, Err(TaskError::Deadlock(_))), "{answer:?}");
}

/// The same circle with a shutdown in it: the scoped task waits for the end of a pool whose task waits for the scope's.
#[test]
fn a_shutdown_is_given_up_when_the_join_closes_the_circle() {
    let _watchdog = support::watchdog();
    for shutdown_first in [true, false] {
        let (pool, other) = (pool(2), pool(1));
        let (to_waiter, inbox) = parcel::<SharedFuture<u32>>();
        let (go_wait, go_shut) = (Gate::new(), Gate::new());
        let may_wait = go_wait.clone();
        let waiter = other.submit(move || {
            let outer = inbox.open();
            may_wait.wait();
            outer.result(None).copied()
        });
        let (same, shut) = (pool.clone(), other.clone());
        let outer = pool.submit(move || {
            same.scope(|s| {
                let may_shut = go_shut.clone();
                let ends = &shut;
                drop(s.submit(move || {
                    may_shut.wait();
                    ends.shutdown(Shutdown::wait())
                }));
                let steps: [(&Gate, &ThreadPoolExecutor); 2] = [(&go_shut, &same), (&go_wait, &shut)];
                let order = if shutdown_first { [0, 1] } else { [1, 0] };
                for step in order {
                    let (gate, waits_in) = steps[step];
                    gate.open();
                    support::eventually("it waits", || waits_in.stats().blocked == 1);
                }
            });
            7
        });
        let outer = outer.shared();
        to_waiter.send(outer.clone());
        assert_eq!(outer.result(LIMIT).copied().unwrap(), 7);
        // Either of the two others was given up; then the waiter had its answer in time, or an error.
        let waited = waiter.result(None).unwrap();
        assert!(matches!(waited, Ok(7) | Err(TaskError::Deadlock(_))), "{waited:?}");
    }
}

/// A callback of a scoped task is part of the scope: it may not wait for the scope's own task.
#[test]
fn a_callback_of_a_scoped_task_waits_for_the_task_with_the_scope() {
    let _watchdog = support::watchdog();
    for join_first in [false, true] {
        let pool = pool(2);
        let (to_callback, inbox) = parcel::<SharedFuture<u32>>();
        let (answer, answered) = channel();
        let same = pool.clone();
        let in_callback = Gate::new();
        let (announce, waits) = (in_callback.clone(), pool.clone());
        let outer = pool.submit(move || {
            same.scope(|s| {
                let gate = LastGate::new();
                let closed = gate.clone();
                let scoped = s.submit(move || closed.wait());
                scoped.add_done_callback(move |_| {
                    announce.open();
                    if join_first {
                        support::eventually("the join waits", || waits.stats().blocked == 1);
                    }
                    answer.send(inbox.open().result(None).copied()).unwrap();
                });
                support::eventually("it runs on another thread", || scoped.running());
                gate.open();
                if !join_first {
                    in_callback.wait();
                    support::eventually("the callback waits", || same.stats().blocked == 1);
                }
            });
            7
        });
        let outer = outer.shared();
        to_callback.send(outer.clone());
        assert_eq!(outer.result(None).copied().unwrap(), 7);
        let answer = answered.recv().unwrap();
        assert!(matches!(answer, Err(TaskError::Deadlock(_))), "{answer:?}");
    }
}

/// The scope of a task with no thread to spare: what nobody has begun is run by the task itself.
#[test]
fn a_scope_without_spares_runs_its_tasks_itself() {
    let _watchdog = support::watchdog();
    let pool = pool_with_spares(1, 0);
    let same = pool.clone();
    let sum = pool.submit(move || {
        let mut parts = [0; 10];
        same.scope(|s| {
            for (index, part) in parts.iter_mut().enumerate() {
                drop(s.submit(move || *part = index));
            }
        });
        parts.iter().sum::<usize>()
    });
    assert_eq!(sum.result(None).unwrap(), 45);
}

#[test]
fn scopes_in_scopes_on_one_worker() {
    fn nest(pool: &ThreadPoolExecutor, depth: usize) -> usize {
        let mut counts = [0; 2];
        if depth > 0 {
            pool.scope(|s| {
                for count in &mut counts {
                    drop(s.submit(move || *count = nest(pool, depth - 1)));
                }
            });
        }
        1 + counts.iter().sum::<usize>()
    }
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let same = pool.clone();
    assert_eq!(pool.submit(move || nest(&same, 6)).result(None).unwrap(), 127);
    assert_eq!(nest(&pool, 6), 127);
}

/// Whoever is given up for a join is told why, as everybody else is.
#[test]
fn a_wait_that_is_given_up_for_a_join_names_the_chain() {
    let _watchdog = support::watchdog();
    let pool = pool(2);
    let (to_scoped, inbox) = parcel::<SharedFuture<()>>();
    let (answer, answered) = channel();
    let same = pool.clone();
    let outer = pool.submit_with(SubmitOptions::new().name("householder"), move || {
        same.scope(|s| {
            drop(s.submit(|| answer.send(inbox.open().result(None).copied()).unwrap()));
            support::eventually("the scoped task waits", || same.stats().blocked == 1);
        });
    });
    let outer = outer.shared();
    to_scoped.send(outer.clone());
    outer.result(None).unwrap();
    let text = answered.recv().unwrap().unwrap_err().to_string();
    assert!(text.contains("householder"), "{text}");
}

/// An engine with a thread for each task, which panics when it is asked for help. A task waits to be let go by that.
#[derive(Default)]
struct NoHelp {
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
    asked: Gate,
    times: AtomicUsize,
}

impl Executor for NoHelp {
    fn try_execute(&self, task: Task) -> Result<(), Rejected<Task>> {
        self.threads.lock().unwrap().push(std::thread::spawn(move || task.run()));
        Ok(())
    }

    fn shutdown(&self, _: Shutdown) -> ShutdownReport {
        self.threads.lock().unwrap().drain(..).for_each(|thread| thread.join().unwrap());
        ShutdownReport::default()
    }

    fn max_workers(&self) -> usize {
        1
    }

    fn help(&self) -> bool {
        self.times.fetch_add(1, Ordering::SeqCst);
        self.asked.open();
        panic_any("no help")
    }
}

impl InProcessExecutor for NoHelp {}

/// Until the last task has ended, the scope's stack is not given up, whatever an engine does; then its panic goes on.
#[test]
fn a_scope_whose_engine_panics_is_left_only_after_its_tasks() {
    // Long enough for a scope that does not wait to be seen.
    const MEANWHILE: Duration = Duration::from_millis(100);
    support::quiet_panics_of(&["a_scope_whose_engine_panics", "nested"]);
    let _watchdog = support::watchdog();
    for (own_panic, expected) in [(None, "no help"), (Some("the scope's own"), "the scope's own")] {
        let engine = NoHelp::default();
        let (left, ended) = (Gate::new(), AtomicBool::new(false));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let whole: &dyn InProcessExecutor = &engine;
            // By name, since other ways to say this are new.
            concurrent_futures::InProcessExt::scope(whole, |s| {
                let (asked, left, ended) = (engine.asked.clone(), left.clone(), &ended);
                drop(s.submit(move || {
                    asked.wait();
                    left.wait_for(MEANWHILE);
                    ended.store(true, Ordering::SeqCst);
                }));
                if let Some(text) = own_panic {
                    panic_any(text);
                }
            });
        }));
        let in_time = ended.load(Ordering::SeqCst);
        left.open();
        engine.shutdown(Shutdown::wait());
        assert!(in_time, "the scope was left while a task ran");
        assert_eq!(*outcome.unwrap_err().downcast::<&str>().unwrap(), expected);
        assert_eq!(engine.times.load(Ordering::SeqCst), 1, "it is not asked again");
    }
}
