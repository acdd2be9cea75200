//! The ways of hashing all files: a plain loop, and the executors that were asked for.
//!
//! To add an executor, add a line to [`Executor`] and to [`Executor::way`]. It gets portable jobs only, so it need not
//! share this process's memory.

use crate::hash::{Outcome, hash_file, read_pieces};
use crate::walk::File;
use clap::ValueEnum;
#[cfg(all(target_os = "linux", feature = "processes"))]
use concurrent_futures::ProcessPoolExecutor;
use concurrent_futures::{BuildError, TaskError, ThreadPoolExecutor};
use std::cmp::Reverse;
use std::ffi::OsString;
use std::time::{Duration, Instant};

/// Where files can be hashed beside the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Executor {
    /// On threads of this process.
    Threads,
    /// In worker processes, which read the files themselves.
    #[cfg(all(target_os = "linux", feature = "processes"))]
    Processes,
}

impl Executor {
    fn way(self, workers: usize) -> Result<Way, BuildError> {
        Ok(match self {
            Executor::Threads => {
                let threads = ThreadPoolExecutor::builder().max_workers(workers).thread_name_prefix("digest");
                Way::on("threads", threads.build()?)
            }
            #[cfg(all(target_os = "linux", feature = "processes"))]
            Executor::Processes => {
                let processes = ProcessPoolExecutor::builder().max_workers(workers).name("digest");
                Way::on("processes", processes.build()?)
            }
        })
    }
}

pub(crate) struct Way {
    pub(crate) label: String,
    pub(crate) workers: usize,
    /// `None`: the plain loop.
    executor: Option<Box<dyn concurrent_futures::Executor>>,
}

/// The loop first, and each executor once.
pub(crate) fn all(executors: &[Executor], workers: usize) -> Result<Vec<Way>, BuildError> {
    let mut ways = vec![Way::sequential()];
    for (at, executor) in executors.iter().enumerate() {
        if !executors[..at].contains(executor) {
            ways.push(executor.way(workers)?);
        }
    }
    Ok(ways)
}

/// What a way came to.
pub(crate) struct Run<'w> {
    pub(crate) way: &'w Way,
    /// In the order of the files.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) elapsed: Duration,
}

impl Way {
    fn sequential() -> Self {
        Way { label: "sequential".to_owned(), workers: 1, executor: None }
    }

    fn on(what: &str, executor: impl concurrent_futures::Executor + 'static) -> Self {
        let workers = executor.max_workers();
        Way { label: format!("{what} x{workers}"), workers, executor: Some(Box::new(executor)) }
    }

    /// Hashes every file; `done` hears of each one's size when it is done.
    pub(crate) fn hash_all(&self, files: &[File], mut done: impl FnMut(u64)) -> Run<'_> {
        // The largest first: one that is begun last keeps one worker busy while the others have nothing left. The loop
        // does the same, so that all have the same work in the same order.
        let mut order: Vec<usize> = (0..files.len()).collect();
        order.sort_by_key(|index| Reverse(files[*index].bytes));
        let jobs = order.into_iter().map(|index| (index, files[index].path.clone().into_os_string()));

        let mut outcomes: Vec<Option<Outcome>> = vec![None; files.len()];
        let mut receive = |(index, outcome): (usize, Outcome)| {
            done(files[index].bytes);
            outcomes[index] = Some(outcome);
        };
        let mut lost = None;
        let began = Instant::now();
        match &self.executor {
            None => jobs.map(numbered).for_each(&mut receive),
            // Chunks are sized by the map: single large files first, and then many small ones at once.
            Some(executor) => executor.as_ref().map(numbered, jobs).unordered().for_each(|result| match result {
                Ok(result) => receive(result),
                Err(error) => lost = Some(error),
            }),
        }
        let elapsed = began.elapsed();

        // An executor that lost a task (a worker's death, a panic) cannot say which file that was: one without an
        // outcome.
        let lost = lost.unwrap_or(TaskError::Abandoned);
        let outcomes =
            outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(lost.clone().into()))).collect();
        Run { way: self, outcomes, elapsed }
    }
}

/// The results come in any order, so each brings its number along.
fn numbered((index, path): (usize, OsString)) -> (usize, Outcome) {
    (index, hash_file(path))
}

/// Reads a file for nothing but the page cache, which would otherwise make whoever comes first look slow. Says how
/// large it is; if it cannot be read, a later pass will say so.
pub(crate) fn warm_up(file: &File) -> u64 {
    let _ = read_pieces(&file.path, |_| {});
    file.bytes
}
