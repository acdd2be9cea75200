//! What the tests of worker processes share: every way to die, values that blow up on their way, and looking at
//! processes from outside.
#![expect(unsafe_code, reason = "ways to die that safe code does not have")]
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod gate;
pub(crate) mod outside;
pub(crate) mod trap;

use concurrent_futures::{DeathReport, ProcessPoolExecutor, Shutdown, TaskError};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const SIGILL: i32 = 4;
pub(crate) const SIGABRT: i32 = 6;
pub(crate) const SIGKILL: i32 = 9;
pub(crate) const SIGSEGV: i32 = 11;
pub(crate) const SIGTERM: i32 = 15;

/// Its drop waits, as any; but a test that fails beside a task without an end is to say so.
pub(crate) fn pool(workers: usize) -> ProcessPoolExecutor {
    let drops = Shutdown::wait().kill_after(Duration::from_secs(30));
    ProcessPoolExecutor::builder().max_workers(workers).on_last_drop(drops).build().unwrap()
}

/// What a task of a healthy worker does.
pub(crate) fn double(n: u64) -> u64 {
    n * 2
}

pub(crate) fn pid() -> u32 {
    std::process::id()
}

/// Ends the worker as `exit` of a program does.
pub(crate) fn exit(code: i32) -> u64 {
    std::process::exit(code)
}

/// The same, past all exit handlers.
pub(crate) fn exit_at_once(code: i32) -> u64 {
    unsafe extern "C" {
        safe fn _exit(code: i32) -> !;
    }
    _exit(code)
}

pub(crate) fn abort() -> u64 {
    std::process::abort()
}

/// Reads from an address that nobody has.
pub(crate) fn segfault() -> u64 {
    let nowhere = black_box(16 as *const u64);
    // SAFETY: there is none; the process ends here.
    unsafe { nowhere.read_volatile() }
}

pub(crate) fn illegal_instruction() -> u64 {
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    // SAFETY: there is none; the process ends here.
    unsafe {
        std::arch::asm!("ud2")
    };
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("udf #0")
    };
    0
}

pub(crate) fn overflow_stack() -> u64 {
    #[expect(unconditional_recursion, reason = "it is to end badly")]
    fn recurse(depth: u64) -> u64 {
        let local = black_box([depth; 64]);
        recurse(depth + 1) + local[depth as usize % 64]
    }
    recurse(0)
}

/// Takes memory until there is none.
pub(crate) fn eat_memory() -> u64 {
    let mut kept = Vec::new();
    loop {
        kept.push(vec![1u8; 64 * 1024]);
        black_box(&kept);
    }
}

/// Sends itself a signal, and stays if that does not end it.
pub(crate) fn raise(signal: i32) -> u64 {
    let signal = rustix::process::Signal::from_named_raw(signal).unwrap();
    rustix::process::kill_process(rustix::process::getpid(), signal).unwrap();
    stay()
}

/// Never returns by itself.
pub(crate) fn stay() -> u64 {
    loop {
        std::thread::park();
    }
}

/// The same, keeping its processor busy, or what it is left of it.
pub(crate) fn spin() -> u64 {
    loop {
        std::thread::yield_now();
    }
}

/// Where what the worker shares with its parent, and may write to, begins and ends.
fn shared_mappings() -> Vec<(usize, usize)> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let ours = maps.lines().filter(|line| line.contains("rw-s") && line.contains("memfd:concurrent-futures"));
    let ends = ours.map(|line| line.split(' ').next().unwrap().split_once('-').unwrap());
    let address = |text: &str| usize::from_str_radix(text, 16).unwrap();
    ends.map(|(start, end)| (address(start), address(end))).collect()
}

/// Writes over what the worker shares with its parent, and goes on for ever.
pub(crate) fn scribble() -> u64 {
    for (start, _) in shared_mappings() {
        // The first words are rewritten all the time; behind them are the states of the tasks.
        for word in 48..512 {
            let word = std::ptr::with_exposed_provenance_mut::<u64>(start + 8 * word);
            // SAFETY: it is mapped, for writing, for as long as this process lives.
            unsafe { word.write_volatile(u64::MAX) };
        }
    }
    spin()
}

/// Writes over the first byte of the first of such places in what the worker shares with its parent. `false`: there is
/// none.
pub(crate) fn write_over_first(place: &[u8], with: u8) -> bool {
    let byte = std::ptr::with_exposed_provenance_mut::<u8>;
    // SAFETY: it is mapped, for reading, for as long as this process lives.
    let read = |at: usize| unsafe { byte(at).read_volatile() };
    let is_there = |at: &usize| place.iter().enumerate().all(|(behind, expected)| read(at + behind) == *expected);
    let found = shared_mappings().into_iter().find_map(|(start, end)| (start..end - place.len()).find(is_there));
    if let Some(at) = found {
        // SAFETY: it is mapped, for writing, for as long as this process lives.
        unsafe { byte(at).write_volatile(with) };
    }
    found.is_some()
}

pub(crate) fn panic_with(text: String) -> u64 {
    panic!("{text}")
}

/// Has this process ignore a signal.
pub(crate) fn ignore_signal(number: i32) {
    const IGNORE: usize = 1;
    unsafe extern "C" {
        fn signal(number: i32, handler: usize) -> usize;
    }
    // SAFETY: nothing of ours is called.
    unsafe { signal(number, IGNORE) };
}

/// Leaves a copy of this process behind, which never ends by itself; its process id.
pub(crate) fn fork_and_leave() -> u32 {
    match fork() {
        0 => loop {
            std::thread::park();
        },
        child => child as u32,
    }
}

/// A copy of this process, with none of its threads but the calling one: 0 in the copy.
pub(crate) fn fork() -> i32 {
    unsafe extern "C" {
        safe fn fork() -> i32;
    }
    let child = fork();
    assert!(child >= 0);
    child
}

/// Panics with something that panics again when it is dropped.
pub(crate) fn panic_with_a_bomb() -> u64 {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a payload blows up");
        }
    }
    std::panic::panic_any(Bomb)
}

/// Writes to its standard error, and dies.
pub(crate) fn complain_and_exit(text: String, code: i32) -> u64 {
    eprintln!("{text}");
    exit_at_once(code)
}

/// What is known of the worker's end.
#[track_caller]
pub(crate) fn death(error: &TaskError) -> &Arc<DeathReport> {
    match error {
        TaskError::WorkerDied(report) => report,
        other => panic!("not a death: {other:?}"),
    }
}
