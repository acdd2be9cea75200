//! The program that workers execute: this one, by a descriptor of its file, or one that was named.

use super::child;
use super::identity::Location;
use crate::process::sys::{auxiliary, descriptors};
use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// What a worker executes.
#[derive(Debug)]
pub(crate) struct Program {
    /// Which copy of this crate is to take over there.
    pub(in crate::process) copy: Location,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// This very program. Its file is kept open, so that a worker executes it and nothing else when the file has been
    /// replaced; the path is for systems without /proc, and for those that execute programs through an interpreter.
    This {
        file: Option<OwnedFd>,
        path: PathBuf,
    },
    Named(PathBuf),
}

impl Program {
    /// This program, once it is certain that a worker would be recognised in it.
    ///
    /// # Errors
    /// Why not, and what to do about it.
    pub(crate) fn current() -> Result<Arc<Program>, Arc<str>> {
        static CURRENT: OnceLock<Arc<Program>> = OnceLock::new();
        if let Some(program) = CURRENT.get() {
            return Ok(Arc::clone(program));
        }
        let copy = child::copy()?;
        if !child::has_entry() {
            return Err(
                "no worker entry in this program: the crate is in a shared library or a plugin, or the program's \
                constructors were not run; call `concurrent_futures::init()` first in `main`, or name a worker program"
                    .into(),
            );
        }
        let program = CURRENT.get_or_init(|| {
            let file = descriptors::open_program("/proc/self/exe").ok();
            let path = auxiliary::executed_path();
            let path = std::path::absolute(&path).unwrap_or(path);
            Arc::new(Program { copy, source: Source::This { file, path } })
        });
        Ok(Arc::clone(program))
    }

    /// Another program, which has to contain the same build of the code: this library, or a copy of this program.
    ///
    /// # Errors
    /// The path cannot be made absolute, or this code cannot be told from other code.
    pub(crate) fn named(path: PathBuf) -> Result<Arc<Program>, Arc<str>> {
        let copy = child::copy()?;
        let absolute =
            std::path::absolute(&path).map_err(|error| format!("the worker program {}: {error}", path.display()))?;
        Ok(Arc::new(Program { copy, source: Source::Named(absolute) }))
    }

    /// What to execute, in the order in which to try it.
    pub(in crate::process) fn paths(&self) -> Vec<PathBuf> {
        match &self.source {
            Source::This { file, path } => {
                let by_file = file.as_ref().map(|file| PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())));
                by_file.into_iter().chain([path.clone()]).collect()
            }
            Source::Named(path) => vec![path.clone()],
        }
    }

    /// What it is started with: a copy of this program has its arguments, so that tasks find them, and `ps` shows them.
    pub(in crate::process) fn arguments(&self) -> Vec<OsString> {
        match &self.source {
            Source::This { path, .. } => {
                let own: Vec<OsString> = std::env::args_os().collect();
                if own.is_empty() { vec![path.clone().into_os_string()] } else { own }
            }
            Source::Named(path) => vec![path.clone().into_os_string()],
        }
    }

    /// For messages.
    pub(in crate::process) fn name(&self) -> &Path {
        match &self.source {
            Source::This { path, .. } | Source::Named(path) => path,
        }
    }
}
