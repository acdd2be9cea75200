//! What workers write to their standard error, which their pool reads: it holds up nobody, whatever becomes of it.
#![cfg(all(target_os = "linux", feature = "processes"))]

mod support;

use concurrent_futures::{ProcessPoolExecutor, SubmitOptions, TaskError, call};
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

const CHILD: &str = "CONCURRENT_FUTURES_OUTPUT_CHILD";

fn say(text: String) -> usize {
    io::stderr().write_all(text.as_bytes()).map_or(0, |()| text.len())
}

fn ask_for(bytes: usize) -> u8 {
    std::hint::black_box(vec![1u8; bytes])[bytes / 2]
}

fn say_for_ever(text: String) -> usize {
    loop {
        say(text.clone());
    }
}

/// This test once more, in a process whose standard error is the caller's business. It says what it came to.
fn again(test: &str, stderr: Stdio) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    command.stdout(Stdio::piped()).stderr(stderr);
    command
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// A thread of this process may have std's lock for as long as it likes, also while it waits for a task.
#[test]
fn who_has_the_lock_of_standard_error_gets_results() {
    let _watchdog = support::watchdog();
    let pool = ProcessPoolExecutor::new(1).unwrap();
    let mut lock = io::stderr().lock();
    for _ in 0..3 {
        assert_eq!(pool.submit(call!(say("a worker speaks\n".to_owned()))).result(None).unwrap(), 16);
    }
    lock.write_all(b"so does its parent\n").unwrap();
}

#[test]
fn a_task_that_prints_for_ever_meets_its_limit() {
    let _watchdog = support::watchdog();
    if !is_child() {
        let output = again("a_task_that_prints_for_ever_meets_its_limit", Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let pool = ProcessPoolExecutor::new(2).unwrap();
    let limited = SubmitOptions::new().timeout(Duration::from_millis(200));
    let endless = pool.submit_with(limited, call!(say_for_ever("again and again\n".repeat(64))));
    assert_eq!(pool.submit(call!(say("once\n".to_owned()))).result(None).unwrap(), 5);
    assert!(endless.result(None).unwrap_err().is_deadline_exceeded());
}

/// The standard error is a pipe that is full. Who prints waits, in the worker; nobody else does.
#[test]
fn a_standard_error_that_nobody_reads_delays_those_alone_who_write_to_it() {
    let _watchdog = support::watchdog();
    if !is_child() {
        let name = "a_standard_error_that_nobody_reads_delays_those_alone_who_write_to_it";
        let mut child = again(name, Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        // Until its end; and its standard error only then.
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains("test result: ok. 1 passed"), "{said}");
        assert!(child.wait().unwrap().success());
        return;
    }
    let pool = ProcessPoolExecutor::new(2).unwrap();
    let much = "x".repeat(1 << 20);
    let limited = SubmitOptions::new().timeout(Duration::from_millis(200));
    let stuck = pool.submit_with(limited, call!(say(much)));
    assert!(stuck.result(None).unwrap_err().is_deadline_exceeded());
    for n in 0..100 {
        assert_eq!(pool.submit(call!(u32::max(n, 3))).result(None).unwrap(), n.max(3));
    }
}

/// All of it comes through, in its order, where somebody reads.
#[test]
fn what_a_worker_writes_comes_through() {
    let _watchdog = support::watchdog();
    if !is_child() {
        let output = again("what_a_worker_writes_comes_through", Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<usize> = text.lines().filter_map(|line| line.strip_prefix("line ")?.parse().ok()).collect();
        assert!(lines.iter().copied().eq(0..50_000), "{} lines came", lines.len());
        return;
    }
    let pool = ProcessPoolExecutor::new(1).unwrap();
    let text: String = (0..50_000).map(|n| format!("line {n}\n")).collect();
    pool.submit(call!(say(text))).result(None).unwrap();
}

/// Rust says so in one line, and then has a backtrace that is longer than what is kept.
#[test]
fn a_lack_of_memory_is_heard_before_the_backtrace() {
    let _watchdog = support::watchdog();
    if !is_child() {
        let output = again("a_lack_of_memory_is_heard_before_the_backtrace", Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("memory allocation of"), "{output:?}");
        return;
    }
    let limited = ProcessPoolExecutor::builder().max_workers(1).memory_limit(64 << 20).env("RUST_BACKTRACE", "full");
    let pool = limited.build().unwrap();
    let Err(TaskError::WorkerDied(report)) = pool.submit(call!(ask_for(1 << 30))).result(None) else {
        panic!("it had a gibibyte")
    };
    assert!(report.out_of_memory, "{report}");
    assert_eq!(report.stderr_tail.len(), 4096, "there was a long backtrace");
}
