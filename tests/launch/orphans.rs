//! The parent dies, or lets go: its workers and what they have started end within a second.

use crate::beginning::ECHO;
use crate::program::{Running, SOON, Watched, ask, run, say, start, wait_to_be_dismissed};
use crate::support::watchdog;
use concurrent_futures::__private::trial::{Entry, Started, Trial, Worker};
use std::ffi::c_int;

#[expect(unsafe_code, reason = "what hosts do, and std does not")]
mod c {
    use super::c_int;
    // SAFETY: these are the C library's own signatures, to which std links on every unix.
    unsafe extern "C" {
        pub(super) safe fn fork() -> c_int;
        pub(super) safe fn _exit(code: c_int) -> !;
    }
}

/// Has a child, ignores what can be ignored, and computes for ever.
static BUSY: Entry = Entry::new(|worker: Worker| {
    let stubborn = "trap '' HUP INT TERM; echo; while :; do sleep 1000; done";
    let mut child = std::process::Command::new("/bin/sh");
    #[expect(clippy::zombie_processes, reason = "that it ends without being waited for is the point")]
    let mut child = child.args(["-c", stubborn]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    worker.send(child.id().to_string().as_bytes());
    loop {
        std::hint::spin_loop();
    }
});

fn start_busy() -> Started {
    let mut worker = Trial::default().inherit_stderr().start(&BUSY).unwrap();
    say(worker.pid());
    say(String::from_utf8(worker.receive().unwrap()).unwrap());
    worker
}

/// The program's worker, and its child.
fn hears_two(program: &mut Running) -> [Watched; 2] {
    [program.hears_pid(), program.hears_pid()]
}

#[test]
fn a_killed_parent_takes_busy_workers_and_their_children_along() {
    let _watchdog = watchdog();
    let mut program = start("orphans::a_killed_parent_takes_busy_workers_and_their_children_along", || {
        let _workers = [start_busy(), start_busy()];
        wait_to_be_dismissed();
    });
    let processes = [hears_two(&mut program), hears_two(&mut program)];
    assert!(!processes.iter().flatten().any(Watched::is_over));
    program.kill();
    assert!(processes.iter().flatten().all(|process| process.ends_within(SOON)));
}

// A6
#[test]
fn a_copy_of_the_parent_keeps_nothing_alive() {
    let _watchdog = watchdog();
    let mut program = start("orphans::a_copy_of_the_parent_keeps_nothing_alive", || {
        let _worker = start_busy();
        match c::fork() {
            0 => loop {
                std::thread::park();
            },
            copy => say(copy),
        }
        wait_to_be_dismissed();
    });
    let processes = hears_two(&mut program);
    let copy = program.hears_pid();
    program.kill();
    assert!(processes.iter().all(|process| process.ends_within(SOON)));
    assert!(!copy.is_over(), "it was there all the time, with the socket open");
}

// A14
#[test]
fn a_copy_of_the_parent_is_told_that_it_is_one() {
    let _watchdog = watchdog();
    let said = run("orphans::a_copy_of_the_parent_is_told_that_it_is_one", || {
        let mut worker = Trial::default().start(&ECHO).unwrap();
        assert!(worker.is_here());
        let copy = c::fork();
        if copy == 0 {
            let told = !worker.is_here();
            // It is not the copy's worker to end. But it may have its own.
            drop(worker);
            let mut own = Trial::default().start(&ECHO).unwrap();
            let works = own.is_here() && ask(&mut own, "?") == "?";
            drop(own);
            c::_exit(if told && works { 77 } else { 1 });
        }
        let pid = rustix::process::Pid::from_raw(copy);
        let (_, status) = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()).unwrap().unwrap();
        assert!(worker.is_here());
        say(format!("{:?} {}", status.exit_status(), ask(&mut worker, "still there")));
    });
    assert_eq!(said, ["Some(77) still there"]);
}

// A4
#[test]
fn the_end_of_the_thread_that_started_it_does_not_end_a_worker() {
    let _watchdog = watchdog();
    let mut worker = std::thread::spawn(|| Trial::default().start(&ECHO).unwrap()).join().unwrap();
    for _ in 0..100 {
        assert_eq!(ask(&mut worker, "still there"), "still there");
    }
}

#[test]
fn a_parent_that_exits_leaves_no_worker() {
    let _watchdog = watchdog();
    let mut program = start("orphans::a_parent_that_exits_leaves_no_worker", || {
        std::mem::forget(start_busy());
        wait_to_be_dismissed();
    });
    let processes = hears_two(&mut program);
    assert!(program.dismiss().success());
    assert!(processes.iter().all(|process| process.ends_within(SOON)));
}

#[test]
fn a_worker_that_its_parent_has_let_go_of_ends() {
    let _watchdog = watchdog();
    let mut program = start("orphans::a_worker_that_its_parent_has_let_go_of_ends", || {
        let worker = start_busy();
        // As a host does that closes everything it does not know.
        #[expect(unsafe_code, reason = "closing what belongs to somebody")]
        for number in worker.descriptors() {
            // SAFETY: its owner is leaked.
            unsafe { rustix::io::close(number) };
        }
        std::mem::forget(worker);
        wait_to_be_dismissed();
    });
    let processes = hears_two(&mut program);
    assert!(processes[0].ends_within(SOON));
    assert!(processes[1].ends_within(SOON));
}

// Between its start and the setup, a worker has nothing but the watch over its parent.
#[test]
fn a_parent_that_dies_during_a_start_leaves_no_worker() {
    let _watchdog = watchdog();
    let mut program = start("orphans::a_parent_that_dies_during_a_start_leaves_no_worker", || {
        let worker = Trial::default().spawn(&ECHO, Vec::new()).unwrap();
        say(worker.pid());
        wait_to_be_dismissed();
    });
    let worker = program.hears_pid();
    program.kill();
    assert!(worker.ends_within(SOON));
}

/// A destructor that takes for ever, when the service has returned.
static NEVER_ENDS: Entry = Entry::new(|worker: Worker| {
    struct Stuck(Worker);
    impl Drop for Stuck {
        fn drop(&mut self) {
            self.0.send(b"stuck");
            loop {
                std::thread::sleep(std::time::Duration::from_secs(1000));
            }
        }
    }
    thread_local! {
        static STUCK: std::cell::RefCell<Option<Stuck>> = const { std::cell::RefCell::new(None) };
    }
    STUCK.set(Some(Stuck(worker)));
});

#[test]
fn a_worker_that_is_stuck_at_its_end_does_not_outlive_its_parent() {
    let _watchdog = watchdog();
    let mut program = start("orphans::a_worker_that_is_stuck_at_its_end_does_not_outlive_its_parent", || {
        let mut worker = Trial::default().start(&NEVER_ENDS).unwrap();
        assert_eq!(worker.receive().unwrap(), b"stuck");
        say(worker.pid());
        wait_to_be_dismissed();
    });
    let worker = program.hears_pid();
    assert!(!worker.is_over());
    program.kill();
    assert!(worker.ends_within(SOON));
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
fn a_parent_that_is_killed_at_any_moment_leaves_no_worker() {
    let _watchdog = watchdog();
    const TEST: &str = "orphans::a_parent_that_is_killed_at_any_moment_leaves_no_worker";
    crate::program::be(|| {
        say("begins");
        loop {
            let mut kept: Vec<Started> = (0..3).map(|_| Trial::default().spawn(&ECHO, Vec::new()).unwrap()).collect();
            kept[0].until_ready().unwrap();
            kept[1].until_ready().unwrap();
            kept[1].say_goodbye();
        }
    });
    let mut alive_at_the_kill = 0;
    for round in 0u64..40 {
        let mark = format!("CF_KILLED_AT_ANY_MOMENT={}-{round}", std::process::id());
        let mut command = crate::program::command(TEST);
        let (name, value) = mark.split_once('=').unwrap();
        let mut program = Running::start({
            command.env(name, value);
            command
        });
        assert_eq!(program.hears().as_deref(), Some("begins"));
        // Some other moment every time, up to ten milliseconds later.
        let moment = std::time::Duration::from_micros(round * 7919 % 10_000);
        let began = std::time::Instant::now();
        while began.elapsed() < moment {
            std::hint::spin_loop();
        }
        alive_at_the_kill += with_environment(&mark).len() - 1;
        program.kill();
        crate::support::eventually("nobody is left", || with_environment(&mark).is_empty());
    }
    assert!(alive_at_the_kill > 0, "there was never a worker to be left");
}
