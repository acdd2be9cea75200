//! A worker begins: how soon, with what, and as what.

use crate::program::{Folder, ask, be, command, descriptors_of, run, say};
use crate::support::watchdog;
use concurrent_futures::__private::trial::{End, Entry, Trial, Worker};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) static ECHO: Entry = Entry::new(|worker: Worker| worker.echo());

#[test]
fn a_worker_begins_answers_and_ends() {
    let _watchdog = watchdog();
    let times = (0..20).map(|_| {
        let began = Instant::now();
        let mut worker = Trial::default().start(&ECHO).unwrap();
        let ready = began.elapsed();
        assert_eq!(ask(&mut worker, "are you there?"), "are you there?");
        let answered = began.elapsed();
        worker.say_goodbye();
        assert_eq!(worker.end(), Some(End::Exited(0)));
        assert_eq!(worker.stderr(), "");
        (ready, answered)
    });
    let mut times: Vec<(Duration, Duration)> = times.collect();
    times.sort();
    println!("from start to ready, and to the first answer: best {:?}, median {:?}", times[0], times[10]);
}

#[test]
fn many_threads_start_workers_at_once() {
    let _watchdog = watchdog();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let mut worker = Trial::default().start(&ECHO).unwrap();
                    assert_eq!(ask(&mut worker, "x"), "x");
                }
            });
        }
    });
}

/// Tells what is asked of the process that it is.
static SELF: Entry = Entry::new(|mut worker: Worker| {
    while let Some(question) = worker.receive() {
        let answer = match std::str::from_utf8(&question).unwrap().split_once(' ').unwrap() {
            ("env", name) => format!("{:?}", std::env::var(name).ok()),
            ("cwd", _) => std::env::current_dir().unwrap().display().to_string(),
            ("comm", _) => std::fs::read_to_string("/proc/self/comm").unwrap().trim_end().to_owned(),
            ("thread", _) => std::thread::current().name().unwrap_or_default().to_owned(),
            ("args", _) => format!("{:?}", std::env::args().collect::<Vec<_>>()),
            ("config", _) => format!("{} {:?}", worker.config().len(), worker.config().last()),
            ("exe", _) => std::env::current_exe().unwrap().display().to_string(),
            ("group", _) => format!("{}", rustix::process::getpgrp() == rustix::process::getpid()),
            ("stdin", _) => format!("{:?}", std::io::read_to_string(std::io::stdin()).unwrap()),
            ("file", _) => std::io::read_to_string(std::fs::File::from(worker.take_descriptors().remove(0))).unwrap(),
            ("children", name) => {
                let output = Command::new("/bin/sh").args(["-c", name]).output().unwrap();
                format!("{} {}", output.status.success(), String::from_utf8(output.stdout).unwrap())
            }
            (other, _) => panic!("{other}"),
        };
        worker.send(answer.as_bytes());
    }
});

#[test]
fn the_settings_are_what_a_worker_finds() {
    let _watchdog = watchdog();
    let trial = Trial::default().name("cf-settings-are-long").config(b"\x00\xff config").working_directory("/proc");
    let trial = trial.env("CF_ADDED", Some("it is")).env("PATH", None);
    let mut worker = trial.start(&SELF).unwrap();
    assert_eq!(ask(&mut worker, "env CF_ADDED"), r#"Some("it is")"#);
    assert_eq!(ask(&mut worker, "env PATH"), "None");
    assert_eq!(ask(&mut worker, "cwd ."), "/proc");
    assert_eq!(ask(&mut worker, "comm ."), "cf-settings-are");
    assert_eq!(ask(&mut worker, "thread ."), "cf-settings-are-long");
    assert_eq!(ask(&mut worker, "config ."), "9 Some(103)");
    assert_eq!(ask(&mut worker, "args ."), format!("{:?}", std::env::args().collect::<Vec<_>>()));
    assert_eq!(ask(&mut worker, "exe ."), std::env::current_exe().unwrap().display().to_string());
    assert_eq!(ask(&mut worker, "group ."), "true");
}

#[test]
fn a_setting_that_cannot_be_is_told() {
    let _watchdog = watchdog();
    let nowhere = Trial::default().working_directory("/no/such/folder").start(&ECHO).unwrap_err();
    assert!(nowhere.contains("/no/such/folder") && nowhere.contains("os error 2"), "{nowhere}");
    let huge = Trial::default().stack_size(1 << 60).start(&ECHO).unwrap_err();
    assert!(huge.contains("1152921504606846976"), "{huge}");
    let broken = Trial::default().env("A", Some("b\0c")).start(&ECHO).unwrap_err();
    assert!(broken.contains("nul byte"), "{broken}");
    let name = Trial::default().name("a\0b").start(&ECHO).unwrap_err();
    assert!(name.contains(r#""a\0b""#), "{name}");
    let name = Trial::default().name(&"x".repeat(200_000)).start(&ECHO).unwrap_err();
    assert!(name.contains("131072"), "{name}");
    let long = Trial::default().config(&vec![0; 65 * 1024]).start(&ECHO).unwrap_err();
    assert!(long.contains("by a descriptor"), "{long}");
}

#[test]
fn descriptors_and_the_largest_configuration_travel() {
    let _watchdog = watchdog();
    let (read, mut write) = pipe();
    let config = vec![7; 64 * 1024 - 24];
    let mut worker = Trial::default().config(&config).spawn(&SELF, vec![read]).unwrap();
    worker.until_ready().unwrap();
    write.write_all(b"by a pipe").unwrap();
    drop(write);
    assert_eq!(ask(&mut worker, "file ."), "by a pipe");
    assert_eq!(ask(&mut worker, "config ."), format!("{} Some(7)", config.len()));
}

pub(crate) fn pipe() -> (OwnedFd, std::fs::File) {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    (read, write.into())
}

// case 510
#[test]
fn the_standard_input_is_empty_or_what_was_given() {
    let _watchdog = watchdog();
    let mut worker = Trial::default().start(&SELF).unwrap();
    assert_eq!(ask(&mut worker, "stdin ."), r#""""#);
    // Also for what a task starts: the control socket is nowhere near.
    assert_eq!(ask(&mut worker, "children cat; echo end"), "true end\n");
    let (read, mut write) = pipe();
    write.write_all(b"given").unwrap();
    drop(write);
    let mut worker = Trial::default().stdin(Some(read)).start(&SELF).unwrap();
    assert_eq!(ask(&mut worker, "stdin ."), r#""given""#);
}

#[test]
fn the_parents_standard_input_can_be_shared() {
    let _watchdog = watchdog();
    be(|| {
        let mut worker = Trial::default().stdin(None).start(&SELF).unwrap();
        say(ask(&mut worker, "stdin ."));
    });
    let (read, mut write) = pipe();
    write.write_all(b"the parent's").unwrap();
    drop(write);
    let mut command = command("beginning::the_parents_standard_input_can_be_shared");
    let output = command.stdin(read).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains(r#"program: "the parent's""#));
}

static TALKS: Entry = Entry::new(|worker: Worker| {
    while worker.receive().is_some() {
        print!("to standard output, without an end");
        eprint!("to standard error");
        worker.send(b"said");
    }
});

#[test]
fn what_a_worker_prints_goes_where_it_was_told() {
    let _watchdog = watchdog();
    let (mut output, there) = pipe();
    let mut worker = Trial::default().stdout(Some(there.into())).start(&TALKS).unwrap();
    assert_eq!(ask(&mut worker, "talk"), "said");
    worker.say_goodbye();
    assert_eq!(worker.end(), Some(End::Exited(0)));
    assert_eq!(worker.stderr(), "to standard error");
    drop(worker);
    // `there` is also in the trial, which is gone.
    let mut text = String::new();
    std::fs::File::from(std::mem::replace(&mut output, pipe().0)).read_to_string(&mut text).unwrap();
    assert_eq!(text, "to standard output, without an end");
}

#[test]
fn the_marker_is_taken_out_of_the_environment() {
    let _watchdog = watchdog();
    let mut worker = Trial::default().start(&SELF).unwrap();
    assert_eq!(ask(&mut worker, "env CONCURRENT_FUTURES_WORKER"), "None");
    assert_eq!(ask(&mut worker, "children env | grep -c CONCURRENT_FUTURES_WORKER"), "false 0\n");
}

/// Bits: it ran; it ran before the worker was recognised, when the marker was still there.
static FIRST: AtomicU32 = AtomicU32::new(0);
static LAST: AtomicU32 = AtomicU32::new(0);

fn note(place: &AtomicU32) {
    let marked = std::env::var_os("CONCURRENT_FUTURES_WORKER").is_some();
    place.fetch_add(1 + 0x100 * u32::from(marked), Ordering::SeqCst);
}

extern "C" fn first() {
    note(&FIRST);
}

extern "C" fn last() {
    note(&LAST);
}

/// Before all without a number.
#[used]
#[expect(unsafe_code, reason = "a constructor of a test's own")]
// SAFETY: the section holds functions without arguments.
#[unsafe(link_section = ".init_array.00200")]
static CALL_FIRST: extern "C" fn() = first;

/// LLVM's linker, which is rustc's on this platform, puts it behind all without a number; GNU's does not.
#[used]
#[expect(unsafe_code, reason = "a constructor of a test's own")]
// SAFETY: the section holds functions without arguments.
#[unsafe(link_section = ".init_array.99999")]
static CALL_LAST: extern "C" fn() = last;

static CONSTRUCTED: Entry = Entry::new(|worker: Worker| {
    let noted = [&FIRST, &LAST].map(|place| place.load(Ordering::SeqCst).to_le_bytes());
    worker.send(&noted.concat());
    worker.receive();
});

#[test]
fn constructors_before_and_behind_the_crates_have_run_once() {
    let _watchdog = watchdog();
    let mut worker = Trial::default().start(&CONSTRUCTED).unwrap();
    let noted = worker.receive().unwrap();
    assert_eq!(noted[..4], [1, 1, 0, 0], "the first one ran before the worker was recognised");
    assert_eq!(noted[4], 1, "the last one ran once");
    if noted[5] != 0 {
        println!("this linker put it first, so nothing came behind; the test with a C++ static has one");
    }
    assert_eq!((FIRST.load(Ordering::SeqCst), LAST.load(Ordering::SeqCst)), (1, 1), "here, too");
}

static FILES: Entry = Entry::new(|worker: Worker| {
    while worker.receive().is_some() {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "echo; read line"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        // From now on it opens nothing.
        shell.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let files = descriptors_of(shell.id());
        drop(shell.stdin.take());
        shell.wait().unwrap();
        drop(shell);
        worker.send(format!("{:?}", files.keys().collect::<Vec<_>>()).as_bytes());
    }
});

// case 524
#[test]
fn what_a_task_starts_has_the_three_standard_descriptors_and_no_other() {
    let _watchdog = watchdog();
    let (read, write) = pipe();
    let mut worker = Trial::default().spawn(&FILES, vec![read, write.into()]).unwrap();
    worker.until_ready().unwrap();
    assert_eq!(ask(&mut worker, "?"), "[0, 1, 2]");
    // And the worker has next to nothing: its socket, its parent, a bell, and what was sent.
    let own = descriptors_of(worker.pid());
    assert_eq!(own.len(), 3 + 3 + 2, "{own:?}");
}

#[test]
fn nothing_listens() {
    let _watchdog = watchdog();
    let mut worker = Trial::default().start(&ECHO).unwrap();
    assert_eq!(ask(&mut worker, "?"), "?");
    let ours = descriptors_of(std::process::id()).into_values();
    let sockets: Vec<String> = descriptors_of(worker.pid()).into_values().chain(ours).collect();
    let is_ours = |inode: &str| sockets.contains(&format!("socket:[{inode}]"));
    let unix = std::fs::read_to_string("/proc/net/unix").unwrap();
    let mut seen = 0;
    for line in unix.lines().skip(1) {
        // Num RefCount Protocol Flags Type St Inode Path
        let words: Vec<&str> = line.split_whitespace().collect();
        if is_ours(words[6]) {
            seen += 1;
            assert_eq!((words[3], words.get(7)), ("00000000", None), "{line}");
        }
    }
    assert!(seen >= 2, "the control socket's ends are not in {unix}");
    for protocol in ["tcp", "tcp6", "udp", "udp6", "raw"] {
        let open = std::fs::read_to_string(format!("/proc/net/{protocol}")).unwrap_or_default();
        assert!(!open.lines().skip(1).any(|line| is_ours(line.split_whitespace().nth(9).unwrap())), "{open}");
    }
}

// cases 312 and 313
#[test]
fn a_program_without_standard_descriptors_has_workers() {
    let _watchdog = watchdog();
    be(|| {
        #[expect(unsafe_code, reason = "closing what belongs to nobody")]
        for number in 0..3 {
            // SAFETY: nothing reads or writes there any more.
            unsafe { rustix::io::close(number) };
        }
        let mut worker = Trial::default().start(&FILES).unwrap();
        assert_eq!(ask(&mut worker, "?"), "[0, 1, 2]");
        // Else the next file that a task opens would be its standard output.
        let own = descriptors_of(worker.pid());
        assert_eq!(own[&1], "/dev/null", "{own:?}");
        worker.say_goodbye();
        assert_eq!(worker.end(), Some(End::Exited(0)));
        std::process::exit(42);
    });
    let mut command = command("beginning::a_program_without_standard_descriptors_has_workers");
    assert_eq!(command.output().unwrap().status.code(), Some(42));
}

static NESTS: Entry = Entry::new(|worker: Worker| {
    let mut below = match worker.config() {
        [0] => None,
        [levels] => Some(Trial::default().config(&[levels - 1]).start(&NESTS).unwrap()),
        _ => unreachable!(),
    };
    while let Some(message) = worker.receive() {
        let answer = match &mut below {
            None => format!("{}", std::process::id()),
            Some(below) => {
                format!("{} {}", std::process::id(), String::from_utf8(below.ask(&message).unwrap()).unwrap())
            }
        };
        worker.send(answer.as_bytes());
    }
});

#[test]
fn workers_have_workers() {
    let _watchdog = watchdog();
    let mut worker = Trial::default().config(&[3]).start(&NESTS).unwrap();
    let pids = ask(&mut worker, "?");
    let nested: Vec<crate::program::Watched> =
        pids.split(' ').map(|pid| crate::program::Watched::open(pid.parse().unwrap())).collect();
    assert_eq!(nested.len(), 4);
    worker.kill();
    assert!(nested.iter().all(|process| process.ends_within(Duration::from_secs(10))), "{pids}");
}

#[test]
fn a_worker_is_made_without_a_copy_of_its_parent() {
    let _watchdog = watchdog();
    let said = run("beginning::a_worker_is_made_without_a_copy_of_its_parent", || {
        let time = || {
            let best = (0..10).map(|_| {
                let began = Instant::now();
                let worker = Trial::default().spawn(&ECHO, Vec::new()).unwrap();
                let took = began.elapsed();
                drop(worker);
                took
            });
            best.min().unwrap()
        };
        let small = time();
        let ballast = vec![1u8; 1 << 30];
        let large = time();
        // A fork copies the page tables of the gigabyte, which took 16 ms where it was tried.
        say(format!("{small:?} {large:?} {} {}", large < Duration::from_millis(5), ballast[1 << 29]));
    });
    println!("the system call, from a small parent and from one with a gigabyte: {said:?}");
    assert!(said[0].ends_with("true 1"), "{said:?}");
}

// A12
#[test]
fn without_proc_a_worker_begins_by_the_path_that_was_executed() {
    let _watchdog = watchdog();
    be(|| {
        let there = std::path::Path::new("/proc/self").exists();
        let mut worker = Trial::default().start(&ECHO).unwrap();
        say(format!("{there} {}", ask(&mut worker, "?")));
    });
    let plain = command("beginning::without_proc_a_worker_begins_by_the_path_that_was_executed");
    let mut hidden = Command::new("unshare");
    hidden.args(["--mount", "/bin/sh", "-c", "mount -t tmpfs none /proc && exec \"$0\" \"$@\""]);
    let output = hidden.arg(plain.get_program()).args(plain.get_args()).env("CF_LAUNCH_PROGRAM", "1").output();
    let said = output.map(|output| String::from_utf8(output.stdout).unwrap()).unwrap_or_default();
    if said.is_empty() {
        println!("/proc cannot be hidden here: not looked at");
        return;
    }
    assert!(said.contains("program: false ?"), "{said}");
}

// A7: by the kernel's own account.
#[test]
fn the_system_call_is_a_vfork() {
    let _watchdog = watchdog();
    be(|| drop(Trial::default().start(&ECHO).unwrap()));
    if Command::new("strace").arg("-V").output().is_err() {
        println!("no strace here: not looked at");
        return;
    }
    let folder = Folder::new("strace");
    let plain = command("beginning::the_system_call_is_a_vfork");
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-e", "trace=clone,clone3,fork,vfork,listen,bind,accept,accept4,connect", "-o"]);
    traced.arg(folder.path("trace")).arg(plain.get_program()).args(plain.get_args()).env("CF_LAUNCH_PROGRAM", "1");
    let output = traced.output().unwrap();
    let trace = std::fs::read_to_string(folder.path("trace")).unwrap();
    if !output.status.success() && trace.is_empty() {
        println!("strace may not trace here: not looked at");
        return;
    }
    // What is no thread is a process.
    let made: Vec<&str> = trace.lines().filter(|line| line.contains("clone") || line.contains("fork(")).collect();
    let processes: Vec<&&str> = made.iter().filter(|line| !line.contains("CLONE_THREAD")).collect();
    let fresh: Vec<_> = processes.iter().filter(|line| !line.contains("resumed")).collect();
    assert_eq!(fresh.len(), 1, "{trace}");
    assert!(fresh[0].contains("CLONE_VFORK") || fresh[0].contains(" vfork("), "{trace}");
    for call in ["listen(", "bind(", "accept(", "accept4(", "connect("] {
        assert!(!trace.contains(call), "{trace}");
    }
}
