//! The ring of this crate's process pool, by itself.

use super::{Process, start};
use crate::Failure;
use concurrent_futures::__internals::{self, Parent, Shared};
use std::fs::File;
use std::io::stdin;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

pub(super) const ROLE: &str = "ring";

pub(crate) struct Ring {
    parent: Parent,
    /// After the parent, whose end it waits for.
    _process: Process,
}

impl Ring {
    pub(crate) fn start() -> Result<Self, Failure> {
        let (mut parent, Shared { jobs, board, bell }) = Parent::create()?;
        // Found by its path; a descriptor of events has none, and is inherited.
        let path = |file: &OwnedFd| format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        let process = start(&format!("{ROLE} {} {}", path(&jobs), path(&board)), bell)?;
        // The descriptors have to stay until the other side has opened them.
        parent.sum_below(1, 1)?;
        Ok(Ring { parent, _process: process })
    }

    pub(crate) fn sum_below(&mut self, count: u64, window: usize) -> Result<u64, Failure> {
        Ok(self.parent.sum_below(count, window)?)
    }
}

pub(super) fn serve(paths: &str) -> Result<(), Failure> {
    let (jobs, board) = paths.split_once(' ').ok_or("two paths are needed")?;
    let open = |path: &str| File::options().read(true).write(true).open(path).map(OwnedFd::from);
    let bell = stdin().as_fd().try_clone_to_owned()?;
    Ok(__internals::serve(Shared { jobs: open(jobs)?, board: open(board)?, bell })?)
}
