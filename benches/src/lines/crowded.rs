//! T1 and T3 with more threads than there are processors: whether it falls apart. Information, without goals.

use super::closures::{self, Outside, contender};
use super::{Entry, Scale};
use crate::Failure;
use crate::measure::{Contender, Line, Role};
use crate::pools::{Ours, Rayon, RayonOneshot, Spawning};
use crate::runtimes::{AsyncExecutor, Tokio};

pub(super) const ENTRIES: &[Entry] = &[
    Entry { id: "T1w8", make: |scale| from_outside("T1w8", 8, scale) },
    Entry { id: "T1w32", make: |scale| from_outside("T1w32", 32, scale) },
    Entry { id: "T3w8", make: |scale| from_inside("T3w8", 8, scale) },
    Entry { id: "T3w32", make: |scale| from_inside("T3w32", 32, scale) },
];

fn line(id: &'static str, title: String, contenders: Vec<Contender>) -> Line {
    Line::of_times(id, title, Vec::new(), contenders)
}

fn from_outside(id: &'static str, threads: usize, scale: Scale) -> Result<Line, Failure> {
    let work = Outside { count: scale.of(200_000) };
    let contenders = vec![
        contender::<Ours>(Role::Ours, threads, work)?,
        contender::<Rayon>(Role::Peer, threads, work)?,
        contender::<RayonOneshot>(Role::Peer, threads, work)?,
        contender::<Spawning<Tokio>>(Role::Peer, threads, work)?,
        contender::<Spawning<AsyncExecutor>>(Role::Peer, threads, work)?,
    ];
    Ok(line(id, format!("as T1, with {threads} workers"), contenders))
}

fn from_inside(id: &'static str, threads: usize, scale: Scale) -> Result<Line, Failure> {
    let contenders = closures::inside(threads, scale.of(200_000))?;
    Ok(line(id, format!("as T3, with {threads} workers"), contenders))
}
