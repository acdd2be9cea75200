//! T8: what pools do when they have nothing to do: CPU time of their threads, after some work; with processes, of theirs
//! too.

use super::{Entry, Scale, THREADS};
use crate::Failure;
use crate::measure::{Contender, Goal, Line, Role, Turns, Unit};
use crate::pools::{Ours, Pool, Rayon, Spawning};
use crate::processes;
use crate::runtimes::{AsyncExecutor, Tokio};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::thread;
use std::time::Duration;

pub(super) const ENTRIES: &[Entry] = &[Entry { id: "T8a", make: threads }, Entry { id: "T8b", make: workers }];

/// In /proc.
const ITSELF: &str = "self";

/// How long a pool may go on after its last task, before it counts as idle: time for whoever spins to lie down.
const SETTLING: Duration = Duration::from_millis(300);

/// How long each thread of a process has run, in nanoseconds. The system's clocks for whole processes are no good here:
/// they have in them what looking costs.
fn threads_of(process: &str) -> Result<BTreeMap<OsString, u64>, Failure> {
    let mut threads = BTreeMap::new();
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let thread = thread?;
        // One that has ended since it was listed has no times any more.
        if let Ok(times) = fs::read_to_string(thread.path().join("schedstat")) {
            let running = times.split_whitespace().next().ok_or("a schedstat without figures")?;
            threads.insert(thread.file_name(), running.parse()?);
        }
    }
    Ok(threads)
}

/// What a pool does while it is idle. `make` makes it, lets it work, and names its processes.
fn used<P>(while_idle: Duration, make: impl Fn() -> Result<(P, Vec<u64>), Failure>) -> Result<f64, Failure> {
    // Threads of other lines may be about to end.
    let foreign = threads_of(ITSELF)?;
    let (_pool, processes) = make()?;
    thread::sleep(SETTLING);
    let now = || -> Result<BTreeMap<OsString, u64>, Failure> {
        let mut threads = threads_of(ITSELF)?;
        threads.retain(|thread, _| !foreign.contains_key(thread));
        for process in &processes {
            threads.append(&mut threads_of(&process.to_string())?);
        }
        Ok(threads)
    };
    let before = now()?;
    thread::sleep(while_idle);
    let after = now()?;
    let mut sum = 0;
    for (thread, running) in &after {
        sum += running - before.get(thread).unwrap_or(&0);
    }
    if before.is_empty() || before.keys().any(|thread| !after.contains_key(thread)) {
        return Err("a thread has ended meanwhile, and with it what is known of its time".into());
    }
    Ok(sum as f64)
}

fn idle(scale: Scale) -> Duration {
    Duration::from_millis(scale.of(5_000))
}

fn line(id: &'static str, what: &str, scale: Scale, contenders: Vec<Contender>) -> Line {
    Line {
        id,
        title: format!("{what} that is idle for {:?}", idle(scale)),
        unit: Unit::ProcessorTime,
        goals: vec![Goal::AtMost(0.0)],
        turns: Turns::Once,
        contenders,
    }
}

fn contender<P: Pool>(role: Role, scale: Scale) -> Contender {
    // It is there for its own turn only.
    Contender::gauged(P::NAME, role, move || {
        used(idle(scale), || {
            let pool = P::start(THREADS)?;
            pool.sum_below(1_000);
            Ok((pool, Vec::new()))
        })
    })
}

fn threads(scale: Scale) -> Result<Line, Failure> {
    let contenders = vec![
        contender::<Ours>(Role::Ours, scale),
        contender::<Rayon>(Role::Peer, scale),
        contender::<Spawning<Tokio>>(Role::Peer, scale),
        contender::<Spawning<AsyncExecutor>>(Role::Peer, scale),
    ];
    Ok(line("T8a", "a pool of threads", scale, contenders))
}

fn workers(scale: Scale) -> Result<Line, Failure> {
    let ours = Contender::gauged(processes::Ours::NAME, Role::Ours, move || {
        used(idle(scale), || {
            let pool = processes::Ours::start(THREADS)?;
            pool.in_bulk(1_000)?;
            let processes = pool.pids();
            Ok((pool, processes))
        })
    });
    Ok(line("T8b", "a pool of processes", scale, vec![ours]))
}
