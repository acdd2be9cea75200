//! A pipeline of three stages with bounded queues between them: one reads files, one hashes them, one finds out which
//! are the same. However slow a stage is, no more than a few files are in memory.
//!
//! ```text
//! cargo run --release --example pipeline              # the current directory
//! cargo run --release --example pipeline -- ~/Pictures
//! ```
//!
//! A stage ends when its queue is shut down and empty, and then shuts the next one down, so the end runs through. A
//! stage that fails also closes the queue behind it, so nobody waits for it.
//!
//! The same is done in a plain loop, and compared. Exit status: 0 if the two agree, 1 if they do not, 2 if there is no
//! such directory.

#[path = "common/files.rs"]
mod files;

use concurrent_futures::ThreadPoolExecutor;
use concurrent_futures::queue::Queue;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

type Sum = [u8; 32];
type Same<'a> = BTreeMap<Sum, Vec<&'a Path>>;

/// Room between two stages.
const ROOM: usize = 4;
const HASHERS: usize = 2;

fn main() -> ExitCode {
    let dir = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    match run(&dir) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("pipeline: the two ways disagree");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("pipeline: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(dir: &Path) -> Result<bool, Box<dyn Error>> {
    let files = files::below(dir)?;

    // Once beforehand, so that both ways find the files in memory.
    files.iter().map(fs::read).for_each(drop);
    let began = Instant::now();
    let mut expected = Same::new();
    for file in &files {
        if let Ok(content) = fs::read(file) {
            expected.entry(hash(&content)).or_default().push(file);
        }
    }
    let in_a_loop = began.elapsed();

    let began = Instant::now();
    let (same, fullest) = pipeline(&files)?;
    let through_queues = began.elapsed();

    for files in same.values().filter(|files| files.len() > 1).take(10) {
        println!("the same: {}", files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", "));
    }
    let twins = same.values().filter(|files| files.len() > 1).count();
    println!("{} files, {} different, {twins} of them more than once", files.len(), same.len());
    println!("in a loop            {:>8.1} ms", in_a_loop.as_secs_f64() * 1e3);
    println!("through the pipeline {:>8.1} ms", through_queues.as_secs_f64() * 1e3);
    println!("at most {fullest} of {ROOM} contents waited to be hashed");
    Ok(same == expected && fullest <= ROOM)
}

/// Shuts a queue down when a stage is over, also by a panic.
struct Closing<'a, T> {
    queue: &'a Queue<T>,
    /// The stage reads from it: what nobody will read is thrown away. After an orderly end there is nothing.
    read: bool,
}

impl<T> Drop for Closing<'_, T> {
    fn drop(&mut self) {
        self.queue.shutdown(self.read);
    }
}

/// What is the same, and how full the first queue ever was.
fn pipeline(files: &[PathBuf]) -> Result<(Same<'_>, usize), Box<dyn Error>> {
    let pool = ThreadPoolExecutor::new(2 + HASHERS)?;
    let (contents, sums) = (Queue::bounded(ROOM), Queue::bounded(ROOM));
    let fullest = AtomicUsize::new(0);
    let mut same = pool.scope(|scope| {
        let _reading = scope.submit(|| {
            let _output = Closing { queue: &contents, read: false };
            for file in files {
                // What cannot be read is left out, as in the loop. A queue that is shut down ends this stage too.
                let Ok(content) = fs::read(file) else { continue };
                if contents.put((file.as_path(), content), None).is_err() {
                    return;
                }
                fullest.fetch_max(contents.len(), Ordering::Relaxed);
            }
        });
        let _hashing = scope.submit(|| {
            let _input = Closing { queue: &contents, read: true };
            let _output = Closing { queue: &sums, read: false };
            // Several at once: this stage is over when all of its tasks are.
            pool.scope(|hashers| {
                let _hashers = [(); HASHERS].map(|()| {
                    hashers.submit(|| {
                        for item in contents.iter() {
                            let (file, content) = &*item;
                            if sums.put((*file, hash(content)), None).is_err() {
                                return;
                            }
                        }
                    })
                });
            });
        });
        let _input = Closing { queue: &sums, read: true };
        let mut same = Same::new();
        for item in sums.iter() {
            let (file, sum) = *item;
            same.entry(sum).or_default().push(file);
        }
        same
    });
    // They came in the order in which they were hashed.
    same.values_mut().for_each(|files| files.sort_unstable());
    Ok((same, fullest.into_inner()))
}

fn hash(content: &[u8]) -> Sum {
    Sha256::digest(content).into()
}
