//! The sync layer over std, which is what ships.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "the one place that may name std's own")]

pub(crate) use super::latch::Latch;

use super::Deadline;
use std::sync::PoisonError;

pub(crate) type AtomicBool = std::sync::atomic::AtomicBool;
pub(crate) type AtomicPtr<T> = std::sync::atomic::AtomicPtr<T>;
#[cfg(all(feature = "processes", target_os = "linux"))]
pub(crate) type AtomicU32 = std::sync::atomic::AtomicU32;
pub(crate) type AtomicU64 = std::sync::atomic::AtomicU64;
pub(crate) type AtomicUsize = std::sync::atomic::AtomicUsize;
pub(crate) type MutexGuard<'a, T> = std::sync::MutexGuard<'a, T>;

pub(crate) fn fence(order: std::sync::atomic::Ordering) {
    std::sync::atomic::fence(order);
}

pub(crate) use std::alloc::{alloc as allocate, dealloc as deallocate};

/// Keeps the processor for so many pauses.
pub(crate) fn spin(pauses: u32) {
    for _ in 0..pauses {
        std::hint::spin_loop();
    }
}

/// Says that this thread waits for a short step of another one.
///
/// Spins a little and then gives up the processor, because the other thread may have been descheduled in that step.
pub(crate) fn spin_hint(round: &mut u32) {
    if *round < 6 {
        spin(1 << *round);
    } else {
        std::thread::yield_now();
    }
    *round = round.saturating_add(1);
}

/// Looks at something again and again, without giving up the processor, for about so long; whether it came true.
#[cfg(all(feature = "processes", target_os = "linux"))]
pub(crate) fn spin_for(limit: std::time::Duration, mut condition: impl FnMut() -> bool) -> bool {
    /// Looks between two readings of the clock, which takes as long as several looks.
    const LOOKS: u32 = 16;
    let began = std::time::Instant::now();
    loop {
        for _ in 0..LOOKS {
            if condition() {
                return true;
            }
            std::hint::spin_loop();
        }
        if began.elapsed() >= limit {
            return condition();
        }
    }
}

/// Lets another thread have the processor, if one wants it.
pub(crate) fn give_way() {
    std::thread::yield_now();
}

/// Sleeps for a moment, so that also a thread of lower priority gets on.
pub(crate) fn nap() {
    std::thread::sleep(std::time::Duration::from_micros(100));
}

/// How many threads can run at once; asked once, because the answer is looked for in files.
pub(crate) fn processors() -> usize {
    static COUNT: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// A lock without poisoning: no user code runs while one of the crate's locks is held, so there is nothing to report.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Mutex(std::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condvar(std::sync::Condvar);

impl Condvar {
    pub(crate) const fn new() -> Self {
        Condvar(std::sync::Condvar::new())
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    /// Waits for a notification or the deadline; may wake without either.
    pub(crate) fn wait_until<'a, T>(&self, guard: MutexGuard<'a, T>, deadline: Deadline) -> MutexGuard<'a, T> {
        match deadline.remaining() {
            None => self.0.wait(guard).unwrap_or_else(PoisonError::into_inner),
            Some(left) => self.0.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0,
        }
    }
}

/// A handle that can unpark the thread that made it.
#[derive(Clone, Debug)]
pub(crate) struct Thread(std::thread::Thread);

impl Thread {
    pub(crate) fn current() -> Self {
        Thread(std::thread::current())
    }

    pub(crate) fn unpark(&self) {
        self.0.unpark();
    }

    /// Parks the calling thread until it is unparked or the deadline passes; may wake without either.
    pub(crate) fn park_until(deadline: Deadline) {
        match deadline.remaining() {
            None => std::thread::park(),
            Some(left) => std::thread::park_timeout(left),
        }
    }
}

#[derive(Debug)]
pub(crate) struct JoinHandle(std::thread::JoinHandle<()>);

impl JoinHandle {
    /// Waits for the thread's end. The crate's threads contain every panic; one in a destructor of a thread-local is
    /// not ours to report.
    pub(crate) fn join(self) {
        let _ = self.0.join();
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

/// Starts a thread, or says why the system would not.
pub(crate) fn spawn_thread(
    name: String,
    stack_size: usize,
    main: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle> {
    std::thread::Builder::new().name(name).stack_size(stack_size).spawn(main).map(JoinHandle)
}

/// Marks who may touch a piece of memory; costs nothing here, and is checked for races under loom.
#[derive(Debug, Default)]
pub(crate) struct Access;

impl Access {
    pub(crate) const fn new() -> Self {
        Access
    }

    #[inline(always)]
    pub(crate) fn shared<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    pub(crate) fn exclusive<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }
}

macro_rules! thread_local_ {
    ($(#[$attr:meta])* static $name:ident: $t:ty = $init:expr) => {
        ::std::thread_local! { $(#[$attr])* static $name: $t = const { $init } }
    };
}
pub(crate) use thread_local_ as thread_local;

/// A function that statics can be made with; not under loom, whose locks have to be made within a model.
macro_rules! const_fn {
    ($(#[$attr:meta])* $vis:vis fn $($rest:tt)*) => {
        $(#[$attr])* $vis const fn $($rest)*
    };
}
pub(crate) use const_fn;

macro_rules! global {
    (static $name:ident: $t:ty = $init:expr) => {
        static $name: $t = $init;
    };
}
pub(crate) use global;
