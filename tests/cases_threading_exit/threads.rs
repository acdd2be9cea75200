//! The threads that programs start, and what they do until the end.

use crate::child::say;
use concurrent_futures::threading::{Event, Thread, ThreadHandle, current, main_thread};
use std::process::exit;
use std::thread;
use std::time::Duration;

/// Set when `main` has said that it is done.
pub(crate) static MAIN_IS_DONE: Event = Event::new();

/// Starts something, and then says so, as `main`.
pub(crate) fn main_done(start: fn()) {
    start();
    say("main done");
    MAIN_IS_DONE.set();
}

pub(crate) fn start(function: fn(), daemon: bool) -> ThreadHandle<()> {
    Thread::new(function).daemon(daemon).start().unwrap()
}

/// Work that is not over at once. No order depends on it: it gives a wrong end of the program the time to come first.
pub(crate) fn work() {
    thread::sleep(Duration::from_millis(100));
}

pub(crate) fn work_after_main() {
    MAIN_IS_DONE.wait(None);
    work();
    say("thread done");
}

pub(crate) fn never_end() {
    Event::new().wait(None);
}

/// A thread that the end has to wait for.
pub(crate) fn worker() {
    start(work_after_main, false);
}

/// One that it must not wait for.
pub(crate) fn daemon() {
    start(never_end, true);
}

/// A thread that ends before the one that it starts.
pub(crate) fn starter() {
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

/// A thread that exits when it is told to. It can be joined when it does.
pub(crate) fn exits_after(told: &'static Event) -> ThreadHandle<()> {
    let exits = move || -> () {
        told.wait(None);
        exit(3);
    };
    Thread::new(exits).start().unwrap()
}

/// Lies down until the process is over.
pub(crate) fn until_the_end() -> ! {
    loop {
        never_end();
    }
}

/// Until the process is being ended by `main`.
pub(crate) fn until_main_ends() {
    main_thread().join(None).unwrap();
}

pub(crate) fn start_joining(function: impl FnOnce() + Send + 'static) {
    let _detached = Thread::new(function).start().unwrap();
}
