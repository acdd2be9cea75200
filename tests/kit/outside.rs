//! Processes and descriptors, seen from outside: signals, children, what is open.

use concurrent_futures::ProcessPoolExecutor;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// A second, and what a machine may need that is busy with other things.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// A process that need not be a child of ours; killed when this is dropped.
pub(crate) struct Watched {
    pidfd: OwnedFd,
}

impl Watched {
    /// `None`: it is over, and reaped.
    pub(crate) fn open(pid: u32) -> Option<Self> {
        let number = Pid::from_raw(pid.try_into().unwrap()).unwrap();
        pidfd_open(number, PidfdFlags::empty()).ok().map(|pidfd| Watched { pidfd })
    }

    pub(crate) fn ends_within(&self, limit: Duration) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let limit = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: limit.subsec_nanos().into() };
        rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&limit))).unwrap() > 0
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ends_within(Duration::ZERO)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Sends a signal to a child of this process. `false`: it is over, and reaped.
pub(crate) fn signal(pid: u32, signal: Signal) -> bool {
    // A number that another process may have by now is not ours to signal.
    if parent_of(pid) != Some(std::process::id()) {
        return false;
    }
    let Ok(pidfd) = pidfd_open(Pid::from_raw(pid as i32).unwrap(), PidfdFlags::empty()) else { return false };
    parent_of(pid) == Some(std::process::id()) && pidfd_send_signal(&pidfd, signal).is_ok()
}

fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may contain anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

pub(crate) fn parent_of(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// One letter: `R`unning, `S`leeping, s`T`opped, `Z`ombie.
pub(crate) fn state_of(pid: u32) -> Option<char> {
    stat(pid)?.first()?.chars().next()
}

pub(crate) fn group_of(pid: u32) -> Option<u32> {
    stat(pid)?.get(2)?.parse().ok()
}

/// All processes, zombies too, that this one has started.
pub(crate) fn children() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter(|pid| parent_of(*pid) == Some(std::process::id())).collect()
}

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

/// How many descriptors this process has open.
pub(crate) fn open_descriptors() -> usize {
    descriptors_of(std::process::id()).len()
}

/// Those of a process that a program which it executes would have too.
pub(crate) fn inheritable(pid: u32) -> Vec<(i32, String)> {
    const CLOSE_ON_EXEC: u32 = 0o2000000;
    let flags = |number: &i32| {
        let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?.trim();
        u32::from_str_radix(flags, 8).ok()
    };
    let open = descriptors_of(pid).into_iter();
    open.filter(|(number, _)| flags(number).is_some_and(|flags| flags & CLOSE_ON_EXEC == 0)).collect()
}

/// The processes of a pool's workers, by slot.
pub(crate) fn pids<S>(pool: &ProcessPoolExecutor<S>) -> Vec<u32> {
    pool.workers().iter().map(|worker| worker.os_id.unwrap() as u32).collect()
}

/// For tests that count what the whole process has: such a test runs in a process of its own, as a program.
pub(crate) mod program {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

    const ROLE: &str = "CF_FAULTS_PROGRAM";
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
    pub(crate) fn arguments(test: &str) -> [&str; 4] {
        [test, "--exact", "--nocapture", "--test-threads=1"]
    }

    /// In the process that is the program: runs it, and ends.
    pub(crate) fn be(program: impl FnOnce()) {
        if std::env::var_os(ROLE).is_some() {
            program();
            std::process::exit(0);
        }
    }

    /// Starts `program` in a process of its own. `test` is the calling test's full name.
    pub(crate) fn start(test: &str, program: impl FnOnce()) -> Running {
        be(program);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments(test));
        Running::start(command)
    }

    /// Runs `program` in a process of its own, to its end, and gives what it said.
    #[track_caller]
    pub(crate) fn run(test: &str, program: impl FnOnce()) -> Vec<String> {
        let running = start(test, program);
        let said = running.hear_to_the_end();
        assert!(said.last().is_some_and(|last| last == "to the end"), "{said:?}");
        said
    }

    /// The same for a program that says nothing else.
    #[track_caller]
    pub(crate) fn alone(test: &str, program: impl FnOnce()) {
        run(test, || {
            program();
            say("to the end");
        });
    }

    impl Running {
        pub(crate) fn start(mut command: Command) -> Self {
            let mut child = command.env(ROLE, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
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

        pub(crate) fn kill(&mut self) {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }

        pub(crate) fn pid(&self) -> u32 {
            self.child.id()
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
}
