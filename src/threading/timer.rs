//! A thread that waits before it begins, and can be told not to.

use super::event::Event;
use super::handle::ThreadHandle;
use super::thread::Setup;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// A function that is called after a while, on a thread of its own.
///
/// Python's `Timer`: a [`Thread`](super::Thread) that waits first, with the same options, and with a result. The process
/// waits for it too, unless it is a [daemon](Timer::daemon).
///
/// # Examples
/// ```
/// use concurrent_futures::threading::Timer;
/// use std::time::Duration;
///
/// let soon = Timer::new(Duration::from_millis(1), || "now").start()?;
/// let never = Timer::new(Duration::from_secs(3600), || "too late").start()?;
/// assert_eq!(soon.join(None)?, "now");
/// assert!(never.cancel());
/// assert!(never.join(None).is_err_and(|error| error.is_cancelled()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a Timer does nothing until `start`"]
pub struct Timer<F> {
    interval: Duration,
    function: F,
    setup: Setup,
}

impl<F> Timer<F> {
    /// Calls `function` after `interval`, counted from the start. One that the clock cannot express never passes.
    pub fn new(interval: Duration, function: F) -> Self {
        Timer { interval, function, setup: Setup::default() }
    }

    /// As [`Thread::name`](super::Thread::name).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.setup.name = Some(name.into());
        self
    }

    /// As [`Thread::daemon`](super::Thread::daemon).
    pub fn daemon(mut self, daemon: bool) -> Self {
        self.setup.daemon = Some(daemon);
        self
    }

    /// As [`Thread::stack_size`](super::Thread::stack_size).
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.setup.stack_size = Some(bytes);
        self
    }

    /// Starts to wait.
    ///
    /// # Errors
    /// As [`Thread::start`](super::Thread::start).
    pub fn start<T>(self) -> io::Result<TimerHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let cancelled = Arc::new(Event::new());
        let seen = Arc::clone(&cancelled);
        let interval = self.interval;
        let wait = move || {
            seen.wait(interval);
        };
        let thread = self.setup.start(wait, self.function)?;
        // However it is cancelled, by its future too, there is nothing left to wait for.
        thread.future().add_done_callback(move |_| cancelled.set());
        Ok(TimerHandle { thread })
    }
}

impl<F> fmt::Debug for Timer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("interval", &self.interval)
            .field("name", &self.setup.name)
            .finish_non_exhaustive()
    }
}

/// A [`Timer`] that was started; it is a [`ThreadHandle`] too. Dropping it leaves the timer running.
pub struct TimerHandle<T> {
    thread: ThreadHandle<T>,
}

impl<T> TimerHandle<T> {
    /// Cancels it. `true`: the function was not called and never will be, also on a second call; `false`: it runs, or
    /// has run. Exact, where Python's leaves it open.
    pub fn cancel(&self) -> bool {
        self.thread.future().cancel()
    }
}

impl<T> Deref for TimerHandle<T> {
    type Target = ThreadHandle<T>;

    fn deref(&self) -> &ThreadHandle<T> {
        &self.thread
    }
}

impl<T> fmt::Debug for TimerHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerHandle").field("thread", &self.thread).finish_non_exhaustive()
    }
}
