//! Compares the crate with its peers: the same work for all, in one process, in turns.
//!
//! ```text
//! cargo run --release -p peers                       # everything
//! cargo run --release -p peers -- --quick            # a first look
//! cargo run --release -p peers -- --only T1,P,Q1b    # by id, or by how ids begin
//! ```
//!
//! A *line* is one piece of work, a *contender* is one way to get it done. `lines` has the work; `pools`, `runtimes`,
//! `channels` and `processes` have the contenders, `raw`, `parking` and `peer` the limits. `measure` runs a line,
//! `report` says how it went: as tables, in `target/peers.json` for programs, and as a chart.
//!
//! Exit status: 0 if everything was measured, whatever came of it; 2 if something could not be, or was computed wrongly.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program whose purpose is to print a table")]

mod channels;
mod heap;
mod lines;
mod mailbox;
mod measure;
mod parking;
#[cfg(target_os = "linux")]
mod peer;
mod pools;
#[cfg(target_os = "linux")]
mod processes;
mod raw;
mod report;
mod runtimes;

use clap::Parser;
use lines::Scale;
use report::Verdict;
use std::error::Error;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Whatever keeps a line from being measured.
pub(crate) type Failure = Box<dyn Error>;

const ROUNDS: usize = 11;
const QUICK_ROUNDS: usize = 5;

/// Compare concurrent-futures with its peers on the same work, in turns.
///
/// A goal is met where our median is at most that many times the median of whom it is over, or at most a figure of its
/// own. Most figures are nanoseconds by the clock on the wall; some lines count bytes, or CPU time. target/peers.json has
/// an object for each line: `unit` says what `ours_ns` and `peers` count, `ratio` and `goal` are those of the goal that
/// is furthest from being met (`goals` has all), and `pass` is null where a line is information.
#[derive(Parser)]
#[command(name = "peers", version)]
struct Options {
    /// Fewer rounds with less work.
    #[arg(long)]
    quick: bool,

    /// Only these lines, by their ids or by how these begin: `T1`, `P`.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    only: Vec<String>,

    /// How often each contender does the work. Default: 11, or 5 with --quick.
    #[arg(long, value_name = "N")]
    rounds: Option<NonZeroUsize>,

    /// Draw the lines as a chart (SVG) into this file.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
}

fn main() -> ExitCode {
    // The other side of contenders that start this program once more.
    #[cfg(target_os = "linux")]
    {
        procspawn::init();
        if let Some(code) = peer::run_if_asked() {
            return code;
        }
    }
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("peers: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let usual = if options.quick { QUICK_ROUNDS } else { ROUNDS };
    let rounds = options.rounds.map_or(usual, NonZeroUsize::get);
    let scale = Scale { quick: options.quick };
    let chosen = lines::chosen(&options.only)?;
    let mut verdicts = Vec::new();
    for entry in chosen {
        // Made when its turn comes, and gone after it, so that no other line's threads are around.
        let mut line = (entry.make)(scale)?;
        let measured = measure::measure(&mut line, rounds)?;
        let verdict = Verdict::of(&line, &measured)?;
        println!("{}", report::of_line(&line, &verdict, &measured));
        verdicts.push(verdict);
    }
    println!("{}", report::of_all(&verdicts));
    if let Some(path) = &options.chart {
        report::draw(&verdicts, path)?;
        println!("{}", path.display());
    }
    let judged = verdicts.iter().filter_map(|verdict| verdict.pass);
    let (met, all) = (judged.clone().filter(|pass| *pass).count(), judged.count());
    let path = report::write(&verdicts)?;
    println!("{met} of {all} lines met their goals, {rounds} rounds; {}", path.display());
    Ok(())
}
