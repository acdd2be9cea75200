//! Engines that break a rule each: the suite has to find them out, by name, and without hanging.

use crate::support;
use concurrent_futures::conformance::{self, Subject, Verdict};
use concurrent_futures::{Executor, InProcessExecutor, Rejected, Shutdown, ShutdownReport, Task, ThreadPoolExecutor};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// Drops a task now and then.
    Drops,
    /// Keeps a task for ever now and then.
    Forgets,
    /// Takes tasks after its shutdown.
    NeverCloses,
    /// Has more workers than it says.
    MoreWorkers,
    /// Has fewer workers than it says.
    FewerWorkers,
    /// Returns from a shutdown that waits while tasks run.
    DoesNotWait,
    /// Does not cancel what it is asked to.
    CancelsNothing,
    /// Does not return from a second shutdown.
    HangsTheSecondTime,
}

/// A thread pool with two workers, spoilt.
struct Wrong {
    fault: Fault,
    pool: ThreadPoolExecutor,
    taken: AtomicUsize,
    closed: AtomicBool,
}

impl Wrong {
    fn new(fault: Fault) -> Self {
        let pool = ThreadPoolExecutor::new(2).unwrap();
        Wrong { fault, pool, taken: AtomicUsize::new(0), closed: AtomicBool::new(false) }
    }
}

impl Executor for Wrong {
    fn try_execute(&self, task: Task) -> Result<(), Rejected<Task>> {
        let seventh = self.taken.fetch_add(1, Ordering::Relaxed) % 7 == 6;
        match self.fault {
            Fault::Drops if seventh => drop(task),
            Fault::Forgets if seventh => std::mem::forget(task),
            Fault::NeverCloses if self.closed.load(Ordering::Relaxed) => task.run(),
            _ => return self.pool.try_execute(task),
        }
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        let again = self.closed.swap(true, Ordering::Relaxed);
        match self.fault {
            Fault::DoesNotWait | Fault::CancelsNothing => self.pool.shutdown(Shutdown::no_wait()),
            Fault::HangsTheSecondTime if again => loop {
                std::thread::park();
            },
            _ => self.pool.shutdown(how),
        }
    }

    fn max_workers(&self) -> usize {
        match self.fault {
            Fault::MoreWorkers => 1,
            Fault::FewerWorkers => 3,
            _ => 2,
        }
    }
}

impl InProcessExecutor for Wrong {}

/// What running a check on such an engine comes to: its panic's message, if it fails.
fn outcome(fault: Fault, name: &str) -> Result<Verdict, String> {
    let subject = Subject::in_process(move || Wrong::new(fault)).patience(Duration::from_secs(1));
    let check = conformance::checks().find(|check| check.name() == name).expect("there is such a check");
    let verdict = failing_on_purpose(|| check.run(&subject));
    if let Err(text) = &verdict {
        assert!(text.contains(check.name()) && text.contains(check.rule()), "{text}");
    }
    verdict
}

/// Runs what may fail on a thread whose panics are not shown, and gives its panic's message.
fn failing_on_purpose<R: Send>(f: impl FnOnce() -> R + Send) -> Result<R, String> {
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().name("conformance".to_owned()).spawn_scoped(threads, f);
        let message = |payload: Box<dyn std::any::Any + Send>| *payload.downcast::<String>().expect("a text");
        thread.unwrap().join().map_err(message)
    })
}

#[test]
fn each_fault_is_found_out() {
    support::quiet_panics_of(crate::NOISY);
    let _watchdog = support::watchdog();
    let faults = [
        (Fault::Drops, "results_are_not_mixed_up", "dropped without having run"),
        (Fault::Forgets, "waiting_finishes_everything", "a task has not ended when the shutdown returns"),
        (Fault::Forgets, "each_task_runs_exactly_once", "no value"),
        (Fault::NeverCloses, "nothing_is_taken_afterwards", "a value where an error is due"),
        (Fault::NeverCloses, "the_job_comes_back", "an executor that is shut down takes a job"),
        (Fault::MoreWorkers, "no_more_run_at_once_than_it_says", "2 tasks ran at once, and `max_workers` says 1"),
        (Fault::FewerWorkers, "as_many_run_at_once_as_it_says", "did not come true"),
        (Fault::DoesNotWait, "running_tasks_are_waited_for", "returned while a task ran"),
        (Fault::CancelsNothing, "pending_tasks_are_cancelled", "tasks that the shutdown cancelled"),
        (Fault::HangsTheSecondTime, "it_can_be_repeated", "it was not over after 4s"),
    ];
    for (fault, name, expected) in faults {
        assert_eq!(outcome(Fault::None, name), Ok(Verdict::Passed), "{name} on an engine without a fault");
        let seen = outcome(fault, name).expect_err("an engine with a fault passes");
        assert!(seen.contains(expected), "{fault:?}: {seen}");
    }
}

#[test]
fn run_all_lists_every_broken_rule() {
    support::quiet_panics_of(crate::NOISY);
    let _watchdog = support::watchdog();
    let subject = Subject::in_process(|| Wrong::new(Fault::NeverCloses)).patience(Duration::from_secs(1));
    let text = failing_on_purpose(|| conformance::run_group(&subject, "shutdown")).unwrap_err();
    for broken in ["shutdown::nothing_is_taken_afterwards", "shutdown::the_job_comes_back"] {
        assert!(text.contains(broken), "{text}");
    }
    assert!(text.contains(" rules broken, "), "{text}");
}
