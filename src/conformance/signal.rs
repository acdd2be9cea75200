//! Signals and counts that work between processes: files in a directory of the check's own.
#![expect(clippy::disallowed_types, reason = "uses the crate from outside, as its users do")]

use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often somebody who waits for a file looks for it.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// A number that no other part of this process has.
fn unique() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // ORDERING: Relaxed: only the numbers matter.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn create(path: &Path) {
    if let Err(error) = OpenOptions::new().write(true).create(true).truncate(false).open(path) {
        std::panic::panic_any(format!("cannot create {}: {error}", path.display()));
    }
}

/// Down until it is raised, and then up for ever; seen by every process that it was sent to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Signal {
    path: PathBuf,
}

impl Signal {
    pub(super) fn raise(&self) {
        create(&self.path);
    }

    pub(super) fn is_raised(&self) -> bool {
        self.path.exists()
    }

    /// `false`: it was not raised in time.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let began = Instant::now();
        while !self.is_raised() {
            if began.elapsed() > limit {
                return false;
            }
            thread::sleep(LOOK_EVERY);
        }
        true
    }
}

/// Counts what happens, in whichever process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tally {
    directory: PathBuf,
}

impl Tally {
    pub(super) fn add(&self) {
        create(&self.directory.join(format!("{}-{}", process::id(), unique())));
    }

    /// Counts something that has a number. `false`: that was counted before.
    pub(super) fn add_once(&self, number: usize) -> bool {
        match OpenOptions::new().write(true).create_new(true).open(self.directory.join(number.to_string())) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => std::panic::panic_any(format!("cannot count {number}: {error}")),
        }
    }

    /// Takes out what was counted by its number.
    pub(super) fn remove(&self, number: usize) {
        if let Err(error) = fs::remove_file(self.directory.join(number.to_string())) {
            std::panic::panic_any(format!("cannot take out {number}: {error}"));
        }
    }

    pub(super) fn count(&self) -> usize {
        fs::read_dir(&self.directory).map_or(0, Iterator::count)
    }
}

/// The directory that a check's signals live in; removed with it.
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(super) fn new() -> io::Result<Self> {
        let name = format!("concurrent-futures-conformance-{}-{}", process::id(), unique());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        Ok(Directory { path })
    }

    pub(super) fn signal(&self) -> Signal {
        Signal { path: self.path.join(format!("signal-{}", unique())) }
    }

    pub(super) fn tally(&self) -> io::Result<Tally> {
        let directory = self.path.join(format!("tally-{}", unique()));
        fs::create_dir(&directory)?;
        Ok(Tally { directory })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Nothing of the check depends on it.
        let _ = fs::remove_dir_all(&self.path);
    }
}
