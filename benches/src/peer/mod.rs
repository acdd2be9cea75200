//! Contenders whose other side is another process: this program once more, which is told by its environment to give back
//! whatever it gets.

mod futex;
mod ring;
mod sockets;

pub(crate) use futex::Futex;
pub(crate) use ring::Ring;
pub(crate) use sockets::Sockets;

use crate::Failure;
use std::env;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitCode, Stdio};

const ROLE: &str = "PEERS_OTHER_SIDE";

/// Another process, which is over when this is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // The other side ends when ours is gone, which it is by now.
        let _ = self.0.wait();
    }
}

/// A role is a name, and what that needs to know behind a space.
fn start(role: &str, stdin: OwnedFd) -> Result<Process, Failure> {
    let child = Command::new(env::current_exe()?).env(ROLE, role).stdin(Stdio::from(stdin)).spawn()?;
    Ok(Process(child))
}

/// In the other process: does its work, and gives the exit code.
pub(crate) fn run_if_asked() -> Option<ExitCode> {
    let role = env::var(ROLE).ok()?;
    let (name, rest) = role.split_once(' ').unwrap_or((&role, ""));
    let done = match name {
        ring::ROLE => ring::serve(rest),
        sockets::ROLE => sockets::serve(),
        futex::ROLE => futex::serve(rest),
        unknown => Err(format!("there is no role `{unknown}`").into()),
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("peers, other side: {failure}");
            ExitCode::from(2)
        }
    })
}
