//! The sync layer over loom: the same names, with every step explored.

use super::Deadline;

pub(crate) type AtomicBool = loom::sync::atomic::AtomicBool;
pub(crate) type AtomicPtr<T> = loom::sync::atomic::AtomicPtr<T>;
#[cfg(all(feature = "processes", target_os = "linux"))]
pub(crate) type AtomicU32 = loom::sync::atomic::AtomicU32;
pub(crate) type AtomicU64 = loom::sync::atomic::AtomicU64;
pub(crate) type AtomicUsize = loom::sync::atomic::AtomicUsize;
pub(crate) type MutexGuard<'a, T> = loom::sync::MutexGuard<'a, T>;

pub(crate) fn fence(order: std::sync::atomic::Ordering) {
    loom::sync::atomic::fence(order);
}

/// Memory that has to be freed, once, by the end of a model.
pub(crate) use loom::alloc::{alloc as allocate, dealloc as deallocate};

/// Gives the other thread its turn, as all that waits here.
pub(crate) fn spin(_pauses: u32) {
    loom::thread::yield_now();
}

/// Gives the other thread its turn: a spin that did not would never end in a model.
pub(crate) fn spin_hint(_round: &mut u32) {
    loom::thread::yield_now();
}

/// One look, and one more when the others have had their turn: a spin ends both well and badly in some execution.
#[cfg(all(feature = "processes", target_os = "linux"))]
pub(crate) fn spin_for(_limit: std::time::Duration, mut condition: impl FnMut() -> bool) -> bool {
    condition() || {
        loom::thread::yield_now();
        condition()
    }
}

/// Lets another thread have the processor, if one wants it.
pub(crate) fn give_way() {
    loom::thread::yield_now();
}

/// As a spin.
pub(crate) fn nap() {
    loom::thread::yield_now();
}

pub(crate) fn processors() -> usize {
    2
}

#[derive(Debug)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// The lock that spins has a model of its own (`latch.rs`): spinning in every model would multiply what is explored, and
/// shows nothing of them.
pub(crate) type Latch<T> = Mutex<T>;

#[derive(Debug)]
pub(crate) struct Condvar(loom::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Condvar(loom::sync::Condvar::new())
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    pub(crate) fn wait_until<'a, T>(&self, guard: MutexGuard<'a, T>, deadline: Deadline) -> MutexGuard<'a, T> {
        // A timed wait counts as expired at once; the caller's loop then looks at its condition a last time.
        if deadline.is_never() { self.0.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner) } else { guard }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Thread(loom::thread::Thread);

impl Thread {
    pub(crate) fn current() -> Self {
        Thread(loom::thread::current())
    }

    pub(crate) fn unpark(&self) {
        self.0.unpark();
    }

    pub(crate) fn park_until(deadline: Deadline) {
        if deadline.is_never() {
            loom::thread::park();
        } else {
            loom::thread::yield_now();
        }
    }
}

#[derive(Debug)]
pub(crate) struct JoinHandle(loom::thread::JoinHandle<()>);

impl JoinHandle {
    pub(crate) fn join(self) {
        let _ = self.0.join();
    }

    /// Never known before the join, which is always a right answer.
    pub(crate) fn is_finished(&self) -> bool {
        false
    }
}

pub(crate) fn spawn_thread(
    name: String,
    _stack_size: usize,
    main: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle> {
    loom::thread::Builder::new().name(name).spawn(main).map(JoinHandle)
}

/// A cell without content, which loom watches in place of the memory that it stands for.
#[derive(Debug)]
pub(crate) struct Access(loom::cell::UnsafeCell<()>);

impl Access {
    pub(crate) fn new() -> Self {
        Access(loom::cell::UnsafeCell::new(()))
    }

    pub(crate) fn shared<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.with(|_| f())
    }

    pub(crate) fn exclusive<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.with_mut(|_| f())
    }
}

macro_rules! thread_local_ {
    ($(#[$attr:meta])* static $name:ident: $t:ty = $init:expr) => {
        ::loom::thread_local! { $(#[$attr])* static $name: $t = $init }
    };
}
pub(crate) use thread_local_ as thread_local;

macro_rules! const_fn {
    ($(#[$attr:meta])* $vis:vis fn $($rest:tt)*) => {
        $(#[$attr])* $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

macro_rules! global {
    (static $name:ident: $t:ty = $init:expr) => {
        ::loom::lazy_static! { static ref $name: $t = $init; }
    };
}
pub(crate) use global;
