//! What a check works with: new executors, signals, and ways to say what is wrong.

use super::signal::{Directory, Signal, Tally};
use super::specimen::Specimen;
use super::subject::{Runs, Subject};
use crate::{Future, TaskError};
use std::cell::OnceCell;
use std::fmt;
use std::panic::{Location, resume_unwind};
use std::thread;
use std::time::{Duration, Instant};

/// What the suite gives to each check; there is nothing in it for others.
pub struct Bench {
    subject: Subject,
    directory: OnceCell<Directory>,
}

/// A broken rule, on its way out of a check. Not a plain panic, so that the panic hook does not tell of it twice.
pub(super) struct Failure(pub(super) String);

impl Bench {
    pub(super) fn new(subject: Subject) -> Self {
        Bench { subject, directory: OnceCell::new() }
    }

    /// A new executor, ready to run what it is given.
    pub(super) fn specimen(&self) -> Specimen<'_> {
        Specimen::new(self, self.subject.make(), self.subject.runs_at() == Runs::WhenStepped)
    }

    pub(super) fn limit(&self) -> Duration {
        self.subject.limit()
    }

    /// How many of `wanted` tasks can be left unbegun without blocking a submit.
    pub(super) fn room(&self, wanted: usize) -> usize {
        self.subject.bound().map_or(wanted, |bound| bound.min(wanted))
    }

    /// Whether the check's tasks have ended when their submit returns.
    pub(super) fn runs_at_submit(&self) -> bool {
        self.subject.runs_at() == Runs::AtSubmit
    }

    // ------------------------------------------------------------------------------------------ saying what is wrong

    #[track_caller]
    pub(super) fn fail(&self, seen: impl fmt::Display) -> ! {
        resume_unwind(Box::new(Failure(format!("{seen} (at {})", Location::caller()))))
    }

    #[track_caller]
    pub(super) fn ensure(&self, kept: bool, seen: impl fmt::Display) {
        if !kept {
            self.fail(seen);
        }
    }

    #[track_caller]
    pub(super) fn ensure_equal<T: PartialEq<U> + fmt::Debug, U: fmt::Debug>(&self, found: &T, expected: &U, of: &str) {
        if found != expected {
            self.fail(format_args!("{of}: expected {expected:?}, found {found:?}"));
        }
    }

    #[track_caller]
    pub(super) fn value<T>(&self, future: &Future<T>) -> T {
        match future.result(self.limit()) {
            Ok(value) => value,
            Err(error) => self.fail(format_args!("no value: {error}")),
        }
    }

    #[track_caller]
    pub(super) fn values<T>(&self, futures: &[Future<T>]) -> Vec<T> {
        futures.iter().map(|future| self.value(future)).collect()
    }

    /// Waits for the future's end, and says what went wrong, if anything did.
    #[track_caller]
    pub(super) fn error_or_none<T>(&self, future: &Future<T>) -> Option<TaskError> {
        match future.exception(self.limit()) {
            Ok(error) => error,
            Err(_) => self.fail(format_args!("no end within {:?}", self.limit())),
        }
    }

    /// The error that the future ends with.
    #[track_caller]
    pub(super) fn error<T>(&self, future: &Future<T>) -> TaskError {
        match self.error_or_none(future) {
            Some(error) => error,
            None => self.fail("a value where an error is due"),
        }
    }

    /// Waits for something that the executor is about to make true.
    #[track_caller]
    pub(super) fn eventually(&self, what: &str, condition: impl Fn() -> bool) {
        let began = Instant::now();
        while !condition() {
            if began.elapsed() > self.limit() {
                self.fail(format_args!("did not come true: {what}"));
            }
            thread::sleep(Duration::from_micros(200));
        }
    }

    // ------------------------------------------------------------------------------------------ signals

    fn directory(&self) -> &Directory {
        self.directory.get_or_init(|| match Directory::new() {
            Ok(directory) => directory,
            Err(error) => self.fail(format_args!("the check itself has no temporary directory: {error}")),
        })
    }

    pub(super) fn signal(&self) -> Signal {
        self.directory().signal()
    }

    pub(super) fn tally(&self) -> Tally {
        match self.directory().tally() {
            Ok(tally) => tally,
            Err(error) => self.fail(format_args!("the check itself cannot count: {error}")),
        }
    }
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").field("subject", &self.subject).finish_non_exhaustive()
    }
}
