//! A rule with the function that tries it, and what came of trying many.
#![expect(clippy::disallowed_types, reason = "uses the crate from outside, as its users do")]

use super::bench::{Bench, Failure};
use super::subject::{Runs, Subject};
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

/// One rule, and how it is tried.
#[derive(Clone, Copy)]
pub struct Check {
    group: &'static str,
    name: &'static str,
    rule: &'static str,
    body: fn(&Bench),
    /// Tasks that run while the check goes on.
    background: bool,
    in_process: bool,
    nested_waits: bool,
    bounded: bool,
    unattended: bool,
}

/// A check that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The rule was kept.
    Passed,
    /// It says nothing about this kind of executor; the text says why.
    Skipped(&'static str),
}

impl Check {
    pub(super) const fn new(group: &'static str, name: &'static str, rule: &'static str, body: fn(&Bench)) -> Self {
        Check {
            group,
            name,
            rule,
            body,
            background: false,
            in_process: false,
            nested_waits: false,
            bounded: false,
            unattended: false,
        }
    }

    /// Only where tasks run while the submitter goes on.
    pub(super) const fn in_background(self) -> Self {
        Check { background: true, ..self }
    }

    /// Only where tasks share the caller's memory.
    pub(super) const fn in_process(self) -> Self {
        Check { in_process: true, ..self }
    }

    /// Only where a task may wait for another one.
    pub(super) const fn with_nested_waits(self) -> Self {
        Check { nested_waits: true, ..self }
    }

    /// Only where the queue has a bound.
    pub(super) const fn with_bound(self) -> Self {
        Check { bounded: true, ..self }
    }

    /// Only where nobody has to call anything for tasks to run.
    pub(super) const fn unattended(self) -> Self {
        Check { unattended: true, ..self.in_background() }
    }

    /// Its name: that of its function.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Which of the suite's modules it is in.
    pub fn group(&self) -> &'static str {
        self.group
    }

    /// The rule, in one sentence.
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    /// Why the rule says nothing about such an executor; `None`: it does.
    pub fn skips(&self, subject: &Subject) -> Option<&'static str> {
        if self.in_process && !subject.is_in_process() {
            Some("its tasks do not share the caller's memory")
        } else if self.background && subject.runs_at() == Runs::AtSubmit {
            Some("it runs its tasks inside the submit")
        } else if self.unattended && subject.runs_at() == Runs::WhenStepped {
            Some("whoever waits for its tasks runs them")
        } else if self.nested_waits && !subject.allows_nested_waits() {
            Some("its tasks may not wait for each other")
        } else if self.bounded && subject.bound().is_none() {
            Some("its queue has no bound")
        } else {
            None
        }
    }

    /// Tries the rule on a new executor.
    ///
    /// # Panics
    /// If the rule is broken, or if the check does not end in time; the message has the check's name, its rule, and
    /// what was seen. In the second case its thread is left behind.
    pub fn run(&self, subject: &Subject) -> Verdict {
        if let Some(why) = self.skips(subject) {
            return Verdict::Skipped(why);
        }
        match self.attempt(subject) {
            Ok(()) => Verdict::Passed,
            Err(seen) => std::panic::panic_any(self.report(&seen)),
        }
    }

    /// On a thread of its own, so that an executor that hangs where nothing can have a limit does not take the caller
    /// with it.
    fn attempt(&self, subject: &Subject) -> Result<(), String> {
        let (check, subject, limit) = (*self, subject.clone(), subject.limit().saturating_mul(4));
        let (ended, end) = mpsc::channel();
        let body = move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| (check.body)(&Bench::new(subject))));
            // Nobody listens any more if it took too long.
            let _ = ended.send(outcome.map_err(describe));
        };
        let thread = thread::Builder::new().name(format!("conformance-{}", self.name)).spawn(body);
        let thread = thread.map_err(|error| format!("no thread for the check: {error}"))?;
        match end.recv_timeout(limit) {
            Ok(outcome) => {
                // It has nothing left to do, and what it may panic with was caught.
                let _ = thread.join();
                outcome
            }
            Err(_) => Err(format!("it was not over after {limit:?}")),
        }
    }

    fn report(&self, seen: &str) -> String {
        format!("conformance check `{}::{}` failed: {seen}\n  the rule: {}", self.group, self.name, self.rule)
    }
}

/// What a check's panic says, whoever panicked.
fn describe(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<Failure>() {
        Ok(failure) => failure.0,
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
            format!("a panic reached the caller: {}", text.unwrap_or("a payload that is no text"))
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("group", &self.group)
            .field("name", &self.name)
            .field("rule", &self.rule)
            .finish_non_exhaustive()
    }
}

/// What was tried, and what was not.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The rules that were kept.
    pub passed: Vec<&'static Check>,
    /// The rules that do not apply, and why.
    pub skipped: Vec<(&'static Check, &'static str)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rules kept, {} not tried", self.passed.len(), self.skipped.len())?;
        for check in &self.passed {
            writeln!(f, "  kept       {}::{}", check.group, check.name)?;
        }
        for (check, why) in &self.skipped {
            writeln!(f, "  not tried  {}::{}: {why}", check.group, check.name)?;
        }
        Ok(())
    }
}

/// Tries every rule.
///
/// # Panics
/// If one is broken, after the others were tried: the message lists all that were.
pub fn run_all(subject: &Subject) -> Report {
    run(subject, super::checks())
}

/// Tries every rule of one group.
///
/// # Panics
/// As [`run_all`], and if there is no such group.
pub fn run_group(subject: &Subject, group: &str) -> Report {
    let report = run(subject, super::checks().filter(|check| check.group == group));
    assert!(report.passed.len() + report.skipped.len() > 0, "the conformance suite has no group `{group}`");
    report
}

fn run(subject: &Subject, checks: impl Iterator<Item = &'static Check>) -> Report {
    let mut report = Report::default();
    let mut broken = Vec::new();
    for check in checks {
        match (check.skips(subject), check) {
            (Some(why), check) => report.skipped.push((check, why)),
            (None, check) => match check.attempt(subject) {
                Ok(()) => report.passed.push(check),
                Err(seen) => broken.push(check.report(&seen)),
            },
        }
    }
    assert!(broken.is_empty(), "{} rules broken, {} kept\n{}", broken.len(), report.passed.len(), broken.join("\n"));
    report
}
