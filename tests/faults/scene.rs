//! One fault among tasks that have nothing to do with it.

use crate::kit::gate::{Gate, wait_at};
use crate::kit::outside::pids;
use crate::kit::{death, double};
use crate::support::eventually;
use concurrent_futures::{Future, ProcessPoolExecutor, SubmitOptions, TaskError, call};
use std::time::Duration;

/// How many tasks stand before the bad one, and behind it.
const BYSTANDERS: u64 = 25;

/// What is to come of the bad one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    Exit(i32),
    Signal(i32),
    StackOverflow,
    OutOfMemory,
    /// With this in its message.
    Panicked(&'static str),
    Codec(&'static str),
    Late,
    Value,
}

impl Says {
    /// Whether it costs the worker.
    fn worker_dies(self) -> bool {
        !matches!(self, Says::Panicked(_) | Says::Codec(_) | Says::Value)
    }

    #[track_caller]
    fn check(self, outcome: Result<(), &TaskError>, name: &str) {
        match (self, outcome) {
            (Says::Value, Ok(())) | (Says::Late, Err(TaskError::DeadlineExceeded)) => {}
            (Says::Codec(text), Err(TaskError::Codec(why))) => assert!(why.contains(text), "{why}"),
            (Says::Panicked(text), Err(TaskError::Panicked(report))) => {
                assert!(report.message.contains(text), "{report:?}");
                assert_eq!(report.task.as_deref(), Some(name));
                assert!(report.location.is_some(), "{report:?}");
            }
            (_, Err(error @ TaskError::WorkerDied(_))) => {
                let report = death(error);
                assert_eq!((report.task.as_deref(), report.may_have_run), (Some(name), Some(true)), "{report:?}");
                assert_eq!(report.out_of_memory, matches!(self, Says::OutOfMemory), "{report:?}");
                let (exit_code, signal) = match self {
                    Says::Exit(code) => (Some(code), None),
                    Says::Signal(signal) => (None, Some(signal)),
                    Says::StackOverflow => (None, Some(crate::kit::SIGSEGV)),
                    Says::OutOfMemory => (None, Some(crate::kit::SIGABRT)),
                    other => panic!("{name}: not {other:?}: {error:?}"),
                };
                assert_eq!((report.exit_code, report.signal), (exit_code, signal), "{report:?}");
                if matches!(self, Says::StackOverflow) {
                    assert!(report.stderr_tail.contains("stack overflow"), "{report:?}");
                }
            }
            (says, outcome) => panic!("{name}: not {says:?}: {outcome:?}"),
        }
    }
}

/// Submits the bad task, with these options.
pub(crate) type Submit = fn(&ProcessPoolExecutor, SubmitOptions) -> Waiting;
/// Waits for it.
pub(crate) type Waiting = Box<dyn FnOnce() -> Result<(), TaskError>>;

pub(crate) fn waiting<T: 'static>(future: Future<T>) -> Waiting {
    Box::new(move || future.result(None).map(drop))
}

/// A fault: its name, what is to come of it, and how it comes about.
#[derive(Clone, Copy)]
pub(crate) struct Fault(pub(crate) &'static str, pub(crate) Says, pub(crate) Submit);

/// What was seen.
pub(crate) struct Row {
    pub(crate) says: String,
    pub(crate) others: String,
}

pub(crate) fn pool(workers: usize) -> ProcessPoolExecutor {
    ProcessPoolExecutor::builder()
        .max_workers(workers)
        .memory_limit(512 << 20)
        .term_grace(Duration::from_millis(50))
        .build()
        .unwrap()
}

impl Fault {
    /// Plays it in the middle of a line of other tasks, which one worker has before it, or two share.
    #[track_caller]
    pub(crate) fn play(self, pool: &ProcessPoolExecutor) -> Row {
        let Fault(name, says, submit) = self;
        let workers = pool.max_workers();
        // Who knows that tasks are short is handed many at once.
        for n in 0..20 {
            assert_eq!(pool.submit(call!(double(n))).result(None).unwrap(), 2 * n);
        }
        let before = (pool.stats().completed, pids(pool));
        let gate = Gate::new();
        let waiters: Vec<_> = (0..workers).map(|_| pool.submit(call!(wait_at(gate.path())))).collect();
        eventually("all workers wait", || waiters.iter().all(Future::running));
        let line = || (0..BYSTANDERS).map(|n| pool.submit(call!(double(n)))).collect::<Vec<_>>();
        let ahead = line();
        let bad = submit(pool, SubmitOptions::new().name(name));
        let behind = line();
        gate.open();
        let outcome = bad();
        let later = line();
        let others = ahead.iter().chain(&behind).chain(&later);
        let values = others.zip((0..BYSTANDERS).cycle()).filter(|(other, n)| {
            assert_eq!(other.result(None).unwrap_or_else(|error| panic!("{name}: a bystander: {error}")), 2 * n);
            true
        });
        let values = values.count();
        assert!(waiters.iter().all(|waiter| matches!(waiter.result(None), Ok(0))));
        says.check(outcome.as_ref().map(|_| ()), name);
        eventually("the pool is quiet", || {
            let stats = pool.stats();
            (stats.running, stats.queued) == (0, 0)
        });
        let tasks = (workers + values) as u64;
        let completed = pool.stats().completed - before.0;
        assert!(completed == tasks || completed == tasks + 1, "{name}: {completed} of {tasks}");
        assert!(matches!(says, Says::Codec(_)) || completed == tasks + 1, "{name}: {completed} of {tasks}");
        // A task more, so that whoever has died is replaced, or was not needed.
        assert_eq!(pool.submit(call!(double(1))).result(None).unwrap(), 2);
        let now = pids(pool);
        if let Err(TaskError::WorkerDied(report)) = &outcome {
            assert!(!now.contains(&report.pid) && report.slot < workers, "{name}: {now:?}, {report:?}");
        }
        let stays = before.1.iter().all(|pid| now.contains(pid));
        // Of two it may be the one that came meanwhile.
        assert!(workers > 1 || stays != says.worker_dies(), "{name}: {before:?}, {now:?}");
        assert!(stays || says.worker_dies(), "{name}: {before:?}, {now:?}");
        let what = if says.worker_dies() { "another worker comes" } else { "the same worker goes on" };
        Row {
            says: outcome.map_or_else(|error| error.to_string(), |()| "its value".to_owned()),
            others: format!("{values} of {} have their values; {what}", 3 * BYSTANDERS),
        }
    }
}

/// Plays faults with one worker, and with two.
#[track_caller]
pub(crate) fn play(faults: &[Fault]) {
    for workers in [1, 2] {
        let pool = pool(workers);
        for fault in faults {
            fault.play(&pool);
        }
    }
}
