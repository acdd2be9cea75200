//! Which threads the process has, by the beginning of their names. Linux only.
#![cfg(target_os = "linux")]

use std::fs;

/// How many threads of this process have names that begin so. Linux keeps the first 15 bytes of a name.
pub(crate) fn named(prefix: &str) -> usize {
    assert!(prefix.len() <= 15, "Linux would cut {prefix:?}");
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let name = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("comm")).ok();
    // A thread may end between the two looks.
    threads.flatten().filter_map(name).filter(|name| name.starts_with(prefix)).count()
}
