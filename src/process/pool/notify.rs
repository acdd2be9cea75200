//! Telling those who wait for a task by code of their own, wakers and callbacks: not on the supervisor's thread, which
//! must never be held up, nor wait for what it alone can bring about.
//!
//! One thread goes through what is to be told, for as long as there is something. If what it calls waits for a task, in
//! one of the crate's waits, another thread goes on meanwhile: what is awaited may have to be told of first.
//!
//! Where the system gives no thread, whoever has something to tell does it. If that is the supervisor, no wait is begun
//! there: what is awaited might never come.

use crate::state::Stop;
use crate::sync::{Condvar, Deadline, Mutex, Parker, spawn_thread, thread_local};
use crate::task::{CellRef, Conclusion, Pause, Place, Residence, Runner, Step, Task, blocking, with_place};
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;

/// What callbacks have; whoever comes next starts a thread anew.
const STACK: usize = 2 << 20;

#[derive(Clone, Default)]
pub(in crate::process) struct Notifier {
    desk: Arc<Desk>,
}

#[derive(Default)]
struct Desk {
    due: Mutex<Due>,
    /// Nothing is left to be told.
    idle: Condvar,
}

#[derive(Default)]
struct Due {
    conclusions: VecDeque<Conclusion>,
    /// Threads at work, and those of them that wait.
    threads: usize,
    waiting: usize,
}

thread_local! {
    static AT: Cell<*const Desk> = Cell::new(std::ptr::null())
}

thread_local! {
    static SUPERVISES: Cell<bool> = Cell::new(false)
}

/// From now on this thread is a pool's supervisor, which nothing must hold up.
pub(in crate::process) fn supervise() {
    SUPERVISES.with(|supervises| supervises.set(true));
}

/// Whether this thread is one that nothing must hold up.
pub(in crate::process) fn must_not_wait() -> bool {
    SUPERVISES.with(Cell::get)
}

impl Notifier {
    /// Whether this is a thread that tells, or one that is [within](Self::within).
    pub(in crate::process) fn is_here(&self) -> bool {
        AT.with(Cell::get) == Arc::as_ptr(&self.desk)
    }

    /// Calls what the pool's end has to wait for, like what is told.
    pub(in crate::process) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        let _here = Here::at(&self.desk);
        f()
    }

    /// Waits until everything that was to be told is. `false`: the deadline came first.
    pub(in crate::process) fn join(&self, deadline: Deadline) -> bool {
        blocking(|| {
            let mut due = self.desk.due.lock();
            while due.threads > 0 && !deadline.is_past() {
                due = self.desk.idle.wait_until(due, deadline);
            }
            due.threads == 0
        })
    }
}

impl Runner for Notifier {
    fn conclude(&self, conclusion: Conclusion) {
        if conclusion.is_quiet() {
            return conclusion.run();
        }
        self.desk.due.lock().conclusions.push_back(conclusion);
        attend(&self.desk);
    }

    fn house(&self, _task: &CellRef) -> Result<Residence, Stop> {
        Err(Stop::Cancelled)
    }

    fn again(&self, task: Task) {
        drop(task);
    }
}

/// Sees to it that a thread goes through what is due.
fn attend(desk: &Arc<Desk>) {
    {
        let mut due = desk.due.lock();
        if due.conclusions.is_empty() || due.threads > due.waiting {
            return;
        }
        due.threads += 1;
    }
    let theirs = Arc::clone(desk);
    if spawn_thread("cf-notify".to_owned(), STACK, move || work(&theirs)).is_err() {
        // Better by the wrong thread than never.
        work(desk);
    }
}

/// For as long as it is there, this thread is at a desk.
struct Here(*const Desk);

impl Here {
    fn at(desk: &Arc<Desk>) -> Self {
        Here(AT.with(|at| at.replace(Arc::as_ptr(desk))))
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        AT.with(|at| at.set(self.0));
    }
}

fn work(desk: &Arc<Desk>) {
    let _here = Here::at(desk);
    let attendant = Attendant { desk: Arc::clone(desk) };
    loop {
        let next = {
            let mut due = desk.due.lock();
            let next = due.conclusions.pop_front();
            if next.is_none() {
                due.threads -= 1;
                desk.idle.notify_all();
            }
            next
        };
        let Some(conclusion) = next else { break };
        with_place(&attendant, || conclusion.run());
    }
}

/// A thread that tells, when it has to wait.
struct Attendant {
    desk: Arc<Desk>,
}

impl Place for Attendant {
    fn before_wait(&self, pause: &Pause<'_>, _parker: &Parker) -> Step {
        if must_not_wait() && !pause.firm {
            return Step::Never(
                "a callback waits that is run by the supervisor of its pool, because the system gives no other thread"
                    .into(),
            );
        }
        self.desk.due.lock().waiting += 1;
        attend(&self.desk);
        Step::Sleep
    }

    fn after_wait(&self) {
        self.desk.due.lock().waiting -= 1;
    }

    fn slot(&self) -> Option<usize> {
        None
    }

    fn turn_key(&self) -> Option<usize> {
        None
    }
}
