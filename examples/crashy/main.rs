//! A parser that cannot be trusted, in worker processes: it crashes, hangs or eats all memory on some files, and all
//! others are parsed as if nothing had been.
//!
//! ```text
//! cargo run --release --example crashy             # sample files of its own, of which some are fatal
//! cargo run --release --example crashy -- src      # every file below a directory
//! ```
//!
//! A map goes over the files: each has a time limit, each worker a memory limit, and a worker that dies costs one file.
//! Exit status: 0 if each sample came to what it should (with DIR: if there was something to parse), 1 if not, 2 if there
//! was nothing to begin with.
//!
//! `parser` is the code that nobody should trust, `samples` writes files for it, `fates` says what became of each,
//! `table` tells.
#![cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "worker processes are there on Linux only"))]

mod fates;
#[path = "../common/files.rs"]
mod files;
mod parser;
mod samples;
mod table;

use clap::Parser as _;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Parse every file below a directory with a parser that crashes, and say which files it failed on, and why.
#[derive(clap::Parser)]
#[command(name = "crashy", version)]
struct Options {
    /// The directory. Default: samples of this program's own, in a temporary directory that is removed at the end.
    dir: Option<PathBuf>,

    /// How many worker processes there are.
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,

    /// How long a single file may take, in milliseconds.
    #[arg(long, value_name = "MS", default_value = "2000", value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,

    /// How much memory a worker may have, in MiB.
    #[arg(long, value_name = "MIB", default_value = "64", value_parser = clap::value_parser!(u64).range(16..=1 << 20))]
    memory: u64,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "crashy: {error}");
            ExitCode::from(2)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn run(_options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    Err("worker processes are there on Linux only".into())
}

/// `true`: everything came to what it should.
#[cfg(target_os = "linux")]
fn run(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    use concurrent_futures::ProcessPoolExecutor;
    use std::time::{Duration, Instant};

    let samples = match options.dir {
        Some(_) => None,
        None => Some(samples::write().map_err(|error| format!("the samples cannot be written: {error}"))?),
    };
    let root = options.dir.as_deref().or(samples.as_ref().map(samples::Samples::directory)).unwrap_or(".".as_ref());
    let files = files::below(root)?;
    if files.is_empty() {
        return Err(format!("{}: there is no file below it", root.display()).into());
    }

    let pool = ProcessPoolExecutor::builder()
        .max_workers(options.workers.into())
        .name("crashy")
        .memory_limit(options.memory << 20)
        .term_grace(Duration::from_millis(200))
        .build()?;
    let began = Instant::now();
    let paths = files.iter().map(|file| file.clone().into_os_string());
    let results = pool.map(parser::parse_file, paths).item_timeout(Duration::from_millis(options.limit));
    let fates: Vec<fates::Fate> = results.map(fates::Fate::of).collect();
    let seconds = began.elapsed().as_secs_f64();

    let all_is_well =
        samples.as_ref().is_none_or(|samples| files.iter().zip(&fates).all(|(file, fate)| samples.expect(file, fate)));
    let bytes: u64 = files.iter().filter_map(|file| file.metadata().ok()).map(|facts| facts.len()).sum();
    let mut text = table::of(root, &files, &fates);
    text += &format!("Executor: processes x{}; {bytes} bytes in {seconds:.3} s.\n", options.workers);
    if samples.is_some() {
        text +=
            if all_is_well { "Each sample came to what it should.\n" } else { "A sample came to something else.\n" };
    }
    io::stdout().write_all(text.as_bytes())?;
    Ok(all_is_well)
}
