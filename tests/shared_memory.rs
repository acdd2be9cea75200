//! Shared memory against the real kernel: what it holds, that nobody can change it, what is refused, and that it all
//! goes away again. How slices travel in frames is tested beside the code, in `src/shared_memory/travel.rs`.
#![cfg(all(target_os = "linux", feature = "processes", not(miri)))]

#[path = "cases/child.rs"]
mod child;
#[path = "shared_memory/freezing.rs"]
mod freezing;
#[path = "shared_memory/lifetime.rs"]
mod lifetime;
#[path = "shared_memory/limits.rs"]
mod limits;
#[path = "shared_memory/received.rs"]
mod received;
#[path = "shared_memory/seals.rs"]
mod seals;
#[path = "shared_memory/slices.rs"]
mod slices;
mod support;

use std::fs;
use std::os::fd::RawFd;
use std::path::PathBuf;

/// What the kernel shows of the memory that slices are made of.
const NAME: &str = "/memfd:concurrent-futures";

/// The process's open descriptors of such memory.
fn descriptors() -> Vec<RawFd> {
    let entries = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
    let is_ours = |path: &PathBuf| fs::read_link(path).is_ok_and(|target| target.to_string_lossy().starts_with(NAME));
    entries.filter(is_ours).map(|path| path.file_name().unwrap().to_str().unwrap().parse().unwrap()).collect()
}

/// A mapping of such memory in this process, as a line of `/proc/self/maps` has it.
#[derive(Debug)]
struct Mapped {
    start: usize,
    permissions: String,
    inode: u64,
}

fn mappings() -> Vec<Mapped> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let parse = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (range, permissions) = (words.next()?, words.next()?.to_owned());
        let inode = words.nth(2)?.parse().ok()?;
        let start = usize::from_str_radix(range.split('-').next()?, 16).ok()?;
        Some(Mapped { start, permissions, inode })
    };
    maps.lines().filter(|line| line.contains(NAME)).filter_map(parse).collect()
}
