//! Processes and descriptors: how many there are, who inherits them, and that none is left.

use crate::kit::outside::program::{alone, run, say};
use crate::kit::outside::{children, descriptors_of, inheritable, open_descriptors, pids};
use crate::kit::{double, exit_at_once, pid, pool, stay};
use crate::support::{eventually, watchdog};
use concurrent_futures::{Future, ProcessPoolExecutor, Shutdown, TaskError, call, task};
use std::process::Command;
use std::time::Duration;

/// What this process has, once it has what it opens only once.
fn baseline() -> usize {
    drop(pool(1));
    open_descriptors()
}

#[track_caller]
fn no_descriptor_is_left(baseline: usize) {
    let began = std::time::Instant::now();
    // Who waits for a child of this process may close a descriptor of its own a moment later.
    while open_descriptors() != baseline {
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", descriptors_of(pid()));
        std::thread::yield_now();
    }
}

#[track_caller]
fn nothing_is_left(baseline: usize) {
    assert_eq!(children(), []);
    no_descriptor_is_left(baseline);
}

// cases 440, 441, 548
#[test]
fn nothing_is_left_of_a_pool() {
    alone("leaks::nothing_is_left_of_a_pool", || {
        let _watchdog = watchdog();
        let baseline = baseline();
        for round in 0..5 {
            let pool = pool(3);
            let large: Vec<Future<Vec<u8>>> = (0..5).map(|_| pool.submit(task!([] => vec![1u8; 1 << 20]))).collect();
            let taken: Vec<_> = (0..20).map(|n| pool.submit(call!(double(n)))).collect();
            assert!(taken.iter().all(|future| future.result(None).is_ok()));
            assert!(pool.submit(call!(exit_at_once(1))).result(None).unwrap_err().is_worker_died());
            assert!(pool.map(|n: u64| vec![n; 10_000], 0..50).chunksize(25).all(|item| item.is_ok()));
            match round {
                0 => {
                    pool.shutdown(Shutdown::wait());
                }
                1 => {
                    let running = pool.submit(call!(stay()));
                    eventually("it runs", || running.running());
                    pool.shutdown(Shutdown::wait().kill_after(Duration::ZERO));
                }
                2 => {
                    pool.shutdown(Shutdown::no_wait());
                }
                _ => {}
            }
            if round < 2 {
                assert_eq!(children(), [], "round {round}");
            }
            drop(pool);
            assert_eq!(children(), [], "round {round}");
            // Results that nobody takes hold their memory, and no longer than that.
            drop(large);
            nothing_is_left(baseline);
        }
    });
}

#[test]
fn many_pools_leave_nothing() {
    alone("leaks::many_pools_leave_nothing", || {
        let _watchdog = watchdog();
        let baseline = baseline();
        for round in 0..if cfg!(debug_assertions) { 100 } else { 1000 } {
            let pool = pool(2);
            match round % 4 {
                0 => {}
                1 => assert_eq!(pool.submit(call!(double(round))).result(None).unwrap(), 2 * round),
                2 => drop(pool.submit(call!(double(round)))),
                _ => {
                    // Its worker is being started.
                    drop(pool.submit(call!(stay())));
                    pool.shutdown(Shutdown::no_wait().cancel_pending().kill_after(Duration::ZERO));
                }
            }
        }
        nothing_is_left(baseline);
    });
}

// case 42
#[test]
fn pending_tasks_cost_no_descriptors() {
    alone("leaks::pending_tasks_cost_no_descriptors", || {
        let _watchdog = watchdog();
        let pool = pool(2);
        let busy: Vec<_> = (0..2).map(|_| pool.submit(call!(stay()))).collect();
        eventually("all run", || busy.iter().all(Future::running));
        let before = (open_descriptors(), pids(&pool).into_iter().map(|pid| descriptors_of(pid).len()).sum::<usize>());
        let pending: Vec<_> = (0..100_000).map(|n| pool.submit(call!(double(n)))).collect();
        let large: Vec<_> = (0..20).map(|_| pool.submit(task!([bytes = vec![0u8; 1 << 20]] => bytes.len()))).collect();
        let now = (open_descriptors(), pids(&pool).into_iter().map(|pid| descriptors_of(pid).len()).sum::<usize>());
        assert_eq!(before, now);
        assert_eq!(pool.stats().queued, pending.len() + large.len());
        for worker in busy {
            worker.kill(Duration::ZERO);
        }
        for (n, future) in pending.iter().enumerate() {
            assert_eq!(future.result(None).unwrap(), 2 * n as u64);
        }
        assert!(large.iter().all(|future| future.result(None).unwrap() == 1 << 20));
        let after = open_descriptors();
        assert!(after <= before.0 + 4, "{before:?}, {after}: {:?}", descriptors_of(pid()));
    });
}

// case 524
#[test]
fn all_descriptors_are_closed_in_programs_that_are_started() {
    fn own_inheritable(_: u64) -> Vec<(i32, String)> {
        inheritable(std::process::id())
    }
    alone("leaks::all_descriptors_are_closed_in_programs_that_are_started", || {
        let _watchdog = watchdog();
        let own_before = inheritable(pid());
        let pool = pool(2);
        // With all that a pool has open: workers, large results, callbacks.
        let large = pool.submit(task!([bytes = vec![0u8; 1 << 20]] => bytes));
        let inherited: Vec<(i32, String)> = pool.submit(call!(own_inheritable(0))).result(None).unwrap();
        // Standard input, output and error, and what the tests' own caller may have left open.
        let extra: Vec<_> = inherited
            .iter()
            .filter(|(number, what)| *number > 2 && !own_before.iter().any(|own| own.1 == *what))
            .collect();
        assert!(extra.is_empty(), "a worker: {extra:?}");
        assert_eq!(inheritable(pid()), own_before, "the parent");
        let listed = Command::new("/bin/sh").args(["-c", "ls /proc/self/fd | wc -l"]).output().unwrap();
        drop(large);
        let before = String::from_utf8(listed.stdout).unwrap();
        // The three, and the one by which the folder is read, and what came from the caller.
        let number: usize = before.trim().parse().unwrap();
        assert!(number <= 4 + own_before.iter().filter(|(number, _)| *number > 2).count(), "{before}");
    });
}

// case 510
#[test]
fn the_parents_standard_input_is_untouched() {
    fn read_all() -> Vec<u8> {
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut read).unwrap();
        read
    }
    fn read_by_a_child() -> String {
        let output = Command::new("/bin/cat").stdin(std::process::Stdio::inherit()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
    let _watchdog = watchdog();
    const TEST: &str = "leaks::the_parents_standard_input_is_untouched";
    crate::kit::outside::program::be(|| {
        let pool = pool(2);
        assert_eq!(pool.submit(call!(read_all())).result(None).unwrap(), b"");
        assert_eq!(pool.submit(call!(read_by_a_child())).result(None).unwrap(), "");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        say(line.trim_end());
    });
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(crate::kit::outside::program::arguments(TEST)).env("CF_FAULTS_PROGRAM", "1");
    let mut program = program.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut program.stdin.take().unwrap(), b"for the parent\n").unwrap();
    let output = program.wait_with_output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(output.contains("program: for the parent"), "{output}");
}

/// What an strace of a whole pool shows.
#[test]
fn nothing_listens_on_the_network() {
    let _watchdog = watchdog();
    const TEST: &str = "leaks::nothing_listens_on_the_network";
    crate::kit::outside::program::be(|| {
        let pool = pool(2);
        let large = pool.submit(task!([bytes = vec![0u8; 1 << 20]] => bytes));
        assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
        assert_eq!(large.result(None).unwrap().len(), 1 << 20);
        assert!(pool.submit(call!(exit_at_once(1))).result(None).unwrap_err().is_worker_died());
        pool.shutdown(Shutdown::wait());
    });
    let file = std::env::temp_dir().join(format!("cf-strace-{}", std::process::id()));
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=network", "-o"]).arg(&file).arg(std::env::current_exe().unwrap());
    strace.args(crate::kit::outside::program::arguments(TEST)).env("CF_FAULTS_PROGRAM", "1");
    let output = match strace.output() {
        Ok(output) => output,
        Err(error) => return println!("skipped: there is no strace here: {error}"),
    };
    let calls = std::fs::read_to_string(&file).unwrap_or_default();
    let _ = std::fs::remove_file(&file);
    if !output.status.success() && !calls.contains("socketpair") {
        return println!("skipped: strace may not trace here: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = calls.lines().filter_map(|line| {
        let call = line.split_once(' ')?.1.trim_start().trim_start_matches("<... ");
        let name: String = call.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
        (!name.is_empty()).then_some(name)
    });
    let names: std::collections::BTreeSet<_> = names.collect();
    assert!(names.contains("socketpair"), "{names:?}");
    let harmless = ["socketpair", "sendmsg", "recvmsg", "sendto", "recvfrom", "getsockopt", "setsockopt"];
    let others: Vec<_> = names.iter().filter(|name| !harmless.contains(&&***name)).collect();
    assert!(others.is_empty(), "{others:?}");
    for line in calls.lines().filter(|line| line.contains("socketpair(")) {
        assert!(line.contains("AF_UNIX") && line.contains("SOCK_CLOEXEC"), "{line}");
    }
}

#[test]
fn a_stack_of_errors_holds_nothing() {
    run("leaks::a_stack_of_errors_holds_nothing", || {
        let _watchdog = watchdog();
        let baseline = baseline();
        let pool = ProcessPoolExecutor::builder().max_workers(1).term_grace(Duration::ZERO).build().unwrap();
        let errors: Vec<TaskError> =
            (0..20).map(|_| pool.submit(call!(exit_at_once(3))).result(None).unwrap_err()).collect();
        drop(pool);
        nothing_is_left(baseline);
        drop(errors);
        say("to the end");
    });
}
