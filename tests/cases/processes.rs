//! Which processes there are, for tests of worker processes. Linux only.
#![allow(dead_code, reason = "each test file uses its part")]

use concurrent_futures::ProcessPoolExecutor;
use std::fs;

/// Whether there is such a process, be it a zombie.
pub(crate) fn exists(pid: u32) -> bool {
    fs::exists(format!("/proc/{pid}")).unwrap()
}

/// The processes of a pool, in the order of their slots.
pub(crate) fn pids<S>(pool: &ProcessPoolExecutor<S>) -> Vec<u32> {
    pool.workers().iter().map(|worker| u32::try_from(worker.os_id.unwrap()).unwrap()).collect()
}

/// What `ps` shows as the name of a process.
pub(crate) fn name(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap().trim_end().to_owned()
}

/// The children of this process, zombies included.
pub(crate) fn children() -> Vec<u32> {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    // A thread may end between the two looks.
    let of_thread = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children")).ok();
    let lists: Vec<String> = threads.flatten().filter_map(of_thread).collect();
    lists.iter().flat_map(|list| list.split_whitespace()).map(|pid| pid.parse().unwrap()).collect()
}
