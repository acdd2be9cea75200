//! This test binary once more, as a program of its own that has workers; and looking at processes from outside.

use concurrent_futures::__private::trial::Started;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

const ROLE: &str = "CF_LAUNCH_PROGRAM";
/// What the program itself says, apart from what the test harness says around it.
const MARK: &str = "program: ";

/// A program that is running; killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

/// For programs: a line for the test.
pub(crate) fn say(text: impl std::fmt::Display) {
    println!("\n{MARK}{text}");
}

/// For programs: waits until the test lets go of it.
pub(crate) fn wait_to_be_dismissed() {
    let _ = std::io::stdin().read(&mut [0]);
}

/// This binary, to be run as that test's program.
pub(crate) fn command(test: &str) -> Command {
    command_of(&std::env::current_exe().unwrap(), test)
}

/// The same, of a copy of this binary.
pub(crate) fn command_of(binary: &Path, test: &str) -> Command {
    let mut command = Command::new(binary);
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ROLE, "1");
    command
}

/// In the process that is the program: runs it, and ends.
pub(crate) fn be(program: fn()) {
    if std::env::var_os(ROLE).is_some() {
        program();
        std::process::exit(0);
    }
}

/// Starts `program` in a process of its own. `test` is the calling test's full name.
pub(crate) fn start(test: &str, program: fn()) -> Running {
    be(program);
    Running::start(command(test))
}

/// Runs `program` in a process of its own, and gives what it said.
#[track_caller]
pub(crate) fn run(test: &str, program: fn()) -> Vec<String> {
    start(test, program).hear_to_the_end()
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Running { child, output }
    }

    /// The next thing that it says; `None` at its end.
    pub(crate) fn hears(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some(text) = line.trim_end().strip_prefix(MARK) {
                return Some(text.to_owned());
            }
            line.clear();
        }
        None
    }

    /// The next thing that it says is a process id.
    pub(crate) fn hears_pid(&mut self) -> Watched {
        Watched::open(self.hears().expect("a process id").parse().unwrap())
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn dismiss(&mut self) -> ExitStatus {
        drop(self.child.stdin.take());
        self.child.wait().unwrap()
    }

    #[track_caller]
    pub(crate) fn hear_to_the_end(mut self) -> Vec<String> {
        let said: Vec<String> = std::iter::from_fn(|| self.hears()).collect();
        let status = self.dismiss();
        assert!(status.success(), "{status:?}: {said:?}");
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that need not be a child of ours; killed when it is dropped.
pub(crate) struct Watched {
    pidfd: OwnedFd,
}

impl Watched {
    pub(crate) fn open(pid: u32) -> Self {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        let number = Pid::from_raw(pid.try_into().unwrap()).unwrap();
        Watched { pidfd: pidfd_open(number, PidfdFlags::empty()).expect("a process that is there") }
    }

    pub(crate) fn ends_within(&self, limit: Duration) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let limit = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: limit.subsec_nanos().into() };
        rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&limit))).unwrap() > 0
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ends_within(Duration::ZERO)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, rustix::process::Signal::KILL);
    }
}

/// A second, and what a machine may need that is busy with other things.
pub(crate) const SOON: Duration = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });

/// The open descriptors of a process, and what they are.
pub(crate) fn descriptors_of(pid: u32) -> BTreeMap<i32, String> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(Result::unwrap);
    let described = entries.filter_map(|entry| {
        // The one that reads the folder is gone by now.
        let target = std::fs::read_link(entry.path()).ok()?;
        Some((entry.file_name().to_str()?.parse().ok()?, target.display().to_string()))
    });
    described.collect()
}

/// What a worker answers, as text.
#[track_caller]
pub(crate) fn ask(worker: &mut Started, question: &str) -> String {
    let answer = worker.ask(question.as_bytes());
    let answer = answer.unwrap_or_else(|| panic!("no answer: {:?}, {}", worker.end(), worker.stderr()));
    String::from_utf8(answer).unwrap()
}

/// A folder for a test's files; removed when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cf-launch-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A program there.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        Self::script_in(&self.0, name, text)
    }

    /// A program in a folder that may be another process's.
    pub(crate) fn script_in(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        // Written by another process: one that this test binary starts just now would keep the file open for writing,
        // up to its exec, and nobody could execute it meanwhile.
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "cat > \"$0\" && chmod 755 \"$0\""]).arg(&path).stdin(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
