//! How programs end that have threads: every way out, with daemons and without, after CPython's `ThreadJoinOnShutdown`
//! and the tests of finalization in its `ThreadTests`.
//!
//! Each program is this binary once more, told by name what to be, so that it is its real `main` that returns, panics or
//! exits; hence no harness. The table in the docs of `threading` is what the first nine programs show.
//!
//! Not here: cases 189 and 221 are about daemons that call into an interpreter that is gone (the nearest is
//! `busy_daemons`); 190 and 204 about its tracing and collecting; 225, 226, 229 and 230 about threads that fork, which
//! the crate has no function for (`forked` is the nearest); 241, 242 and 244 about regressions of its own; 257 and 258
//! about a private register of functions, for which libc's `atexit` is the thing here (`last_words`).

#[path = "../cases/child.rs"]
mod child;
mod ends;
mod exits;
mod system;
mod threads;

use child::Ended;
use ends::*;
use exits::*;
use std::process::{ExitCode, abort, exit};
use threads::{daemon, main_done, never_end, start, starter, worker};

/// What a program is expected to come to.
struct Expected {
    status: Option<i32>,
    signal: Option<i32>,
    said: &'static [&'static str],
    /// A part of what it writes to its standard error; empty: nothing at all.
    complaint: &'static str,
}

const fn ends(status: i32, said: &'static [&'static str]) -> Expected {
    Expected { status: Some(status), signal: None, said, complaint: "" }
}

const fn complains(expected: Expected, complaint: &'static str) -> Expected {
    Expected { complaint, ..expected }
}

const fn is_killed(signal: i32, said: &'static [&'static str]) -> Expected {
    Expected { status: None, signal: Some(signal), said, complaint: "" }
}

type Program = (&'static str, fn(), Expected);

const PANICS: &str = "panicked at";
const DONE: &[&str] = &["main done", "thread done"];
const DONE_BY_STARTER: &[&str] = &["main done", "starter done", "thread done"];
const MAIN_ONLY: &[&str] = &["main done"];

#[rustfmt::skip]
const PROGRAMS: &[Program] = &[
    // The table of the docs. Case 224 (in part), 228.
    ("main_returns", || main_done(worker), ends(0, DONE)),
    ("main_returns_daemon", || main_done(daemon), ends(0, MAIN_ONLY)),
    ("main_returns_started_by_thread", || main_done(starter), ends(0, DONE_BY_STARTER)),
    ("main_panics", || { main_done(worker); panic!("in main") }, complains(ends(101, DONE), PANICS)),
    ("main_panics_daemon", || { main_done(daemon); panic!("in main") }, complains(ends(101, MAIN_ONLY), PANICS)),
    ("main_panics_started_by_thread", || { main_done(starter); panic!("in main") }, complains(ends(101, DONE_BY_STARTER), PANICS)),
    ("main_exits", || { main_done(worker); exit(3) }, ends(3, DONE)),
    ("main_exits_daemon", || { main_done(daemon); exit(3) }, ends(3, MAIN_ONLY)),
    ("main_exits_started_by_thread", || { main_done(starter); exit(3) }, ends(3, DONE_BY_STARTER)),
    // Who exits.
    ("thread_exits", thread_exits, ends(3, DONE)),
    ("daemon_exits", daemon_exits, ends(3, DONE)),
    ("worker_of_a_pool_exits", worker_of_a_pool_exits, ends(3, DONE)),
    ("a_worker_that_exits_lends_its_place", a_worker_that_exits_lends_its_place, ends(3, &["thread done"])),
    ("main_joins_the_thread_that_exits", main_joins_the_thread_that_exits, ends(3, &["abandoned", "joined"])),
    ("main_returns_while_a_thread_exits", main_returns_while_a_thread_exits, ends(3, &["main returns", "thread done"])),
    ("a_thread_awaits_the_one_that_exits", a_thread_awaits_the_one_that_exits, ends(3, &["abandoned"])),
    ("two_exit", two_exit, ends(0, &["main done", "exits", "thread done"])),
    ("two_exit_and_are_joined", two_exit_and_are_joined, ends(4, &["abandoned"])),
    ("many_exit", many_exit, ends(0, MAIN_ONLY)),
    ("others_exit_and_are_joined", others_exit_and_are_joined, ends(4, &["daemon joined", "foreign joined"])),
    ("main_is_joined_while_a_thread_exits", main_is_joined_while_a_thread_exits, ends(3, &["main returns", "main joined"])),
    ("a_callback_exits", a_callback_exits, ends(3, &["joined"])),
    ("main_is_joined_by_last_words", main_is_joined_by_last_words, ends(3, &["no deadlock"])),
    // case 224: the main thread is over when it ends the process, so it can be joined.
    ("main_is_joined", main_is_joined, ends(0, &["end of main", "end of thread"])),
    // case 228: as long as there are any, also those that come while it waits.
    ("a_chain_of_threads", a_chain_of_threads, ends(0, &["3 left", "2 left", "1 left", "0 left"])),
    // case 205
    ("thread_locals", thread_locals, ends(0, &["main done", "thread-local dropped"])),
    // case 238: a panic in a thread is printed once, and is the thread's own matter.
    ("a_thread_panics", a_thread_panics, complains(ends(0, &["main done"]), "thread 'the one that panics'")),
    // case 240
    ("a_thread_panics_without_stderr", a_thread_panics_without_stderr, ends(0, &["main done"])),
    // cases 216, 217, 218 (and 257, 258: exit handlers run once)
    ("last_words", last_words, ends(0, &["main done", "thread done", "refused", "no deadlock", "joined"])),
    // case 245
    ("interrupted", interrupted, is_killed(15, &["main returns"])),
    ("aborted", || { main_done(daemon); start(never_end, false); abort() }, is_killed(6, MAIN_ONLY)),
    // beside case 230
    ("forked", forked, ends(0, &["status 7", "thread done"])),
    ("forked_while_busy", forked_while_busy, ends(0, MAIN_ONLY)),
    // beside cases 189 and 227
    ("busy_daemons", busy_daemons, ends(42, MAIN_ONLY)),
    // case 210: those that have ended are no longer waited for, nor kept.
    ("thousands", thousands, ends(0, &["1 left"])),
];

fn main() -> ExitCode {
    if let Some(role) = child::role() {
        let program = PROGRAMS.iter().find(|(name, ..)| *name == role).expect("a program of this name");
        (program.1)();
        return ExitCode::SUCCESS;
    }
    if cfg!(miri) {
        println!("cases_threading_exit: Miri starts no programs");
        return ExitCode::SUCCESS;
    }
    let Some(wanted) = wanted(std::env::args().skip(1)) else { return ExitCode::SUCCESS };
    let mut failed = 0;
    for (name, _, expected) in &wanted {
        let ended = child::run_as(name);
        let complaints = complaints(expected, &ended);
        let verdict = if complaints.is_empty() { "ok" } else { "FAILED" };
        println!("program {name} ... {verdict} ({}, said {:?})", ended.status, ended.said);
        if !complaints.is_empty() {
            failed += 1;
            println!("    {}\n    {ended:?}", complaints.join("\n    "));
        }
    }
    println!("{} of {} programs, {failed} failed", wanted.len(), PROGRAMS.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Those whose names have one of the words in them, as with the harness, of whose options the others mean nothing here.
/// `None`: it is only asked which tests there are.
fn wanted(arguments: impl Iterator<Item = String>) -> Option<Vec<&'static Program>> {
    let (mut words, mut skipped) = (Vec::new(), Vec::new());
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => return None,
            "--skip" => skipped.extend(arguments.next()),
            option if option.starts_with('-') => {}
            _ => words.push(argument),
        }
    }
    let has = |name: &str, words: &[String]| words.iter().any(|word| name.contains(word.as_str()));
    let is_wanted = |name: &str| (words.is_empty() || has(name, &words)) && !has(name, &skipped);
    Some(PROGRAMS.iter().filter(|(name, ..)| is_wanted(name)).collect())
}

fn complaints(expected: &Expected, ended: &Ended) -> Vec<String> {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&ended.status);
    #[cfg(not(unix))]
    let signal = None;
    let mut complaints = Vec::new();
    if (ended.status.code(), signal) != (expected.status, expected.signal) {
        complaints.push(format!("status {:?}, signal {:?} expected", expected.status, expected.signal));
    }
    if ended.said != expected.said {
        complaints.push(format!("{:?} expected", expected.said));
    }
    let told = ended.stderr.matches(expected.complaint).count();
    if expected.complaint.is_empty() != ended.stderr.is_empty() || (!expected.complaint.is_empty() && told != 1) {
        complaints.push(format!("{:?} expected once on the standard error", expected.complaint));
    }
    complaints
}
