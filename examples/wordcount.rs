//! Counts the words of all text files below a directory: one producer reads the files and puts their text into a queue,
//! several consumers count, and `queue.join()` says when everything is counted.
//!
//! ```text
//! cargo run --release --example wordcount              # the current directory
//! cargo run --release --example wordcount -- ~/Mail
//! ```
//!
//! The same is counted in a plain loop, and compared. Exit status: 0 if the two agree, 1 if they do not, 2 if there is
//! no such directory.

#[path = "common/files.rs"]
mod files;

use comfy_table::{CellAlignment, Table, presets};
use concurrent_futures::ThreadPoolExecutor;
use concurrent_futures::queue::Queue;
use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

type Counts = HashMap<String, u64>;

/// So many texts may wait to be counted: the producer stays that far ahead, and memory stays bounded.
const AHEAD: usize = 16;
const SHOWN: usize = 10;

fn main() -> ExitCode {
    let dir = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    match run(&dir) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("wordcount: the two ways disagree");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("wordcount: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(dir: &Path) -> Result<bool, Box<dyn Error>> {
    let files = files::below(dir)?;
    let texts = || files.iter().filter_map(|file| fs::read_to_string(file).ok());

    // Once beforehand, so that both ways find the files in memory.
    texts().for_each(drop);
    let began = Instant::now();
    let mut expected = Counts::new();
    texts().for_each(|text| count(&text, &mut expected));
    let in_a_loop = began.elapsed();

    let pool = ThreadPoolExecutor::builder().build()?;
    let consumers = pool.max_workers();
    let began = Instant::now();
    let counts = with_a_queue(&pool, consumers, texts())?;
    let with_a_queue = began.elapsed();

    println!("{}", table(&counts));
    println!("{} files, {} words, {} different", files.len(), counts.values().sum::<u64>(), counts.len());
    tell("in a loop", in_a_loop);
    tell(&format!("with {consumers} consumers"), with_a_queue);
    Ok(counts == expected)
}

/// Shuts the queue down when a consumer is over. A panic ends all of it so: otherwise, with no consumer left, the producer
/// would wait for room for ever.
struct Closing<'a>(&'a Queue<String>);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.shutdown(true);
    }
}

fn with_a_queue(
    pool: &ThreadPoolExecutor,
    consumers: usize,
    texts: impl Iterator<Item = String>,
) -> Result<Counts, Box<dyn Error>> {
    let queue = Queue::<String>::bounded(AHEAD);
    pool.scope(|scope| {
        let consume = || {
            let _closing = Closing(&queue);
            let mut counts = Counts::new();
            // Each text is done at the end of its turn.
            for text in queue.iter() {
                count(&text, &mut counts);
            }
            counts
        };
        let counting: Vec<_> = (0..consumers).map(|_| scope.submit(consume)).collect();
        for text in texts {
            // It is shut down early where a consumer has panicked; its result says so, below.
            if queue.put(text, None).is_err() {
                break;
            }
        }
        assert!(queue.join(None), "there is no limit");
        queue.shutdown(false);
        let mut all = Counts::new();
        for counts in counting {
            for (word, times) in counts.result(None)? {
                *all.entry(word).or_default() += times;
            }
        }
        Ok(all)
    })
}

/// Words are runs of letters, in lower case.
fn count(text: &str, counts: &mut Counts) {
    for word in text.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
}

/// The most frequent words; equally frequent ones in the order of the alphabet.
fn table(counts: &Counts) -> Table {
    let mut words: Vec<(&String, &u64)> = counts.iter().collect();
    words.sort_by_key(|(word, times)| (std::cmp::Reverse(**times), *word));
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(["word", "times"]);
    for (word, times) in words.into_iter().take(SHOWN) {
        table.add_row([word.clone(), times.to_string()]);
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

fn tell(way: &str, taken: Duration) {
    println!("{way:<20} {:>8.1} ms", taken.as_secs_f64() * 1e3);
}
