//! What runs on a worker outside of its tasks: initializers, hooks, the drop of its state. None of it may wait for its
//! own pool for ever.

use crate::support;
use crate::torture::LastGate;
use concurrent_futures::{ReturnWhen, Shutdown, TaskError, ThreadPoolExecutor, wait};
use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;
use support::Gate;

/// How something that is part of a pool comes by the pool.
#[derive(Clone)]
struct Own<S: 'static = ()>(Arc<OnceLock<ThreadPoolExecutor<S>>>);

impl<S> Own<S> {
    fn new() -> Self {
        Own(Arc::new(OnceLock::new()))
    }

    fn pool(&self) -> ThreadPoolExecutor<S> {
        self.0.wait().clone()
    }
}

/// Runs `ask` in the initializer of the only worker; then its first task.
fn in_the_initializer<R: Send + 'static>(
    bound: Option<usize>,
    ask: impl Fn(&ThreadPoolExecutor<()>) -> R + Send + Sync + 'static,
) -> (Receiver<R>, Result<u32, TaskError>) {
    let own = Own::<()>::new();
    let (answer, answered) = channel();
    let (finder, answer) = (own.clone(), Mutex::new(answer));
    let mut builder = ThreadPoolExecutor::builder().max_workers(1).on_last_drop(Shutdown::no_wait());
    if let Some(bound) = bound {
        builder = builder.queue_bound(bound);
    }
    let builder = builder.initializer(move |_slot| {
        let told = ask(&finder.pool());
        answer.lock().unwrap().send(told).unwrap();
        Ok::<(), io::Error>(())
    });
    let pool = builder.build().unwrap();
    own.0.set(pool.clone()).unwrap();
    let first = pool.submit(|| 1).result(None);
    (answered, first)
}

#[test]
fn an_initializer_that_waits_for_its_own_pool_is_refused() {
    let _watchdog = support::watchdog();
    let (answer, first) = in_the_initializer(None, |pool| pool.submit(|| 2).result(None));
    assert!(matches!(answer.recv().unwrap(), Err(TaskError::Deadlock(_))));
    assert_eq!(first.unwrap(), 1, "the pool is as good as ever");
    let (answer, first) =
        in_the_initializer(None, |pool| wait([pool.submit(|| 2)], None, ReturnWhen::FirstCompleted).done.len());
    assert_eq!(answer.recv().unwrap(), 0);
    assert_eq!(first.unwrap(), 1);
    let (answer, first) = in_the_initializer(None, |pool| pool.submit(|| 2).result(Duration::from_millis(20)));
    let answer = answer.recv().unwrap();
    assert!(matches!(answer, Err(TaskError::Deadlock(_) | TaskError::TimedOut)), "{answer:?}");
    assert_eq!(first.unwrap(), 1);
}

#[test]
fn an_initializer_that_submits_into_its_own_full_queue_is_refused() {
    let _watchdog = support::watchdog();
    let (answer, first) = in_the_initializer(Some(1), |pool| pool.submit(|| 2).try_result());
    let answer = answer.recv().unwrap();
    assert!(matches!(answer, Some(Err(TaskError::Rejected(_)))), "{answer:?}");
    assert_eq!(first.unwrap(), 1);
}

#[test]
fn an_initializer_that_shuts_its_pool_down_does_not_wait_for_itself() {
    let _watchdog = support::watchdog();
    let (answer, first) = in_the_initializer(None, |pool| pool.shutdown(Shutdown::wait()));
    answer.recv().unwrap();
    // It was accepted before the shutdown, and so it runs.
    assert_eq!(first.unwrap(), 1);
}

#[test]
fn hooks_that_shut_their_pool_down_do_not_wait_for_themselves() {
    let _watchdog = support::watchdog();
    for at_start in [true, false] {
        let own = Own::<()>::new();
        let (finder, done) = (own.clone(), Gate::new());
        let announce = done.clone();
        let hook = move |_slot| {
            finder.pool().shutdown(Shutdown::wait());
            announce.open();
        };
        let builder = ThreadPoolExecutor::builder().max_workers(1).idle_timeout(Duration::from_millis(1));
        let builder = builder.on_last_drop(Shutdown::no_wait());
        let builder = if at_start { builder.on_thread_start(hook) } else { builder.on_thread_stop(hook) };
        let pool = builder.build().unwrap();
        own.0.set(pool.clone()).unwrap();
        assert_eq!(pool.submit(|| 1).result(None).unwrap(), 1);
        done.wait();
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0, "from outside it can be waited for");
    }
}

/// A worker's state that holds the last handle: the pool ends, instead of waiting for the thread that ends it.
#[test]
fn the_last_handle_is_dropped_with_a_workers_state() {
    struct State(Mutex<Option<ThreadPoolExecutor<State>>>);
    let _watchdog = support::watchdog();
    let stopped = Gate::new();
    let announce = stopped.clone();
    let builder = ThreadPoolExecutor::builder().max_workers(1).idle_timeout(Duration::from_millis(1));
    let builder = builder.on_thread_stop(move |_| announce.open());
    let pool = builder.initializer(|_| Ok::<_, io::Error>(State(Mutex::new(None)))).build().unwrap();
    let same = pool.clone();
    pool.submit_with_state(move |state| *state.0.lock().unwrap() = Some(same)).result(None).unwrap();
    drop(pool);
    stopped.wait();
}

/// The last handle is dropped by a task, by a callback, and by what a job captured.
#[test]
fn the_last_handle_is_dropped_on_the_pools_own_worker() {
    let _watchdog = support::watchdog();
    for way in 0..3 {
        let stopped = Gate::new();
        let announce = stopped.clone();
        let pool = ThreadPoolExecutor::builder().max_workers(1).on_thread_stop(move |_| announce.open());
        let pool = pool.build().unwrap();
        let gate = LastGate::new();
        let (handle, closed) = (pool.clone(), gate.clone());
        let future = match way {
            0 => pool.submit(move || {
                closed.wait();
                drop(handle);
            }),
            1 => pool.submit(move || {
                // Dropped with the job, after it.
                let _captured = &handle;
                closed.wait();
            }),
            _ => {
                let future = pool.submit(move || closed.wait());
                future.add_done_callback(move |_| drop(handle));
                future
            }
        };
        drop(pool);
        gate.open();
        future.result(None).unwrap();
        stopped.wait();
    }
}

/// A pool in the state of its own worker, weakly: the usual way, which keeps nothing alive.
#[test]
fn a_pool_that_is_known_to_its_workers_ends_all_the_same() {
    let _watchdog = support::watchdog();
    let own: Arc<OnceLock<ThreadPoolExecutor<Weak<()>>>> = Arc::default();
    let alive = Arc::new(());
    let pool = ThreadPoolExecutor::builder().max_workers(2);
    let known = Arc::downgrade(&alive);
    let pool = pool.initializer(move |_| Ok::<_, io::Error>(known.clone())).build().unwrap();
    assert!(own.set(pool.clone()).is_ok());
    assert_eq!(pool.broadcast(|state| state.strong_count()).len(), 2);
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}
