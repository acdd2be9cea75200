//! What the tests share: a ceiling for every wait, gates instead of sleeps, and conditions that come true in time.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that any single test may take; only a hang comes near it.
pub const CEILING: Duration = Duration::from_secs(if cfg!(miri) { 1800 } else { 120 });

/// Ends the process, loudly, unless it is dropped in time. Bind it at the start of every test that waits.
#[must_use]
pub struct Watchdog {
    finished: Gate,
    thread: Option<thread::JoinHandle<()>>,
}

/// A watchdog over the rest of the calling test.
pub fn watchdog() -> Watchdog {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let finished = Gate::new();
    let seen = finished.clone();
    let thread = thread::spawn(move || {
        if !seen.wait_for(CEILING) {
            // Not by `eprintln`, which the harness would keep for the end of the test.
            let _ = writeln!(std::io::stderr(), "{test} hangs: not finished after {CEILING:?}");
            std::process::abort();
        }
    });
    Watchdog { finished, thread: Some(thread) }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.finished.open();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Closed until it is opened; then open for ever.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn open(&self) {
        *self.lock() = true;
        self.0.1.notify_all();
    }

    pub fn is_open(&self) -> bool {
        *self.lock()
    }

    pub fn wait(&self) {
        let mut open = self.lock();
        while !*open {
            open = self.0.1.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// `false`: it did not open in time.
    pub fn wait_for(&self, limit: Duration) -> bool {
        let open = self.lock();
        let (open, _) = self.0.1.wait_timeout_while(open, limit, |open| !*open).unwrap_or_else(PoisonError::into_inner);
        *open
    }
}

/// Waits for something that other threads are about to make true; fails the test if they do not.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(30), "did not come true: {what}");
        thread::yield_now();
    }
}

/// Keeps panics that a test causes on purpose off the screen: only those of threads whose name has one of these parts.
pub fn quiet_panics_of(threads: &'static [&'static str]) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let current = thread::current();
            let name = current.name().unwrap_or_default();
            if !threads.iter().any(|part| name.contains(part)) {
                next(info);
            }
        }));
    });
}
