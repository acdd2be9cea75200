//! The end of the process waits for the threads that are no daemons.
//!
//! # How it comes here
//! The C library calls exit handlers when `main` has returned (also after a panic in it: Rust turns that into a return
//! with status 101) and when any thread calls `exit`, as `std::process::exit` does. One handler is registered when the
//! first thread is started that is to be waited for. `abort`, `_exit` and signals call no handlers, and do not wait.
//!
//! # Who ends it
//! The calling thread cannot wait for itself, so it counts as gone: whoever joins it goes on, and can come to its own
//! end. Where it is `main`, that is Python's behaviour too. Threads that are waited for may start others; all of them
//! are waited for, and with the last one the door is closed (`registry`).
//!
//! # Who ends it once more
//! A second thread that calls `exit` meanwhile is kept by std, on Linux, for ever, and so is `main` when it returns: it
//! would never be gone, and the first one would wait for ever, for it or for a thread that joins it. So the one that
//! waits looks, now and then, whether a thread sleeps where std puts them, and counts it as gone too; daemons as well,
//! because others may be waiting for them. The process ends with the status of the first.
//!
//! # After a fork
//! The child has the handler, but none of the threads: the registry is another process's, and is not waited for.

use super::ident;
use super::registry;
use super::sys;
use crate::sync::{Deadline, contain};
use crate::task::blocking;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the first wait is before a look at those who may have called `exit` too.
const FIRST_LOOK: Duration = Duration::from_millis(20);
/// How far apart the later looks get.
const LAST_LOOKS: Duration = Duration::from_secs(1);

/// The exit handler.
pub(super) extern "C" fn wait_for_threads() {
    if registry::is_of_this_process() {
        // Wakers of those who await threads are foreign code, and contained where they are called; this is the second
        // line.
        let _ = contain(wait);
    }
}

fn wait() {
    let own = ident::current();
    registry::end_by(own);
    // Others may wait for it. (Where `exit` drops thread-locals first, as glibc's does, it has left already.)
    registry::leave(own);
    // As a pool's worker it may have the place that one of the others needs a task to be run in. Where the system drops
    // thread-locals first, those that are needed to lend it may be gone.
    if contain(|| blocking(wait_for_others)).is_err() {
        wait_for_others();
    }
}

fn wait_for_others() {
    let mut look = FIRST_LOOK;
    let mut paused = BTreeMap::new();
    while let Err(others) = registry::close_until(Deadline::after(Some(look))) {
        let mut now = BTreeMap::new();
        for thread in others {
            let pause = thread.native_id_so_far().and_then(sys::pause_of);
            match pause {
                // Twice in the same place.
                Some(pause) if paused.get(&thread.ident()) == Some(&pause) => registry::leave(thread.ident()),
                Some(pause) => drop(now.insert(thread.ident(), pause)),
                None => {}
            }
        }
        paused = now;
        look = (look * 2).min(LAST_LOOKS);
    }
}
