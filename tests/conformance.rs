//! The conformance suite on every engine of the crate, on a foreign one, and on engines that break its rules.

#[path = "../examples/over_rayon/adapter.rs"]
mod adapter;
#[path = "cases/wrong_engines.rs"]
mod wrong_engines;

mod support;

use adapter::RayonExecutor;
use concurrent_futures::conformance::{self, Runs, Subject};
use concurrent_futures::{
    Executor, ExecutorExt, InProcessExt, InlineExecutor, ManualExecutor, ThreadPoolExecutor, call,
};
use std::collections::BTreeSet;
use std::sync::Arc;
#[cfg(target_os = "linux")]
use {
    concurrent_futures::{ProcessPoolBuilder, ProcessPoolExecutor},
    std::time::Duration,
};

/// The names of all threads on which a check makes something panic.
const NOISY: &[&str] = &["conformance", "ThreadPoolExecutor", "rayon"];

fn pool(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(workers).unwrap()
}

fn threads(workers: usize) -> Subject {
    Subject::in_process(move || pool(workers)).nested_waits()
}

fn bounded(workers: usize, bound: usize) -> Subject {
    let make = move || ThreadPoolExecutor::builder().max_workers(workers).queue_bound(bound).build().unwrap();
    Subject::in_process(make).nested_waits().queue_bound(bound)
}

fn rayon(workers: usize) -> RayonExecutor {
    let name = |index| format!("rayon-{index}");
    RayonExecutor::new(Arc::new(
        rayon::ThreadPoolBuilder::new().num_threads(workers).thread_name(name).build().unwrap(),
    ))
}

/// A module with a test for each group of checks, on one subject.
macro_rules! conforms {
    ($($engine:ident: $subject:expr;)*) => {$(
        mod $engine {
            use super::*;

            conforms!(@ $engine $subject;
                submit futures panics cancel callbacks waits map map_ends shutdown workers memory reentry scope);
        }
    )*};
    (@ $engine:ident $subject:expr; $($group:ident)*) => {
        $(
            #[test]
            fn $group() {
                support::quiet_panics_of(NOISY);
                let _watchdog = support::watchdog();
                println!("{}", conformance::run_group(&$subject, stringify!($group)));
            }
        )*

        #[test]
        fn every_group_has_its_test() {
            let tested = BTreeSet::from([$(stringify!($group)),*]);
            let all: BTreeSet<&str> = conformance::checks().map(conformance::Check::group).collect();
            assert_eq!(tested, all);
        }
    };
}

conforms! {
    one_thread: threads(1);
    two_threads: threads(2);
    eight_threads: threads(8);
    one_thread_and_a_queue_of_one: bounded(1, 1);
    four_threads_and_a_queue_of_three: bounded(4, 3);
    inline: Subject::in_process(InlineExecutor::new).runs(Runs::AtSubmit).nested_waits();
    manual: Subject::in_process(ManualExecutor::new).runs(Runs::WhenStepped);
    boxed: Subject::portable(|| Box::new(pool(2)) as Box<dyn Executor>);
    counted: Subject::portable(|| Arc::new(pool(3)) as Arc<dyn Executor>);
    counted_and_manual: Subject::portable(|| Arc::new(ManualExecutor::new()) as Arc<dyn Executor>)
        .runs(Runs::WhenStepped);
    over_rayon: Subject::in_process(|| rayon(3));
    over_one_rayon_thread: Subject::in_process(|| rayon(1));
}

#[cfg(target_os = "linux")]
fn processes(limits: impl Fn(ProcessPoolBuilder) -> ProcessPoolBuilder + Send + Sync + 'static) -> Subject {
    Subject::portable(move || limits(ProcessPoolExecutor::builder()).build().unwrap())
}

#[cfg(target_os = "linux")]
conforms! {
    one_process: processes(|pool| pool.max_workers(1));
    two_processes: processes(|pool| pool.max_workers(2));
    one_process_for_each_task: processes(|pool| pool.max_workers(2).max_tasks_per_child(1));
    one_process_and_a_queue_of_one: processes(|pool| pool.max_workers(1).queue_bound(1)).queue_bound(1);
    two_processes_and_a_queue_of_three: processes(|pool| pool.max_workers(2).queue_bound(3)).queue_bound(3);
    processes_that_leave_when_idle: processes(|pool| pool.max_workers(2).idle_timeout(Duration::from_millis(1)));
    counted_processes: Subject::portable(|| Arc::new(ProcessPoolExecutor::new(2).unwrap()) as Arc<dyn Executor>);
}

/// What the suite sends through `&dyn Executor`, generic code and the inherent methods send as well.
#[test]
fn every_way_of_holding_an_executor_has_the_verbs() {
    fn generic<E: Executor + ?Sized>(executor: &E) -> u32 {
        executor.submit(call!(u32::max(2, 3))).result(None).unwrap()
    }
    fn closures<E: InProcessExt + ?Sized>(executor: &E, n: u32) -> u32 {
        executor.submit_closure(move || n + 1).result(None).unwrap()
    }
    fn erased(executor: &dyn Executor) -> u32 {
        executor.submit(call!(u32::max(2, 3))).result(None).unwrap()
    }
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let boxed: Box<dyn Executor> = Box::new(pool.clone());
    let counted: Arc<dyn Executor> = Arc::new(pool.clone());
    assert_eq!([generic(&pool), generic(&boxed), generic(&counted), generic(&*counted)], [3; 4]);
    assert_eq!([erased(&pool), erased(&boxed), erased(&counted), erased(&*boxed)], [3; 4]);
    assert_eq!([closures(&pool, 2), closures(&InlineExecutor::new(), 2)], [3; 2]);
}

/// Each check is listed: one that is written and not listed would never run.
#[test]
fn every_check_is_listed() {
    let listed: BTreeSet<(String, String)> =
        conformance::checks().map(|check| (check.group().to_owned(), check.name().to_owned())).collect();
    assert_eq!(listed.len(), conformance::checks().count(), "two checks of a group have one name");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/conformance");
    let mut written = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let group = path.file_stem().unwrap().to_str().unwrap().to_owned();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let name = line.strip_prefix("pub fn ").and_then(|rest| rest.strip_suffix("(bench: &Bench) {"));
            written.extend(name.map(|name| (group.clone(), name.to_owned())));
        }
    }
    assert_eq!(listed, written);
    assert!(conformance::checks().all(|check| !check.rule().is_empty()));
}

/// What is skipped is told, with the reason, and nothing is skipped on a pool that can do everything.
#[test]
fn the_report_tells_what_was_not_tried() {
    support::quiet_panics_of(NOISY);
    let _watchdog = support::watchdog();
    let inline = Subject::in_process(InlineExecutor::new).runs(Runs::AtSubmit);
    let report = conformance::run_group(&inline, "cancel");
    assert!(!report.passed.is_empty() && !report.skipped.is_empty());
    assert!(report.to_string().contains("a_pending_task_can_be_cancelled: it runs its tasks inside the submit"));
    let everything = bounded(2, 100);
    assert_eq!(conformance::checks().filter_map(|check| check.skips(&everything)).count(), 0);
}
