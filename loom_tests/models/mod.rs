//! Loom models of the library's own code, one file for each protocol.
//!
//! Each model says which bug it would show. It runs under every interleaving (or every one with a few preemptions,
//! where there are too many), and fails if there was only one: then it would have checked nothing.
#![expect(unsafe_code, reason = "cells are made by hand, to model one task at a time")]
#![expect(clippy::disallowed_types, reason = "counters that loom must not explore")]
#![expect(clippy::print_stdout, reason = "how much was explored is part of the result")]

mod block_on;
mod callbacks;
mod cells;
mod handing_over;
mod latch;
mod lifecycle;
mod nested;
mod pool;
mod queue;
mod remote;
#[cfg(all(feature = "processes", target_os = "linux"))]
mod ring;
#[cfg(all(feature = "processes", target_os = "linux"))]
mod ring_death;
mod scope;
mod spawned;
mod threading;
mod wait;
mod wait_list;
mod wakers;

use crate::task::{CellRef, Future, NewCell, Task, Work};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Explores every interleaving.
fn exhaustively(model: impl Fn() + Sync + Send + 'static) {
    explore(None, None, model);
}

/// Explores every interleaving with at most so many preemptions.
fn bounded(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    explore(Some(preemptions), None, model);
}

/// Explores the first so many interleavings with at most so many preemptions, where there are millions.
fn sampled(preemptions: usize, executions: usize, model: impl Fn() + Sync + Send + 'static) {
    explore(Some(preemptions), Some(executions), model);
}

/// Explores interleavings with at most one preemption of what happens between `loom::explore` and
/// `loom::stop_exploring`, where what leads there would be millions: all of them, or the first so many.
fn from_here(executions: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    explore(Some(1), executions, move || {
        loom::stop_exploring();
        model();
    });
}

fn explore(preemptions: Option<usize>, executions: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    alone(|| report(count_executions(preemptions, executions, model)));
}

/// Set in a process that has one model to itself.
const ALONE: &str = "CONCURRENT_FUTURES_MODEL_ALONE";

/// Calls this in a process of its own, in which the calling test is run once more: every execution of a model maps and
/// unmaps its threads' stacks, and two models that do so in one process take longer than one after the other.
fn alone(explores: impl FnOnce()) {
    let thread = std::thread::current();
    // A harness that is told to have one thread runs tests on the main one, whose name is not theirs.
    let test = thread.name().filter(|name| *name != "main" && std::env::var_os(ALONE).is_none());
    let Some(test) = test else { return explores() };
    let run = std::env::current_exe()
        .and_then(|program| Command::new(program).args([test, "--exact", "--nocapture"]).env(ALONE, "1").output());
    let output = run.unwrap_or_else(|error| panic!("this program cannot be run once more: {error}"));
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{test} in its own process: {}", output.status);
    assert!(said.contains(EXECUTIONS), "{test} was not run in its own process");
}

/// What comes of a model that holds.
const EXECUTIONS: &str = " executions";

fn count_executions(
    preemptions: Option<usize>,
    executions: Option<usize>,
    model: impl Fn() + Sync + Send + 'static,
) -> usize {
    let limit = executions;
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_permutations = limit;
    builder.max_branches = 20_000;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    executions.load(Ordering::Relaxed)
}

fn report(executions: usize) {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!("{name}: {executions}{EXECUTIONS}");
    assert!(executions > 1, "{name} explored a single execution, so it checked nothing");
}

struct Closure<F>(F);

impl<F: FnOnce() -> T, T> Work for Closure<F> {
    type Output = T;

    fn work(self) -> T {
        (self.0)()
    }
}

/// A task as an executor would get it, and its future.
fn task<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> (Task, Future<T>) {
    let cell = NewCell::pending().with_work(Closure(f));
    // SAFETY: `pending` makes two references; this is the task's.
    let task = unsafe { CellRef::from_owned(cell) };
    // SAFETY: this is the future's, and the value is the closure's.
    let future = unsafe { Future::from_owned(cell) };
    (Task::new(task), future)
}

/// Counts its drops.
#[derive(Clone)]
struct Drops(Arc<AtomicUsize>);

/// Something that must be dropped exactly once.
struct Counted(Drops);

impl Drops {
    fn new() -> Self {
        Drops(Arc::new(AtomicUsize::new(0)))
    }

    fn item(&self) -> Counted {
        Counted(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}
