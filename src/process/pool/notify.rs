//! Telling those who wait for a task by code of their own, wakers and callbacks: not on the supervisor's thread, which
//! must never be held up, nor wait for what it alone can bring about.
//!
//! One thread goes through what is to be told, for as long as there is something, and a moment longer, since there may be
//! more: to start a thread takes as long as to tell of many tasks. If what it calls waits for a task, in one of the
//! crate's waits, another thread goes on meanwhile: what is awaited may have to be told of first.
//!
//! What it calls may also wait by other means, of which nobody can know, and for what has to be told of first. So whoever
//! finds the threads at work when there is something to be told sets an alarm; and if by then none of them has come to
//! anything new, another thread goes on. It is called when that was so for the longer, the more threads are at it: slow
//! code is not to be run by ever more of them, and what waits for others comes to its end all the same.
//!
//! Where the system gives no thread, whoever has something to tell does it. If that is the supervisor, no wait is begun
//! there: what is awaited might never come.

use crate::state::Stop;
use crate::sync::{Condvar, Deadline, Mutex, MutexGuard, Parker, spawn_thread, thread_local};
use crate::task::{CellRef, Conclusion, Pause, Place, Residence, Runner, Step, Task, after, blocking, with_place};
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// What callbacks have.
const STACK: usize = 2 << 20;
/// How long a thread stays that has nothing to tell.
const LINGER: Duration = Duration::from_secs(1);
/// How long one thread may be at something while more is to be told, before another goes on; doubled with each of them.
const PATIENCE: Duration = Duration::from_millis(10);
const MOST_DOUBLINGS: usize = 7;

#[derive(Clone, Default)]
pub(in crate::process) struct Notifier {
    desk: Arc<Desk>,
}

#[derive(Default)]
struct Desk {
    due: Mutex<Due>,
    /// Nothing is left to be told, or a thread has gone.
    idle: Condvar,
    /// There is something to be told, or the thread that has nothing to tell is to go.
    more: Condvar,
}

#[derive(Default)]
struct Due {
    conclusions: VecDeque<Conclusion>,
    /// Threads at work, and those of them that wait.
    threads: usize,
    waiting: usize,
    /// A thread stays that has nothing to tell.
    has_spare: bool,
    /// It counts as being at work, and has not come to it yet.
    is_called: bool,
    /// None is to stay any more.
    is_dismissed: bool,
    /// When somebody has last begun to tell of something, or was called to.
    went_on: Option<Instant>,
    /// When there will be an alarm.
    alarm_at: Option<Instant>,
}

impl Due {
    /// When it is too long for those at work to have come to nothing new.
    fn patience_ends(&self) -> Option<Instant> {
        let at_it = self.threads.saturating_sub(self.waiting);
        let patience = PATIENCE * (1 << at_it.saturating_sub(1).min(MOST_DOUBLINGS));
        self.went_on.map(|at| at + patience)
    }
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

    /// Waits until everything that was to be told is, and the threads have gone. `false`: the deadline came first.
    pub(in crate::process) fn join(&self, deadline: Deadline) -> bool {
        blocking(|| {
            let mut due = self.desk.due.lock();
            due.is_dismissed = true;
            self.desk.more.notify_all();
            while (due.threads > 0 || due.has_spare) && !deadline.is_past() {
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
    let due = desk.due.lock();
    if due.conclusions.is_empty() {
        return;
    }
    if due.threads > due.waiting {
        // One that is long overdue had no thread to come on.
        let now = Instant::now();
        if due.alarm_at.is_none_or(|at| at + LINGER < now) {
            set_alarm(desk, due, now, PATIENCE);
        }
        return;
    }
    if !call_another(desk, due) {
        // Better by the wrong thread than never.
        work(desk);
    }
}

/// One thread more. `false`: the system gives none, and it counts as being at work all the same.
fn call_another(desk: &Arc<Desk>, mut due: MutexGuard<'_, Due>) -> bool {
    due.threads += 1;
    due.went_on = Some(Instant::now());
    if due.has_spare && !due.is_called {
        due.is_called = true;
        desk.more.notify_all();
        return true;
    }
    drop(due);
    let theirs = Arc::clone(desk);
    let attend = move || {
        work(&theirs);
        while stay(&theirs) {
            work(&theirs);
        }
    };
    spawn_thread("cf-notify".to_owned(), STACK, attend).is_ok()
}

fn set_alarm(desk: &Arc<Desk>, mut due: MutexGuard<'_, Due>, now: Instant, wait: Duration) {
    due.alarm_at = Some(now + wait);
    drop(due);
    let theirs = Arc::downgrade(desk);
    // Nobody takes it back: it finds that there is nothing to be done, or nobody to do it for.
    std::mem::forget(after(wait, move || look_after(&theirs)));
}

/// The alarm: somebody should have come to something new by now.
fn look_after(desk: &Weak<Desk>) {
    let Some(desk) = desk.upgrade() else { return };
    let mut due = desk.due.lock();
    due.alarm_at = None;
    if due.conclusions.is_empty() {
        return;
    }
    let now = Instant::now();
    if due.patience_ends().is_none_or(|at| at <= now) {
        let is_called = call_another(&desk, due);
        due = desk.due.lock();
        if !is_called {
            // It is not for this thread to do. The system may give one the next time.
            due.threads -= 1;
            desk.idle.notify_all();
        }
    }
    let wait = due.patience_ends().map_or(PATIENCE, |at| at.saturating_duration_since(now));
    set_alarm(&desk, due, now, wait.max(PATIENCE / 2));
}

/// Stays for a moment. `true`: there is something to be told.
fn stay(desk: &Desk) -> bool {
    let mut due = desk.due.lock();
    if due.has_spare {
        return false;
    }
    due.has_spare = true;
    let until = Deadline::after(Some(LINGER));
    while !due.is_called && !due.is_dismissed && !until.is_past() {
        due = desk.more.wait_until(due, until);
    }
    due.has_spare = false;
    let is_called = std::mem::take(&mut due.is_called);
    if !is_called {
        desk.idle.notify_all();
    }
    is_called
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
            if next.is_some() {
                due.went_on = Some(Instant::now());
            } else {
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
        if self.must_not_sleep() && !pause.firm {
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

    fn must_not_sleep(&self) -> bool {
        must_not_wait()
    }
}
