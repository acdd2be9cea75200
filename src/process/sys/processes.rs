//! Processes: watching them, ending them, learning how they ended; and what a process sets for itself.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitId, WaitIdOptions, getpgrp, getpid, getppid,
    kill_current_process_group, kill_process_group, pidfd_open, pidfd_send_signal, setpgid, setrlimit, waitid,
};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// The parent's process id; 0 if that is not visible from here.
pub(in crate::process) fn parent() -> u32 {
    getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs())
}

fn pid(number: u32) -> io::Result<Pid> {
    let pid = i32::try_from(number).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::Error::from(Errno::SRCH))
}

/// A descriptor of a process: readable once it is over, and never another process's. Closed on exec.
pub(in crate::process) fn open_process(number: u32) -> io::Result<OwnedFd> {
    super::descriptors::beyond_standard(pidfd_open(pid(number)?, PidfdFlags::empty())?)
}

/// Sends a signal to that very process. To one that is over it does nothing.
pub(in crate::process) fn signal(pidfd: impl AsFd, signal: Signal) -> io::Result<()> {
    match pidfd_send_signal(pidfd, signal) {
        Err(Errno::SRCH) => Ok(()),
        other => Ok(other?),
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// Somebody else has asked for it, or the program ignores SIGCHLD, and then the kernel keeps no account.
    Unknown,
}

/// Whether a process that is over is let go of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::process) enum Wait {
    /// No: what was over stays a zombie, so that its process id and group cannot become another's.
    Peek,
    /// Yes: this was the last that was heard of it.
    Reap,
}

/// How the process ended; `None` if it has not.
pub(in crate::process) fn status(pidfd: impl AsFd, wait: Wait) -> io::Result<Option<Status>> {
    let keep = if wait == Wait::Peek { WaitIdOptions::NOWAIT } else { WaitIdOptions::empty() };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | keep;
    match retry_on_intr(|| waitid(WaitId::PidFd(pidfd.as_fd()), options)) {
        Err(Errno::CHILD) => Ok(Some(Status::Unknown)),
        Err(error) => Err(error.into()),
        Ok(status) => Ok(status.map(|status| {
            let exited = status.exit_status().map(Status::Exited);
            exited.or(status.terminating_signal().map(Status::Killed)).unwrap_or(Status::Unknown)
        })),
    }
}

/// Whether the process is over, for whoever may ask: it need not be a child.
pub(in crate::process) fn is_over(pidfd: impl AsFd) -> bool {
    over_within(pidfd, Duration::ZERO)
}

/// Waits for a process to be over; `false`, if it is not in time.
pub(in crate::process) fn over_within(pidfd: impl AsFd, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    let mut entry = [PollFd::new(&pidfd, PollFlags::IN)];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut entry, Some(&left)) {
            Err(Errno::INTR) => {}
            ended => return ended.is_ok_and(|count| count > 0),
        }
    }
}

/// Ends every process of the group that this worker led, of which nobody is asked whether it is over.
///
/// By the worker's descriptor, where the kernel can (from 6.9 on); it then cannot be another's group. Else by its
/// number, which nobody else can have while the worker is a zombie.
pub(in crate::process) fn kill_group(pidfd: impl AsFd, leader: u32, leader_is_zombie: bool) {
    if !super::signals::kill_group_of(pidfd.as_fd()) && leader_is_zombie {
        let _ = pid(leader).map(|leader| kill_process_group(leader, Signal::KILL));
    }
}

/// Ends this process, and its whole group if it leads one.
pub(in crate::process) fn kill_own_group() -> ! {
    if getpgrp() == getpid() {
        let _ = kill_current_process_group(Signal::KILL);
    }
    let _ = rustix::process::kill_process(getpid(), Signal::KILL);
    // Not reached: nothing holds up a SIGKILL that a process sends to itself.
    std::process::abort()
}

/// Makes this process the leader of a group, if it is not.
pub(in crate::process) fn lead_group() -> io::Result<()> {
    if getpgrp() == getpid() { Ok(()) } else { Ok(setpgid(None, None)?) }
}

/// What `ps -o comm` and `top` show: the first 15 bytes of it.
pub(in crate::process) fn set_name(name: &str) {
    let before_nul = name.split('\0').next().unwrap_or_default();
    if let Ok(name) = CString::new(before_nul) {
        let _ = rustix::thread::set_name(&name);
    }
}

/// Limits the private memory that this process may write to, for good.
pub(in crate::process) fn limit_memory(bytes: u64) -> io::Result<()> {
    Ok(setrlimit(Resource::Data, Rlimit { current: Some(bytes), maximum: Some(bytes) })?)
}

/// Whether it is a child of this process, and not yet reaped.
pub(in crate::process) fn is_child(pidfd: impl AsFd) -> bool {
    !matches!(status(pidfd, Wait::Peek), Ok(Some(Status::Unknown)) | Err(_))
}
