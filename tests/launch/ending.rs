//! A worker ends by itself: in order, by `exit`, by a panic; and the parent is left with nothing.

use crate::beginning::{ECHO, pipe};
use crate::program::{ask, be, command, descriptors_of, run, say};
use crate::support::watchdog;
use concurrent_futures::__private::trial::{End, Entry, Trial, Worker};
use std::cell::RefCell;
use std::ffi::{c_char, c_int};
use std::path::Path;

#[expect(unsafe_code, reason = "what C programs do, and std does not")]
mod c {
    use super::{c_char, c_int};
    // SAFETY: these are the C library's own signatures, to which std links on every unix.
    unsafe extern "C" {
        pub(super) safe fn atexit(handler: extern "C" fn()) -> c_int;
        pub(super) unsafe fn printf(format: *const c_char, ...) -> c_int;
        pub(super) unsafe fn signal(number: c_int, handler: usize) -> usize;
    }
}

extern "C" fn at_exit() {
    print!("exit handler;");
}

struct AtThreadsEnd;

impl Drop for AtThreadsEnd {
    fn drop(&mut self) {
        print!("thread's end;");
    }
}

thread_local! {
    static LATE: RefCell<Option<AtThreadsEnd>> = const { RefCell::new(None) };
}

static LEAVES_ROOM: Entry = Entry::new(|worker: Worker| {
    LATE.set(Some(AtThreadsEnd));
    assert_eq!(c::atexit(at_exit), 0);
    #[expect(unsafe_code, reason = "C's own buffer")]
    // SAFETY: the format has no arguments.
    unsafe {
        c::printf(c"C's buffer;".as_ptr());
    }
    print!("Rust's buffer;");
    while let Some(message) = worker.receive() {
        match &message[..] {
            b"exit" => std::process::exit(3),
            b"panic" => panic!("out of the service"),
            _ => worker.send(&message),
        }
    }
});

/// How a worker that is told so ends, and what it wrote.
fn ends(word: Option<&[u8]>) -> (Option<End>, String, String) {
    let (output, there) = pipe();
    let mut worker = Trial::default().stdout(Some(there.into())).start(&LEAVES_ROOM).unwrap();
    assert_eq!(ask(&mut worker, "?"), "?");
    match word {
        Some(word) => worker.send(word).unwrap(),
        None => worker.say_goodbye(),
    }
    let (end, stderr) = (worker.end(), worker.stderr());
    drop(worker);
    (end, std::io::read_to_string(std::fs::File::from(output)).unwrap(), stderr)
}

// case 436
#[test]
fn an_orderly_end_flushes_and_runs_all_handlers() {
    let _watchdog = watchdog();
    let (end, output, stderr) = ends(None);
    assert_eq!((end, &*stderr), (Some(End::Exited(0)), ""));
    for part in ["Rust's buffer;", "C's buffer;", "thread's end;", "exit handler;"] {
        assert_eq!(output.matches(part).count(), 1, "{output}");
    }
}

#[test]
fn an_exit_in_a_task_is_one() {
    let _watchdog = watchdog();
    let (end, output, _) = ends(Some(b"exit"));
    assert_eq!(end, Some(End::Exited(3)));
    for part in ["Rust's buffer;", "C's buffer;", "exit handler;"] {
        assert!(output.contains(part), "{output}");
    }
}

#[test]
fn a_panic_out_of_the_service_ends_the_worker() {
    let _watchdog = watchdog();
    let (end, _, stderr) = ends(Some(b"panic"));
    assert_eq!(end, Some(End::Exited(101)));
    assert!(stderr.contains("out of the service"), "{stderr}");
}

static PIPES: Entry = Entry::new(|worker: Worker| {
    use std::io::Write;
    while worker.receive().is_some() {
        let (read, mut write) = pipe();
        drop(read);
        let broken = write.write_all(b"nobody reads").unwrap_err().kind();
        // What a task starts gets the signal all the same, as a shell's pipelines need it.
        let yes = std::process::Command::new("/bin/sh").args(["-c", "yes | head -c 1 >/dev/null; echo done"]).output();
        worker.send(format!("{broken:?} {:?}", String::from_utf8(yes.unwrap().stdout)).as_bytes());
    }
});

// A8
#[test]
fn a_closed_pipe_is_an_error_and_not_the_end() {
    let _watchdog = watchdog();
    let mut worker = Trial::default().start(&PIPES).unwrap();
    assert_eq!(ask(&mut worker, "?"), r#"BrokenPipe Ok("done\n")"#);
}

#[test]
fn two_hundred_workers_leave_no_descriptor_and_no_process() {
    let _watchdog = watchdog();
    let said = run("ending::two_hundred_workers_leave_no_descriptor_and_no_process", || {
        drop(Trial::default().start(&ECHO).unwrap());
        let before = descriptors_of(std::process::id());
        let mut pids = Vec::new();
        for round in 0..200 {
            let (read, write) = pipe();
            let mut worker = Trial::default().stdin(Some(read)).spawn(&ECHO, vec![write.into()]).unwrap();
            pids.push(worker.pid());
            match round % 4 {
                // Before anything was said.
                0 => drop(worker),
                1 => worker.until_ready().unwrap(),
                2 => {
                    worker.until_ready().unwrap();
                    worker.say_goodbye();
                    assert_eq!(worker.end(), Some(End::Exited(0)));
                }
                _ => {
                    worker.kill();
                    assert_eq!(worker.end(), Some(End::Killed(9)));
                }
            }
        }
        assert_eq!(descriptors_of(std::process::id()), before);
        let left: Vec<_> = pids.iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).collect();
        assert!(left.is_empty(), "still there, perhaps as zombies: {left:?}");
        say("nothing left");
    });
    assert_eq!(said, ["nothing left"]);
}

#[test]
fn what_a_worker_costs_its_parent_is_closed_on_exec() {
    let _watchdog = watchdog();
    let worker = Trial::default().start(&ECHO).unwrap();
    let numbers = worker.descriptors();
    assert_eq!(numbers.len(), 3);
    for number in numbers {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
        assert!(flags & 0o2_000_000 != 0, "{number}: {info}");
    }
}

#[test]
fn descriptors_that_the_host_left_open_do_not_reach_workers() {
    let _watchdog = watchdog();
    // The program gets, as number 9, one that is not closed on exec.
    be(|| {
        let here = descriptors_of(std::process::id());
        let worker = Trial::default().start(&ECHO).unwrap();
        let there = descriptors_of(worker.pid());
        say(format!("{} {}", here.contains_key(&9), there.contains_key(&9)));
    });
    let plain = command("ending::descriptors_that_the_host_left_open_do_not_reach_workers");
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "exec 9</dev/null; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    let output = shell.env("CF_LAUNCH_PROGRAM", "1").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("program: true false"), "{said}");
}

static WAITS_FOR_CHILD: Entry = Entry::new(|worker: Worker| {
    while let Some(message) = worker.receive() {
        let status = std::process::Command::new("/bin/sh").args(["-c", "exit 7"]).status();
        worker.send(format!("{message:?} {status:?}").as_bytes());
    }
});

// A13
#[test]
fn a_host_that_ignores_its_childrens_ends_learns_no_status_and_does_not_hang() {
    let _watchdog = watchdog();
    let said = run("ending::a_host_that_ignores_its_childrens_ends_learns_no_status_and_does_not_hang", || {
        const SIGCHLD: c_int = 17;
        const SIG_IGN: usize = 1;
        #[expect(unsafe_code, reason = "what hosts do")]
        // SAFETY: no handler is installed.
        unsafe {
            c::signal(SIGCHLD, SIG_IGN);
        }
        let mut worker = Trial::default().start(&WAITS_FOR_CHILD).unwrap();
        // A task's own children are none of the host's.
        say(ask(&mut worker, "\x01"));
        worker.say_goodbye();
        say(format!("{:?}", worker.end()));
        let mut worker = Trial::default().start(&ECHO).unwrap();
        worker.kill();
        say(format!("{:?}", worker.end()));
        // One that ends at once is told, and is no hang either.
        say(Trial::default().program("/bin/true").start(&ECHO).is_err());
    });
    assert_eq!(said, ["[1] Ok(ExitStatus(unix_wait_status(1792)))", "Some(Unknown)", "Some(Unknown)", "true"]);
}

#[test]
fn somebody_else_who_reaps_our_worker_does_no_harm() {
    let _watchdog = watchdog();
    let said = run("ending::somebody_else_who_reaps_our_worker_does_no_harm", || {
        let mut worker = Trial::default().start(&ECHO).unwrap();
        worker.kill();
        let any = rustix::process::wait(rustix::process::WaitOptions::empty()).unwrap().unwrap();
        assert_eq!(any.0.as_raw_nonzero().get() as u32, worker.pid());
        say(format!("{:?}", worker.end()));
    });
    assert_eq!(said, ["Some(Unknown)"]);
}
