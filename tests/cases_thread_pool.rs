//! What the pool of threads promises beyond other executors, after CPython's `test_thread_pool.py`.

#[cfg(target_os = "linux")]
#[path = "cases/threads.rs"]
mod threads;

mod support;

use concurrent_futures::{Future, InlineExecutor, Shutdown, ThreadPoolExecutor, WorkerState};
use std::collections::HashSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;
use support::{Gate, eventually, quiet_panics_of, watchdog};

fn pool(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(workers).unwrap()
}

/// A function of a map that counts how often it runs.
fn counting() -> (Arc<AtomicUsize>, impl Fn(u32) -> u32 + Send + Sync + Clone) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let count = move |n| {
        counted.fetch_add(1, Ordering::Relaxed);
        n
    };
    (runs, count)
}

// case 116
#[test]
fn an_eager_map_runs_without_iteration() {
    let _watchdog = watchdog();
    let (runs, count) = counting();
    let pool = pool(3);
    let map = pool.map(count, 0..10).eager();
    pool.shutdown(Shutdown::wait());
    assert_eq!(runs.load(Ordering::Relaxed), 10);
    drop(map);
}

// beside case 116
#[test]
fn a_started_map_runs_its_window_without_iteration() {
    let _watchdog = watchdog();
    let (runs, count) = counting();
    let pool = pool(3);
    let lazy = pool.map(count.clone(), 0..10);
    let map = pool.map(count, 0..10).buffersize(4).start();
    pool.shutdown(Shutdown::wait());
    assert_eq!(runs.load(Ordering::Relaxed), 4, "the window of one, and nothing of the other");
    drop((map, lazy));
}

// case 117
#[test]
fn there_are_as_many_workers_as_processors_by_default() {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(ThreadPoolExecutor::builder().build().unwrap().max_workers(), processors);
}

// beside case 117
#[test]
fn a_pool_that_nobody_uses_has_no_thread() {
    let pool = pool(8);
    assert_eq!((pool.workers(), pool.stats().idle), (Vec::new(), 0));
}

// case 118
#[test]
fn a_saturated_pool_has_as_many_threads_as_workers() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::builder().max_workers(4).thread_name_prefix("cf-saturated").build().unwrap();
    let gate = Gate::new();
    let stay = |_| {
        let released = gate.clone();
        pool.submit(move || released.wait())
    };
    let futures: Vec<Future<()>> = (0..60).map(stay).collect();
    eventually("four run", || futures.iter().filter(|future| future.running()).count() == 4);
    assert_eq!(pool.workers().len(), 4);
    assert!(pool.workers().iter().all(|worker| worker.state == WorkerState::Running));
    let stats = pool.stats();
    assert_eq!((stats.running, stats.queued, stats.idle), (4, 56, 0));
    #[cfg(target_os = "linux")]
    assert_eq!(threads::named("cf-saturated"), 4);
    gate.open();
    futures.iter().for_each(|future| future.result(None).unwrap());
    assert_eq!(pool.workers().len(), 4);
}

// beside case 119
#[test]
fn an_idle_thread_is_used_again_before_another_is_started() {
    let _watchdog = watchdog();
    for round in 0..300 {
        let pool = pool(8);
        // Some tasks take a moment, in which a thread that comes too late to help would show.
        let work = Duration::from_micros(if round % 2 == 0 { 0 } else { 300 });
        // Strictly one after another: a task is submitted when the one before has been seen to end.
        let task = move || {
            thread::sleep(work);
            thread::current().id()
        };
        let threads: HashSet<ThreadId> = (0..3).map(|_| pool.submit(task).result(None).unwrap()).collect();
        assert_eq!((threads.len(), pool.workers().len()), (1, 1), "round {round}");
    }
}

// beside case 119
#[test]
fn idle_threads_leave_after_their_time_and_come_back() {
    let _watchdog = watchdog();
    let short = Duration::from_millis(2);
    let pool = ThreadPoolExecutor::builder().max_workers(3).idle_timeout(short).build().unwrap();
    for round in 0..3 {
        let all = Arc::new(Barrier::new(3));
        let meet = |_| {
            let all = Arc::clone(&all);
            pool.submit(move || all.wait().is_leader())
        };
        let leaders = [(); 3].map(meet).iter().filter(|future| future.result(None).unwrap()).count();
        assert_eq!(leaders, 1, "round {round}: three met");
        eventually("the idle threads leave", || pool.workers().is_empty());
    }
    let keeping = ThreadPoolExecutor::builder().max_workers(1).idle_timeout(None).build().unwrap();
    keeping.submit(|| ()).result(None).unwrap();
    thread::sleep(5 * short);
    assert_eq!(keeping.workers().len(), 1, "this one keeps its thread");
}

// beside case 107
#[test]
fn threads_are_named_as_asked() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::builder().max_workers(3).thread_name_prefix("SpecialPool").build().unwrap();
    let all = Arc::new(Barrier::new(3));
    let name = |_| {
        let all = Arc::clone(&all);
        pool.submit(move || {
            all.wait();
            thread::current().name().unwrap().to_owned()
        })
    };
    let mut names: Vec<String> = [(); 3].map(name).iter().map(|future| future.result(None).unwrap()).collect();
    names.sort();
    assert_eq!(names, ["SpecialPool_0", "SpecialPool_1", "SpecialPool_2"]);
    let slots: Vec<usize> = pool.workers().iter().map(|worker| worker.slot).collect();
    assert_eq!(slots, [0, 1, 2]);
}

// case 108
#[test]
fn threads_without_a_name_are_numbered_for_each_pool() {
    let _watchdog = watchdog();
    let name = |pool: &ThreadPoolExecutor| pool.submit(|| thread::current().name().unwrap().to_owned()).result(None);
    let names = [pool(1), pool(1)].map(|pool| name(&pool).unwrap());
    assert_ne!(names[0], names[1]);
    for name in names {
        let number = name.strip_prefix("ThreadPoolExecutor-").and_then(|rest| rest.strip_suffix("_0")).unwrap();
        assert!(number.parse::<usize>().is_ok(), "{name}");
    }
}

// case 121
#[test]
fn a_process_that_a_task_starts_ends_well() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let start = |_| {
        pool.submit(|| {
            // This test binary, told only to list its tests.
            let status = Command::new(std::env::current_exe()?).arg("--list").output()?.status;
            std::io::Result::Ok(status.code())
        })
    };
    for future in [(); 4].map(start) {
        assert_eq!(future.fallible().result(None).unwrap(), Some(0));
    }
}

// case 122
#[test]
fn a_map_out_of_time_runs_none_of_its_items() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (gate, begun) = (Gate::new(), Gate::new());
    let (released, begins) = (gate.clone(), begun.clone());
    let (log, logged) = mpsc::channel();
    let first = log.clone();
    let blocked = pool.submit(move || {
        begins.open();
        released.wait();
        first.send("first").unwrap();
    });
    begun.wait();
    let mut map = pool.map(move |text| log.send(text).unwrap(), ["second", "third"]).timeout(Duration::ZERO);
    assert!(map.next().unwrap().unwrap_err().is_timed_out());
    assert!(map.next().is_none());
    gate.open();
    blocked.result(None).unwrap();
    pool.shutdown(Shutdown::wait());
    drop(map);
    assert_eq!(logged.iter().collect::<Vec<_>>(), ["first"]);
}

// beside case 118
#[test]
fn tasks_begin_in_the_order_of_their_submits() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (sender, order) = mpsc::channel();
    for number in 0..1000 {
        let sender = sender.clone();
        drop(pool.submit(move || sender.send(number).unwrap()));
    }
    drop(sender);
    assert!(order.iter().eq(0..1000));
}

// beside case 118
#[test]
fn more_workers_than_processors_all_run_at_once() {
    let _watchdog = watchdog();
    let pool = pool(200);
    let all = Arc::new(Barrier::new(200));
    let meet = |_| {
        let all = Arc::clone(&all);
        pool.submit(move || all.wait().is_leader())
    };
    let futures: Vec<Future<bool>> = (0..200).map(meet).collect();
    assert_eq!(futures.iter().filter(|future| future.result(None).unwrap()).count(), 1);
}

// beside case 120
#[test]
fn a_pool_that_feeds_itself_leaves_others_alone() {
    fn again(pool: &ThreadPoolExecutor, stop: &Arc<AtomicBool>) {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let (own, asked) = (pool.clone(), Arc::clone(stop));
        drop(pool.submit(move || again(&own, &asked)));
    }
    let _watchdog = watchdog();
    let feeding = pool(2);
    let stop = Arc::new(AtomicBool::new(false));
    again(&feeding, &stop);
    // While it does so, others come and go, and its own outside work has its turn.
    for n in 0..50 {
        let other = pool(2);
        assert_eq!(other.submit(move || n).result(None).unwrap(), n);
        other.shutdown(Shutdown::wait());
        assert_eq!(feeding.submit(move || n).result(None).unwrap(), n);
    }
    stop.store(true, Ordering::Relaxed);
    feeding.shutdown(Shutdown::wait());
}

// beside case 115
#[test]
fn a_submit_from_a_callback_goes_on_the_same_pool() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let (sender, ends) = mpsc::channel();
    let own = pool.clone();
    let (gate, released) = (Gate::new(), Gate::new());
    let waits = gate.clone();
    let future = pool.submit(move || waits.wait());
    let done = released.clone();
    future.add_done_callback(move |_| {
        let next = own.submit(|| thread::current().name().map(str::to_owned));
        sender.send(next).unwrap();
        drop(own);
        done.open();
    });
    gate.open();
    released.wait();
    let name = ends.recv().unwrap().result(None).unwrap();
    assert!(name.is_some_and(|name| name.starts_with("ThreadPoolExecutor-")));
}

// beside case 115
#[test]
fn every_kind_of_payload_is_a_panic_like_the_others() {
    let _watchdog = watchdog();
    quiet_panics_of(&["ThreadPoolExecutor"]);
    let pool = pool(1);
    let message = |future: Future<()>| match future.result(None).unwrap_err() {
        concurrent_futures::TaskError::Panicked(report) => report.message.clone(),
        other => panic!("{other}"),
    };
    assert_eq!(message(pool.submit(|| panic!("a literal"))), "a literal");
    assert_eq!(message(pool.submit(|| panic!("formatted {}", 1))), "formatted 1");
    assert!(!message(pool.submit(|| std::panic::panic_any(vec![1]))).is_empty());
    assert!(message(pool.submit(|| "a cause".parse::<u8>().map(drop).unwrap())).contains("ParseIntError"));
    assert_eq!(pool.submit(|| 1).result(None).unwrap(), 1);
    assert_eq!(pool.workers().len(), 1);
    assert_eq!(message(InlineExecutor::new().submit(|| std::panic::resume_unwind(Box::new("silent")))), "silent");
}

// beside case 118
#[test]
fn impossible_sizes_are_refused_by_name() {
    let refused = |option: &str, builder: concurrent_futures::ThreadPoolBuilder| {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(option), "{error}");
    };
    let builder = ThreadPoolExecutor::builder;
    refused("max_workers is 0", builder().max_workers(0));
    refused(&format!("max_workers is {}", usize::MAX), builder().max_workers(usize::MAX));
    refused(&format!("max_spares is {}", usize::MAX), builder().max_spares(usize::MAX));
    refused("stack_size is 1 ", builder().stack_size(1));
    refused("stack_size is", builder().stack_size(usize::MAX));
    refused("queue_bound is 0", builder().queue_bound(0));
    refused("thread_name_prefix", builder().thread_name_prefix("a\0b"));
    assert!(builder().max_workers(1).max_spares(0).queue_bound(1).idle_timeout(Duration::ZERO).build().is_ok());
}
