//! What became of a file: parsed, refused with an error, or fatal to the worker that had it.

use crate::parser::Counts;
use concurrent_futures::{PortableError, TaskError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Parsed,
    /// The parser said itself that it cannot parse it.
    Refused,
    Panicked,
    /// The worker was killed because the file took too long.
    Late,
    OutOfMemory,
    /// The worker is gone for another reason.
    Died,
    /// Something that no file should bring about.
    Other,
}

pub(crate) struct Fate {
    pub(crate) kind: Kind,
    /// For people.
    pub(crate) words: String,
}

impl Fate {
    pub(crate) fn of(result: Result<Result<Counts, PortableError>, TaskError>) -> Self {
        let (kind, words) = match result {
            Ok(Ok(Counts { words, depth })) => (Kind::Parsed, format!("{words} words, {depth} deep")),
            Ok(Err(error)) => (Kind::Refused, error.to_string()),
            Err(TaskError::Panicked(report)) => (Kind::Panicked, report.to_string()),
            Err(error @ TaskError::DeadlineExceeded) => (Kind::Late, error.to_string()),
            Err(TaskError::WorkerDied(report)) => {
                let kind = if report.out_of_memory { Kind::OutOfMemory } else { Kind::Died };
                (kind, report.to_string())
            }
            Err(other) => (Kind::Other, other.to_string()),
        };
        // What a worker said before its death has several lines.
        Fate { kind, words: words.split_whitespace().collect::<Vec<_>>().join(" ") }
    }

    /// For the table.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Parsed => "parsed",
            Kind::Refused => "an error",
            Kind::Panicked => "a panic",
            Kind::Late => "DeadlineExceeded",
            Kind::OutOfMemory => "WorkerDied, out of memory",
            Kind::Died => "WorkerDied",
            Kind::Other => "something else",
        }
    }
}
