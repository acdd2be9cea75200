//! SHA-256 of every file below a directory: once in a plain loop, and once on threads, in worker processes, or both.
//!
//! ```text
//! cargo run --release --example digest                          # the sources of your dependencies
//! cargo run --release --example digest -- --executor threads,processes
//! cargo run --release --example digest -- ~/Pictures --all
//! cargo run --release --example digest -- ~/Pictures --sums --quiet > sums && sha256sum -c sums
//! ```
//!
//! The ways have to agree on every hash; then a table tells what each of them took. Exit status: 0 if all is well, 1 if
//! something could not be read or the ways disagree, 2 if there was nothing to begin with.
//!
//! `walk` finds the files, `hash` reads one, `ways` runs `hash` over all of them, `verdict` compares, `table` tells.

mod hash;
mod progress;
mod table;
mod verdict;
mod walk;
mod ways;

use clap::Parser;
use indicatif::{BinaryBytes, HumanCount};
use std::error::Error;
use std::fs;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use verdict::Verdict;
use walk::{Found, Problem};
use ways::Executor;

const MIB: u64 = 1024 * 1024;
/// A few seconds of work, also where the processor has no instructions for SHA-256, or nothing was optimised.
const USUAL_LIMIT_MIB: u64 = if cfg!(debug_assertions) { 16 } else { 512 };

/// Hash every file below a directory with SHA-256, sequentially and on an executor, and compare.
///
/// Symbolic links are not followed (DIR itself may be one), so a loop of them does no harm; fifos, sockets and devices
/// are never opened. What cannot be read is named on standard error and left out, and the exit status is 1.
#[derive(Parser)]
#[command(name = "digest", version)]
struct Options {
    /// The directory, or one file. Default: where cargo keeps the sources of dependencies, else the current directory.
    dir: Option<PathBuf>,

    /// Where the files are hashed beside the plain loop: give several, with commas between them, to compare them.
    #[arg(long, value_name = "WHERE", value_enum, value_delimiter = ',', default_value = "threads")]
    executor: Vec<Executor>,

    /// How many workers each executor has. Default: as many as there are processors.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,

    /// Take files, in the order of their names, until they come to this many MiB. Default: 512 (16 in a debug build),
    /// or no limit with --sums.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Take every file, however long it takes.
    #[arg(long, conflicts_with = "limit")]
    all: bool,

    /// Write the sums to standard output, in the form that `sha256sum -c` reads; the summary goes to standard error.
    ///
    /// Paths begin with DIR as it was given: give an absolute one to check the sums from anywhere.
    #[arg(long)]
    sums: bool,

    /// No summary and no progress, only sums and problems.
    #[arg(long, short)]
    quiet: bool,
}

impl Options {
    fn limit(&self) -> Option<u64> {
        let usual = if self.all || self.sums { None } else { Some(USUAL_LIMIT_MIB) };
        self.limit.or(usual).map(|limit| limit.saturating_mul(MIB))
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(code) => code,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(2)
        }
    }
}

/// All of it. An error here means that nothing was done.
fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let root = options.dir.clone().unwrap_or_else(default_directory);
    let workers = options.workers.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let ways = ways::all(&options.executor, workers)?;
    let kind = fs::metadata(&root).map_err(|error| format!("{}: {error}", walk::shown(&root)))?;
    let mut found = match kind {
        kind if kind.is_dir() => walk::below(&root),
        kind if kind.is_file() => Found::one(root.clone(), kind.len()),
        _ => return Err(format!("{}: neither a directory nor a regular file", walk::shown(&root)).into()),
    };
    let note = options.limit().and_then(|limit| cap(&mut found, limit));

    let progress = progress::Progress::new(&found, options.quiet)?;
    let mut bar = progress.pass("reading into the page cache");
    found.files.iter().for_each(|file| bar.done(ways::warm_up(file)));
    drop(bar);
    let mut runs = Vec::new();
    for way in &ways {
        let mut bar = progress.pass(&way.label);
        runs.push(way.hash_all(&found.files, |bytes| bar.done(bytes)));
    }
    let verdict = Verdict::of(&found.files, &runs);

    let problems: Vec<&Problem> = found.problems.iter().chain(&verdict.problems).collect();
    for problem in &problems {
        complain(&format!("{}: {}", walk::shown(&problem.path), problem.reason));
    }
    let mut failed = !problems.is_empty();
    if options.sums {
        failed |= !written(io::stdout().lock(), |out| verdict.write_sums(&found.files, out));
    }
    if !options.quiet {
        let summary = summary(&root, &found, note, &runs, &verdict);
        // Where the sums are in the way of the summary, it steps aside.
        let out: Box<dyn Write> = if options.sums { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
        failed |= !written(out, |out| out.write_all(summary.as_bytes()));
    }
    Ok(ExitCode::from(u8::from(failed)))
}

/// There after any build that had a dependency; else the current directory will do.
fn default_directory() -> PathBuf {
    let home = || std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(Path::new(&home()?).join(".cargo")));
    cargo.map(|cargo| cargo.join("registry").join("src")).filter(|dir| dir.is_dir()).unwrap_or_else(|| ".".into())
}

/// Leaves the files behind the one that reaches the limit, and says so.
fn cap(found: &mut Found, limit: u64) -> Option<String> {
    let mut bytes = 0;
    let reached = found.files.iter().position(|file| {
        bytes += file.bytes;
        bytes >= limit
    })?;
    let (taken, files, all) = (reached + 1, found.files.len(), found.bytes());
    if taken == files {
        return None;
    }
    found.files.truncate(taken);
    Some(format!(
        "These are the first {} of {}, {} of {} files; --all takes everything.",
        BinaryBytes(bytes),
        BinaryBytes(all),
        HumanCount(taken as u64),
        HumanCount(files as u64),
    ))
}

fn summary(root: &Path, found: &Found, note: Option<String>, runs: &[ways::Run<'_>], verdict: &Verdict) -> String {
    let (files, bytes, root) = (found.files.len() as u64, BinaryBytes(found.bytes()), walk::shown(root));
    let mut lines = vec![format!(
        "SHA-256 of {} {}, {bytes}: {root}",
        HumanCount(files),
        if files == 1 { "file" } else { "files" }
    )];
    lines.extend(note);
    if found.links + found.special > 0 {
        lines.push(format!(
            "Left out: {} symbolic links, {} fifos, sockets and devices.",
            HumanCount(found.links),
            HumanCount(found.special)
        ));
    }
    if cfg!(debug_assertions) {
        lines.push("This is a debug build: its times say little. Add --release.".to_owned());
    }
    if files > 0 {
        lines.push("Each was read once beforehand, so that all ways find the page cache warm.".to_owned());
        lines.push(table::of(runs));
        lines.push(verdict.in_words(runs.len()));
    }
    let unread = found.problems.len() + verdict.unreadable;
    if unread > 0 {
        lines.push(format!("{} could not be read: see standard error.", HumanCount(unread as u64)));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Writes all of it. `false`: it did not get there, and somebody has been told, unless it was the reader who left
/// (`| head`): that is no failure.
fn written<W: Write>(out: W, write: impl FnOnce(&mut BufWriter<W>) -> io::Result<()>) -> bool {
    let mut out = BufWriter::new(out);
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("cannot write the output: {error}"));
            false
        }
        _ => true,
    }
}

/// One line on standard error. If nobody reads that, there is nobody to tell.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "digest: {text}");
}
