//! What the fuzzers of `fuzz/` do, in the usual suite: their corpora, and a fixed number of changes to them.
//!
//! `CONCURRENT_FUTURES_FUZZ_SECONDS=60` goes on with other changes for that long, for each target. An input that a
//! fuzzer has found goes into `tests/fuzz/corpus/TARGET`, under any name, and is tried here from then on.
#![cfg(all(target_os = "linux", feature = "processes"))]

mod support;

use concurrent_futures::__private::fuzz;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Changed inputs for each target, beside the corpus itself.
const CHANGES: usize = 2_000;
/// Longer ones say nothing that shorter ones do not.
const LONGEST: usize = 4096;

type Target = fn(&[u8]) -> bool;

/// How many inputs were understood, and how many were not.
#[derive(Debug, Default)]
struct Tally {
    understood: usize,
    refused: usize,
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// The same numbers on every machine, so that what fails here fails everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// One input of the corpus, changed in a few places.
    fn changed(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(6) {
            let at = self.below(input.len() + 1);
            match self.below(7) {
                0 => input.truncate(at),
                1 => input.insert(at, self.next() as u8),
                2 if at < input.len() => drop(input.remove(at)),
                3 => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len() + 1);
                    input.truncate(at);
                    input.extend_from_slice(&other[from..]);
                }
                4 => input.extend_from_slice(&self.next().to_le_bytes()),
                _ if at < input.len() => input[at] = [0, 1, 0x7f, 0x80, 0xff, self.next() as u8][self.below(6)],
                _ => {}
            }
        }
        input.truncate(LONGEST);
        input
    }
}

/// Tries everything, and names what made a target panic.
fn explore(name: &str, target: Target) {
    let _watchdog = support::watchdog();
    let corpus = corpus(name);
    assert!(corpus.len() >= 5, "the corpus of {name} has {} inputs only", corpus.len());
    let mut tally = Tally::default();
    let mut run = |input: &[u8]| {
        let understood = std::panic::catch_unwind(|| target(input))
            .unwrap_or_else(|_| panic!("{name} fails; a new file for its corpus: {input:?}"));
        *(if understood { &mut tally.understood } else { &mut tally.refused }) += 1;
    };
    corpus.iter().for_each(|input| run(input));
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for _ in 0..CHANGES {
        run(&numbers.changed(&corpus));
    }
    let seconds = std::env::var("CONCURRENT_FUTURES_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let began = Instant::now();
    while seconds.is_some_and(|seconds| began.elapsed() < Duration::from_secs(seconds)) {
        run(&numbers.changed(&corpus));
    }
    println!("{name}: {tally:?}");
    // Otherwise nothing was tried but the first look at the bytes, or nothing was ever made up.
    assert!(tally.understood > 100 && tally.refused > 100, "{name}: {tally:?}");
}

#[test]
fn frames_that_a_worker_made_up_are_errors() {
    explore("frames", fuzz::frames);
}

#[test]
fn chunks_that_were_made_up_have_an_outcome_for_each_item() {
    explore("chunks", fuzz::chunks);
}

#[test]
fn envelopes_that_were_changed_are_refused_or_name_an_entry() {
    explore("envelopes", fuzz::envelopes);
}

#[test]
fn a_start_with_other_messages_fails() {
    explore("starts", fuzz::starts);
}

#[test]
fn orders_and_words_are_read_whole_or_not_at_all() {
    explore("words", fuzz::words);
}

#[test]
fn descriptors_come_under_their_numbers_between_other_messages() {
    explore("mail", fuzz::mail);
}

#[test]
fn a_board_with_other_words_is_damage_and_nothing_worse() {
    explore("board", fuzz::board);
}

#[test]
fn handles_open_proper_memory_only() {
    explore("handles", fuzz::handles);
}
