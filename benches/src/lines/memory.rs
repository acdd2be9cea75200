//! T6: what a task takes that has not begun, with the handle of its result: bytes that the allocator has given out, the
//! pool's queue and the `Vec` of handles included. So what is rounded up counts, which is 8 to 24 bytes an allocation.

use super::{Entry, Scale, THREADS};
use crate::Failure;
use crate::heap;
use crate::measure::{Contender, Goal, Line, Role, Turns, Unit};
use crate::pools::{Blocking, FuturesPool, Handles, Ours, RayonOneshot, RustyPool, Spawning, TokioBlocking};
use crate::runtimes::{AsyncExecutor, Tokio};
use std::sync::{Arc, Barrier};

pub(super) const ENTRIES: &[Entry] = &[Entry { id: "T6", make: pending }];

/// Bytes a task.
const GOAL: f64 = 96.0;

/// All of the threads are occupied meanwhile.
fn bytes_per_task<P: Handles>(pool: &P, tasks: u64) -> Result<f64, Failure> {
    let (begun, go_on) = (Arc::new(Barrier::new(THREADS + 1)), Arc::new(Barrier::new(THREADS + 1)));
    let blocking = |_| {
        let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
        pool.submit(move || {
            begun.wait();
            go_on.wait();
            0
        })
    };
    let blocked: Vec<_> = (0..THREADS).map(blocking).collect();
    begun.wait();
    let (handles, bytes) = heap::bytes_kept(|| {
        let mut handles = Vec::with_capacity(tasks as usize);
        handles.extend((0..tasks).map(|_| pool.submit(|| 1)));
        handles
    });
    go_on.wait();
    let ended = pool.collect(handles) + pool.collect(blocked);
    if ended != tasks {
        return Err(format!("{ended} of {tasks} tasks were run").into());
    }
    Ok(bytes as f64 / tasks as f64)
}

fn contender<P: Handles>(role: Role, tasks: u64) -> Result<Contender, Failure> {
    let pool = P::start(THREADS)?;
    Ok(Contender::gauged(P::NAME, role, move || bytes_per_task(&pool, tasks)))
}

fn pending(scale: Scale) -> Result<Line, Failure> {
    let tasks = scale.of(1_000_000);
    Ok(Line {
        id: "T6",
        title: format!("memory of {tasks} pending tasks, with futures"),
        unit: Unit::Memory,
        goals: vec![Goal::AtMost(GOAL)],
        turns: Turns::Once,
        contenders: vec![
            contender::<Ours>(Role::Ours, tasks)?,
            contender::<RayonOneshot>(Role::Peer, tasks)?,
            contender::<Spawning<Tokio>>(Role::Peer, tasks)?,
            contender::<TokioBlocking>(Role::Peer, tasks)?,
            contender::<Spawning<AsyncExecutor>>(Role::Peer, tasks)?,
            contender::<FuturesPool>(Role::Peer, tasks)?,
            contender::<RustyPool>(Role::Peer, tasks)?,
            contender::<Blocking>(Role::Peer, tasks)?,
        ],
    })
}
