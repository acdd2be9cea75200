//! Programs that are ended by what their threads do last, by panics, signals and copies.

use crate::child::say;
use crate::system::{at_exit, close_stderr, in_a_fork};
use crate::threads::{MAIN_IS_DONE, main_done, never_end, start, until_main_ends, work, worker};
use concurrent_futures::threading::{Condition, Lock, Thread, ThreadHandle, active_count, current, enumerate};
use std::cell::RefCell;
use std::process::exit;
use std::sync::OnceLock;
use std::time::Duration;

pub(crate) fn a_chain_of_threads() {
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

pub(crate) fn thread_locals() {
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

pub(crate) fn a_thread_panics() {
    main_done(|| {
        let panics = || {
            until_main_ends();
            panic!("on purpose");
        };
        let _detached = Thread::new(panics).name("the one that panics").start::<()>().unwrap();
    });
}

/// Nobody can be told, and nothing else comes of it.
pub(crate) fn a_thread_panics_without_stderr() {
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

pub(crate) fn last_words() {
    at_exit(speak_last);
    let finished = start(|| (), true);
    finished.thread().join(None).unwrap();
    assert!(DAEMONS.set((start(never_end, true), finished)).is_ok());
    main_done(worker);
}

/// By SIGTERM; SIGINT is the terminal's, and ignored where a shell has put this into the background.
pub(crate) fn interrupted() {
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

pub(crate) fn forked() {
    worker();
    let status = in_a_fork(|| exit(7));
    say(&format!("status {status}"));
    MAIN_IS_DONE.set();
}

/// What the others are at when a process is forked off, nobody there ever finishes.
pub(crate) fn forked_while_busy() {
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

pub(crate) fn busy_daemons() {
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

pub(crate) fn thousands() {
    for _ in 0..2_000 {
        start(|| (), false).join(None).unwrap();
    }
    say(&format!("{} left", active_count()));
}
