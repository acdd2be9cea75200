//! Threads: what they are asked to be, and what they do from their first step to their last.

use super::excepthook::{self, ExceptHookArgs};
use super::handle::ThreadHandle;
use super::registry::{self, Unfinished};
use super::thread_ref::ThreadRef;
use super::{ident, presence};
use crate::error::TaskError;
use crate::pool::{self, Config};
use crate::sync::{AtomicU64, Mutex, Ordering, contain, drop_contained, global, spawn_thread};
use crate::task::{self, Promise, Standing, named_promise};
use std::any::type_name;
use std::fmt;
use std::io;
use std::sync::Arc;

/// A thread that has not been started: a function and what its thread should be.
///
/// Python's `Thread`, with what can be done before the start and after it apart: [`start`](Thread::start) takes this
/// and gives a [`ThreadHandle`]. So a thread cannot be started twice, or joined too early, and its name and daemon flag
/// do not change under it.
///
/// The process waits at its end for all threads that are no [daemons](Thread::daemon): see
/// [the module](super#the-end-of-the-process).
///
/// # Examples
/// ```
/// use concurrent_futures::threading::Thread;
/// use std::time::Duration;
///
/// let thread = Thread::new(|| 6 * 7).name("the answer").start()?;
/// assert_eq!(thread.join(Duration::from_secs(30))?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a Thread does nothing until `start`"]
pub struct Thread<F> {
    function: F,
    setup: Setup,
}

/// What a thread should be.
#[derive(Default)]
pub(super) struct Setup {
    pub(super) name: Option<String>,
    pub(super) daemon: Option<bool>,
    pub(super) stack_size: Option<usize>,
}

impl<F> Thread<F> {
    /// A thread that will run `function`.
    pub fn new(function: F) -> Self {
        Thread { function, setup: Setup::default() }
    }

    /// Its name; `Thread-1`, `Thread-2 (function)` and so on without one, or with an empty one. Any length and any
    /// characters will do, but for a NUL; the system shows the first 15 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.setup.name = Some(name.into());
        self
    }

    /// Whether the process may end without it: then it is ended wherever it is, without unwinding. Without this a
    /// thread is what the one that starts it is; `main`, and threads that were not started here, start such that are
    /// waited for.
    pub fn daemon(mut self, daemon: bool) -> Self {
        self.setup.daemon = Some(daemon);
        self
    }

    /// The size of its stack in bytes, instead of `RUST_MIN_STACK` or 2 MiB. (Python sets it for all threads to come.)
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.setup.stack_size = Some(bytes);
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// `InvalidInput`, which names the option and its value: a name with a NUL, a stack of less than 64 KiB or of more
    /// than any system has room for. Else what the system says where it gives no thread, or that the process is ending.
    /// The function is dropped, and nothing is left of the thread.
    pub fn start<T>(self) -> io::Result<ThreadHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.setup.start(|| (), self.function)
    }
}

impl<F> fmt::Debug for Thread<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Thread");
        text.field("name", &self.setup.name).field("daemon", &self.setup.daemon);
        text.field("stack_size", &self.setup.stack_size).field("state", &format_args!("initial")).finish()
    }
}

impl Setup {
    /// Starts a thread that calls `before`, and then `function` unless its future was cancelled meanwhile.
    pub(super) fn start<F, T>(self, before: impl FnOnce() + Send + 'static, function: F) -> io::Result<ThreadHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let stack_size = self.stack_size.unwrap_or_else(Config::default_stack);
        pool::check_stack_size(stack_size).map_err(refused)?;
        let name = self.name.filter(|name| !name.is_empty()).unwrap_or_else(next_name::<F>);
        if name.contains('\0') {
            return Err(refused(format!("name is {name:?}: the system's thread names cannot hold a NUL")));
        }
        let daemon = self.daemon.unwrap_or_else(presence::is_within_daemon);
        let shared_name: Arc<str> = Arc::from(name.as_str());
        let (value, future) = named_promise(Arc::clone(&shared_name));
        let (end, ended) = named_promise(Arc::clone(&shared_name));
        let course = Arc::new(Course(Mutex::new(Ends { value: Some(value), end: Some(end) })));
        let thread = ThreadRef::started(ident::next(), shared_name, daemon, ended.shared());
        registry::enter(&thread, Arc::clone(&course) as Arc<dyn Unfinished>)?;
        let unstarted = Unstarted(thread.ident());
        let begun = thread.clone();
        spawn_thread(name, stack_size, move || run(&begun, &course, before, function))?;
        std::mem::forget(unstarted);
        Ok(ThreadHandle::new(thread, future))
    }
}

fn refused(why: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.to_string())
}

/// Takes a thread out of the registry that could not be started, also where the drop of its function panics.
struct Unstarted(u64);

impl Drop for Unstarted {
    fn drop(&mut self) {
        registry::leave(self.0);
    }
}

/// As Python's: a number, and the function's name where it has one.
fn next_name<F>() -> String {
    global! {
        static LAST: AtomicU64 = AtomicU64::new(0)
    }
    // ORDERING: Relaxed, only the number itself matters.
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    let path = type_name::<F>();
    let function = path.rsplit("::").next().unwrap_or(path);
    let is_name = function.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    if is_name { format!("Thread-{number} ({function})") } else { format!("Thread-{number}") }
}

/// The ends of a thread that are to be told; `None` where somebody is telling it, or has.
struct Ends<T> {
    value: Option<Promise<T>>,
    /// Only that it has ended, for those who do not take the value.
    end: Option<Promise<()>>,
}

/// A thread from its start to its end. Whoever takes an end out tells it: the thread when its function has ended, or who
/// finds that it never will. One at a time, because callbacks of the first may never come back (they may call `exit`),
/// and then the second is still there to be told.
struct Course<T>(Mutex<Ends<T>>);

impl<T: Send + 'static> Course<T> {
    /// `None`: its future was cancelled before.
    fn begin(&self) -> Option<[Standing; 2]> {
        let mut ends = self.0.lock();
        let Ends { value: Some(value), end: Some(end) } = &mut *ends else { return None };
        end.set_running();
        if !value.set_running() {
            return None;
        }
        Some([value.standing()?, end.standing()?])
    }

    fn finish(&self, outcome: Option<Result<T, TaskError>>) {
        // Each is taken out in a statement of its own, because what is told calls foreign code.
        let value = self.0.lock().value.take();
        match (value, outcome) {
            // A future that runs is not cancelled, so it takes the value.
            (Some(value), Some(Ok(outcome))) => drop_contained(value.set_result(outcome)),
            (Some(value), Some(Err(error))) => drop(value.set_exception(error)),
            (value, outcome) => {
                drop(value);
                drop_contained(outcome);
            }
        }
        let end = self.0.lock().end.take();
        if let Some(end) = end {
            // Nobody cancels it, and there is nothing in it.
            let _ = end.set_result(());
        }
    }
}

impl<T: Send + 'static> Unfinished for Course<T> {
    fn abandon(&self) {
        self.finish(None);
    }
}

/// All that a thread does.
fn run<F, T>(thread: &ThreadRef, course: &Course<T>, before: impl FnOnce(), function: F)
where
    F: FnOnce() -> T,
    T: Send + 'static,
{
    presence::begin(thread);
    before();
    let outcome = match course.begin() {
        // The value's is the one that is asked for what the running task is.
        Some([value, end]) => Some(end.run(|| value.run(|| call(thread, function)))),
        None => {
            drop_contained(function);
            None
        }
    };
    // Before anybody can hear of its end.
    registry::unlist(thread);
    course.finish(outcome);
}

fn call<T>(thread: &ThreadRef, function: impl FnOnce() -> T) -> Result<T, TaskError> {
    contain(function).map_err(|payload| {
        let panic = Arc::new(task::panic_report(&payload, None));
        if let Some(payload) = payload.get() {
            excepthook::call(&ExceptHookArgs { thread, panic: &panic, payload });
        }
        TaskError::Panicked(panic)
    })
}
