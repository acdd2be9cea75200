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

#[path = "cases/child.rs"]
mod child;

use child::{Ended, say};
use concurrent_futures::threading::{
    Condition, Event, Lock, Thread, ThreadHandle, active_count, current, enumerate, main_thread,
};
use concurrent_futures::{TaskError, ThreadPoolExecutor};
use std::cell::RefCell;
use std::process::{ExitCode, abort, exit};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

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

// ---------------------------------------------------------------------------------------------- threads

/// Set when `main` has said that it is done.
static MAIN_IS_DONE: Event = Event::new();

/// Starts something, and then says so, as `main`.
fn main_done(start: fn()) {
    start();
    say("main done");
    MAIN_IS_DONE.set();
}

fn start(function: fn(), daemon: bool) -> ThreadHandle<()> {
    Thread::new(function).daemon(daemon).start().unwrap()
}

/// Work that is not over at once. No order depends on it: it gives a wrong end of the program the time to come first.
fn work() {
    thread::sleep(Duration::from_millis(100));
}

fn work_after_main() {
    MAIN_IS_DONE.wait(None);
    work();
    say("thread done");
}

fn never_end() {
    Event::new().wait(None);
}

/// A thread that the end has to wait for.
fn worker() {
    start(work_after_main, false);
}

/// One that it must not wait for.
fn daemon() {
    start(never_end, true);
}

/// A thread that ends before the one that it starts.
fn starter() {
    start(
        || {
            MAIN_IS_DONE.wait(None);
            let starter = current();
            start_joining(move || {
                starter.join(None).unwrap();
                work();
                say("thread done");
            });
            say("starter done");
        },
        false,
    );
}

/// Lies down until the process is over.
fn until_the_end() -> ! {
    loop {
        never_end();
    }
}

/// Until the process is being ended by `main`.
fn until_main_ends() {
    main_thread().join(None).unwrap();
}

// ---------------------------------------------------------------------------------------------- programs

fn thread_exits() {
    worker();
    start(
        || {
            MAIN_IS_DONE.wait(None);
            exit(3);
        },
        false,
    );
    main_done(|| ());
    until_the_end();
}

fn daemon_exits() {
    worker();
    start(
        || {
            MAIN_IS_DONE.wait(None);
            exit(3);
        },
        true,
    );
    main_done(|| ());
    until_the_end();
}

fn worker_of_a_pool_exits() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    worker();
    main_done(|| ());
    let _ = pool.submit(|| exit(3)).result(None);
    until_the_end();
}

/// The pool has one thread, which exits; a thread that is waited for needs it to come to its end.
fn a_worker_that_exits_lends_its_place() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let _exits = pool.submit(|| {
        MAIN_IS_DONE.wait(None);
        exit(3)
    });
    let behind = pool.submit(|| say("thread done"));
    start_joining(move || behind.result(None).unwrap());
    MAIN_IS_DONE.set();
    until_the_end();
}

fn main_joins_the_thread_that_exits() {
    static EXITING: Event = Event::new();
    let exiting = Thread::new(|| {
        EXITING.wait(None);
        exit(3);
    });
    let exiting = exiting.start().unwrap();
    let thread = exiting.thread().clone();
    let other = Thread::new(move || {
        EXITING.set();
        let outcome: Result<(), TaskError> = exiting.join(None);
        assert!(outcome.is_err_and(|error| error.is_abandoned()));
        say("abandoned");
        exiting.thread().join(None).unwrap();
        say("joined");
    });
    let _kept = other.start().unwrap();
    thread.join(None).unwrap();
    until_the_end();
}

fn main_returns_while_a_thread_exits() {
    static EXITING: Event = Event::new();
    // It can be joined when it exits, and that is how `main` knows.
    let exiting = start(
        || {
            EXITING.wait(None);
            exit(3);
        },
        false,
    );
    start(
        || {
            MAIN_IS_DONE.wait(None);
            work();
            say("thread done");
        },
        false,
    );
    EXITING.set();
    exiting.thread().join(None).unwrap();
    say("main returns");
    MAIN_IS_DONE.set();
}

fn a_thread_awaits_the_one_that_exits() {
    static EXITING: Event = Event::new();
    let exiting = Thread::new(|| {
        EXITING.wait(None);
        exit(3);
    });
    let exiting = exiting.start().unwrap();
    let _awaiting = Thread::new(move || {
        let outcome: Result<(), _> = futures::executor::block_on(async {
            EXITING.set();
            exiting.join_async().await
        });
        assert!(outcome.is_err_and(|error| error.is_abandoned()));
        say("abandoned");
    })
    .start()
    .unwrap();
    until_the_end();
}

fn two_exit() {
    start(
        || {
            until_main_ends();
            say("exits");
            start(
                || {
                    work();
                    say("thread done");
                },
                false,
            );
            exit(3);
        },
        false,
    );
    say("main done");
}

fn two_exit_and_are_joined() {
    // The second to exit is joined by one that the first waits for.
    static FIRST: Event = Event::new();
    let first = start(
        || {
            FIRST.wait(None);
            exit(4);
        },
        false,
    );
    let first = first.thread().clone();
    let second = Thread::new(move || {
        first.join(None).unwrap();
        exit(5);
    });
    let second = second.start().unwrap();
    let _joining = Thread::new(move || {
        FIRST.set();
        let outcome: Result<(), _> = second.join(None);
        assert!(outcome.is_err_and(|error| error.is_abandoned()));
        say("abandoned");
    })
    .start()
    .unwrap();
    until_the_end();
}

fn many_exit() {
    for status in 10..20 {
        let exits = move || {
            until_main_ends();
            exit(status);
        };
        let _detached = Thread::new(exits).start().unwrap();
    }
    say("main done");
}

/// Not only those that are waited for: a daemon, and a thread of std's, are second to exit too.
fn others_exit_and_are_joined() {
    static FIRST: Event = Event::new();
    let first = start(
        || {
            FIRST.wait(None);
            exit(4);
        },
        false,
    );
    let first = first.thread().clone();
    let seen = first.clone();
    let daemon = Thread::new(move || {
        seen.join(None).unwrap();
        exit(5);
    });
    let daemon = daemon.daemon(true).start::<()>().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        tell.send(current()).unwrap();
        first.join(None).unwrap();
        exit(6);
    });
    let foreign = told.recv().unwrap();
    let _joining = Thread::new(move || {
        FIRST.set();
        daemon.thread().join(None).unwrap();
        say("daemon joined");
        foreign.join(None).unwrap();
        say("foreign joined");
    })
    .start()
    .unwrap();
    until_the_end();
}

/// `main` returns, and is kept on its way to the end because somebody else is on that way already.
fn main_is_joined_while_a_thread_exits() {
    static EXITING: Event = Event::new();
    let exiting = start(
        || {
            EXITING.wait(None);
            exit(3);
        },
        false,
    );
    start(
        || {
            until_main_ends();
            say("main joined");
        },
        false,
    );
    EXITING.set();
    exiting.thread().join(None).unwrap();
    say("main returns");
}

/// Between the end of a thread's function and the end of the thread.
fn a_callback_exits() {
    static OVER: Event = Event::new();
    let exiting = start(|| assert!(OVER.wait(None)), false);
    exiting.future().add_done_callback(|_| exit(3));
    let thread = exiting.thread().clone();
    start_joining(move || {
        thread.join(None).unwrap();
        say("joined");
    });
    OVER.set();
    until_the_end();
}

fn start_joining(function: impl FnOnce() + Send + 'static) {
    let _detached = Thread::new(function).start().unwrap();
}

/// While a thread ends the process, `main` is one of those that nobody waits for.
fn main_is_joined_by_last_words() {
    extern "C" fn join_main() {
        assert!(main_thread().join(None).is_err_and(|error| error.is_deadlock()));
        say("no deadlock");
    }
    at_exit(join_main);
    start(|| exit(3), false);
    until_the_end();
}

fn main_is_joined() {
    assert_eq!(current(), main_thread());
    let joins = || {
        let main = main_thread();
        main.join(None).unwrap();
        // For somebody who asks at that very moment, too.
        assert!(!main.is_alive() && !enumerate().contains(&main) && !main_thread().is_alive());
    };
    let others: Vec<_> = (0..8).map(|_| Thread::new(joins).start().unwrap()).collect();
    let last = move || {
        joins();
        others.iter().for_each(|other| other.join(None).unwrap());
        say("end of thread");
    };
    let _detached = Thread::new(last).start().unwrap();
    say("end of main");
}

fn a_chain_of_threads() {
    fn link(left: u32) {
        until_main_ends();
        work();
        say(&format!("{left} left"));
        if left > 0 {
            let _detached = Thread::new(move || link(left - 1)).start().unwrap();
        }
    }
    let _detached = Thread::new(|| link(3)).start().unwrap();
}

fn thread_locals() {
    struct Slow;
    impl Drop for Slow {
        fn drop(&mut self) {
            until_main_ends();
            work();
            say("thread-local dropped");
        }
    }
    thread_local! {
        static SLOW: RefCell<Option<Slow>> = const { RefCell::new(None) };
    }
    main_done(|| {
        let _detached = Thread::new(|| SLOW.set(Some(Slow))).start().unwrap();
    });
}

fn a_thread_panics() {
    main_done(|| {
        let panics = || {
            until_main_ends();
            panic!("on purpose");
        };
        let _detached = Thread::new(panics).name("the one that panics").start::<()>().unwrap();
    });
}

/// Nobody can be told, and nothing else comes of it.
fn a_thread_panics_without_stderr() {
    #[cfg(unix)]
    close_stderr();
    a_thread_panics();
}

/// After all threads that are waited for have ended: it was registered before they were.
extern "C" fn speak_last() {
    let refused = Thread::new(|| say("too late")).start().unwrap_err();
    assert!(refused.to_string().contains("process is ending"));
    say("refused");
    let (sleeping, finished) = DAEMONS.get().unwrap();
    assert!(sleeping.is_alive());
    assert!(sleeping.join(None).is_err_and(|error| error.is_deadlock()));
    assert!(sleeping.thread().join(Duration::from_secs(3600)).is_err_and(|error| error.is_deadlock()));
    say("no deadlock");
    finished.join(None).unwrap();
    say("joined");
}

static DAEMONS: OnceLock<(ThreadHandle<()>, ThreadHandle<()>)> = OnceLock::new();

fn last_words() {
    at_exit(speak_last);
    let finished = start(|| (), true);
    finished.thread().join(None).unwrap();
    assert!(DAEMONS.set((start(never_end, true), finished)).is_ok());
    main_done(worker);
}

/// By SIGTERM; SIGINT is the terminal's, and ignored where a shell has put this into the background.
fn interrupted() {
    let interrupts = || {
        until_main_ends();
        let process = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
        never_end();
    };
    let _detached = Thread::new(interrupts).start().unwrap();
    for _ in 0..2 {
        start(never_end, false);
    }
    say("main returns");
}

fn forked() {
    worker();
    let status = in_a_fork(|| exit(7));
    say(&format!("status {status}"));
    MAIN_IS_DONE.set();
}

/// What the others are at when a process is forked off, nobody there ever finishes.
fn forked_while_busy() {
    current();
    for _ in 0..2 {
        let busy = || loop {
            enumerate();
        };
        let _detached = Thread::new(busy).daemon(true).start::<()>().unwrap();
    }
    for _ in 0..100 {
        assert_eq!(in_a_fork(|| exit(7)), 7);
    }
    say("main done");
}

fn busy_daemons() {
    static LOCK: Lock<u64> = Lock::new(0);
    static CHANGED: Condition = Condition::new();
    for _ in 0..10 {
        let busy = || loop {
            let mut count = LOCK.acquire(None).unwrap();
            *count += 1;
            CHANGED.notify_all();
            CHANGED.wait(&mut count, Duration::from_micros(10));
            let _detached = Thread::new(|| current().ident()).daemon(true).start();
        };
        let _detached = Thread::new(busy).daemon(true).start::<()>().unwrap();
    }
    let mut count = LOCK.acquire(None).unwrap();
    CHANGED.wait_for(&mut count, |count| *count > 100, None);
    drop(count);
    say("main done");
    exit(42);
}

fn thousands() {
    for _ in 0..2_000 {
        start(|| (), false).join(None).unwrap();
    }
    say(&format!("{} left", active_count()));
}

// ---------------------------------------------------------------------------------------------- the system

#[cfg(unix)]
#[expect(unsafe_code, reason = "std has no way to register an exit handler")]
fn at_exit(handler: extern "C" fn()) {
    // SAFETY: this is the C library's own signature, to which std links on every unix.
    unsafe extern "C" {
        safe fn atexit(handler: extern "C" fn()) -> std::ffi::c_int;
    }
    assert_eq!(atexit(handler), 0);
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "std does not close it")]
fn close_stderr() {
    // SAFETY: this is the C library's own signature.
    unsafe extern "C" {
        fn close(descriptor: std::ffi::c_int) -> std::ffi::c_int;
    }
    // SAFETY: nobody owns the standard error; who writes to it is told that it is not there.
    assert_eq!(unsafe { close(2) }, 0);
}

/// Runs `program` in a process that is forked off, and tells its status.
#[cfg(unix)]
#[expect(unsafe_code, reason = "std cannot fork")]
fn in_a_fork(program: impl FnOnce()) -> i32 {
    // SAFETY: these are the C library's own signatures.
    unsafe extern "C" {
        fn fork() -> std::ffi::c_int;
        safe fn alarm(seconds: std::ffi::c_uint) -> std::ffi::c_uint;
        fn waitpid(pid: std::ffi::c_int, status: *mut std::ffi::c_int, options: std::ffi::c_int) -> std::ffi::c_int;
    }
    // SAFETY: the other threads hold nothing that the child needs: they sleep.
    let child = unsafe { fork() };
    if child == 0 {
        // Nobody watches over this one: it is not to be left behind where it hangs.
        alarm(30);
        program();
        abort();
    }
    let mut status = 0;
    // SAFETY: the status is written to a variable that is there.
    let waited = unsafe { waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child);
    assert_eq!(status & 0x7f, 0, "it was killed");
    (status >> 8) & 0xff
}
