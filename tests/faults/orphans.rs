//! The parent dies, at whatever moment: its workers and what they have started end within a second, and a terminal's
//! interrupt is the parent's alone.

use crate::kit::outside::program::{say, start, wait_to_be_dismissed};
use crate::kit::outside::{SOON, Watched, group_of, pids};
use crate::kit::{ignore_signal, pid, pool, spin, stay};
use crate::support::{eventually, watchdog};
use concurrent_futures::{Future, ProcessPoolExecutor, call};
use rustix::process::{Pid, Signal};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Starts a child that hears nothing, tells about it, and works on.
fn have_a_child_and_work(path: String) -> u64 {
    let stubborn = "trap '' HUP INT TERM; echo; while :; do sleep 1000; done";
    let mut child = Command::new("/bin/sh");
    #[expect(clippy::zombie_processes, reason = "that it ends without being waited for is the point")]
    let mut child = child.args(["-c", stubborn]).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    std::fs::write(path, child.id().to_string()).unwrap();
    spin()
}

fn file_of_child(parent: u32, n: usize) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("cf-child-of-{parent}-{n}"))
}

fn have_busy_workers() -> (ProcessPoolExecutor, Vec<Future<u64>>) {
    let pool = pool(2);
    let path = |n| file_of_child(std::process::id(), n);
    let busy: Vec<_> =
        (0..2).map(|n| pool.submit(call!(have_a_child_and_work(path(n).to_str().unwrap().to_owned())))).collect();
    let is_told = |n| std::fs::read_to_string(path(n)).is_ok_and(|text| !text.is_empty());
    eventually("they have children", || (0..2).all(is_told));
    (pool, busy)
}

/// Workers and their children, as a program said.
fn hear_processes(program: &mut crate::kit::outside::program::Running) -> Vec<Watched> {
    let line = program.hears().expect("process ids");
    line.split(' ').map(|pid| Watched::open(pid.parse().unwrap()).expect("a process")).collect()
}

fn say_processes(pool: &ProcessPoolExecutor) {
    let children = (0..2).map(|n| {
        let path = file_of_child(std::process::id(), n);
        let child: u32 = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        std::fs::remove_file(path).unwrap();
        child
    });
    let all: Vec<String> = pids(pool).into_iter().chain(children).map(|pid| pid.to_string()).collect();
    say(all.join(" "));
}

#[track_caller]
fn all_end(processes: &[Watched]) {
    let began = Instant::now();
    for process in processes {
        assert!(process.ends_within(SOON), "it is still there after {:?}", began.elapsed());
    }
    println!("all are gone after {:?}", began.elapsed());
}

// case 497
#[test]
fn busy_workers_and_their_children_end_with_a_killed_parent() {
    let _watchdog = watchdog();
    let mut program = start("orphans::busy_workers_and_their_children_end_with_a_killed_parent", || {
        let (pool, _busy) = have_busy_workers();
        say_processes(&pool);
        wait_to_be_dismissed();
    });
    let processes = hear_processes(&mut program);
    assert_eq!(processes.len(), 4);
    assert!(processes.iter().all(|process| !process.is_over()));
    program.kill();
    all_end(&processes);
}

// case 505
#[test]
fn busy_workers_end_with_a_parent_that_exits() {
    let _watchdog = watchdog();
    let mut program = start("orphans::busy_workers_end_with_a_parent_that_exits", || {
        let (pool, _busy) = have_busy_workers();
        say_processes(&pool);
        // As a pool in a static would be.
        std::mem::forget(pool);
        wait_to_be_dismissed();
    });
    let processes = hear_processes(&mut program);
    assert!(program.dismiss().success());
    all_end(&processes);
}

// case 454
#[test]
fn pools_within_pools_end_with_the_first_parent() {
    /// A worker whose task has a pool, whose task has a pool.
    fn nest(depth: u64, path: String) -> u64 {
        std::fs::write(format!("{path}-{depth}"), std::process::id().to_string()).unwrap();
        if depth == 0 {
            return stay();
        }
        pool(1).submit(call!(nest(depth - 1, path))).result(None).unwrap()
    }
    let _watchdog = watchdog();
    let path = |pid: u32| std::env::temp_dir().join(format!("cf-nested-{pid}")).to_str().unwrap().to_owned();
    const TEST: &str = "orphans::pools_within_pools_end_with_the_first_parent";
    let body = || {
        let outer = pool(1);
        let path = std::env::temp_dir().join(format!("cf-nested-{}", std::process::id())).to_str().unwrap().to_owned();
        let _nested = outer.submit(call!(nest(2, path.clone())));
        let read = |depth: u64| std::fs::read_to_string(format!("{path}-{depth}")).ok().filter(|text| !text.is_empty());
        eventually("three deep", || (0..3).all(|depth| read(depth).is_some()));
        say((0..3).map(|depth| read(depth).unwrap()).collect::<Vec<_>>().join(" "));
        wait_to_be_dismissed();
        // A task that is killed takes all of them along.
        let report = outer.shutdown(concurrent_futures::Shutdown::wait().kill_after(Duration::ZERO));
        assert_eq!(report.killed, 1);
    };
    for kills in [true, false] {
        let mut program = start(TEST, body);
        let pid = program.pid();
        let processes = hear_processes(&mut program);
        if kills {
            program.kill();
        } else {
            assert!(program.dismiss().success());
        }
        all_end(&processes);
        (0..3).for_each(|depth| std::fs::remove_file(format!("{}-{depth}", path(pid))).unwrap());
    }
}

/// Processes that were started with this in their environment.
fn with_environment(text: &str) -> Vec<u32> {
    let numbers =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let has = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|line| line == text.as_bytes())
    };
    numbers.filter(has).collect()
}

#[test]
fn a_parent_that_is_killed_while_workers_start_leaves_none() {
    let _watchdog = watchdog();
    const TEST: &str = "orphans::a_parent_that_is_killed_while_workers_start_leaves_none";
    crate::kit::outside::program::be(|| {
        say("begins");
        loop {
            let pool = pool(3);
            let tasks: Vec<_> = (0..3).map(|_| pool.submit(call!(stay()))).collect();
            let _ = tasks[0].result(Duration::from_millis(20));
            pool.shutdown(concurrent_futures::Shutdown::wait().kill_after(Duration::ZERO));
        }
    });
    let mut alive_at_the_kill = 0;
    for round in 0..20 {
        let mark = format!("CF_KILLED_WHILE_STARTING={}-{round}", std::process::id());
        let mut command = Command::new(std::env::current_exe().unwrap());
        let (name, value) = mark.split_once('=').unwrap();
        command.args(crate::kit::outside::program::arguments(TEST)).env(name, value);
        let mut program = crate::kit::outside::program::Running::start(command);
        assert_eq!(program.hears().as_deref(), Some("begins"));
        std::thread::sleep(Duration::from_micros(round * 7919 % 30_000));
        alive_at_the_kill += with_environment(&mark).len() - 1;
        program.kill();
        eventually("nobody is left", || with_environment(&mark).is_empty());
    }
    assert!(alive_at_the_kill > 0, "there was never a worker to be left");
}

#[test]
fn the_terminals_interrupt_does_not_reach_workers() {
    let _watchdog = watchdog();
    crate::kit::outside::program::alone("orphans::the_terminals_interrupt_does_not_reach_workers", || {
        // What a terminal does to the foreground group.
        rustix::process::setpgid(None, None).unwrap();
        ignore_signal(2);
        let pool = pool(2);
        let worker = pool.submit(call!(pid())).result(None).unwrap();
        assert_eq!((group_of(worker), group_of(pid())), (Some(worker), Some(pid())));
        let running = pool.submit(call!(stay()));
        eventually("it runs", || running.running());
        rustix::process::kill_process_group(Pid::from_raw(pid() as i32).unwrap(), Signal::INT).unwrap();
        assert!(running.result(Duration::from_millis(100)).unwrap_err().is_timed_out());
        assert_eq!(pids(&pool)[0], worker);
        running.kill(Duration::ZERO);
    });
}
