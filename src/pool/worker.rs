//! A worker thread, from its first step to its last: takes tasks until there are none (`search`), and sleeps
//! (`sleeping`).
#![expect(unsafe_code, reason = "a pointer to the thread's own worker")]

use super::lend::Starting;
use super::queues::Local;
use super::search::{Found, Search, end_search};
use super::shared::Pool;
use super::slot::Slot;
use super::stack::Stack;
use super::sys::{self, CoarseTime};
use crate::error::TaskError;
use crate::state::Stop;
use crate::sync::{Mutex, Parker, contain, drop_contained, thread_local};
use crate::task::{self, Begun, CellRef, Home, Residence, Runner, Task};
use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;

/// After how many submits from its own tasks a worker looks whether its queue should be swept.
const SWEEP_EVERY: usize = 1024;
/// How many tasks that were run in place may be left in the own queue before it is swept.
const SWEEP_AFTER: usize = 64;

pub(super) struct Worker {
    pub(super) pool: Arc<Pool>,
    pub(super) number: usize,
    pub(super) local: Local,
    pub(super) stack: Stack,
    pub(super) parker: Parker,
    pub(super) search: Search,
    /// Tasks on this thread's stack.
    nesting: Cell<usize>,
    /// Tasks that were run in place since the own queue was last swept.
    left_behind: Cell<usize>,
    /// Submits from its own tasks since its queue was last swept, and how long the queue was then.
    pushed: Cell<usize>,
    length_swept: Cell<usize>,
    /// Lent waits on this thread's stack.
    depth: Cell<usize>,
    state: Box<dyn Any>,
}

thread_local! {
    static CURRENT: Cell<*const Worker> = Cell::new(std::ptr::null())
}
thread_local! {
    /// The pool whose thread this is, also before and after its tasks.
    static MEMBER_OF: Cell<*const Pool> = Cell::new(std::ptr::null())
}

/// Runs `f` with the worker that this thread is, if it is one.
pub(super) fn current<R>(f: impl FnOnce(&Worker) -> R) -> Option<R> {
    // SAFETY: `Worker::within` takes the pointer away before the worker it leads to goes.
    unsafe { CURRENT.with(Cell::get).as_ref() }.map(f)
}

/// Whether this thread is one of the pool's.
pub(crate) fn is_worker_of(pool: &Pool) -> bool {
    std::ptr::eq(MEMBER_OF.with(Cell::get), pool)
}

/// Lends the state that the initializer made for this thread. `None`: this is no worker, or one with another state.
pub(crate) fn with_state<S: 'static, R>(f: impl FnOnce(&S) -> R) -> Option<R> {
    current(|worker| worker.state.downcast_ref::<S>().map(f)).flatten()
}

/// Queues a task on the calling thread's own queue, if that is a worker of the pool.
pub(super) fn push_local(pool: &Pool, task: Task) -> Result<(), Task> {
    let mut task = Some(task);
    if pool.config.max_workers == 1 {
        // One queue for all: then a pool with one worker runs tasks in the order in which they came.
        return task.map_or(Ok(()), Err);
    }
    current(|worker| {
        // One whose place is lent has no turn of its own, so that it keeps nothing for it.
        if std::ptr::eq(&raw const *worker.pool, pool) && worker.depth() == 0 {
            if let Some(task) = task.take() {
                worker.local.push(task);
                worker.sweep_after_pushes();
            }
        }
    });
    task.map_or(Ok(()), Err)
}

/// Puts a future that was woken where the calling thread looks first, if that is a worker of the pool. `true`: what had
/// been there is in its queue now.
pub(super) fn push_woken(pool: &Pool, task: Task) -> Result<bool, Task> {
    let (mut task, mut overtakes) = (Some(task), false);
    current(|worker| {
        if std::ptr::eq(&raw const *worker.pool, pool) && worker.depth() == 0 {
            if let Some(overtaken) = task.take().and_then(|task| worker.own().woken.put(task)) {
                worker.push_last(overtaken);
                overtakes = true;
            }
        }
    });
    task.map_or(Ok(overtakes), Err)
}

/// A worker thread's whole life. It is counted as a searcher when it starts.
pub(super) fn main(pool: Arc<Pool>, number: usize, delivered: &Mutex<Option<Local>>) {
    let Some(local) = delivered.lock().take() else {
        unreachable!("the starter puts the queue in before it starts the thread")
    };
    let stack = Stack::begin(pool.config.stack_size);
    MEMBER_OF.with(|member| member.set(Arc::as_ptr(&pool)));
    if let Some(slot) = pool.slot(number) {
        slot.now(|now| now.os_id = sys::thread_id());
    }
    // What the initializer does may take long; the pool must not rely on this thread meanwhile.
    let foreign = pool.config.initializer.is_some() || pool.config.on_thread_start.is_some();
    if foreign {
        end_search(&pool);
    }
    if let Some(hook) = &pool.config.on_thread_start {
        starting(&pool, number, || {
            let _ = contain(|| hook(number));
        });
    }
    let state = initial_state(&pool, number);
    if foreign {
        pool.crew.begin_search();
    }
    match state {
        Ok(state) => {
            let worker = Worker {
                pool: Arc::clone(&pool),
                number,
                local,
                stack,
                parker: Parker::new(),
                search: Search::new(number),
                nesting: Cell::new(0),
                left_behind: Cell::new(0),
                pushed: Cell::new(0),
                length_swept: Cell::new(0),
                depth: Cell::new(0),
                state,
            };
            worker.work();
            let Worker { local, state, .. } = worker;
            starting(&pool, number, || drop_contained(state));
            leave(&pool, number, local);
        }
        Err(cause) => {
            pool.break_down(&format!("the initializer of slot {number} failed: {cause}"));
            let mut roster = pool.lock();
            pool.crew.searcher_leaves();
            roster.leaving += 1;
            drop(roster);
            leave(&pool, number, local);
        }
    }
}

/// Runs what belongs to a thread and not to a task of it.
fn starting<R>(pool: &Arc<Pool>, number: usize, f: impl FnOnce() -> R) -> R {
    task::with_place(&Starting(Arc::clone(pool), number), f)
}

fn initial_state(pool: &Arc<Pool>, number: usize) -> Result<Box<dyn Any>, String> {
    let Some(initializer) = &pool.config.initializer else {
        return Ok(Box::new(()));
    };
    match contain(|| starting(pool, number, || initializer(number))) {
        Ok(made) => made,
        Err(payload) => Err(payload.text()),
    }
}

/// The thread's last steps. It is counted as leaving.
fn leave(pool: &Arc<Pool>, number: usize, local: Local) {
    if let Some(hook) = &pool.config.on_thread_stop {
        starting(pool, number, || {
            let _ = contain(|| hook(number));
        });
    }
    let mut roster = pool.lock();
    roster.vacate(number, Some(local));
    roster.leaving -= 1;
    pool.crew.remove_leaver();
    let mail = pool.take_mail(number);
    // Until it is sent on, nobody may find the pool deserted.
    let sends = usize::from(!mail.is_empty());
    roster.starting += sends;
    pool.after_leaving(roster);
    for task in mail {
        pool.send(number, task);
    }
    let mut roster = pool.lock();
    roster.starting -= sends;
    pool.tell_if_gone(&roster);
    drop(roster);
    pool.tell_ended();
}

impl Worker {
    fn work(&self) {
        self.within(|| {
            while let Some(task) = self.next() {
                self.run(task);
            }
        });
    }

    fn within(&self, f: impl FnOnce()) {
        CURRENT.with(|current| current.set(self));
        task::with_place(self, f);
        CURRENT.with(|current| current.set(std::ptr::null()));
    }

    pub(super) fn own(&self) -> &Slot {
        match self.pool.slot(self.number) {
            Some(slot) => slot,
            None => unreachable!("a thread's slot is made before it starts"),
        }
    }

    // ------------------------------------------------------------------------------------------ running

    fn run(&self, found: Found) {
        match found {
            Found::Queued(task) => match task.begin() {
                Some(begun) => {
                    self.pool.count_left(&begun);
                    self.run_begun(begun);
                }
                None => self.own().count_swept(),
            },
            Found::Ahead(task) => {
                if let Some(begun) = Begun::of(task) {
                    // It stays behind in its queue.
                    self.pool.count_withdrawn(&begun);
                    self.run_begun(begun);
                }
            }
            Found::Mail(task) => {
                if let Some(begun) = task.begin() {
                    self.run_begun(begun);
                }
            }
        }
    }

    /// Runs a task that was begun here; also on top of another one that waits for it.
    pub(super) fn run_begun(&self, begun: Begun) {
        let slot = self.own();
        let outer = slot.set_began(CoarseTime::now());
        let named = begun.header().extras().and_then(|extras| extras.name.clone());
        let outer_name = named.map(|name| slot.now(|now| now.task.replace(name)));
        self.nesting.set(self.nesting.get() + 1);
        begun.run(self);
        self.nesting.set(self.nesting.get() - 1);
        if let Some(outer_name) = outer_name {
            slot.now(|now| now.task = outer_name);
        }
        slot.restore_began(outer);
    }

    // ------------------------------------------------------------------------------------------ its queue

    /// Queues a task behind those of this thread.
    pub(super) fn push_last(&self, task: Task) {
        if let Err(task) = push_local(&self.pool, task) {
            self.pool.injector.push(task);
        }
    }

    /// Takes what is left of tasks that were run in place out of the thread's own queue, once there may be more of it
    /// than of others: a task that submits and waits all its life would fill the memory with it.
    pub(super) fn sweep_now_and_then(&self) {
        self.left_behind.set(self.left_behind.get() + 1);
        if self.left_behind.get() >= SWEEP_AFTER.max(self.local.len() / 2) {
            self.sweep();
        }
    }

    /// The same for what is left of tasks that were cancelled: there the queue's growth is all that can be seen.
    fn sweep_after_pushes(&self) {
        self.pushed.set(self.pushed.get() + 1);
        if self.pushed.get() < SWEEP_EVERY {
            return;
        }
        self.pushed.set(0);
        if self.local.len() > 2 * self.length_swept.get() + SWEEP_EVERY {
            self.sweep();
        }
    }

    fn sweep(&self) {
        self.left_behind.set(0);
        for _ in 0..self.local.len() {
            let Some(task) = self.local.pop() else { break };
            if task.header().is_due() {
                self.local.push(task);
            } else {
                task.discard();
                self.own().count_swept();
            }
        }
        self.length_swept.set(self.local.len());
        // Whoever looked while a task was in this thread's hand did not see it.
        self.pool.after_push();
    }

    pub(super) fn depth(&self) -> usize {
        self.depth.get()
    }

    pub(super) fn set_depth(&self, depth: usize) {
        self.depth.set(depth);
    }
}

/// While the last step of a task is ahead and nothing is queued nearby, the worker already counts as searching.
impl Runner for Worker {
    fn about_to_be_idle(&self) {
        let last = self.nesting.get() == 1 && !self.search.searching.get();
        if last && self.local.is_empty() && self.pool.injector.is_empty() && self.own().woken.is_empty() {
            self.begin_search();
        }
    }

    fn ran(&self) {
        self.own().count_completed();
    }

    fn not_idle(&self) {
        self.stop_searching();
    }

    fn stops(&self) -> Option<Stop> {
        self.pool.stops()
    }

    fn stopped(&self) {
        self.pool.count_cancelled_late(1);
    }

    fn broken(&self) -> TaskError {
        Home::broken(&*self.pool)
    }

    fn house(&self, task: &CellRef) -> Result<Residence, Stop> {
        self.pool.house(self.number, task)
    }

    fn again(&self, task: Task) {
        self.queue_again(task, self.nesting.get() == 1);
    }
}
