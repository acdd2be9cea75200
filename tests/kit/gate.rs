//! A gate between processes: tasks wait at it until the test opens it.

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A named pipe, whose readers wait for somebody who writes. Opened at the latest when it is dropped.
pub(crate) struct Gate {
    path: PathBuf,
    writer: Mutex<Option<OwnedFd>>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cf-gate-{}-{number}", std::process::id()));
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        Gate { path, writer: Mutex::new(None) }
    }

    /// What tasks take along.
    pub(crate) fn path(&self) -> String {
        self.path.to_str().unwrap().to_owned()
    }

    pub(crate) fn open(&self) {
        // Who may read and write need not wait for somebody else.
        let writer = rustix::fs::open(&self.path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).unwrap();
        self.writer.lock().unwrap().get_or_insert(writer);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A task that waits at a gate.
pub(crate) fn wait_at(path: String) -> u64 {
    match std::fs::File::open(path) {
        Ok(_) => 0,
        // The test is over.
        Err(_) => 1,
    }
}
