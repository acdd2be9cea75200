//! The library: it does not know where its work is run, and its callers need not tell it more than an executor.

use concurrent_futures::{Executor, Future, PortableError, TaskError, call, task};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;

/// What is known of some files. It can travel, so it may be made in another process.
#[derive(Default, Serialize, Deserialize)]
struct Count {
    files: usize,
    lines: usize,
    words: BTreeMap<String, usize>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Survey {
    pub(crate) files: usize,
    pub(crate) lines: usize,
    /// The words that are used most, and how often.
    pub(crate) words: Vec<(String, usize)>,
}

/// Counts the lines and the words of the files.
///
/// # Errors
/// The first file that could not be read; or what became of the executor.
pub(crate) fn survey(executor: &dyn Executor, files: Vec<OsString>, most: usize) -> Result<Survey, TaskError> {
    let mut counts: Vec<Count> = executor.map(count, files).fallible().collect::<Result<_, _>>()?;
    // Merging is work too: pair by pair, all pairs of a round at once.
    while counts.len() > 1 {
        let mut round = Vec::new();
        let mut waiting = counts.into_iter();
        while let Some(first) = waiting.next() {
            round.push(match waiting.next() {
                Some(second) => executor.submit(call!(merge(first, second))),
                None => Future::ready(first),
            });
        }
        counts = round.iter().map(|merged| merged.result(None)).collect::<Result<_, _>>()?;
    }
    let total = counts.pop().unwrap_or_default();
    // A closure for once; what it needs is listed, because it has to travel with it.
    executor.submit(task!([total, most] => rank(total, most))).result(None)
}

fn count(file: OsString) -> Result<Count, PortableError> {
    let text = fs::read_to_string(file)?;
    let mut count = Count { files: 1, lines: text.lines().count(), words: BTreeMap::new() };
    for word in text.split(|letter: char| !letter.is_alphabetic()).filter(|word| word.len() > 3) {
        *count.words.entry(word.to_lowercase()).or_default() += 1;
    }
    Ok(count)
}

fn merge(mut first: Count, second: Count) -> Count {
    first.files += second.files;
    first.lines += second.lines;
    for (word, times) in second.words {
        *first.words.entry(word).or_default() += times;
    }
    first
}

fn rank(total: Count, most: usize) -> Survey {
    let mut words: Vec<_> = total.words.into_iter().collect();
    words.sort_by_key(|(_, times)| Reverse(*times));
    words.truncate(most);
    Survey { files: total.files, lines: total.lines, words }
}
