//! Floor 0: what can go wrong, as one enum that says whose limit it was and what to do.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a future has no value.
///
/// A waiting limit ([`TimedOut`](TaskError::TimedOut)) and a task's own limit
/// ([`DeadlineExceeded`](TaskError::DeadlineExceeded)) are never the same variant: after the first, the future is as
/// good as before. Python tells the two apart only by where they were raised.
///
/// Cloning is cheap; the reports are shared.
///
/// The text of an error is all that is to be said of it but for the causes of the job's own error
/// ([`Failed`](TaskError::Failed)), which [`source`](Error::source) leads to. So neither a bare `{}` nor a report of the
/// whole chain, like `{:#}` of anyhow, is silent about the job's error or says it twice.
///
/// # Examples
/// ```
/// use concurrent_futures::ThreadPoolExecutor;
///
/// let pool = ThreadPoolExecutor::new(1)?;
/// let error = pool.submit(|| -> u32 { panic!("no input") }).result(None).unwrap_err();
/// assert!(error.is_panicked());
/// assert!(error.to_string().contains("no input"));
/// # Ok::<(), concurrent_futures::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// The caller's wait ended first; the task goes on and the future stays usable.
    TimedOut,
    /// A limit on the task itself passed: its queue timeout, or its run time where the executor can enforce one.
    DeadlineExceeded,
    /// The task was cancelled before it began, or ended early because it was asked to.
    Cancelled,
    /// The job panicked, or something that it captured did while being dropped.
    Panicked(Arc<PanicReport>),
    /// The worker process ended while it ran the task.
    WorkerDied(Arc<DeathReport>),
    /// The executor did not take the task.
    Rejected(RejectReason),
    /// An argument or a result could not be encoded or decoded; the text says which and why.
    Codec(Arc<str>),
    /// The executor cannot run tasks any more (an initializer failed, no worker can be started); the text says why.
    Broken(Arc<str>),
    /// Waiting would never have ended; the text names the chain of waits. The future stays usable.
    Deadlock(Arc<str>),
    /// The value was already taken, by an earlier `result` or by awaiting the future.
    ResultTaken,
    /// The promise was dropped unfulfilled, or an engine dropped the task without running it.
    Abandoned,
    /// The job's own error: see [`Future::fallible`](crate::Future::fallible) and
    /// [`Promise::set_exception`](crate::Promise::set_exception). Its text is part of this error's own, and `source` is
    /// its cause; [`downcast_ref`](TaskError::downcast_ref) finds the error itself.
    Failed(Arc<dyn Error + Send + Sync>),
}

impl TaskError {
    /// The caller stopped waiting; the task did not end.
    pub fn is_timed_out(&self) -> bool {
        matches!(self, TaskError::TimedOut)
    }

    /// A limit on the task itself passed.
    pub fn is_deadline_exceeded(&self) -> bool {
        matches!(self, TaskError::DeadlineExceeded)
    }

    /// The task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, TaskError::Cancelled)
    }

    /// The job panicked.
    pub fn is_panicked(&self) -> bool {
        matches!(self, TaskError::Panicked(_))
    }

    /// The worker process died.
    pub fn is_worker_died(&self) -> bool {
        matches!(self, TaskError::WorkerDied(_))
    }

    /// The executor did not take the task.
    pub fn is_rejected(&self) -> bool {
        matches!(self, TaskError::Rejected(_))
    }

    /// Something could not be encoded or decoded.
    pub fn is_codec(&self) -> bool {
        matches!(self, TaskError::Codec(_))
    }

    /// The executor can run nothing any more.
    pub fn is_broken(&self) -> bool {
        matches!(self, TaskError::Broken(_))
    }

    /// Waiting would never have ended.
    pub fn is_deadlock(&self) -> bool {
        matches!(self, TaskError::Deadlock(_))
    }

    /// The value was taken before.
    pub fn is_result_taken(&self) -> bool {
        matches!(self, TaskError::ResultTaken)
    }

    /// Nobody will ever run the task.
    pub fn is_abandoned(&self) -> bool {
        matches!(self, TaskError::Abandoned)
    }

    /// The job itself reported an error.
    pub fn is_failed(&self) -> bool {
        matches!(self, TaskError::Failed(_))
    }

    /// It tells how a wait ended, and nothing of the task.
    pub(crate) fn is_of_a_wait(&self) -> bool {
        matches!(self, TaskError::TimedOut | TaskError::ResultTaken | TaskError::Deadlock(_))
    }

    /// The job's own error, if it is an `E`, wherever in the chain of causes it stands.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        let TaskError::Failed(error) = self else {
            return None;
        };
        let mut cause: Option<&(dyn Error + 'static)> = Some(&**error);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<E>() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::TimedOut => f.write_str("the wait timed out"),
            TaskError::DeadlineExceeded => f.write_str("the task's time limit passed"),
            TaskError::Cancelled => f.write_str("the task was cancelled"),
            TaskError::Panicked(report) => match &report.task {
                Some(name) => write!(f, "the task `{name}` panicked: {report}"),
                None => write!(f, "the task panicked: {report}"),
            },
            TaskError::WorkerDied(report) => write!(f, "the worker died: {report}"),
            TaskError::Rejected(reason) => {
                write!(f, "the executor did not take the task: {reason}")
            }
            TaskError::Codec(why) => write!(f, "cannot cross to the worker: {why}"),
            TaskError::Broken(why) => write!(f, "the executor is broken: {why}"),
            TaskError::Deadlock(chain) => write!(f, "waiting would never end: {chain}"),
            TaskError::ResultTaken => f.write_str(
                "the result was already taken, which one caller can do; `shared()` makes a future for many readers, \
                 as long as nobody has taken it",
            ),
            TaskError::Abandoned => {
                f.write_str("it was abandoned: its promise was dropped, or its task was dropped without having run")
            }
            TaskError::Failed(error) => write!(f, "the task failed: {error}"),
        }
    }
}

impl Error for TaskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            TaskError::Failed(error) => error.source(),
            _ => None,
        }
    }
}

/// What a panicking task left behind.
///
/// `Debug` tells how long the backtrace is; its text is in the field.
#[non_exhaustive]
pub struct PanicReport {
    /// The name that [`SubmitOptions::name`](crate::SubmitOptions::name) gave the task.
    pub task: Option<String>,
    /// The panic's message; a fixed text where the payload was no string.
    pub message: String,
    /// `file:line:column`. `None` where a panic hook was installed over the crate's own after the first task ran.
    pub location: Option<String>,
    /// Present when backtraces are enabled (`RUST_BACKTRACE=1`).
    pub backtrace: Option<String>,
}

impl fmt::Debug for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Lines(usize);
        impl fmt::Debug for Lines {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "<{} lines>", self.0)
            }
        }
        f.debug_struct("PanicReport")
            .field("task", &self.task)
            .field("message", &self.message)
            .field("location", &self.location)
            .field("backtrace", &self.backtrace.as_deref().map(|text| Lines(text.lines().count())))
            .finish()
    }
}

impl fmt::Display for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(location) = &self.location {
            write!(f, " (at {location})")?;
        }
        Ok(())
    }
}

/// How a worker process ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeathReport {
    /// The worker's process id.
    pub pid: u32,
    /// What it returned, if it ended by itself.
    pub exit_code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Whether it was probably over its memory limit.
    pub out_of_memory: bool,
    /// Whether the task had been begun: `Some(true)`, also where none of it was done yet; `None` if the worker left
    /// nothing that could be believed.
    pub may_have_run: Option<bool>,
    /// The name of the task that it ran.
    pub task: Option<String>,
    /// The worker's slot.
    pub slot: usize,
    /// The last that it wrote to its standard error, some 4 KiB. Where the backtrace of a panic is longer than that, the
    /// first of these are how the panic began.
    pub stderr_tail: String,
}

impl fmt::Display for DeathReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} in slot {}", self.pid, self.slot)?;
        match (self.exit_code, self.signal) {
            (_, Some(signal)) => write!(f, ", signal {signal}")?,
            (Some(code), None) => write!(f, ", exit code {code}")?,
            (None, None) => f.write_str(", status unknown")?,
        }
        if self.out_of_memory {
            f.write_str(", probably out of memory")?;
        }
        if let Some(task) = &self.task {
            write!(f, ", while it ran `{task}`")?;
        }
        if !self.stderr_tail.is_empty() {
            write!(f, "; it said: {}", self.stderr_tail.trim_end())?;
        }
        Ok(())
    }
}

/// Why an executor did not take a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// It was shut down.
    ShutDown,
    /// Its queue has a bound, and no room was left (within the time allowed, if the submit waited).
    QueueFull,
    /// The job cannot leave this process, and this executor runs elsewhere.
    NotPortable,
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RejectReason::ShutDown => "it is shut down",
            RejectReason::QueueFull => "its queue is full",
            RejectReason::NotPortable => "the job cannot leave this process",
        })
    }
}

/// The executor would not take the job; here it is back.
pub struct Rejected<J> {
    /// What was submitted, untouched.
    pub job: J,
    /// Why it came back.
    pub reason: RejectReason,
}

impl<J> fmt::Debug for Rejected<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<J> fmt::Display for Rejected<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the executor did not take the job: {}", self.reason)
    }
}

impl<J> Error for Rejected<J> {}

/// A wait for several futures, or for an outcome, ended before they did: its time was up, or it would never have ended.
///
/// As a [`TaskError`] it is [`TimedOut`](TaskError::TimedOut) or [`Deadlock`](TaskError::Deadlock).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitTimedOut {
    /// How many of them had not ended.
    pub unfinished: usize,
    /// How many there were, duplicates counted once.
    pub total: usize,
    /// It would never have ended.
    never: bool,
}

impl WaitTimedOut {
    /// `why` is what the wait ended with.
    pub(crate) fn new(unfinished: usize, total: usize, why: &TaskError) -> Self {
        WaitTimedOut { unfinished, total, never: why.is_deadlock() }
    }

    /// The limit on the wait passed.
    pub fn is_timed_out(&self) -> bool {
        !self.never
    }

    /// The wait would never have ended.
    pub fn is_deadlock(&self) -> bool {
        self.never
    }
}

/// An error that can be copied has no room for the chain.
const SAYS_WHY: &str = "a future's `result` says why";

impl fmt::Display for WaitTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WaitTimedOut { unfinished, total, never } = self;
        match (never, total) {
            (true, 1) => write!(f, "waiting would never end: {SAYS_WHY}"),
            (true, _) => {
                write!(f, "waiting would never end, with {unfinished} (of {total}) futures unfinished: {SAYS_WHY}")
            }
            (false, 1) => f.write_str("the wait timed out before the future had ended"),
            (false, _) => write!(f, "the wait timed out with {unfinished} (of {total}) futures unfinished"),
        }
    }
}

impl Error for WaitTimedOut {}

impl From<WaitTimedOut> for TaskError {
    fn from(error: WaitTimedOut) -> Self {
        if error.never { TaskError::Deadlock(SAYS_WHY.into()) } else { TaskError::TimedOut }
    }
}

/// An option of a builder has a value that cannot work; the text names the option and the value.
#[derive(Debug)]
#[non_exhaustive]
pub struct BuildError {
    /// What is wrong, with the option and the value.
    pub message: String,
}

impl BuildError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        BuildError { message: message.into() }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for BuildError {}

#[cfg(all(test, not(concurrent_futures_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_debug_form_of_a_panic_tells_how_long_the_backtrace_is() {
        let report = |backtrace: Option<&str>| PanicReport {
            task: None,
            message: "no".to_owned(),
            location: Some("a.rs:1:2".to_owned()),
            backtrace: backtrace.map(str::to_owned),
        };
        let error = TaskError::Panicked(Arc::new(report(Some("   0: main\n             at a.rs:1\n   1: start\n"))));
        assert_eq!(
            format!("{error:?}"),
            "Panicked(PanicReport { task: None, message: \"no\", location: Some(\"a.rs:1:2\"), \
             backtrace: Some(<3 lines>) })"
        );
        assert!(format!("{:?}", report(None)).ends_with("backtrace: None }"));
    }
}
