//! The system gives no more threads, descriptors or processes: the futures say why, and nothing hangs.

use crate::kit::outside::program::alone;
use crate::kit::outside::{open_descriptors, pids};
use crate::kit::{double, pool};
use crate::support::{eventually, watchdog};
use concurrent_futures::{Future, ProcessPoolExecutor, Shutdown, TaskError, ThreadPoolExecutor, call, task};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;

/// A limit, until it is dropped.
pub(crate) struct Limit(Resource, Rlimit);

impl Limit {
    pub(crate) fn new(resource: Resource, most: u64) -> Self {
        let before = getrlimit(resource);
        setrlimit(resource, Rlimit { current: Some(most), maximum: before.maximum }).unwrap();
        Limit(resource, before)
    }

    /// No more threads, nor processes; for this thread and those that it starts.
    fn no_more_threads() -> Self {
        let limit = Limit::new(Resource::Nproc, 1);
        assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "the limit does not hold");
        limit
    }

    pub(crate) fn no_more_descriptors(left: usize) -> Self {
        Limit::new(Resource::Nofile, (open_descriptors() + left) as u64)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        setrlimit(self.0, self.1).unwrap();
    }
}

/// The limit on threads does not hold for root, so root becomes a user that nobody else is.
pub(crate) fn become_somebody_else() {
    if rustix::process::getuid().is_root() {
        let nobody = rustix::process::Uid::from_raw(1_500_000_000 + std::process::id());
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
    }
}

#[test]
fn no_thread_for_the_supervisor() {
    alone("limits::no_thread_for_the_supervisor", || {
        let _watchdog = watchdog();
        become_somebody_else();
        let pool = pool(2);
        let limit = Limit::no_more_threads();
        for _ in 0..3 {
            let error = pool.submit(call!(double(4))).result(None).unwrap_err();
            assert!(matches!(&error, TaskError::Broken(why) if why.contains("thread")), "{error}");
        }
        let report = pool.shutdown(Shutdown::wait());
        assert_eq!((report.abandoned, report.cancelled), (0, 0));
        drop(limit);
        assert_eq!(crate::kit::pool(1).submit(call!(double(4))).result(None).unwrap(), 8);
    });
}

#[test]
fn no_process_for_a_worker() {
    alone("limits::no_process_for_a_worker", || {
        let _watchdog = watchdog();
        become_somebody_else();
        let pool = pool(2);
        assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
        // The supervisor is there, and the worker is not.
        let worker = pids(&pool)[0];
        let limit = Limit::no_more_threads();
        crate::kit::outside::signal(worker, rustix::process::Signal::KILL);
        eventually("it is gone", || pids(&pool).is_empty());
        let error = pool.submit(call!(double(4))).result(None).unwrap_err();
        assert!(matches!(&error, TaskError::Broken(why) if why.contains("no worker can be started")), "{error}");
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
        drop(limit);
    });
}

#[test]
fn a_short_lack_of_processes_is_waited_out() {
    alone("limits::a_short_lack_of_processes_is_waited_out", || {
        let _watchdog = watchdog();
        become_somebody_else();
        let pool = pool(2);
        assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
        let worker = pids(&pool)[0];
        let limit = Limit::no_more_threads();
        crate::kit::outside::signal(worker, rustix::process::Signal::KILL);
        eventually("it is gone", || pids(&pool).is_empty());
        let future = pool.submit(call!(double(4)));
        drop(limit);
        assert_eq!(future.result(None).unwrap(), 8);
    });
}

/// What is told by foreign code is told all the same, and what it waits for comes, or is refused.
#[test]
fn no_thread_for_callbacks() {
    alone("limits::no_thread_for_callbacks", || {
        let _watchdog = watchdog();
        become_somebody_else();
        let pool = pool(1);
        assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
        let limit = Limit::no_more_threads();
        for waits in [false, true] {
            let gate = crate::kit::gate::Gate::new();
            let future = pool.submit(call!(crate::kit::gate::wait_at(gate.path())));
            let (sender, told) = channel();
            let again = pool.clone();
            future.add_done_callback(move |outcome| {
                assert!(outcome.is_ok());
                let other = again.submit(call!(double(1)));
                sender.send(if waits { other.result(None) } else { Ok(2) }).unwrap();
            });
            gate.open();
            let outcome = told.recv().unwrap();
            assert!(matches!(outcome, Ok(2) | Err(TaskError::Deadlock(_))), "{outcome:?}");
            println!("{outcome:?}");
        }
        // What cannot be refused otherwise panics.
        let threads = ThreadPoolExecutor::new(1).unwrap();
        let gate = crate::kit::gate::Gate::new();
        let future = pool.submit(call!(crate::kit::gate::wait_at(gate.path())));
        let (sender, told) = channel();
        let again = pool.clone();
        future.add_done_callback(move |_| {
            let other = again.submit(call!(double(1)));
            let outcome = catch_unwind(AssertUnwindSafe(|| threads.block_on(&other)));
            sender.send(outcome.err().and_then(|payload| payload.downcast::<String>().ok())).unwrap();
        });
        gate.open();
        let said = told.recv().unwrap().unwrap();
        assert!(said.contains("the system gives no other thread"), "{said}");
        assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
        drop(limit);
    });
}

#[test]
fn one_thread_tells_of_many_ends() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let mut threads = std::collections::HashSet::new();
    for n in 0..50 {
        let (sender, told) = channel();
        let future = pool.submit(call!(double(n)));
        future.add_done_callback(move |_| sender.send(std::thread::current().id()).unwrap());
        threads.insert(told.recv().unwrap());
    }
    // Some callbacks may have come after the end, and were called here.
    threads.remove(&std::thread::current().id());
    // Another one comes to help where the first was not let on for a while.
    assert!((1..10).contains(&threads.len()), "{}", threads.len());
    pool.shutdown(Shutdown::wait());
}

#[test]
fn few_descriptors() {
    alone("limits::few_descriptors", || {
        let _watchdog = watchdog();
        drop(pool(1));
        for left in (0..24).step_by(if cfg!(debug_assertions) { 3 } else { 1 }) {
            let limit = Limit::no_more_descriptors(left);
            let pool = match ProcessPoolExecutor::new(2) {
                Ok(pool) => pool,
                Err(error) => {
                    assert!(left == 0 && error.to_string().contains("open files"), "{left}: {error}");
                    continue;
                }
            };
            let futures: Vec<_> = (0..4).map(|n| pool.submit(call!(double(n)))).collect();
            let outcomes: Vec<_> = futures.iter().map(|future| future.result(None)).collect();
            for (n, outcome) in (0..).zip(outcomes) {
                match outcome {
                    Ok(value) => assert_eq!(value, 2 * n),
                    Err(TaskError::Broken(why)) => {
                        assert!(why.to_lowercase().contains("open files"), "{left}: {why}");
                        assert!(left < 20, "{left}: {why}");
                    }
                    Err(error) => panic!("{left}: {error}"),
                }
            }
            // What needs a descriptor of its own: there may be one, or not.
            let large: Vec<Future<usize>> =
                (0..4).map(|_| pool.submit(task!([bytes = vec![0u8; 1 << 20]] => bytes.len()))).collect();
            let back: Vec<Future<Vec<u8>>> = (0..4).map(|_| pool.submit(task!([] => vec![0u8; 1 << 20]))).collect();
            for error in large
                .iter()
                .filter_map(|one| one.result(None).err())
                .chain(back.iter().filter_map(|one| one.result(None).err()))
            {
                let text = error.to_string().to_lowercase();
                assert!(text.contains("open files"), "{left}: {error}");
            }
            pool.shutdown(Shutdown::wait());
            drop((pool, large, back));
            drop(limit);
        }
        assert_eq!(pool(1).submit(call!(double(4))).result(None).unwrap(), 8);
    });
}
