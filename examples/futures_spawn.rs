//! Futures of the `futures` crate on our pool: a pipeline that counts the words of source files.
//!
//! `count_words` is what a library would offer: it takes any `Spawn`, so it knows neither this crate nor a runtime. One
//! future reads the files and sends the texts through a channel, which has room for a few; for each text another one
//! counts. The caller runs it on `LocalPool`, the one thread that comes with `futures`, and on the threads of our pool.

use concurrent_futures::{Shutdown, ThreadPoolExecutor};
use futures::channel::mpsc;
use futures::executor::LocalPool;
use futures::task::{Spawn, SpawnExt};
use futures::{FutureExt, SinkExt, StreamExt, TryStreamExt, future};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io;
use std::time::Instant;
use walkdir::{DirEntry, WalkDir};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
/// So many texts wait to be counted, at the most.
const WAITING: usize = 4;
/// So many are being counted at once, at the most.
const COUNTING: usize = 8;

#[derive(Default, PartialEq, Eq)]
struct Count {
    files: usize,
    words: BTreeMap<String, usize>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let mut local = LocalPool::new();
    let spawner = local.spawner();
    let expected = local.run_until(count_words(&spawner, ROOT))?;
    println!("on this thread  {:>9.1?}", began.elapsed());

    let began = Instant::now();
    let pool = ThreadPoolExecutor::builder().build()?;
    let count = pool.block_on(count_words(&pool, ROOT))?;
    println!("on {} threads    {:>9.1?}", pool.max_workers(), began.elapsed());
    // The reader was detached; this would wait for it if it were still there.
    pool.shutdown(Shutdown::wait());
    println!("futures run     {:>7}", pool.stats().completed);

    let mut words: Vec<_> = count.words.iter().collect();
    words.sort_by_key(|(_, times)| Reverse(**times));
    println!("files           {:>7}", count.files);
    println!("different words {:>7}, of which are used most:", words.len());
    for (word, times) in words.iter().take(8) {
        println!("{times:>23}  {word}");
    }
    if count != expected {
        return Err("the executors disagree".into());
    }
    println!("Both executors came to the same.");
    Ok(())
}

/// Counts the words of the Rust files below a directory.
///
/// # Errors
/// The first file that could not be read; or that the executor takes no more futures.
async fn count_words(spawner: &impl Spawn, root: &'static str) -> Result<Count, Box<dyn Error>> {
    let (texts, to_count) = mpsc::channel(WAITING);
    // Detached: it ends by itself, at the last file or when nobody counts any more.
    spawner.spawn(read_all(root, texts))?;
    let counting = to_count.map(|text| {
        // With a handle, which would cancel its future if an error ended this early.
        let counted = spawner.spawn_with_handle(count(text?))?;
        Ok::<_, Box<dyn Error>>(counted.map(Ok))
    });
    let add = |total: Count, part| future::ok(total.and(part));
    counting.try_buffer_unordered(COUNTING).try_fold(Count::default(), add).await
}

async fn read_all(root: &str, mut texts: mpsc::Sender<io::Result<String>>) {
    let is_source = |entry: &DirEntry| entry.path().extension().is_some_and(|extension| extension == "rs");
    for entry in WalkDir::new(root).into_iter().filter(|entry| entry.as_ref().map_or(true, is_source)) {
        let text = entry.map_err(io::Error::from).and_then(|entry| fs::read_to_string(entry.path()));
        // Waits while the channel is full, which costs no thread.
        if texts.send(text).await.is_err() {
            return;
        }
    }
}

async fn count(text: String) -> Count {
    let mut count = Count { files: 1, ..Count::default() };
    for word in text.split(|letter: char| !letter.is_alphabetic()).filter(|word| word.len() > 3) {
        *count.words.entry(word.to_lowercase()).or_default() += 1;
    }
    count
}

impl Count {
    fn and(mut self, other: Count) -> Count {
        self.files += other.files;
        for (word, times) in other.words {
            *self.words.entry(word).or_default() += times;
        }
        self
    }
}
