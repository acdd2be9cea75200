//! Compares the crate with its peers: the same work for all, in one process, in turns.
//!
//! ```text
//! cargo run --release -p peers                       # everything
//! cargo run --release -p peers -- --quick            # a first look
//! cargo run --release -p peers -- --only T4a,Q1b
//! ```
//! A *line* is one piece of work, a *contender* is one way to get it done. `lines` has the work, `runtimes`, `raw` and
//! `channels` the contenders, `measure` runs a line, `report` says how it went: as a table, and in `target/peers.json`
//! for programs.
//! `channels` the contenders, `measure` runs a line, `report` says how it went: as a table, and in `target/peers.json` for programs.
//!
//! Exit status: 0 if everything was measured, whatever came of it; 2 if something could not be, or was computed wrongly.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program whose purpose is to print a table")]

mod channels;
mod lines;
mod mailbox;
mod measure;
mod raw;
mod report;
mod runtimes;

use clap::Parser;
use lines::Scale;
use report::Verdict;
use std::error::Error;
use std::num::NonZeroUsize;
use std::process::ExitCode;

/// Whatever keeps a line from being measured.
pub(crate) type Failure = Box<dyn Error>;

const ROUNDS: usize = 11;
const QUICK_ROUNDS: usize = 5;

/// Compare concurrent-futures with its peers on the same work, in turns.
///
/// Times are nanoseconds per item, by the clock on the wall. A goal is met where our median is at most that many times
/// the median of the best peer.
#[derive(Parser)]
#[command(name = "peers", version)]
struct Options {
    /// Fewer rounds with less work.
    #[arg(long)]
    quick: bool,

    /// Only these lines, by their ids.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    only: Vec<String>,

    /// How often each contender does the work. Default: 11, or 5 with --quick.
    #[arg(long, value_name = "N")]
    rounds: Option<NonZeroUsize>,
}

fn main() -> ExitCode {
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
        println!("{}\n{}\n", line.heading(), report::table(&verdict, &measured));
        verdicts.push(verdict);
    }
    let met = verdicts.iter().filter(|verdict| verdict.pass).count();
    let path = report::write(&verdicts)?;
    println!("{met} of {} goals met, {rounds} rounds; {}", verdicts.len(), path.display());
    Ok(())
}
