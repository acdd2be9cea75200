//! What a thread does instead of just sleeping when it has to wait for a task.
//!
//! An outside thread sleeps. A thread that has a [`Place`] in a pool first asks the pool, which may run the awaited
//! task right here, or let another thread have the place meanwhile. Every wait of the crate goes through [`enter`].
#![expect(unsafe_code, reason = "a node on the stack, and a pointer to the thread's place")]

use super::awaited::{self, Awaited};
use super::frame::{self, Role};
use super::graph;
use super::header::{CellRef, Header, Owner};
use super::remote;
use super::waiters::ThreadNode;
use crate::error::TaskError;
use crate::state::Snapshot;
use crate::sync::{Deadline, Parker, spin_hint, thread_local};
use std::cell::Cell;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

/// What a wait is for.
pub(crate) struct Pause<'a> {
    pub(crate) awaited: &'a [Member<'a>],
    pub(crate) need: Need<'a>,
    pub(crate) deadline: Deadline,
    /// It cannot be refused: a scope has to see the end of its tasks.
    pub(crate) firm: bool,
}

/// A task that is waited for.
#[derive(Clone, Copy)]
pub(crate) struct Member<'a> {
    task: &'a Header,
    /// The end of its callbacks is waited for too.
    settled: bool,
}

impl<'a> Member<'a> {
    /// The task at the end of a chain of handed ones: what comes from another cell comes by that one's callbacks.
    pub(crate) fn resolved(task: &'a Header, settled: bool) -> Self {
        let resolved = task.resolve();
        Member { task: resolved, settled: settled || !std::ptr::eq(resolved, task) }
    }
}

impl Deref for Member<'_> {
    type Target = Header;

    fn deref(&self) -> &Header {
        self.task
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Need<'a> {
    /// Every awaited task has to end.
    All,
    /// One of them is enough.
    First,
    /// Room in a pool's queue.
    Room(&'a Owner),
    /// The end of all tasks of a pool.
    End(&'a Owner),
    /// What a future waits for that is polled here, by `block_on`: any of these tasks may be enough, or something else.
    Polled(&'a Arc<Awaited>),
    /// Something that has nothing to do with tasks.
    Outside,
}

impl<'a> Pause<'a> {
    pub(crate) fn new(awaited: &'a [Member<'a>], need: Need<'a>, deadline: Deadline) -> Self {
        Pause { awaited, need, deadline, firm: false }
    }

    /// What is waited for, for `graph`; `None`: nothing that could be part of a circle.
    fn awaits(&self) -> Option<Vec<graph::Awaited>> {
        match self.need {
            Need::All | Need::First => {
                Some(self.awaited.iter().map(|member| graph::Awaited::task(member, member.settled)).collect())
            }
            Need::End(owner) => Some(vec![graph::Awaited::end_of_pool(owner.end_key())]),
            Need::Room(_) | Need::Polled(_) | Need::Outside => None,
        }
    }
}

/// What the pool made of a wait.
#[must_use]
pub(crate) enum Step {
    /// Something was run meanwhile; look again.
    Again,
    /// The place is lent; sleep, and say when it is over.
    Sleep,
    /// It would never end; the text says why.
    Never(Arc<str>),
}

/// A worker thread's place in its pool.
pub(crate) trait Place {
    /// `parker` is what the thread will sleep on: the place may refuse the sleep also after it has begun.
    fn before_wait(&self, pause: &Pause<'_>, parker: &Parker) -> Step;

    /// After every [`Step::Sleep`].
    fn after_wait(&self);

    /// The worker's slot; `None`: it is no worker.
    fn slot(&self) -> Option<usize>;

    /// For `graph`: what only this thread runs.
    fn turn_key(&self) -> Option<usize>;

    /// Whether the thread must not sleep at all, because nothing goes on without it.
    fn must_not_sleep(&self) -> bool {
        false
    }
}

thread_local! {
    static PLACE: Cell<Option<NonNull<dyn Place>>> = Cell::new(None)
}

/// Runs `f` with the calling thread's waits going through `place`.
pub(crate) fn with_place<R>(place: &(dyn Place + 'static), f: impl FnOnce() -> R) -> R {
    struct Leave(Option<NonNull<dyn Place>>);
    impl Drop for Leave {
        fn drop(&mut self) {
            PLACE.with(|current| current.set(self.0));
        }
    }
    let _leave = Leave(PLACE.with(|current| current.replace(Some(NonNull::from(place)))));
    f()
}

fn place<'a>() -> Option<&'a dyn Place> {
    // SAFETY: `with_place` takes the pointer away again before its borrow ends, and the reference is used only during
    // the call that asked for it, which is within that borrow.
    PLACE.with(Cell::get).map(|place| unsafe { &*place.as_ptr() })
}

/// Whether this thread must not sleep at all.
pub(super) fn must_not_sleep() -> bool {
    place().is_some_and(Place::must_not_sleep)
}

/// The slot of the worker that this thread is, if it is one.
pub(super) fn slot() -> Option<usize> {
    place().and_then(Place::slot)
}

/// Whether this thread's waits are a pool's concern.
pub(super) fn has_place() -> bool {
    PLACE.with(Cell::get).is_some()
}

/// Whether anybody would look at what this thread waits for.
pub(super) fn asks() -> bool {
    has_place() || !frame::is_empty()
}

/// What a single task is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// It has ended.
    Terminal,
    /// It has ended, and nobody reads its value by reference.
    Settled,
}

impl Until {
    pub(super) fn holds(self, now: Snapshot) -> bool {
        match self {
            Until::Terminal => now.is_terminal(),
            Until::Settled => now.is_settled(),
        }
    }
}

/// Held while a thread sleeps; gives it its place back.
#[must_use]
pub(crate) struct Ticket {
    /// What it sleeps on.
    pub(crate) parker: Parker,
    edge: Option<graph::Edge>,
    lent: bool,
}

impl Ticket {
    /// Whether a pool, or the graph of waits, was told what is waited for.
    pub(crate) fn is_asked(&self) -> bool {
        self.lent || self.edge.is_some()
    }

    /// Whether the wait was given up while it slept, because it was part of a circle, or nobody else can go on.
    pub(crate) fn check(&self) -> Result<(), TaskError> {
        match self.parker.refusal() {
            Some(chain) => Err(TaskError::Deadlock(chain)),
            None => Ok(()),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.lent {
            if let Some(place) = place() {
                place.after_wait();
            }
        }
    }
}

/// Before a sleep. `None`: look again first.
///
/// # Errors
/// [`TaskError::Deadlock`] where the sleep would never end.
pub(crate) fn enter(pause: &Pause<'_>) -> Result<Option<Ticket>, TaskError> {
    let in_task = !frame::is_empty();
    if in_task {
        own_stack(pause)?;
    }
    let parker = Parker::new();
    // What is run here instead is no poll of the future that this wait may be a part of.
    let before = |place: &dyn Place| awaited::unnoted(|| place.before_wait(pause, &parker));
    let lent = match place().map(before) {
        None => false,
        Some(Step::Sleep) => true,
        Some(Step::Again) => return Ok(None),
        Some(Step::Never(chain)) => return Err(TaskError::Deadlock(chain)),
    };
    let mut ticket = Ticket { parker, edge: None, lent };
    if in_task && pause.deadline.is_never() {
        if let Some(awaits) = pause.awaits() {
            let mut holds = frame::held();
            holds.extend(place().and_then(Place::turn_key));
            let own = frame::current(|task| task.map(CellRef::to));
            let any = matches!(pause.need, Need::First);
            let wait = graph::Wait { own, holds, awaits, any, firm: pause.firm, sleeper: ticket.parker.unparker() };
            ticket.edge = Some(graph::Edge::new(wait).map_err(TaskError::Deadlock)?);
        }
    }
    Ok(Some(ticket))
}

/// A wait, also one with a limit, for tasks that cannot end before it does.
fn own_stack(pause: &Pause<'_>) -> Result<(), TaskError> {
    let own = |task: &&Member<'_>| frame::holds(task, Role::Running);
    let own = match pause.need {
        Need::All => pause.awaited.iter().find(own),
        Need::First if pause.awaited.iter().all(|task| own(&task)) => pause.awaited.first(),
        _ => None,
    };
    match own {
        Some(own) => {
            Err(TaskError::Deadlock(format!("{} waits for itself, beneath on its own stack", own.label()).into()))
        }
        None => Ok(()),
    }
}

/// Sleeps until the task's word is as wanted.
///
/// # Errors
/// [`TaskError::TimedOut`], [`TaskError::Deadlock`]; [`TaskError::Broken`] in a copy of the process that has the task.
pub(crate) fn wait_for(task: &Header, until: Until, deadline: Deadline) -> Result<(), TaskError> {
    let awaited = [Member::resolved(task, until == Until::Settled)];
    if !until.holds(task.snapshot()) {
        if let Some(why) = remote::lost(task) {
            return Err(why);
        }
        remote::watch(&awaited[0]);
    }
    loop {
        if until.holds(task.snapshot()) {
            return Ok(());
        }
        if deadline.is_past() && !cfg!(concurrent_futures_loom) {
            return Err(TaskError::TimedOut);
        }
        let Some(ticket) = enter(&Pause::new(&awaited, Need::All, deadline))? else { continue };
        let told = sleep(&ticket, task, until, deadline)?;
        drop(ticket);
        if !told && !until.holds(task.snapshot()) {
            return Err(TaskError::TimedOut);
        }
    }
}

/// Sleeps once: `false` if the deadline came first.
fn sleep(ticket: &Ticket, task: &Header, until: Until, deadline: Deadline) -> Result<bool, TaskError> {
    let node = ThreadNode::new(ticket.parker.unparker());
    let before = task.life.lock();
    if until.holds(before) {
        task.life.unlock(before, before.has_waiters());
        return Ok(true);
    }
    // SAFETY: the lock is held, and this function does not return before the node was removed or told.
    unsafe { task.waiters.push(node.node()) };
    task.life.unlock(before, true);
    remote::expect_first(task, before);
    let woken = ticket.parker.park_until(deadline);
    // The parker is unparked by the task, or by whoever refuses the wait; or by both, which is one wake.
    let refused = ticket.check();
    if woken && refused.is_ok() {
        return Ok(true);
    }
    let before = task.life.lock();
    // SAFETY: the lock is held.
    let removed = unsafe { task.waiters.remove(node.node()) };
    // SAFETY: the lock is held.
    let more = !unsafe { task.waiters.is_empty() };
    task.life.unlock(before, more);
    if !removed {
        // Whoever took the list is about to tell this node, or has, and calls nothing foreign before that.
        let mut round = 0;
        while !node.is_told() {
            spin_hint(&mut round);
        }
        return Ok(true);
    }
    refused.map(|()| false)
}

/// Runs a function that blocks for reasons of its own (I/O, a lock, a foreign call) without holding back the pool.
///
/// On a worker of a [`ThreadPoolExecutor`](crate::ThreadPoolExecutor) the pool lends this task's place to another
/// thread for as long as `f` runs; anywhere else this is just `f()`. After it the task goes on at once, so for a moment
/// more tasks may be under way than the pool has workers. A wait for a future does this by itself.
///
/// Python has no counterpart: a blocked worker is a lost worker there.
///
/// # Panics
/// If `f` does; the place is taken back first.
///
/// # Examples
/// ```
/// use concurrent_futures::{ThreadPoolExecutor, blocking};
/// use std::sync::mpsc;
///
/// let pool = ThreadPoolExecutor::new(1)?;
/// let (tx, rx) = mpsc::channel();
/// let waiting = pool.submit(move || blocking(|| rx.recv())); // the only worker, and yet:
/// let sending = pool.submit(move || tx.send(7));
/// assert_eq!(waiting.result(None)?, Ok(7));
/// # sending.result(None)?.ok();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn blocking<R>(f: impl FnOnce() -> R) -> R {
    if PLACE.with(Cell::get).is_none() {
        return f();
    }
    let outside = Pause::new(&[], Need::Outside, Deadline::NEVER);
    // A wait for something outside is never refused: without a spare thread the place just stays taken.
    let _ticket = enter(&outside).ok().flatten();
    f()
}
