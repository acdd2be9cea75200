//! Hosts with habits: one that does not care for its children, one that reaps them all, one that forks.

use crate::kit::outside::program::alone;
use crate::kit::outside::{SOON, Watched, pids};
use crate::kit::{death, double, exit_at_once, fork, ignore_signal, pool, stay};
use crate::support::{eventually, watchdog};
use concurrent_futures::{
    CancelOutcome, Future, ProcessPoolExecutor, ReturnWhen, Shutdown, TaskError, as_completed, call, wait, wait_async,
};
use futures::executor::block_on;
use futures::{FutureExt, StreamExt};
use rustix::process::{Pid, WaitOptions, waitpid};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

/// Deaths and ends of a pool, where the status of a process may be unknown.
fn live_and_die(may_be_unknown: bool) {
    let pool = pool(2);
    for code in 0..5 {
        let future = pool.submit(call!(exit_at_once(code)));
        let others: Vec<_> = (0..10).map(|n| pool.submit(call!(double(n)))).collect();
        let error = future.result(None).unwrap_err();
        let report = death(&error);
        let is_unknown = (report.exit_code, report.signal) == (None, None);
        assert!(report.exit_code == Some(code) || (is_unknown && may_be_unknown), "{report:?}");
        assert!(!is_unknown || error.to_string().contains("status unknown"), "{error}");
        for (n, other) in others.iter().enumerate() {
            assert_eq!(other.result(None).unwrap(), 2 * n as u64);
        }
    }
    let stays = pool.submit(call!(stay()));
    eventually("it runs", || stays.running());
    assert_eq!(stays.kill(Duration::ZERO), CancelOutcome::Killed);
    assert!(stays.result(None).unwrap_err().is_cancelled());
    assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
    let workers: Vec<_> = pids(&pool).into_iter().filter_map(Watched::open).collect();
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    assert!(workers.iter().all(|worker| worker.ends_within(SOON)));
}

#[test]
fn a_host_that_ignores_its_childrens_ends() {
    alone("hosts::a_host_that_ignores_its_childrens_ends", || {
        let _watchdog = watchdog();
        const SIGCHLD: i32 = 17;
        ignore_signal(SIGCHLD);
        live_and_die(true);
    });
}

#[test]
fn a_host_that_reaps_all_children() {
    alone("hosts::a_host_that_reaps_all_children", || {
        let _watchdog = watchdog();
        let stops = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stops);
        let reaper = std::thread::spawn(move || {
            let mut reaped = 0;
            while !stop.load(Ordering::SeqCst) {
                match waitpid(None, WaitOptions::NOHANG) {
                    Ok(Some(_)) => reaped += 1,
                    _ => std::thread::yield_now(),
                }
            }
            reaped
        });
        live_and_die(true);
        stops.store(true, Ordering::SeqCst);
        println!("{} reaped", reaper.join().unwrap());
    });
}

/// Runs `body` in a copy of this process, and waits for its end.
#[track_caller]
fn in_a_copy(body: impl FnOnce()) {
    match fork() {
        0 => {
            // The copy's only thread; what is left of the harness must not run there.
            let went_well = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).is_ok();
            exit_at_once(if went_well { 0 } else { 1 });
        }
        copy => {
            // Killed, in the end, if it hangs.
            let copy = Pid::from_raw(copy).unwrap();
            let watched = Watched::open(copy.as_raw_nonzero().get() as u32).unwrap();
            assert!(watched.ends_within(Duration::from_secs(20)), "the copy hangs");
            let (_, status) = waitpid(Some(copy), WaitOptions::empty()).unwrap().unwrap();
            assert_eq!(status.exit_status(), Some(0), "the copy failed");
        }
    }
}

#[test]
fn a_copy_of_the_parent_can_do_no_harm() {
    alone("hosts::a_copy_of_the_parent_can_do_no_harm", || {
        let _watchdog = watchdog();
        let is_broken = |error: TaskError| assert!(error.is_broken() && error.to_string().contains("fork"), "{error}");
        let pool = pool(2);
        for n in 0..50 {
            assert_eq!(pool.submit(call!(double(n))).result(None).unwrap(), 2 * n);
        }
        let gate = crate::kit::gate::Gate::new();
        let running: Vec<_> = (0..2).map(|_| pool.submit(call!(crate::kit::gate::wait_at(gate.path())))).collect();
        eventually("they run", || running.iter().all(Future::running));
        let pending: Vec<_> = (0..100).map(|n| pool.submit(call!(double(n)))).collect();
        // Nothing that the copy does can be seen here.
        in_a_copy(|| {
            is_broken(pool.submit(call!(double(4))).result(None).unwrap_err());
            assert!(pool.try_submit(call!(double(4))).is_ok_and(|future| future.result(None).is_err()));
            assert!(pool.map(double, 0..3).all(|outcome| outcome.is_err()));
            assert!(pool.broadcast(|()| 1).iter().all(|future| future.result(None).is_err()));
            let _ = (pool.stats(), pool.workers(), format!("{pool:?}"));
        });
        in_a_copy(|| assert_eq!(pool.shutdown(Shutdown::wait()), Default::default()));
        in_a_copy(|| {
            pool.shutdown(Shutdown::wait().cancel_pending().kill_after(Duration::ZERO));
        });
        in_a_copy(|| assert!(!pending[0].cancel() && !running[0].cancel()));
        in_a_copy(|| assert_eq!(running[0].kill(Duration::ZERO), CancelOutcome::AlreadyDone));
        in_a_copy(|| assert_eq!(running[0].request_cancel(), CancelOutcome::AlreadyDone));
        // What the copy waits for can never come.
        in_a_copy(|| is_broken(pending[0].result(None).unwrap_err()));
        in_a_copy(|| is_broken(running[0].result(Duration::from_secs(1000)).unwrap_err()));
        in_a_copy(|| is_broken(pending[1].exception(None).unwrap().unwrap()));
        // So it has ended, there, whoever asks.
        in_a_copy(|| assert!(pending[99].done() && !pending[99].cancelled() && !running[0].running()));
        in_a_copy(|| is_broken(pending[1].try_result().unwrap().unwrap_err()));
        in_a_copy(|| is_broken(block_on(&pending[2]).unwrap_err()));
        in_a_copy(|| {
            let ended = wait(&pending, None, ReturnWhen::AllCompleted);
            assert_eq!((ended.done.len(), ended.not_done.len()), (100, 0));
            assert_eq!(wait(&running, None, ReturnWhen::FirstCompleted).done.len(), 2);
            assert!(!wait(&running, None, ReturnWhen::FirstError).done.is_empty());
            for future in as_completed(&pending, None) {
                is_broken(future.unwrap().result(None).unwrap_err());
            }
            let ended = block_on(wait_async(&pending, ReturnWhen::AllCompleted));
            assert_eq!(ended.done.len(), 100);
            let (sender, told) = std::sync::mpsc::channel();
            pending[3]
                .add_done_callback(move |outcome| sender.send(outcome.copied().map_err(TaskError::clone)).unwrap());
            is_broken(told.recv().unwrap().unwrap_err());
            assert_eq!(block_on(pool.closed()), Default::default());
        });
        // What was begun before the copy was made is ended in it.
        let mut gathered = as_completed(&pending, None);
        let mut streamed = as_completed(&pending, None).stream();
        let shared = pool.submit(call!(double(1))).shared();
        let mut awaited = shared.clone();
        let mut closed = Box::pin(pool.closed());
        let mut map = pool.map(double, 0..3).start();
        let mut unordered = pool.map(double, 0..3).unordered().start();
        let mut waits = Context::from_waker(Waker::noop());
        assert!(streamed.poll_next_unpin(&mut waits).is_pending());
        assert!(awaited.poll_unpin(&mut waits).is_pending());
        assert!(closed.poll_unpin(&mut waits).is_pending());
        in_a_copy(|| is_broken(gathered.next().unwrap().unwrap().result(None).unwrap_err()));
        in_a_copy(|| is_broken(block_on(streamed.next()).unwrap().unwrap().result(None).unwrap_err()));
        in_a_copy(|| is_broken(block_on(&mut awaited).unwrap_err()));
        in_a_copy(|| is_broken(shared.result(None).unwrap_err()));
        in_a_copy(|| assert_eq!(block_on(&mut closed), Default::default()));
        in_a_copy(|| is_broken(map.next().unwrap().unwrap_err()));
        in_a_copy(|| is_broken(unordered.next().unwrap().unwrap_err()));
        drop((gathered, streamed, awaited, closed, map, unordered));
        // A pool of its own works.
        in_a_copy(|| {
            let own = ProcessPoolExecutor::new(1).unwrap();
            assert_eq!(own.submit(call!(double(4))).result(None).unwrap(), 8);
        });
        assert!(running.iter().all(|future| future.running() && !future.cancelled()));
        gate.open();
        for (n, future) in pending.iter().enumerate() {
            assert_eq!(future.result(None).unwrap(), 2 * n as u64);
        }
        assert!(running.iter().all(|future| future.result(None).unwrap() == 0));
        // A copy that lives on keeps nothing of the pool alive.
        let workers: Vec<_> = pids(&pool).into_iter().filter_map(Watched::open).collect();
        let copy = Watched::open(crate::kit::fork_and_leave()).unwrap();
        pool.shutdown(Shutdown::wait());
        assert!(workers.iter().all(|worker| worker.ends_within(SOON)));
        drop(copy);
    });
}

/// The process may be copied while any thread is at any step, also where it has the lock of a task.
#[test]
fn what_waits_for_many_is_dropped_in_a_copy_of_the_process() {
    /// Ends what goes on until then.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    alone("hosts::what_waits_for_many_is_dropped_in_a_copy_of_the_process", || {
        let _watchdog = watchdog();
        let pool = pool(1);
        let gate = crate::kit::gate::Gate::new();
        let before = pool.submit(call!(crate::kit::gate::wait_at(gate.path())));
        let pending: Vec<_> = (0..8).map(|n| pool.submit(call!(double(n))).shared()).collect();
        // Whoever leaves a waker with one of them has its lock for as long as it takes to go through these.
        let crowd: Vec<_> = (0..2000).map(|_| as_completed(&pending[..1], None)).collect();
        let stops = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _stop = Stop(&stops);
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stops.load(Ordering::SeqCst) {
                        let mut waits = Context::from_waker(Waker::noop());
                        assert!(pending[0].clone().poll_unpin(&mut waits).is_pending());
                    }
                });
            }
            for round in 0..20 {
                let mut gathered = as_completed(&pending, None);
                let mut streamed = as_completed(&pending, None).stream();
                let mut awaited = pending[0].clone();
                let mut waits = Context::from_waker(Waker::noop());
                assert!(streamed.poll_next_unpin(&mut waits).is_pending());
                assert!(awaited.poll_unpin(&mut waits).is_pending());
                in_a_copy(move || match round % 4 {
                    0 => drop(awaited),
                    1 => drop(streamed),
                    handed_out => {
                        // Some of them go before that.
                        (2..handed_out).for_each(|_| assert!(gathered.next().is_some()));
                        drop(gathered);
                    }
                });
            }
        });
        drop(crowd);
        gate.open();
        assert_eq!(before.result(None).unwrap(), 0);
        assert!((0..).zip(&pending).all(|(n, future)| *future.result(None).unwrap() == 2 * n));
    });
}
