//! What the main thread of a worker does: it waits for whatever comes first, the parent's death or the service's end.
//!
//! A worker without a parent is nobody's: it ends itself with all processes of its group, which are those that its
//! tasks have started. The parent's death is seen by a descriptor of that very process. Neither a signal at a parent's
//! death would do, because that comes when the *thread* ends that started the worker; nor the socket alone, because any
//! copy of the parent that was forked off keeps it open.

use super::start::Service;
use crate::process::sys::signals::leave;
use crate::process::sys::{processes, socket};
use crate::sync::{Ordering, spawn_thread};
use std::os::fd::BorrowedFd;

/// What a thread needs that only waits.
const SMALL_STACK: usize = 64 * 1024;

/// Waits for the end of the service, and ends the process.
pub(super) fn watch_over(service: Service, control: BorrowedFd<'static>, parent: BorrowedFd<'static>) -> ! {
    let bell = service.bell;
    loop {
        let [died, told, ended] = socket::wait_for_any([(parent, true), (control, false), (bell, true)]);
        if died.readable {
            processes::kill_own_group();
        }
        if ended.readable {
            break;
        }
        // The parent lives, and has let go of this worker: whatever it still did, nobody could be told.
        if told.hung_up {
            processes::kill_own_group();
        }
    }
    // What is left (destructors of thread-locals, exit handlers) is the program's own code, and may take its time.
    let _ = spawn_thread("cf-watcher".to_owned(), SMALL_STACK, move || {
        while !socket::wait_for_any([(parent, true)])[0].readable {}
        processes::kill_own_group();
    });
    service.thread.join();
    if service.went_well.load(Ordering::SeqCst) {
        // Flushes what was printed, by Rust and by C, and runs the exit handlers.
        std::process::exit(0);
    }
    leave(101);
}
