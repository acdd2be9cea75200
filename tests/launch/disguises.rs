//! What looks like a worker and is none goes on to its `main`; what is one never does.

use crate::beginning::ECHO;
use crate::program::{Folder, Watched, ask, be, command, command_of, say};
use crate::support::watchdog;
use concurrent_futures::__private::trial::{End, Trial};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const MARKER: &str = "CONCURRENT_FUTURES_WORKER";
const NAMES_US: &str = "disguises::a_marker_that_was_handed_on_makes_no_worker";

/// A marker as the crate itself writes it for this very program: what `env` sees, started in a worker's place.
fn real_marker() -> String {
    let folder = Folder::new("marker");
    let script = folder.script("env", &format!("#!/bin/sh\nexec env > '{}'\n", folder.path("found").display()));
    let started = Trial::default().program(script).start(&ECHO);
    assert!(started.unwrap_err().contains("before it was ready"));
    let found = std::fs::read_to_string(folder.path("found")).unwrap();
    found.lines().find_map(|line| line.strip_prefix(&format!("{MARKER}="))).unwrap().to_owned()
}

/// The hello for a marker, as the crate sends it.
fn hello_for(marker: &str) -> Vec<u8> {
    let nonce = u128::from_str_radix(marker.split(':').nth(1).unwrap(), 16).unwrap();
    let digits = (0..32).map(|at| 0x80 | (nonce >> (at * 4)) as u8 & 0x0f);
    [0xff; 8].into_iter().chain(digits).collect()
}

fn seqpacket() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
}

/// Runs this program with a marker and a standard input; gives what it said, and whether it came to its `main`.
fn runs_main(marker: &str, input: impl Into<Stdio>) -> bool {
    let output = command(NAMES_US).env(MARKER, marker).stdin(input).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let ran = said.contains("program: this is main");
    assert_eq!(ran, output.status.success(), "{said}");
    // Nothing of it is handed on.
    assert!(!ran || said.contains("marker None"), "{said}");
    ran
}

// A10
#[test]
fn a_marker_that_was_handed_on_makes_no_worker() {
    let _watchdog = watchdog();
    be(|| say(format!("this is main, marker {:?}", std::env::var_os(MARKER))));
    let marker = real_marker();
    assert!(runs_main(&marker, Stdio::null()));
    assert!(runs_main(&marker, Stdio::piped()));
    assert!(runs_main("nonsense", Stdio::null()));
    assert!(runs_main("", Stdio::null()));
    // A socket on which nothing is, or something else, or another worker's hello, or a stream.
    let (_silent, theirs) = seqpacket();
    assert!(runs_main(&marker, theirs));
    for other in [b"text".to_vec(), hello_for(&real_marker()), [hello_for(&marker), vec![0x80]].concat()] {
        let (ours, theirs) = seqpacket();
        send(&ours, &other, SendFlags::empty()).unwrap();
        assert!(runs_main(&marker, theirs));
    }
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    send(&ours, &hello_for(&marker), SendFlags::empty()).unwrap();
    assert!(runs_main(&marker, OwnedFd::from(theirs)));
    // The whole of it makes one: it does not come to its main. It gets no setup, and ends with the socket.
    let (ours, theirs) = seqpacket();
    send(&ours, &hello_for(&marker), SendFlags::empty()).unwrap();
    rustix::net::shutdown(&ours, rustix::net::Shutdown::Write).unwrap();
    let output = command(NAMES_US).env(MARKER, &marker).stdin(theirs).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn a_socket_that_is_none_of_ours_is_left_as_it_was() {
    let _watchdog = watchdog();
    let (ours, theirs) = seqpacket();
    send(&ours, b"for main", SendFlags::empty()).unwrap();
    let kept = theirs.try_clone().unwrap();
    assert!(runs_main(&real_marker(), theirs));
    let mut message = [0; 16];
    let (_, length) = rustix::net::recv(&kept, &mut message, rustix::net::RecvFlags::DONTWAIT).unwrap();
    assert_eq!(&message[..length], b"for main");
}

#[test]
fn a_worker_that_somebody_else_has_started_is_refused_and_does_not_come_to_main() {
    let _watchdog = watchdog();
    let folder = Folder::new("between");
    let binary = std::env::current_exe().unwrap();
    let script = folder.script("wrapper", &format!("#!/bin/sh\n'{}' --list\nexit 5\n", binary.display()));
    let error = Trial::default().program(script).start(&ECHO).unwrap_err();
    assert!(error.contains("exec"), "{error}");
}

#[test]
fn an_orphan_that_has_not_yet_looked_around_does_not_come_to_main() {
    let _watchdog = watchdog();
    const TEST: &str = "disguises::an_orphan_that_has_not_yet_looked_around_does_not_come_to_main";
    be(|| {
        let folder = std::path::PathBuf::from(std::env::var_os("CF_FOLDER").unwrap());
        let binary = std::env::current_exe().unwrap();
        // Becomes the worker when it is told so, by a named pipe.
        let text = format!("#!/bin/sh\nread go < go\nexec '{}' > main-ran\n", binary.display());
        let script = Folder::script_in(&folder, "late", &text);
        let worker = Trial::default().program(script).inherit_stderr().spawn(&ECHO, Vec::new()).unwrap();
        say(worker.pid());
        crate::program::wait_to_be_dismissed();
        drop(worker);
    });
    let folder = Folder::new("orphan");
    let made = Command::new("mkfifo").arg(folder.path("go")).status().unwrap();
    assert!(made.success());
    let mut command = command(TEST);
    command.env("CF_FOLDER", folder.path("")).current_dir(folder.path(""));
    let mut program = crate::program::Running::start(command);
    let worker = program.hears_pid();
    program.kill();
    assert!(!worker.is_over(), "it is a shell that waits");
    std::fs::write(folder.path("go"), "now\n").unwrap();
    assert!(worker.ends_within(Duration::from_secs(20)));
    let said = std::fs::read_to_string(folder.path("main-ran")).unwrap();
    assert_eq!(said, "", "it came to its main");
}

#[test]
fn a_program_that_becomes_the_worker_may_stand_in_between() {
    let _watchdog = watchdog();
    let folder = Folder::new("exec");
    let binary = std::env::current_exe().unwrap();
    let script = folder.script("wrapper", &format!("#!/bin/sh\nexec '{}'\n", binary.display()));
    let mut worker = Trial::default().program(script).start(&ECHO).unwrap();
    assert_eq!(ask(&mut worker, "?"), "?");
    // And one that leaves it few descriptors is told of it.
    let script = folder.script("few", &format!("#!/bin/sh\nulimit -n 12\nexec '{}'\n", binary.display()));
    let fds = (0..20).map(|_| std::fs::File::open("/dev/null").unwrap().into()).collect();
    let error = Trial::default().program(script).spawn(&ECHO, fds).unwrap().until_ready().unwrap_err();
    assert!(error.contains("ulimit -n"), "{error}");
}

// A2: what reads commands from its standard input gets nothing that it could execute.
#[test]
fn programs_that_are_no_workers_are_given_up_and_have_executed_nothing() {
    let _watchdog = watchdog();
    for program in ["/bin/sh", "/bin/cat", "python3", "perl", "bc"] {
        let Some(path) = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|folder| folder.join(program))
            .find(|path| path.exists())
        else {
            continue;
        };
        let (output, there) = crate::beginning::pipe();
        let mut started = Trial::default().program(path).stdout(Some(there.into())).spawn(&ECHO, Vec::new()).unwrap();
        // It may wait for more, or have ended; nobody waits for it here.
        let process = Watched::open(started.pid());
        started.say_goodbye();
        if process.ends_within(Duration::from_secs(20)) {
            assert!(started.until_ready().is_err());
        }
        drop(started);
        assert!(process.is_over());
        let mut said = Vec::new();
        std::io::Read::read_to_end(&mut std::fs::File::from(output), &mut said).unwrap();
        assert!(said.is_empty() || program == "/bin/cat", "{program}: {said:?}");
    }
}

#[test]
fn programs_that_cannot_be_executed_are_told_by_name() {
    let _watchdog = watchdog();
    for (program, errno) in [("/no/such/program", 2), ("/dev/null", 13), ("/", 13)] {
        let error = Trial::default().program(program).start(&ECHO).unwrap_err();
        assert!(error.contains(program) && error.contains(&format!("os error {errno}")), "{error}");
    }
    let error = Trial::default().program("/bin/true").start(&ECHO).unwrap_err();
    assert!(error.contains("before it was ready: Some(Exited(0))"), "{error}");
}

#[test]
fn a_program_that_was_replaced_on_disk_has_workers_of_its_own_kind() {
    let _watchdog = watchdog();
    const TEST: &str = "disguises::a_program_that_was_replaced_on_disk_has_workers_of_its_own_kind";
    be(|| {
        let own = std::env::current_exe().unwrap();
        let echo = || {
            let mut worker = Trial::default().start(&ECHO).unwrap();
            assert_eq!(ask(&mut worker, "?"), "?");
            worker.say_goodbye();
            assert_eq!(worker.end(), Some(End::Exited(0)));
        };
        echo();
        let other = own.with_extension("new");
        std::fs::copy("/bin/false", &other).unwrap();
        std::fs::rename(&other, &own).unwrap();
        echo();
        std::fs::remove_file(&own).unwrap();
        echo();
        say("all the same");
    });
    let folder = Folder::new("replaced");
    let copy = folder.path("program");
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&copy).status().unwrap();
    assert!(copied.success());
    let output = command_of(Path::new(&copy), TEST).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("program: all the same"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
