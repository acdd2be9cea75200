//! A worker dies: of its stack, of its memory, of whatever a program dies of; and what its parent learns.

use crate::program::{SOON, Watched, ask};
use crate::support::watchdog;
use concurrent_futures::__private::trial::{End, Entry, Trial, Worker};
use std::hint::black_box;

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGSEGV: i32 = 11;

#[expect(unconditional_recursion, reason = "it is to end badly")]
fn recurse(depth: u64) -> u64 {
    let local = black_box([depth; 64]);
    recurse(depth + 1) + local[depth as usize % 64]
}

fn read_nothing() -> u8 {
    let nowhere = black_box(8 as *const u8);
    #[expect(unsafe_code, reason = "it is to end badly")]
    // SAFETY: there is none; the process ends here.
    unsafe {
        nowhere.read_volatile()
    }
}

fn allocate(bytes: usize) {
    let mut kept = Vec::new();
    loop {
        kept.push(vec![1u8; bytes]);
        black_box(&kept);
    }
}

static DIES: Entry = Entry::new(|worker: Worker| {
    while let Some(word) = worker.receive() {
        match &word[..] {
            b"stack" => drop(black_box(recurse(0))),
            b"stack of another thread" => drop(std::thread::spawn(|| black_box(recurse(0))).join()),
            b"address" => drop(black_box(read_nothing())),
            b"abort" => std::process::abort(),
            b"memory by and by" => allocate(64 * 1024),
            b"memory at once" => allocate(1 << 40),
            b"memory in reach" => drop(black_box(vec![1u8; 16 << 20])),
            b"segfault of another" => {
                let own = rustix::process::getpid();
                rustix::process::kill_process(own, rustix::process::Signal::SEGV).unwrap();
                std::thread::park();
            }
            _ => {}
        }
        worker.send(&word);
    }
});

/// How a worker ends that is told so, whether it said that its stack, or its memory, was used up, and its last lines.
fn dies(trial: &Trial, word: &str) -> (Option<End>, bool, bool, String) {
    let mut worker = trial.start(&DIES).unwrap();
    worker.send(word.as_bytes()).unwrap();
    // Which it will not come to read, nor get, if it is quick.
    let _ = worker.send(b"and then");
    let end = worker.end();
    let stderr = worker.stderr();
    (end, worker.said_stack_overflow(), worker.said_out_of_memory(&stderr), stderr)
}

#[test]
fn a_stack_overflow_says_so_and_is_still_signal_11() {
    let _watchdog = watchdog();
    for stack_size in [256 * 1024, 2 << 20, 64 << 20] {
        let (end, stack, memory, stderr) = dies(&Trial::default().stack_size(stack_size), "stack");
        assert_eq!((end, stack, memory), (Some(End::Killed(SIGSEGV)), true, false), "{stderr}");
        assert!(stderr.contains("stack overflow"), "{stderr}");
    }
}

#[test]
fn other_crashes_are_what_they_are() {
    let _watchdog = watchdog();
    let crashes = [
        ("address", SIGSEGV),
        ("abort", SIGABRT),
        ("segfault of another", SIGSEGV),
        ("stack of another thread", SIGSEGV),
    ];
    for (word, signal) in crashes {
        let (end, stack, memory, stderr) = dies(&Trial::default(), word);
        assert_eq!((end, stack, memory), (Some(End::Killed(signal)), false, false), "{word}: {stderr}");
        assert!(!stderr.contains("stack overflow"), "{word}: {stderr}");
    }
}

#[test]
fn who_is_over_the_memory_limit_says_so() {
    let _watchdog = watchdog();
    let limited = Trial::default().memory_limit(256 << 20);
    for word in ["memory by and by", "memory at once"] {
        let (end, stack, memory, stderr) = dies(&limited, word);
        assert_eq!((end, stack, memory), (Some(End::Killed(SIGABRT)), false, true), "{word}: {stderr}");
    }
    // A crash that has nothing to do with it is not laid to it, and what fits, fits.
    assert!(!dies(&limited, "address").2);
    assert!(!dies(&limited, "abort").2);
    let mut worker = limited.start(&DIES).unwrap();
    assert_eq!(ask(&mut worker, "memory in reach"), "memory in reach");
}

#[test]
fn a_memory_limit_that_leaves_no_room_to_begin_is_told() {
    let _watchdog = watchdog();
    let error = Trial::default().memory_limit(1 << 20).stack_size(64 << 20).start(&DIES).unwrap_err();
    assert!(error.contains("1048576") && error.contains("67108864"), "{error}");
}

static SHARES: Entry = Entry::new(|worker: Worker| {
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
    while let Some(word) = worker.receive() {
        let (access, flags) = match &word[..] {
            b"shared" => (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED),
            b"only read" => (ProtFlags::READ, MapFlags::PRIVATE),
            b"set aside" => (ProtFlags::empty(), MapFlags::PRIVATE),
            _ => (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE),
        };
        #[expect(unsafe_code, reason = "mapping memory by hand")]
        // SAFETY: the kernel chooses the place.
        let mapped = unsafe { mmap_anonymous(std::ptr::null_mut(), 1 << 30, access, flags) };
        worker.send(format!("{}", mapped.is_ok()).as_bytes());
    }
});

#[test]
fn the_memory_limit_counts_what_is_private_and_writable() {
    let _watchdog = watchdog();
    let mut worker = Trial::default().memory_limit(256 << 20).start(&SHARES).unwrap();
    for (kind, fits) in [("shared", true), ("only read", true), ("set aside", true), ("private", false)] {
        assert_eq!(ask(&mut worker, kind), fits.to_string(), "{kind}");
    }
}

static STARTS_SLEEPER: Entry = Entry::new(|worker: Worker| {
    while worker.receive().is_some() {
        #[expect(clippy::zombie_processes, reason = "that it ends without being waited for is the point")]
        let sleeper = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        worker.send(sleeper.id().to_string().as_bytes());
    }
});

/// A worker's child ends with it, whoever ends the worker.
fn child_ends_with(end: impl FnOnce(&mut concurrent_futures::__private::trial::Started)) {
    let mut worker = Trial::default().start(&STARTS_SLEEPER).unwrap();
    let child = Watched::open(ask(&mut worker, "?").parse().unwrap());
    assert!(!child.is_over());
    end(&mut worker);
    assert!(child.ends_within(SOON));
}

#[test]
fn what_a_task_started_ends_with_the_worker() {
    let _watchdog = watchdog();
    child_ends_with(|worker| {
        worker.kill();
        assert_eq!(worker.end(), Some(End::Killed(SIGKILL)));
    });
    // Reaped by somebody else, so that its number might be another's by now.
    child_ends_with(|worker| {
        worker.kill();
        let pid = rustix::process::Pid::from_raw(worker.pid() as i32).unwrap();
        rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty()).unwrap();
        assert_eq!(worker.end(), Some(End::Unknown));
    });
    child_ends_with(|worker| {
        worker.say_goodbye();
        assert_eq!(worker.end(), Some(End::Exited(0)));
    });
}
