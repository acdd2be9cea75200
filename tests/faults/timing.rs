//! Moments at which things get in each other's way: shutdowns, callbacks, kills, cancels.

use crate::kit::gate::{Gate, wait_at};
use crate::kit::outside::{self, SOON, Watched, children, pids};
use crate::kit::{double, exit_at_once, pid, pool, stay};
use crate::support::{Gate as ThreadGate, eventually, quiet_panics_of, watchdog};
use concurrent_futures::{CancelOutcome, Future, ProcessPoolExecutor, Shutdown, TaskError, call};
use rustix::process::Signal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn rounds(debug: usize) -> usize {
    if cfg!(debug_assertions) { debug } else { debug * 4 }
}

/// That it works, whatever happened before.
#[track_caller]
fn works(pool: &ProcessPoolExecutor) {
    assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
}

#[test]
fn a_shutdown_that_does_not_wait_then_a_drop() {
    let _watchdog = watchdog();
    for round in 0..rounds(15) {
        let pool = pool(2);
        let futures: Vec<_> = (0..round as u64).map(|n| pool.submit(call!(double(n)))).collect();
        let report = pool.shutdown(Shutdown::no_wait());
        assert!(report.finished + report.abandoned <= futures.len());
        let refused = pool.submit(call!(double(1)));
        assert!(refused.result(None).unwrap_err().is_rejected());
        if round % 2 == 0 {
            drop(pool);
        }
        for (n, future) in futures.iter().enumerate() {
            assert_eq!(future.result(None).unwrap(), 2 * n as u64);
        }
    }
}

// case 545
#[test]
fn the_last_handle_is_dropped_in_a_callback() {
    let _watchdog = watchdog();
    for _ in 0..rounds(10) {
        let pool = pool(1);
        let gate = Gate::new();
        let future = pool.submit(call!(wait_at(gate.path())));
        let behind = pool.submit(call!(double(4)));
        let worker = Arc::new(Mutex::new(Some(pool)));
        let theirs = Arc::clone(&worker);
        let (sender, told) = channel();
        future.add_done_callback(move |_| {
            drop(theirs.lock().unwrap().take());
            sender.send(()).unwrap();
        });
        gate.open();
        told.recv().unwrap();
        // What was accepted still runs.
        assert_eq!(behind.result(None).unwrap(), 8);
        assert!(future.result(None).is_ok());
    }
}

// cases 545, 540
#[test]
fn shutdowns_from_callbacks() {
    let _watchdog = watchdog();
    let shutdowns = [
        Shutdown::wait(),
        Shutdown::no_wait(),
        Shutdown::wait().cancel_pending(),
        Shutdown::wait().deadline(Duration::from_secs(1000)),
        Shutdown::wait().kill_after(Duration::ZERO),
    ];
    for how in shutdowns {
        let pool = pool(1);
        let gate = Gate::new();
        let first = pool.submit(call!(wait_at(gate.path())));
        let behind: Vec<_> = (0..5).map(|n| pool.submit(call!(double(n)))).collect();
        let (sender, told) = channel();
        let (theirs, their_how) = (pool.clone(), how.clone());
        first.add_done_callback(move |_| sender.send(theirs.shutdown(their_how)).unwrap());
        gate.open();
        let report = told.recv().unwrap();
        for (n, future) in behind.iter().enumerate() {
            match future.result(None) {
                Ok(value) => assert_eq!(value, 2 * n as u64),
                Err(error) => assert!(error.is_cancelled(), "{error}: {how:?} {report:?}"),
            }
        }
        assert!(pool.submit(call!(double(1))).result(None).unwrap_err().is_rejected());
        pool.shutdown(Shutdown::wait());
        assert!(pids(&pool).is_empty());
    }
}

// case 460
#[test]
fn chains_of_submits_from_callbacks() {
    fn link(pool: ProcessPoolExecutor, left: u64, ended: std::sync::mpsc::Sender<u64>) {
        let next = pool.clone();
        pool.submit(call!(double(left))).add_done_callback(move |outcome| {
            assert_eq!(outcome.unwrap(), &(2 * left));
            if left == 0 {
                ended.send(1).unwrap();
            } else {
                link(next, left - 1, ended);
            }
        });
    }
    let _watchdog = watchdog();
    let pool = pool(2);
    let (sender, ended) = channel();
    for length in [100, 50, 60] {
        link(pool.clone(), length, sender.clone());
    }
    drop(sender);
    assert_eq!(ended.iter().sum::<u64>(), 3);
    works(&pool);
}

/// With a full queue, too, where a submit waits for room.
#[test]
fn callbacks_that_wait_for_the_same_pool() {
    let _watchdog = watchdog();
    for bound in [None, Some(1)] {
        for workers in [1, 3] {
            let builder = ProcessPoolExecutor::builder().max_workers(workers);
            let pool = match bound {
                None => builder.build().unwrap(),
                Some(bound) => builder.queue_bound(bound).build().unwrap(),
            };
            let (sender, told) = channel();
            // Each waits for one that is submitted by it, at some depth: many callbacks block at once.
            fn deep(pool: &ProcessPoolExecutor, depth: u64, told: std::sync::mpsc::Sender<u64>) {
                let again = pool.clone();
                pool.submit(call!(double(depth))).add_done_callback(move |outcome| {
                    assert!(outcome.is_ok());
                    let other = again.submit(call!(double(depth)));
                    assert_eq!(other.result(None).unwrap(), 2 * depth);
                    if depth > 0 {
                        let (sender, below) = channel();
                        deep(&again, depth - 1, sender);
                        // A wait that the crate knows nothing of ends too.
                        assert!(below.recv_timeout(Duration::from_secs(60)).is_ok() || depth % 2 == 0);
                    }
                    told.send(depth).unwrap();
                });
            }
            for _ in 0..4 {
                deep(&pool, 0, sender.clone());
            }
            drop(sender);
            assert_eq!(told.iter().count(), 4);
            works(&pool);
        }
    }
}

#[test]
fn a_callback_waits_for_another_future_whose_callback_comes_later() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for _ in 0..rounds(10) {
        // The callback is to run on a thread of the pool, and so has to be there first.
        let (begin, gate) = (Gate::new(), Gate::new());
        let first = pool.submit(call!(wait_at(begin.path())));
        let second = pool.submit(call!(wait_at(gate.path())));
        let (sender, told) = channel();
        let second = second.shared();
        let (waits_for, also) = (second.clone(), sender.clone());
        second.add_done_callback(move |_| also.send("second").unwrap());
        first.add_done_callback(move |_| {
            sender.send("first waits").unwrap();
            assert!(waits_for.result(None).is_ok());
            sender.send("first").unwrap();
        });
        begin.open();
        assert_eq!(told.recv().unwrap(), "first waits");
        gate.open();
        let mut rest = [told.recv().unwrap(), told.recv().unwrap()];
        rest.sort_unstable();
        assert_eq!(rest, ["first", "second"]);
    }
}

// case 486
#[test]
fn callbacks_that_blow_up() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a payload blows up");
        }
    }
    let _watchdog = watchdog();
    quiet_panics_of(&["cf-notify"]);
    let pool = pool(1);
    for n in 0..10 {
        let future = pool.submit(call!(double(n)));
        let gate = ThreadGate::new();
        let last = gate.clone();
        future.add_done_callback(|_| panic!("a callback blows up"));
        future.add_done_callback(|_| std::panic::panic_any(Bomb));
        future.add_done_callback(|_| std::panic::panic_any(vec![0u8; 1 << 20]));
        future.add_done_callback(move |_| last.open());
        gate.wait();
        assert_eq!(future.result(None).unwrap(), 2 * n);
    }
    pool.shutdown(Shutdown::wait());
}

// case 536
#[test]
fn kills_at_every_moment() {
    let _watchdog = watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(2).term_grace(Duration::ZERO).build().unwrap();
    works(&pool);
    let mut seen = [0; 3];
    for round in 0..rounds(60) {
        let futures: Vec<_> = (0..4).map(|n| pool.submit(call!(double(n)))).collect();
        let victim = &futures[round % 4];
        (0..round * 37 % 3000).for_each(|_| std::hint::spin_loop());
        let outcome = victim.kill(Duration::ZERO);
        match (outcome, victim.result(None)) {
            (CancelOutcome::NeverRan, Err(TaskError::Cancelled)) => seen[0] += 1,
            // It may have come to its end before the signal came.
            (CancelOutcome::Killed, Err(TaskError::Cancelled) | Ok(_)) => seen[1] += 1,
            (CancelOutcome::AlreadyDone, Ok(value)) => {
                assert_eq!(value, 2 * (round as u64 % 4));
                seen[2] += 1;
            }
            other => panic!("{other:?}"),
        }
        for (n, other) in futures.iter().enumerate().filter(|(n, _)| *n != round % 4) {
            assert_eq!(other.result(None).unwrap(), 2 * n as u64, "it was not the one");
        }
    }
    println!("never ran, killed, done: {seen:?}");
    for _ in 0..5 {
        let future = pool.submit(call!(stay()));
        eventually("it runs", || future.running());
        assert_eq!(future.kill(Duration::ZERO), CancelOutcome::Killed);
        assert!(future.result(None).unwrap_err().is_cancelled());
        assert!(matches!(future.kill(Duration::ZERO), CancelOutcome::AlreadyDone | CancelOutcome::NeverRan));
    }
    works(&pool);
}

#[test]
fn cancels_against_beginnings() {
    /// Says that it has begun, where everybody sees it.
    fn begin(path: String) -> u64 {
        use std::io::Write;
        std::fs::File::options().append(true).open(path).unwrap().write_all(b"x").unwrap();
        1
    }
    let _watchdog = watchdog();
    let pool = pool(2);
    let path = std::env::temp_dir().join(format!("cf-begun-{}", std::process::id()));
    std::fs::write(&path, "").unwrap();
    let name = path.to_str().unwrap().to_owned();
    let (ran, cancelled) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let tasks = rounds(2000);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for round in 0..tasks / 2 {
                    let future = pool.submit(call!(begin(name.clone())));
                    (0..round * 13 % 2000).for_each(|_| std::hint::spin_loop());
                    let counter = if future.cancel() {
                        assert!(future.result(None).unwrap_err().is_cancelled());
                        &cancelled
                    } else {
                        assert_eq!(future.result(None).unwrap(), 1);
                        &ran
                    };
                    counter.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    let begun = std::fs::read(&path).unwrap().len();
    std::fs::remove_file(path).unwrap();
    let (ran, cancelled) = (ran.into_inner(), cancelled.into_inner());
    assert_eq!((begun, ran + cancelled), (ran, tasks), "{cancelled} cancelled");
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.queued), (ran as u64, 0), "{cancelled} cancelled");
    println!("{ran} ran, {cancelled} cancelled");
}

/// What a task leaves behind has the socket, and everything else of the worker, by a plain fork.
#[test]
fn a_forked_child_that_keeps_everything_open() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let child = pool.submit(call!(crate::kit::fork_and_leave())).result(None).unwrap();
    let child = Watched::open(child).unwrap();
    works(&pool);
    // The worker's death is seen, though its end of the socket is still open.
    let error = pool.submit(call!(exit_at_once(3))).result(None).unwrap_err();
    assert!(error.is_worker_died());
    assert!(child.ends_within(SOON), "it is of the worker's group");
    works(&pool);
    let child = Watched::open(pool.submit(call!(crate::kit::fork_and_leave())).result(None).unwrap()).unwrap();
    pool.shutdown(Shutdown::wait());
    assert!(child.ends_within(SOON));
}

// case 494
#[test]
fn workers_that_die_during_the_shutdown() {
    let _watchdog = watchdog();
    for round in 0..rounds(30) {
        let pool = pool(2);
        let futures: Vec<_> = (0..10).map(|n| pool.submit(call!(double(n)))).collect();
        if round % 3 > 0 {
            assert!(futures[0].exception(None).unwrap().is_none());
        }
        let theirs = pool.clone();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(round as u64 * 733 % 10_000));
            for worker in pids(&theirs) {
                outside::signal(worker, Signal::KILL);
            }
        });
        let report = pool.shutdown(Shutdown::wait());
        assert_eq!((report.abandoned, report.cancelled, report.killed), (0, 0, 0));
        killer.join().unwrap();
        let died = futures.iter().filter_map(|future| future.result(None).err()).collect::<Vec<_>>();
        assert!(died.len() <= 2 && died.iter().all(TaskError::is_worker_died), "{died:?}");
    }
}

// cases 493, 544
#[test]
fn shutdowns_that_kill() {
    let _watchdog = watchdog();
    for workers in [1, 3] {
        let pool = pool(workers);
        let quick: Vec<_> = (0..50).map(|n| pool.submit(call!(double(n)))).collect();
        // Not the last one alone: another worker may not have begun what is before that.
        assert!(quick.into_iter().all(|future| future.result(None).is_ok()));
        let slow: Vec<Future<u64>> = (0..50).map(|_| pool.submit(call!(stay()))).collect();
        eventually("all run", || pool.stats().running == workers);
        let mine = pids(&pool);
        let report = pool.shutdown(Shutdown::wait().kill_after(Duration::from_millis(10)));
        assert_eq!((report.killed, report.cancelled, report.abandoned), (workers, 50 - workers, 0), "{report:?}");
        assert!(slow.iter().all(|future| future.result(None).unwrap_err().is_cancelled()));
        let now = children();
        assert!(mine.iter().all(|pid| !now.contains(pid)), "a zombie is left");
    }
}

#[test]
fn two_pools_whose_callbacks_use_each_other() {
    let _watchdog = watchdog();
    let (a, b) = (pool(1), pool(1));
    let (sender, told) = channel();
    for n in 0..20 {
        for (this, other) in [(&a, b.clone()), (&b, a.clone())] {
            let sender = sender.clone();
            this.submit(call!(double(n))).add_done_callback(move |_| {
                sender.send(other.submit(call!(double(n))).result(None).unwrap()).unwrap();
            });
        }
    }
    drop(sender);
    assert_eq!(told.iter().count(), 40);
    // And end each other.
    let (a_again, b_again) = (a.clone(), b.clone());
    let (sender, told) = channel();
    let also = sender.clone();
    a.submit(call!(pid())).add_done_callback(move |_| drop(also.send(b_again.shutdown(Shutdown::wait()))));
    told.recv().unwrap();
    b.submit(call!(pid())).add_done_callback(move |_| drop(sender.send(a_again.shutdown(Shutdown::wait()))));
    told.recv().unwrap();
}
