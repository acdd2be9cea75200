//! Workers that are killed from outside: idle, starting, running, with tasks handed ahead.

use crate::kit::gate::{Gate, wait_at};
use crate::kit::outside::{self, Watched, pids, state_of};
use crate::kit::{SIGKILL, SIGTERM, death, double, exit_at_once, pid, pool, stay};
use crate::support::{eventually, watchdog};
use concurrent_futures::{Future, ProcessPoolExecutor, Shutdown, SubmitOptions, TaskError, WorkerState, call};
use rustix::process::Signal;
use std::io::Write;
use std::time::Duration;

#[test]
fn an_idle_worker_costs_no_task() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for _ in 0..10 {
        let worker = pool.submit(call!(pid())).result(None).unwrap();
        let watched = Watched::open(worker).unwrap();
        assert!(outside::signal(worker, Signal::KILL));
        assert!(watched.ends_within(outside::SOON));
        // Whether the pool knows by now or not.
        for n in 0..10 {
            assert_eq!(pool.submit(call!(double(n))).result(None).unwrap(), 2 * n);
        }
        eventually("it is not listed", || !pids(&pool).contains(&worker));
    }
}

#[test]
fn an_idle_worker_that_is_killed_while_tasks_come_costs_at_most_one() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let mut died = 0;
    for round in 0..30 {
        let worker = pool.submit(call!(pid())).result(None).unwrap();
        outside::signal(worker, Signal::KILL);
        let futures: Vec<_> = (0..20).map(|n| pool.submit(call!(double(n)))).collect();
        let failed: Vec<_> = futures.iter().filter_map(|future| future.result(None).err()).collect();
        assert!(failed.len() <= 1 && failed.iter().all(TaskError::is_worker_died), "round {round}: {failed:?}");
        died += failed.len();
    }
    println!("{died} of 30 kills met a task");
}

#[test]
fn starting_workers_cost_no_task() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let mut killed = 0;
    for n in 0..10 {
        let task = pool.submit(call!(double(n)));
        // As soon as there is a process: it may be anywhere between its first instruction and its first task.
        eventually("a worker is there", || !pids(&pool).is_empty() || task.done());
        for worker in pids(&pool) {
            killed += usize::from(outside::signal(worker, Signal::KILL));
        }
        match task.result(None) {
            Ok(value) => assert_eq!(value, 2 * n),
            Err(error) => assert_eq!(death(&error).signal, Some(SIGKILL)),
        }
        for worker in pids(&pool) {
            outside::signal(worker, Signal::KILL);
        }
        eventually("nobody is left", || pids(&pool).is_empty());
    }
    assert!(killed > 0);
    assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
}

// case 458
#[test]
fn a_running_task_fails_with_the_signal_and_nothing_else_does() {
    let _watchdog = watchdog();
    let pool = pool(1);
    for (signal, number) in [(Signal::KILL, SIGKILL), (Signal::TERM, SIGTERM), (Signal::SEGV, 11), (Signal::USR1, 10)] {
        for n in 0..20 {
            pool.submit(call!(double(n))).result(None).unwrap();
        }
        let running = pool.submit_with(SubmitOptions::new().name("stays"), call!(stay()));
        eventually("it runs", || running.running());
        let handed: Vec<_> = (0..40).map(|n| pool.submit(call!(double(n)))).collect();
        let workers = pool.workers();
        let [worker] = &workers[..] else { panic!("{workers:?}") };
        assert_eq!((worker.state, worker.task.as_deref(), worker.slot), (WorkerState::Running, Some("stays"), 0));
        assert!(handed.iter().all(|future| !future.running() && !future.done()));
        let victim = worker.os_id.unwrap() as u32;
        assert!(outside::signal(victim, signal));
        let error = running.result(None).unwrap_err();
        let report = death(&error);
        assert_eq!((report.pid, report.signal, report.exit_code), (victim, Some(number), None));
        assert!(error.to_string().contains(&format!("signal {number}")), "{error}");
        for (n, future) in handed.iter().enumerate() {
            assert_eq!(future.result(None).unwrap(), 2 * n as u64);
        }
        // It is the same slot, and another process.
        assert_eq!(pool.workers()[0].slot, 0);
        assert_ne!(pids(&pool), [victim]);
    }
}

/// Writes its turn behind those of the others.
fn note(ledger: String, n: u8) {
    let mut ledger = std::fs::File::options().create(true).append(true).open(ledger).unwrap();
    ledger.write_all(&[n]).unwrap();
}

#[test]
fn what_a_dead_worker_had_not_begun_stays_cancellable_and_in_order() {
    let _watchdog = watchdog();
    let pool = pool(1);
    for n in 0..20 {
        pool.submit(call!(double(n))).result(None).unwrap();
    }
    let gate = Gate::new();
    let running = pool.submit(call!(wait_at(gate.path())));
    eventually("it runs", || running.running());
    let cancelled: Vec<_> = (0..10).map(|n| pool.submit(call!(double(n)))).collect();
    let ledger = format!("{}-ledger", gate.path());
    let futures: Vec<Future<()>> = (0..30).map(|n| pool.submit(call!(note(ledger.clone(), n)))).collect();
    assert!(cancelled[..5].iter().all(Future::cancel));
    outside::signal(pids(&pool)[0], Signal::KILL);
    assert!(running.result(None).unwrap_err().is_worker_died());
    let late = cancelled[5..].iter().filter(|future| future.cancel()).count();
    for future in &futures {
        future.result(None).unwrap();
    }
    let values = cancelled[5..].iter().filter(|future| future.result(None).is_ok()).count();
    assert_eq!(late + values, 5);
    let order = std::fs::read(&ledger).unwrap();
    std::fs::remove_file(&ledger).unwrap();
    assert_eq!(order, (0..30).collect::<Vec<u8>>());
}

#[test]
fn a_stopped_worker_is_slow_and_no_more() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let worker = pool.submit(call!(pid())).result(None).unwrap();
    outside::signal(worker, Signal::STOP);
    eventually("it is stopped", || state_of(worker) == Some('T'));
    let future = pool.submit(call!(double(4)));
    assert!(future.result(Duration::from_millis(50)).unwrap_err().is_timed_out());
    outside::signal(worker, Signal::CONT);
    assert_eq!(future.result(None).unwrap(), 8);
    // One that stays stopped can still be ended.
    outside::signal(worker, Signal::STOP);
    eventually("it is stopped", || state_of(worker) == Some('T'));
    let future = pool.submit(call!(double(4)));
    let report = pool.shutdown(Shutdown::wait().kill_after(Duration::from_millis(20)));
    assert_eq!((report.killed + report.cancelled, report.abandoned), (1, 0), "{report:?}");
    assert!(future.result(None).unwrap_err().is_cancelled());
}

/// A worker that always dies before it is ready.
#[test]
fn workers_that_never_come_to_be_break_the_pool() {
    fn dies() -> Result<(), String> {
        exit_at_once(7);
        Ok(())
    }
    fn fails() -> Result<(), String> {
        Err("no configuration".to_owned())
    }
    fn panics() -> Result<(), String> {
        panic!("no luck")
    }
    fn check(pool: &ProcessPoolExecutor, text: &str) {
        let futures: Vec<_> = (0..5).map(|n| pool.submit(call!(double(n)))).collect();
        for future in futures {
            let error = future.result(None).unwrap_err();
            assert!(matches!(&error, TaskError::Broken(why) if why.contains(text)), "{error}");
        }
        let error = pool.submit(call!(double(4))).result(None).unwrap_err();
        assert!(error.is_broken() && error.to_string().contains(text), "{error}");
        pool.shutdown(Shutdown::wait());
        assert!(pids(pool).is_empty());
    }
    let _watchdog = watchdog();
    let builder = || ProcessPoolExecutor::builder().max_workers(2);
    check(&builder().initializer(call!(dies())).build().unwrap(), "exit code 7");
    check(&builder().initializer(call!(fails())).build().unwrap(), "no configuration");
    check(&builder().initializer(call!(panics())).build().unwrap(), "no luck");
}

// case 488
#[test]
fn workers_that_kill_each_other() {
    fn kill(victim: u32, delay: u64) -> u32 {
        std::thread::sleep(Duration::from_micros(delay));
        let victim = rustix::process::Pid::from_raw(victim as i32).unwrap();
        let _ = rustix::process::kill_process(victim, Signal::KILL);
        std::process::id()
    }
    let _watchdog = watchdog();
    for workers in [1, 2, 5, 13] {
        let pool = pool(workers);
        for round in 0..if workers == 13 { 3 } else { 10 } {
            let gate = Gate::new();
            let waiters: Vec<_> = (0..workers).map(|_| pool.submit(call!(wait_at(gate.path())))).collect();
            eventually("all are there", || waiters.iter().all(Future::running));
            let mut pids = pids(&pool);
            assert_eq!(pids.len(), workers);
            gate.open();
            for waiter in waiters {
                waiter.result(None).unwrap();
            }
            pids.rotate_left(1);
            let kills: Vec<_> = pids
                .iter()
                .enumerate()
                .map(|(n, pid)| pool.submit(call!(kill(*pid, (n * 977 + round * 331) as u64 % 5000))))
                .collect();
            for killer in kills {
                if let Err(error) = killer.result(None) {
                    assert_eq!(death(&error).signal, Some(SIGKILL), "{error}");
                }
            }
            assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
        }
    }
}

/// All workers of a pool run at the same time, whatever they were before.
// case 512
#[test]
fn tasks_are_not_put_behind_each_other_while_a_worker_could_be_started() {
    let _watchdog = watchdog();
    for workers in [2, 4, 6] {
        let pool = pool(workers);
        // One worker, that has got used to short tasks.
        for n in 0..20 {
            pool.submit(call!(double(n))).result(None).unwrap();
        }
        let gate = Gate::new();
        let waiters: Vec<_> = (0..workers).map(|_| pool.submit(call!(wait_at(gate.path())))).collect();
        eventually("all run", || waiters.iter().all(Future::running));
        let stats = pool.stats();
        assert_eq!((stats.running, stats.queued, stats.idle), (workers, 0, 0), "{stats:?}");
        gate.open();
        assert!(waiters.iter().all(|waiter| waiter.result(None).is_ok()));
    }
}

#[test]
fn a_few_kills_of_starting_workers_do_not_break_the_pool() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let task = pool.submit(call!(double(4)));
    // In a row: each as soon as it is there.
    let mut killed = Vec::new();
    while killed.len() < 8 && !task.done() {
        for worker in pids(&pool).into_iter().filter(|worker| !killed.contains(worker)).collect::<Vec<_>>() {
            if outside::signal(worker, Signal::KILL) {
                killed.push(worker);
            }
        }
    }
    match task.result(None) {
        Ok(value) => assert_eq!(value, 8),
        Err(error) => assert_eq!(death(&error).signal, Some(SIGKILL), "{error}"),
    }
    assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
}

/// One worker is at a long task, and no other can be started meanwhile: the pool goes on with the one that it has.
#[test]
fn starts_that_fail_do_not_break_a_pool_that_has_a_worker() {
    fn only_one(path: String) -> Result<(), String> {
        std::fs::remove_file(path).map_err(|error| format!("the only permit: {error}"))
    }
    let _watchdog = watchdog();
    let path = std::env::temp_dir().join(format!("cf-permit-{}", std::process::id()));
    std::fs::write(&path, "").unwrap();
    let permit = path.to_str().unwrap().to_owned();
    let pool = ProcessPoolExecutor::builder().max_workers(2).initializer(call!(only_one(permit))).build().unwrap();
    assert_eq!(pool.submit(call!(double(1))).result(None).unwrap(), 2);
    let gate = Gate::new();
    let busy = pool.submit(call!(wait_at(gate.path())));
    eventually("it runs", || busy.running());
    let behind = pool.submit(call!(double(4)));
    // What is for the other slot alone cannot be done by this one.
    let mut broadcast = pool.broadcast(|_: &()| std::process::id());
    let refused = broadcast.pop().unwrap().result(None).unwrap_err();
    assert!(matches!(&refused, TaskError::Broken(why) if why.contains("the only permit")), "{refused}");
    assert!(!behind.done());
    gate.open();
    assert_eq!(behind.result(None).unwrap(), 8);
    assert_eq!([broadcast.pop().unwrap().result(None).unwrap()], pids(&pool)[..1]);
    assert_eq!(busy.result(None).unwrap(), 0);
}
