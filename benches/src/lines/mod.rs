//! All lines. A file has a group of them, which share their contenders.

mod closures;
mod crowded;
mod futures;
#[cfg(target_os = "linux")]
mod idle;
#[cfg(target_os = "linux")]
mod lifetimes;
mod map;
mod memory;
#[cfg(target_os = "linux")]
mod payloads;
#[cfg(target_os = "linux")]
mod processes;
mod queues;
#[cfg(target_os = "linux")]
mod ring;

use crate::Failure;
use crate::measure::Line;

/// Every pool has so many threads, or processes, where nothing else is said.
const THREADS: usize = 2;

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

const GROUPS: &[&[Entry]] = &[
    closures::ENTRIES,
    futures::ENTRIES,
    map::ENTRIES,
    memory::ENTRIES,
    #[cfg(target_os = "linux")]
    idle::ENTRIES,
    crowded::ENTRIES,
    queues::ENTRIES,
    #[cfg(target_os = "linux")]
    ring::ENTRIES,
    #[cfg(target_os = "linux")]
    processes::ENTRIES,
    #[cfg(target_os = "linux")]
    payloads::ENTRIES,
    #[cfg(target_os = "linux")]
    lifetimes::ENTRIES,
];

/// The lines whose ids begin like one of these, or all, in the order of the list.
pub(crate) fn chosen(only: &[String]) -> Result<Vec<Entry>, Failure> {
    let all = GROUPS.concat();
    if let Some(unknown) = only.iter().find(|id| !all.iter().any(|entry| entry.id.starts_with(&**id))) {
        let ids: Vec<&str> = all.iter().map(|entry| entry.id).collect();
        return Err(format!("no line's id begins with `{unknown}`: there are {}", ids.join(", ")).into());
    }
    let wanted = |entry: &Entry| only.is_empty() || only.iter().any(|id| entry.id.starts_with(&**id));
    Ok(all.into_iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(only: &[&str]) -> Result<Vec<&'static str>, Failure> {
        let only: Vec<String> = only.iter().map(|id| (*id).to_owned()).collect();
        Ok(chosen(&only)?.iter().map(|entry| entry.id).collect())
    }

    #[test]
    fn lines_are_chosen_by_how_their_ids_begin() {
        assert_eq!(ids(&["T4", "Q1b"]).unwrap(), ["T4a", "T4b", "T4c", "T4d", "Q1b"]);
        assert!(ids(&["T4", "T9"]).unwrap_err().to_string().contains("`T9`"));
    }

    #[test]
    fn every_id_is_there_once() {
        let mut all = ids(&[]).unwrap();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
