//! A test that starts itself once more, as a program of its own, to see how a whole process ends.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const ROLE: &str = "CONCURRENT_FUTURES_TEST_PROGRAM";
/// What the program itself says, apart from what the test harness says around it.
const MARK: &str = "program: ";
/// A program that is not over by then hangs.
const CEILING: Duration = Duration::from_secs(60);

/// How a program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) said: Vec<String>,
    pub(crate) stderr: String,
}

impl Ended {
    /// It ended well, with nothing to complain about.
    #[track_caller]
    pub(crate) fn assert_quiet(&self) {
        assert!(self.status.success() && self.stderr.is_empty(), "{self:?}");
    }
}

/// For programs: a line for the parent.
pub(crate) fn say(text: &str) {
    println!("{MARK}{text}");
}

/// Runs `program` in a process of its own, and tells how that ended. It ends as the end of `main` would end it.
///
/// `test` is the calling test's full name: the child is this test binary, told to run that test alone.
pub(crate) fn run(test: &str, program: fn()) -> Ended {
    if std::env::var_os(ROLE).is_some() {
        program();
        std::process::exit(0);
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ROLE, "1");
    let (ended, stdout) = watch(test, &mut command);
    assert!(stdout.contains("running 1 test"), "the child did not run {test}: {stdout}");
    ended
}

/// The program that this one is to be, if it is one.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Runs this binary as the program of that name, for tests without a harness; see [`role`].
pub(crate) fn run_as(name: &str) -> Ended {
    let mut command = Command::new(std::env::current_exe().unwrap());
    watch(name, command.env(ROLE, name)).0
}

/// Waits for the end, but not for ever. What it said, and all of its output.
fn watch(name: &str, command: &mut Command) -> (Ended, String) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > CEILING {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the program of {name} hangs");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    // Programs say little, so that it all fitted into the pipes.
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    // The harness may not have ended its own line.
    let said = stdout.lines().filter_map(|line| line.split_once(MARK)).map(|(_, text)| text.to_owned()).collect();
    (Ended { status, said, stderr }, stdout)
}
