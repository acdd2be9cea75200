//! Tasks that wait: for tasks of their own pool, of another one, for themselves, in callbacks and in destructors, with
//! one worker, with no thread to spare. Every one of these ends, with the value or with an error that says why not.

mod support;
mod torture;

#[path = "nested/callbacks.rs"]
mod callbacks;
#[path = "nested/cancelled_jobs.rs"]
mod cancelled_jobs;
#[path = "nested/circles.rs"]
mod circles;
#[path = "nested/deep.rs"]
mod deep;
#[path = "nested/late_tasks.rs"]
mod late_tasks;
#[path = "nested/locks.rs"]
mod locks;
#[path = "nested/no_spares.rs"]
mod no_spares;
#[path = "nested/scopes.rs"]
mod scopes;
#[path = "nested/spares.rs"]
mod spares;
#[path = "nested/starting.rs"]
mod starting;
#[path = "nested/turns.rs"]
mod turns;
#[path = "nested/unwinding.rs"]
mod unwinding;

use concurrent_futures::{Future, ThreadPoolExecutor};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Less than any worker's reserve, so that a task that waits on it lends its place and never runs another task itself.
const SMALL_STACK: usize = 256 * 1024;

/// A limit that no test comes to, and that makes a wait one with a limit.
const LIMIT: Duration = Duration::from_secs(60);

fn pool(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::builder().max_workers(workers).thread_name_prefix("nested").build().unwrap()
}

/// A pool whose workers always lend their places.
fn lending_pool(workers: usize, spares: usize) -> ThreadPoolExecutor {
    let builder = ThreadPoolExecutor::builder().max_workers(workers).max_spares(spares).stack_size(SMALL_STACK);
    builder.thread_name_prefix("nested").build().unwrap()
}

fn pool_with_spares(workers: usize, spares: usize) -> ThreadPoolExecutor {
    let builder = ThreadPoolExecutor::builder().max_workers(workers).max_spares(spares);
    builder.thread_name_prefix("nested").build().unwrap()
}

/// Hands something to a task that is already under way.
struct Parcel<T>(Sender<T>);

/// The task's end of a [`Parcel`]; can be shared.
struct Inbox<T>(Mutex<Receiver<T>>);

fn parcel<T>() -> (Parcel<T>, Inbox<T>) {
    let (sender, receiver) = channel();
    (Parcel(sender), Inbox(Mutex::new(receiver)))
}

impl<T> Parcel<T> {
    fn send(&self, thing: T) {
        assert!(self.0.send(thing).is_ok(), "the task is gone");
    }
}

impl<T> Inbox<T> {
    fn open(&self) -> T {
        self.0.lock().unwrap().recv().expect("the sender is gone")
    }
}

/// Submits tasks, each of which gets the future of the next one, round and round.
fn circle<T: Clone + Send + 'static>(
    pools: &[ThreadPoolExecutor],
    wait: impl Fn(Future<T>) -> T + Send + Sync + Clone + 'static,
) -> Vec<Receiver<T>> {
    let (mut parcels, mut futures, mut reports) = (Vec::new(), Vec::new(), Vec::new());
    for pool in pools {
        let (parcel, inbox) = parcel::<Future<T>>();
        let (report, reported) = channel();
        let wait = wait.clone();
        futures.push(pool.submit(move || {
            let outcome = wait(inbox.open());
            report.send(outcome.clone()).expect("the test reads it");
            outcome
        }));
        parcels.push(parcel);
        reports.push(reported);
    }
    // All of them run now, or will; the last gets the first.
    futures.rotate_left(1);
    for (parcel, future) in parcels.iter().zip(futures) {
        parcel.send(future);
    }
    reports
}
