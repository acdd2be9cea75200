//! Programs that are ended by `exit`, whoever calls it, and those that wait for the one that does.

use crate::child::say;
use crate::system::at_exit;
use crate::threads::{
    MAIN_IS_DONE, exits_after, main_done, start, start_joining, until_main_ends, until_the_end, work, worker,
};
use concurrent_futures::threading::{Event, Thread, current, enumerate, main_thread};
use concurrent_futures::{TaskError, ThreadPoolExecutor};
use std::process::exit;
use std::thread;

pub(crate) fn thread_exits() {
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

pub(crate) fn daemon_exits() {
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

pub(crate) fn worker_of_a_pool_exits() {
    let pool = ThreadPoolExecutor::new(1).unwrap();
    worker();
    main_done(|| ());
    let _ = pool.submit(|| exit(3)).result(None);
    until_the_end();
}

/// The pool has one thread, which exits; a thread that is waited for needs it to come to its end.
pub(crate) fn a_worker_that_exits_lends_its_place() {
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

pub(crate) fn main_joins_the_thread_that_exits() {
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

pub(crate) fn main_returns_while_a_thread_exits() {
    static EXITING: Event = Event::new();
    // It can be joined when it exits, and that is how `main` knows.
    let exiting = exits_after(&EXITING);
    worker();
    EXITING.set();
    exiting.thread().join(None).unwrap();
    say("main returns");
    MAIN_IS_DONE.set();
}

pub(crate) fn a_thread_awaits_the_one_that_exits() {
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

pub(crate) fn two_exit() {
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

pub(crate) fn two_exit_and_are_joined() {
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

pub(crate) fn many_exit() {
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
pub(crate) fn others_exit_and_are_joined() {
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
pub(crate) fn main_is_joined_while_a_thread_exits() {
    static EXITING: Event = Event::new();
    let exiting = exits_after(&EXITING);
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
pub(crate) fn a_callback_exits() {
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

/// While a thread ends the process, `main` is one of those that nobody waits for.
pub(crate) fn main_is_joined_by_last_words() {
    extern "C" fn join_main() {
        assert!(main_thread().join(None).is_err_and(|error| error.is_deadlock()));
        say("no deadlock");
    }
    at_exit(join_main);
    start(|| exit(3), false);
    until_the_end();
}

pub(crate) fn main_is_joined() {
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
