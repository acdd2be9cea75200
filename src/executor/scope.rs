//! Tasks that borrow from the stack.
//!
//! A scope counts its tasks up when they are submitted and down at their very last step (`Watcher::retired`), when
//! neither the job nor a value without an owner is left. It does not return before the count is zero, whatever happens:
//! that is what makes the borrows sound.

use super::engine::{self, Engine};
use super::map::Map;
use crate::error::{Rejected, TaskError};
use crate::sync::{Deadline, Mutex, Parker, Payload, Unparker, contain};
use crate::task::{self, Alarm, CellRef, Extras, Future, Header, Member, Need, Pause, Task, Watcher, Work};
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

/// Submits tasks that may borrow from the stack around [`scope`](crate::ThreadPoolExecutor::scope), all of which end
/// before it returns.
///
/// As `std::thread::scope`, on an executor: closure-based, and it always joins, also when unwinding. On a worker, tasks
/// that nobody has begun are run right there. Python has no counterpart.
///
/// # Examples
/// ```
/// use concurrent_futures::ThreadPoolExecutor;
///
/// let pool = ThreadPoolExecutor::new(2)?;
/// let words = vec!["borrowed", "not", "moved"];
/// let mut lengths = vec![0; words.len()];
/// pool.scope(|s| {
///     for (word, length) in words.iter().zip(&mut lengths) {
///         let _ = s.submit(move || *length = word.len());
///     }
/// });
/// assert_eq!(lengths, [8, 3, 5]);
/// # Ok::<(), concurrent_futures::BuildError>(())
/// ```
pub struct Scope<'scope, 'env: 'scope> {
    engine: &'scope (dyn Engine + 'scope),
    shared: Arc<Shared>,
    /// Invariant in both, as in std.
    _scope: PhantomData<&'scope mut &'scope ()>,
    _env: PhantomData<&'env mut &'env ()>,
}

/// What makes a scope cancel the rest of its tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScopePolicy {
    /// Nothing: every task runs.
    #[default]
    All,
    /// The first task that fails; a cancelled one does not count.
    CancelOnError,
    /// The first task that has a value.
    CancelOnSuccess,
}

/// Options of a scope.
#[derive(Clone, Debug, Default)]
pub struct ScopeOptions {
    policy: ScopePolicy,
    cancel_after: Option<Duration>,
}

impl ScopeOptions {
    /// Every task runs, for as long as it takes.
    pub fn new() -> Self {
        Self::default()
    }

    /// What cancels the rest: what has not begun never runs, what runs is asked to stop.
    pub fn policy(self, policy: ScopePolicy) -> Self {
        ScopeOptions { policy, ..self }
    }

    /// Cancels the rest after `limit`.
    pub fn cancel_after(self, limit: Duration) -> Self {
        ScopeOptions { cancel_after: Some(limit), ..self }
    }
}

struct Shared {
    policy: ScopePolicy,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Tasks that have not come to their very last step.
    remaining: usize,
    /// How many tasks there ever were.
    added: u64,
    /// Those, and panics that somebody may still look at. Swept when it has doubled.
    tasks: Vec<CellRef>,
    swept_length: usize,
    /// A panic that nobody will look at any more.
    unseen: Option<TaskError>,
    cancelled: bool,
    joiner: Option<Joiner>,
}

/// Who waits for the scope's end.
struct Joiner {
    unparker: Arc<Unparker>,
    /// Somebody decided by the list of tasks whether it may wait.
    asked: bool,
}

/// A task's panic that nobody has looked at.
fn unseen_panic(task: &Header) -> Option<TaskError> {
    let seen = task.snapshot().is_taken();
    task.error(false).filter(|error| !seen && error.is_panicked())
}

impl Shared {
    fn add(&self, task: CellRef) {
        let mut state = self.state.lock();
        state.remaining += 1;
        state.added += 1;
        state.tasks.push(task);
        if state.tasks.len() < 2 * state.swept_length + 64 {
            return;
        }
        let mut gone = Vec::new();
        for task in std::mem::take(&mut state.tasks) {
            let now = task.snapshot();
            match unseen_panic(&task) {
                _ if !now.is_terminal() => state.tasks.push(task),
                None => gone.push(task),
                Some(_) if !now.is_detached() => state.tasks.push(task),
                Some(panic) => {
                    state.unseen.get_or_insert(panic);
                    gone.push(task);
                }
            }
        }
        state.swept_length = state.tasks.len();
        drop(state);
        // The last reference to a cell frees it, with what is in its error; not under the lock.
        drop(gone);
    }

    fn cancel(&self) {
        let tasks = {
            let mut state = self.state.lock();
            state.cancelled = true;
            state.tasks.clone()
        };
        // The last first, so that what is begun meanwhile is what came first.
        for task in tasks.iter().rev() {
            task::request_cancel(task);
        }
    }

    /// A join that was told of its tasks has to be told of this one.
    fn tell_joiner(&self) {
        let joiner = self.state.lock().joiner.take_if(|joiner| joiner.asked);
        if let Some(joiner) = joiner {
            joiner.unparker.unpark();
        }
    }

    fn is_cancelled(&self) -> bool {
        self.state.lock().cancelled
    }
}

impl Watcher for Shared {
    fn ended(&self, task: &Header) {
        let stop = match (self.policy, task.error(false)) {
            (ScopePolicy::All, _) | (_, Some(TaskError::Cancelled)) => false,
            (ScopePolicy::CancelOnError, error) => error.is_some(),
            (ScopePolicy::CancelOnSuccess, error) => error.is_none(),
        };
        if stop && !self.is_cancelled() {
            self.cancel();
        }
    }

    fn retired(&self) {
        let mut state = self.state.lock();
        state.remaining -= 1;
        let joiner = if state.remaining == 0 { state.joiner.take() } else { None };
        drop(state);
        if let Some(joiner) = joiner {
            joiner.unparker.unpark();
        }
    }
}

struct ScopedWork<F>(F);

impl<F: FnOnce() -> T, T> Work for ScopedWork<F> {
    type Output = T;

    fn work(self) -> T {
        (self.0)()
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Submits a job that may borrow what outlives the scope.
    ///
    /// The future may be dropped: the scope waits for the task all the same.
    pub fn submit<F, T>(&'scope self, f: F) -> Future<T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let tasks = Tasks { engine: self.engine, shared: &self.shared };
        let (task, future) = task::make(ScopedWork(f), tasks.extras());
        engine::give(&tasks, task, future, None)
    }

    /// Maps a function over inputs, both of which may borrow what outlives the scope: see [`Map`].
    ///
    /// What goes wrong with an item is told where the map is iterated, and nowhere else: a panic of one is not thrown
    /// by the scope, and the scope's policy does not see it.
    pub fn map<F, I, R>(&'scope self, f: F, items: I) -> Map<'scope, I::IntoIter, R>
    where
        I: IntoIterator<Item: Send + 'scope>,
        F: Fn(I::Item) -> R + Send + Sync + 'scope,
        R: Send + 'scope,
    {
        let tasks = Arc::new(Tasks { engine: self.engine, shared: &self.shared });
        Map::with_closure(tasks, f, items.into_iter())
    }

    /// Runs a future that may borrow what outlives the scope: see [`spawn`](crate::ThreadPoolExecutor::spawn).
    ///
    /// The scope waits until it is ready, or cancelled; [`cancel`](Scope::cancel) and the scope's policy end it also
    /// while it waits.
    pub fn spawn<F>(&'scope self, future: F) -> Future<F::Output>
    where
        F: std::future::Future<Output: Send + 'scope> + Send + 'scope,
    {
        let tasks = Tasks { engine: self.engine, shared: &self.shared };
        let (task, handle) = task::make_spawned(future, tasks.extras());
        engine::give(&tasks, task, handle, None)
    }

    /// Cancels what has not begun, and what is submitted from now on; asks what runs to stop.
    pub fn cancel(&self) {
        self.shared.cancel();
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("remaining", &self.shared.state.lock().remaining).finish_non_exhaustive()
    }
}

/// The scope's way to its engine: every task is counted.
struct Tasks<'scope> {
    engine: &'scope (dyn Engine + 'scope),
    shared: &'scope Arc<Shared>,
}

impl Engine for Tasks<'_> {
    fn execute(&self, task: Task, wait: Option<Duration>) -> Result<(), Rejected<Task>> {
        self.shared.add(CellRef::to(task.header()));
        if self.shared.is_cancelled() {
            let _ = task.cancel();
            return Ok(());
        }
        let given = self.engine.execute(task, wait);
        // By now the task has its owner, and a worker that joins can see that it may run it.
        self.shared.tell_joiner();
        given
    }

    fn max_workers(&self) -> usize {
        self.engine.max_workers()
    }

    fn help(&self) -> bool {
        self.engine.help()
    }

    fn extras(&self) -> Option<Extras> {
        let watcher: Arc<dyn Watcher> = Arc::clone(self.shared) as _;
        Some(Extras { watcher: Some(watcher), ..Extras::default() })
    }
}

/// As [`run_with`]; a panic of a task that nobody looked at goes on here.
pub(super) fn run<'env, R>(
    engine: &(dyn Engine + 'env),
    f: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
) -> R {
    match run_with(engine, ScopeOptions::new(), f) {
        Ok(result) => result,
        Err(error) => std::panic::panic_any(format!("a scoped task panicked: {error}")),
    }
}

/// Runs `f`, waits for all tasks, and then tells what came of both.
pub(super) fn run_with<'env, R>(
    engine: &(dyn Engine + 'env),
    options: ScopeOptions,
    f: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
) -> Result<R, TaskError> {
    let shared = Arc::new(Shared { policy: options.policy, state: Mutex::new(State::default()) });
    let alarm: Option<Alarm> = options.cancel_after.map(|limit| {
        let shared = Arc::clone(&shared);
        task::after(limit, move || shared.cancel())
    });
    let scope = Scope { engine, shared: Arc::clone(&shared), _scope: PhantomData, _env: PhantomData };
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    // Whatever comes out of the wait, nobody may go on while a task borrows from this stack.
    let bomb = AbortOnDrop;
    let panic_of_help = join(engine, &shared);
    std::mem::forget(bomb);
    drop(alarm);
    let result = result.unwrap_or_else(|payload| resume_unwind(payload));
    if let Some(payload) = panic_of_help {
        payload.resume();
    }
    let mut state = shared.state.lock();
    let tasks = std::mem::take(&mut state.tasks);
    let unseen = state.unseen.take();
    drop(state);
    match unseen.or_else(|| tasks.iter().find_map(|task| unseen_panic(task))) {
        Some(panic) => Err(panic),
        None => Ok(result),
    }
}

/// Ends the process when dropped.
struct AbortOnDrop;

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// Waits until no task of the scope is left. Never returns before that. An engine that panics when asked for help is
/// not asked again; its panic goes on afterwards.
fn join(engine: &dyn Engine, shared: &Shared) -> Option<Payload> {
    let mut panic_of_help = None;
    loop {
        let (tasks, added) = {
            let state = shared.state.lock();
            if state.remaining == 0 {
                return panic_of_help;
            }
            (state.tasks.clone(), state.added)
        };
        if panic_of_help.is_none() {
            match contain(|| engine.help()) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(payload) => panic_of_help = Some(payload),
            }
        }
        // Also those that have ended: their callbacks have to, too.
        let awaited: Vec<Member<'_>> = tasks.iter().map(|task| Member::resolved(task, true)).collect();
        let pause = Pause { firm: true, ..Pause::new(&awaited, Need::All, Deadline::NEVER) };
        match task::enter(&pause) {
            Ok(None) => {}
            Ok(Some(ticket)) => sleep(shared, &ticket.parker, added, ticket.is_asked()),
            Err(_) => {
                // Nobody can run what has not begun: it is cancelled, and what runs is waited for.
                for task in &awaited {
                    task::cancel(task);
                }
                sleep(shared, &Parker::new(), added, true);
            }
        }
    }
}

/// Sleeps until there may be no task left, or, if somebody was told of the tasks, until there are others than were
/// told.
fn sleep(shared: &Shared, parker: &Parker, added: u64, asked: bool) {
    {
        let mut state = shared.state.lock();
        if state.remaining == 0 || (asked && state.added != added) {
            return;
        }
        state.joiner = Some(Joiner { unparker: parker.unparker(), asked });
    }
    parker.park_until(Deadline::NEVER);
}

/// A scope on a bare pool, for the models.
#[cfg(all(test, concurrent_futures_loom))]
pub(crate) mod on_pool {
    use super::{Engine, Scope, run};
    use crate::error::Rejected;
    use crate::pool::Pool;
    use crate::sync::Deadline;
    use crate::task::Task;
    use std::sync::Arc;
    use std::time::Duration;

    struct Bare(Arc<Pool>);

    impl Engine for Bare {
        fn execute(&self, task: Task, wait: Option<Duration>) -> Result<(), Rejected<Task>> {
            self.0.execute(task, Deadline::after(wait))
        }

        fn max_workers(&self) -> usize {
            self.0.max_workers()
        }

        fn help(&self) -> bool {
            false
        }
    }

    pub(crate) fn scope<'env, R>(pool: &Arc<Pool>, f: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R) -> R {
        run(&Bare(Arc::clone(pool)), f)
    }
}
