//! The system gives no more threads, or no more memory for them: the pool goes on with the threads that it has, or the
//! futures say why not. Nothing panics, nothing hangs, and afterwards everything works again.
//!
//! Each test runs in a process of its own, which this file starts from itself, because the limits are the process's.
#![cfg(all(target_os = "linux", not(miri)))]

mod support;
mod torture;

use concurrent_futures::threading::{Thread, Timer, enumerate};
use concurrent_futures::{
    Future, ReturnWhen, Shutdown, SubmitOptions, TaskError, ThreadPoolExecutor, as_completed, wait,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Duration;
use torture::LastGate;

/// Set in the processes that tests start.
const CHILD: &str = "CF_LIMITS_CHILD";

/// Runs `body` in a process of its own: as the test of this name, alone, with the variable set.
#[track_caller]
fn in_a_process(test: &str, body: impl FnOnce()) {
    let _watchdog = support::watchdog();
    if std::env::var_os(CHILD).is_some() {
        become_somebody_else();
        body();
        println!("{test}: to the end");
        return;
    }
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let said = format!("status {:?}\n{out}\n{err}", output.status);
    assert!(output.status.success() && out.contains("to the end"), "{said}");
    assert!(!err.contains("panicked"), "{said}");
}

/// The limit on threads does not hold for root, so root becomes a user that nobody else is. Only this thread does, and
/// the threads that it starts.
fn become_somebody_else() {
    if rustix::process::getuid().is_root() {
        let nobody = rustix::process::Uid::from_raw(1_500_000_000 + std::process::id());
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
    }
}

/// While it is there, the system gives this user no more threads.
struct NoMoreThreads(Rlimit);

impl NoMoreThreads {
    fn from_now_on() -> Self {
        let before = getrlimit(Resource::Nproc);
        setrlimit(Resource::Nproc, Rlimit { current: Some(1), maximum: before.maximum }).unwrap();
        let refused = std::thread::Builder::new().spawn(|| ());
        assert!(refused.is_err(), "the limit does not hold");
        NoMoreThreads(before)
    }
}

impl Drop for NoMoreThreads {
    fn drop(&mut self) {
        setrlimit(Resource::Nproc, self.0).unwrap();
    }
}

fn pool(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(workers).unwrap()
}

/// Tasks that keep so many workers busy until the gate is opened.
fn keep_busy(pool: &ThreadPoolExecutor, workers: usize) -> (Vec<Future<()>>, LastGate) {
    let gate = LastGate::new();
    let busy: Vec<_> = (0..workers)
        .map(|_| {
            let closed = gate.clone();
            pool.submit(move || closed.wait())
        })
        .collect();
    support::eventually("all are busy", || busy.iter().all(Future::running));
    (busy, gate)
}

fn is_broken<T>(outcome: &Result<T, TaskError>) -> bool {
    matches!(outcome, Err(TaskError::Broken(why)) if why.contains("thread"))
}

// case 220
#[test]
fn a_thread_that_the_system_refuses() {
    in_a_process("a_thread_that_the_system_refuses", || {
        let gate = LastGate::new();
        let limit = NoMoreThreads::from_now_on();
        let before = enumerate().len();
        for daemon in [false, true] {
            let captured = gate.clone();
            let error = Thread::new(move || captured.wait()).daemon(daemon).start().unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}");
            assert!(Timer::new(Duration::ZERO, || ()).daemon(daemon).start().is_err());
        }
        // What they had captured is gone, they are not listed, and the end of this process waits for none of them.
        assert_eq!(enumerate().len(), before);
        drop(limit);
        assert_eq!(Thread::new(|| 7).start().unwrap().join(None).unwrap(), 7);
    });
}

#[test]
fn a_pool_that_gets_no_thread_at_all() {
    in_a_process("a_pool_that_gets_no_thread_at_all", || {
        let pool = pool(2);
        let limit = NoMoreThreads::from_now_on();
        for _ in 0..3 {
            let future = pool.submit(|| 1);
            let outcome = future.result(None);
            assert!(is_broken(&outcome), "{outcome:?}");
        }
        assert!(is_broken(&pool.try_submit(|| 1).unwrap().result(None)));
        assert!(pool.map(|number: u32| number, 0..3).all(|item| is_broken(&item)));
        assert!(pool.broadcast(|()| ()).iter().all(|told| is_broken(&told.result(None))));
        pool.scope(|s| assert!(is_broken(&s.submit(|| 1).result(None))));
        let limited = SubmitOptions::new().queue_timeout(Duration::from_millis(1)).timeout(Duration::from_millis(1));
        assert!(is_broken(&pool.submit_with(limited, || 1).result(None)));
        let failed = [pool.submit(|| 1), pool.submit(|| 2)];
        assert_eq!(wait(&failed, None, ReturnWhen::AllCompleted).done.len(), 2);
        assert_eq!(as_completed(&failed, None).count(), 2);
        assert_eq!(pool.stats().queued, 0);
        // Nothing of it lasts.
        drop(limit);
        assert_eq!(pool.submit(|| 1).result(None).unwrap(), 1);
        assert!(pool.broadcast(|()| ()).iter().all(|told| told.result(None).is_ok()));
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    });
}

#[test]
fn a_pool_goes_on_with_the_threads_that_it_has() {
    in_a_process("a_pool_goes_on_with_the_threads_that_it_has", || {
        let pool = pool(4);
        let (busy, gate) = keep_busy(&pool, 2);
        let limit = NoMoreThreads::from_now_on();
        let queued: Vec<_> = (0..100).map(|number| pool.submit(move || number)).collect();
        assert!(queued.iter().all(|future| !future.done()), "they wait for those two");
        let cancelled = pool.submit(|| ());
        assert!(cancelled.cancel());
        gate.open();
        for (number, future) in queued.iter().enumerate() {
            assert_eq!(future.result(None).unwrap(), number);
        }
        busy.iter().for_each(|future| future.result(None).unwrap());
        assert_eq!(pool.workers().len(), 2);
        let told: Vec<_> = pool.broadcast(|()| ()).iter().map(|told| told.result(None)).collect();
        let ran = told.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!((ran, told.iter().filter(|outcome| is_broken(outcome)).count()), (2, 2), "{told:?}");
        drop(limit);
        // It asks again, after a while, when both are busy and there is more.
        support::eventually("it has more threads", || {
            let (busy, gate) = keep_busy(&pool, 2);
            let more = pool.submit(|| ());
            gate.open();
            more.result(None).unwrap();
            busy.iter().for_each(|future| future.result(None).unwrap());
            pool.workers().len() > 2
        });
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    });
}

/// A way to wait in a task.
type Wait = fn(&ThreadPoolExecutor) -> Option<u32>;

#[test]
fn nested_waits_without_more_threads() {
    in_a_process("nested_waits_without_more_threads", || {
        let waits: [(&str, Wait); 5] = [
            ("result", |pool| pool.submit(|| 5).result(None).ok()),
            ("all", |pool| wait([pool.submit(|| 5)], None, ReturnWhen::AllCompleted).done[0].result(None).ok()),
            ("first", |pool| wait([pool.submit(|| 5)], None, ReturnWhen::FirstCompleted).done[0].result(None).ok()),
            ("scope", |pool| pool.scope(|s| s.submit(|| 5).result(None)).ok()),
            ("map", |pool| pool.map(|number: u32| number, 2..4).sum::<Result<u32, _>>().ok()),
        ];
        let pool = pool(2);
        let (busy, gate) = keep_busy(&pool, 1);
        gate.open();
        busy[0].result(None).unwrap();
        let limit = NoMoreThreads::from_now_on();
        for (way, wait) in waits {
            let same = pool.clone();
            assert_eq!(pool.submit(move || wait(&same)).result(None).unwrap(), Some(5), "{way}");
        }
        let same = pool.clone();
        let limited = pool.submit(move || {
            let future = same.submit(|| 5);
            (future.result(Duration::from_millis(20)).unwrap_err(), future)
        });
        let (late, future) = limited.result(None).unwrap();
        assert!(late.is_timed_out(), "{late}");
        assert_eq!(future.result(None).unwrap(), 5);
        let same = pool.clone();
        let deep = pool.submit(move || {
            fn nest(pool: &ThreadPoolExecutor, depth: u32) -> u32 {
                let same = pool.clone();
                if depth == 0 { 0 } else { 1 + pool.submit(move || nest(&same, depth - 1)).result(None).unwrap() }
            }
            nest(&same, 50)
        });
        assert_eq!(deep.result(None).unwrap(), 50);
        drop(limit);
    });
}

#[test]
fn waits_without_stack_and_without_more_threads_are_refused() {
    in_a_process("waits_without_stack_and_without_more_threads_are_refused", || {
        let pool = ThreadPoolExecutor::builder().max_workers(1).stack_size(256 * 1024).build().unwrap();
        pool.submit(|| ()).result(None).unwrap();
        let limit = NoMoreThreads::from_now_on();
        for _ in 0..3 {
            let same = pool.clone();
            let (refused, future) = pool
                .submit(move || {
                    let future = same.submit(|| 5);
                    (future.result(None), future)
                })
                .result(None)
                .unwrap();
            assert!(matches!(refused, Err(TaskError::Deadlock(_))), "{refused:?}");
            assert_eq!(future.result(None).unwrap(), 5);
        }
        drop(limit);
        let same = pool.clone();
        assert_eq!(pool.submit(move || same.submit(|| 5).result(None)).result(None).unwrap().unwrap(), 5);
    });
}

/// Without a thread for the clock, limits on tasks are late; they hold again as soon as there is one.
#[test]
fn limits_on_tasks_without_a_thread_for_the_clock() {
    in_a_process("limits_on_tasks_without_a_thread_for_the_clock", || {
        let pool = pool(1);
        let (busy, gate) = keep_busy(&pool, 1);
        let limit = NoMoreThreads::from_now_on();
        let soon = || SubmitOptions::new().queue_timeout(Duration::from_millis(1));
        let first = pool.submit_with(soon(), || 1);
        assert!(first.result(Duration::from_millis(30)).unwrap_err().is_timed_out(), "nobody is there to end it");
        drop(limit);
        let second = pool.submit_with(soon(), || 2);
        assert!(second.result(None).unwrap_err().is_deadline_exceeded());
        assert!(first.result(None).unwrap_err().is_deadline_exceeded());
        gate.open();
        busy[0].result(None).unwrap();
    });
}

#[test]
fn a_shutdown_and_a_last_drop_without_more_threads() {
    in_a_process("a_shutdown_and_a_last_drop_without_more_threads", || {
        for drops in [false, true] {
            let pool = pool(3);
            let (busy, gate) = keep_busy(&pool, 1);
            let limit = NoMoreThreads::from_now_on();
            let queued: Vec<_> = (0..20).map(|number| pool.submit(move || number)).collect();
            gate.open();
            if drops {
                drop(pool);
            } else {
                assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
            }
            assert!(busy[0].done());
            for (number, future) in queued.iter().enumerate() {
                assert_eq!(future.try_result().unwrap().unwrap(), number);
            }
            drop(limit);
        }
    });
}

/// An initializer and hooks do not run on a thread that does not come to be.
#[test]
fn an_initializer_without_threads() {
    in_a_process("an_initializer_without_threads", || {
        let builder = ThreadPoolExecutor::builder().max_workers(2);
        let pool = builder.initializer(Ok::<_, std::io::Error>).build().unwrap();
        let limit = NoMoreThreads::from_now_on();
        let outcome = pool.submit_with_state(|slot| *slot).result(None);
        assert!(is_broken(&outcome), "{outcome:?}");
        drop(limit);
        assert_eq!(pool.submit_with_state(|slot| *slot).result(None).unwrap(), 0);
    });
}

/// No address space for a thread's stack.
#[test]
fn no_memory_for_a_stack() {
    in_a_process("no_memory_for_a_stack", || {
        const STACK: usize = 512 << 20;
        let builder = || ThreadPoolExecutor::builder().max_workers(2).stack_size(STACK);
        let before = builder().build().unwrap();
        let used = ThreadPoolExecutor::builder().max_workers(3).stack_size(STACK).build().unwrap();
        let (busy, gate) = keep_busy(&used, 1);
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let mapped = statm.split(' ').next().unwrap().parse::<u64>().unwrap() * 4096;
        let free = getrlimit(Resource::As);
        // Enough for everything but such a stack.
        let little = Rlimit { current: Some(mapped + (STACK as u64) / 2), maximum: free.maximum };
        setrlimit(Resource::As, little).unwrap();
        let error = builder().build().unwrap_err().to_string();
        assert!(error.contains("stack_size") && error.contains(&STACK.to_string()), "{error}");
        let outcome = before.submit(|| 1).result(None);
        assert!(is_broken(&outcome), "{outcome:?}");
        let queued: Vec<_> = (0..20).map(|number| used.submit(move || number)).collect();
        gate.open();
        for (number, future) in queued.iter().enumerate() {
            assert_eq!(future.result(None).unwrap(), number);
        }
        busy[0].result(None).unwrap();
        setrlimit(Resource::As, free).unwrap();
        assert_eq!(before.submit(|| 1).result(None).unwrap(), 1);
    });
}

/// Threads are refused and given again while everything goes on: each future comes to its value, or says why not.
#[test]
fn threads_are_refused_now_and_then() {
    in_a_process("threads_are_refused_now_and_then", || {
        let mut chance = torture::Chance::new(5);
        let builder = ThreadPoolExecutor::builder().max_workers(3).idle_timeout(Duration::from_micros(200));
        let pool = builder.build().unwrap();
        let (mut values, mut broken) = (0, 0);
        for round in 0..torture::scaled(300) {
            let limit = (chance.below(3) > 0).then(NoMoreThreads::from_now_on);
            let same = pool.clone();
            let nested = pool.submit(move || same.submit(|| 1).result(None));
            let futures: Vec<_> = (0..chance.below(6)).map(|_| pool.submit(std::thread::yield_now)).collect();
            let outcomes = futures.iter().map(|future| future.result(None)).chain([nested.result(None).map(drop)]);
            for outcome in outcomes {
                match outcome {
                    Ok(()) => values += 1,
                    Err(TaskError::Broken(_)) => broken += 1,
                    Err(other) => panic!("round {round}: {other}"),
                }
            }
            drop(limit);
        }
        println!("{values} values, {broken} without a thread");
        assert!(values > 0);
        assert_eq!(pool.submit(|| 1).result(None).unwrap(), 1);
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    });
}

/// A task is broadcast to a slot whose thread is just being asked for, for something else, and then refused: it hears
/// of that too.
#[test]
fn mail_for_a_thread_that_is_refused() {
    in_a_process("mail_for_a_thread_that_is_refused", || {
        let (start, meet) = channel::<(ThreadPoolExecutor, usize)>();
        let (give, futures) = channel();
        // There before the limit is.
        let other = std::thread::spawn(move || {
            for (pool, spins) in meet {
                (0..spins).for_each(|_| std::hint::spin_loop());
                give.send(pool.submit(|| 5)).unwrap();
            }
        });
        let mut chance = torture::Chance::new(7);
        for round in 0..torture::scaled(400) {
            let pool = pool(2);
            let (busy, gate) = keep_busy(&pool, 1);
            let limit = NoMoreThreads::from_now_on();
            start.send((pool.clone(), chance.below(3_000))).unwrap();
            (0..chance.below(3_000)).for_each(|_| std::hint::spin_loop());
            let mail = pool.broadcast(|()| 7);
            let submitted = futures.recv().unwrap();
            gate.open();
            assert_eq!(submitted.result(None).unwrap(), 5, "round {round}: the thread that there is runs it");
            busy[0].result(None).unwrap();
            let report = pool.shutdown(Shutdown::wait());
            assert_eq!(report.abandoned, 0, "round {round}");
            let told: Vec<_> = mail.iter().map(|one| one.try_result().expect("a task is forgotten")).collect();
            // Which of the slots has the one thread is no matter.
            let ran = told.iter().filter(|outcome| matches!(outcome, Ok(7))).count();
            let refused = told.iter().filter(|outcome| is_broken(outcome)).count();
            assert_eq!((ran, refused), (1, 1), "round {round}: {told:?}");
            drop(limit);
        }
        drop(start);
        other.join().unwrap();
    });
}
