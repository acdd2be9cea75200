//! One executor under a check, with somebody to step it if need be, and a way to keep its workers busy.
#![expect(clippy::disallowed_types, reason = "uses the crate from outside, as its users do")]

use super::bench::Bench;
use super::signal::Signal;
use super::subject::Made;
use crate::{Executor, Future, InProcessExecutor, Shutdown, ShutdownReport};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What can be taken into a task or a callback.
#[derive(Clone)]
pub(super) struct Handle(Arc<Made>);

impl Handle {
    pub(super) fn executor(&self) -> &dyn Executor {
        self.0.executor()
    }

    /// Only for checks that ask for executors of this process.
    pub(super) fn in_process(&self) -> &dyn InProcessExecutor {
        match &*self.0 {
            Made::InProcess(executor) => &**executor,
            Made::Portable(_) => unreachable!("the check says that it is for executors of this process"),
        }
    }
}

/// An executor of the subject. Dropped, also by a check that fails, it lets go of everything that is held.
pub(super) struct Specimen<'b> {
    bench: &'b Bench,
    /// `None` once it was dropped on purpose.
    handle: Option<Handle>,
    stepper: RefCell<Option<Stepper>>,
    held: RefCell<Vec<Signal>>,
}

impl<'b> Specimen<'b> {
    pub(super) fn new(bench: &'b Bench, made: Made, stepped: bool) -> Self {
        let handle = Handle(Arc::new(made));
        let stepper = stepped.then(|| Stepper::start(bench, handle.clone()));
        Specimen { bench, handle: Some(handle), stepper: RefCell::new(stepper), held: RefCell::default() }
    }

    fn current(&self) -> &Handle {
        match &self.handle {
            Some(handle) => handle,
            None => unreachable!("a check that drops its executor does not ask for it again"),
        }
    }

    pub(super) fn handle(&self) -> Handle {
        self.current().clone()
    }

    pub(super) fn executor(&self) -> &dyn Executor {
        self.current().executor()
    }

    pub(super) fn in_process(&self) -> &dyn InProcessExecutor {
        self.current().in_process()
    }

    // ------------------------------------------------------------------------------------------ holding

    /// Gives every worker a task that stays until it is released, and waits until all of them have begun: what is
    /// submitted next cannot begin.
    pub(super) fn hold(&self) -> Hold<'b> {
        let release = self.bench.signal();
        self.held.borrow_mut().push(release.clone());
        // Longer than anybody waits for them to begin: one of them must not end to make way for the next.
        let limit = self.bench.limit() * 2;
        let stay = |_| {
            let begun = self.bench.signal();
            let (begun_there, release) = (begun.clone(), release.clone());
            (begun, self.executor().submit(call!(stay(begun_there, release, limit))))
        };
        let stays: Vec<(Signal, Future<bool>)> = (0..self.executor().max_workers()).map(stay).collect();
        self.bench.eventually("as many tasks have begun as `max_workers` says", || {
            stays.iter().all(|(begun, _)| begun.is_raised())
        });
        Hold { bench: self.bench, release, stays: stays.into_iter().map(|(_, future)| future).collect() }
    }

    // ------------------------------------------------------------------------------------------ ending

    /// Nobody steps the executor any more; a task that was being stepped has ended.
    pub(super) fn pause(&self) {
        // Joins in its drop.
        drop(self.stepper.borrow_mut().take());
    }

    /// A shutdown that waits. What is to be stepped, it has to run itself.
    pub(super) fn finish(&self, how: Shutdown) -> ShutdownReport {
        self.pause();
        self.executor().shutdown(how)
    }

    /// Drops the executor, as its last owner does.
    pub(super) fn drop_executor(&mut self) {
        self.pause();
        self.handle = None;
    }
}

impl Drop for Specimen<'_> {
    fn drop(&mut self) {
        for signal in self.held.take() {
            signal.raise();
        }
        self.pause();
    }
}

/// Keeps its worker busy. `false`: nobody released it in time.
fn stay(begun: Signal, release: Signal, limit: Duration) -> bool {
    begun.raise();
    release.wait(limit)
}

/// Tasks that keep all workers busy.
pub(super) struct Hold<'b> {
    bench: &'b Bench,
    release: Signal,
    pub(super) stays: Vec<Future<bool>>,
}

impl Hold<'_> {
    /// Lets the workers go on.
    pub(super) fn release(&self) {
        self.release.raise();
    }

    /// The same, and waits until they have.
    #[track_caller]
    pub(super) fn end(self) {
        self.release();
        for future in &self.stays {
            let released = self.bench.value(future);
            self.bench.ensure(released, "a worker that was kept busy was not released in time");
        }
    }
}

/// A thread that calls [`Executor::help`] for as long as it is there.
struct Stepper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stepper {
    fn start(bench: &Bench, handle: Handle) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let step = move || {
            // ORDERING: Relaxed: the join orders what matters.
            while !asked.load(Ordering::Relaxed) {
                if !handle.executor().help() {
                    thread::sleep(Duration::from_micros(200));
                }
            }
        };
        let thread = thread::Builder::new().name("conformance-stepper".to_owned()).spawn(step);
        match thread {
            Ok(thread) => Stepper { stop, thread: Some(thread) },
            Err(error) => bench.fail(format_args!("no thread to step the executor: {error}")),
        }
    }
}

impl Drop for Stepper {
    fn drop(&mut self) {
        // ORDERING: as in `start`.
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic that came out of a step was told by the panic hook, and its task's future never ends.
            let _ = thread.join();
        }
    }
}
