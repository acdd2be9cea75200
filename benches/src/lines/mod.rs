//! All lines. A file has a group of them, which share their contenders.

mod futures;
mod queues;

use crate::Failure;
use crate::measure::Line;

/// How much work there is.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) quick: bool,
}

impl Scale {
    /// What is left of the full amount.
    fn of(self, full: u64) -> u64 {
        if self.quick { full / 4 } else { full }
    }
}

/// A line that can be made.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) id: &'static str,
    /// Starts the contenders' threads.
    pub(crate) make: fn(Scale) -> Result<Line, Failure>,
}

const GROUPS: &[&[Entry]] = &[futures::ENTRIES, queues::ENTRIES];

/// The lines with these ids, or all, in the order of the list.
pub(crate) fn chosen(only: &[String]) -> Result<Vec<Entry>, Failure> {
    let all = GROUPS.concat();
    if let Some(unknown) = only.iter().find(|id| all.iter().all(|entry| entry.id != **id)) {
        let ids: Vec<&str> = all.iter().map(|entry| entry.id).collect();
        return Err(format!("there is no line `{unknown}`, only {}", ids.join(", ")).into());
    }
    let wanted = |entry: &Entry| only.is_empty() || only.iter().any(|id| id == entry.id);
    Ok(all.into_iter().filter(wanted).collect())
}
