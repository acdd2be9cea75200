//! The options of a process pool and of its tasks, and what it tells of itself. (Beside CPython's cases: Python has few
//! of these.)
#![cfg(target_os = "linux")]

#[path = "cases/processes.rs"]
mod processes;
#[path = "../src/conformance/signal.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod signal;

mod support;

use concurrent_futures::{
    Future, ProcessPoolExecutor, Progress, RejectReason, Shutdown, SubmitOptions, TaskError, WorkerState, WorkerStdio,
    call, task,
};
use processes::{exists, name, pids};
use signal::{Directory, Signal, Tally};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::time::{Duration, Instant};
use support::{eventually, watchdog};

const LIMIT: Duration = Duration::from_secs(60);

fn pool(workers: usize) -> ProcessPoolExecutor {
    ProcessPoolExecutor::new(workers).unwrap()
}

fn stay(begun: Signal, release: Signal) -> bool {
    begun.raise();
    release.wait(LIMIT)
}

/// A task that has begun, and what releases it.
fn held(pool: &ProcessPoolExecutor, directory: &Directory) -> (Signal, Future<bool>) {
    let (begun, release) = (directory.signal(), directory.signal());
    let future = pool.submit(call!(stay(begun.clone(), release.clone())));
    assert!(begun.wait(LIMIT), "it begins");
    (release, future)
}

fn spin() -> u32 {
    loop {
        std::hint::spin_loop();
    }
}

fn same(n: u32) -> u32 {
    n
}

// ---------------------------------------------------------------------------------------------- of workers

#[test]
fn the_environment_and_the_directory_are_the_workers_own() {
    fn look(variable: String) -> Option<String> {
        std::env::var(variable).ok()
    }
    let _watchdog = watchdog();
    let directory = std::env::temp_dir().canonicalize().unwrap();
    let pool = ProcessPoolExecutor::builder()
        .max_workers(1)
        .env("CF_TEST_SET", "first")
        .env("CF_TEST_SET", "a=b c")
        .env_remove("PATH")
        .current_dir(&directory)
        .build()
        .unwrap();
    assert_eq!(pool.submit(call!(look("CF_TEST_SET".to_owned()))).result(None).unwrap().as_deref(), Some("a=b c"));
    assert_eq!(pool.submit(call!(look("PATH".to_owned()))).result(None).unwrap(), None);
    assert_eq!(pool.submit(call!(look("HOME".to_owned()))).result(None).unwrap(), std::env::var("HOME").ok());
    let there = pool.submit(task!([] => std::env::current_dir().unwrap())).result(None).unwrap();
    assert_eq!(there, directory);
    assert!(std::env::var("CF_TEST_SET").is_err() && std::env::var("PATH").is_ok(), "and not this process's");
    let nowhere = ProcessPoolExecutor::builder().max_workers(1).current_dir("/no/such/place").build().unwrap();
    let error = nowhere.submit(call!(same(1))).result(None).unwrap_err();
    assert!(error.is_broken() && error.to_string().contains("/no/such/place"), "{error}");
}

#[test]
fn standard_streams_go_where_they_are_told() {
    fn talk() -> String {
        println!("to the output");
        eprintln!("to the error");
        std::io::stdout().flush().unwrap();
        let mut read = String::new();
        std::io::stdin().read_to_string(&mut read).unwrap();
        read
    }
    let _watchdog = watchdog();
    let temporary = || {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cf-stdio-{}-{number}", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file
    };
    let read = |mut file: File| {
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    };
    let (mut input, output, error) = (temporary(), temporary(), temporary());
    input.write_all(b"from the input").unwrap();
    input.rewind().unwrap();
    let pool = ProcessPoolExecutor::builder()
        .max_workers(1)
        .stdin(input)
        .stdout(output.try_clone().unwrap())
        .stderr(error.try_clone().unwrap())
        .build()
        .unwrap();
    assert_eq!(pool.submit(call!(talk())).result(None).unwrap(), "from the input");
    assert_eq!((read(output).as_str(), read(error).as_str()), ("to the output\n", "to the error\n"));
    let quiet = ProcessPoolExecutor::builder().max_workers(1).stdout(WorkerStdio::null()).stderr(WorkerStdio::null());
    let quiet = quiet.build().unwrap();
    assert_eq!(quiet.submit(call!(talk())).result(None).unwrap(), "", "no input by default");
    let dies = |code: i32| -> u32 {
        eprintln!("the last words");
        std::process::exit(code)
    };
    let Err(TaskError::WorkerDied(report)) = quiet.submit(call!(dies(1))).result(None) else { panic!("it lives") };
    assert_eq!(report.stderr_tail, "", "nothing is kept of what goes nowhere");
    let Err(TaskError::WorkerDied(report)) = self::pool(1).submit(call!(dies(1))).result(None) else {
        panic!("it lives")
    };
    assert!(report.stderr_tail.contains("the last words"), "{report}");
}

#[test]
fn workers_are_known_by_name_and_slot() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = ProcessPoolExecutor::builder().max_workers(2).name("image-decoder-of-the-shop").build().unwrap();
    let slots: Vec<Option<usize>> =
        pool.broadcast(|_| task::slot()).iter().map(|slot| slot.result(None).unwrap()).collect();
    assert_eq!(slots, [Some(0), Some(1)]);
    for pid in pids(&pool) {
        assert_eq!(name(pid), "image-decoder-o", "Linux keeps 15 bytes");
    }
    assert_eq!(concurrent_futures::Executor::name(&pool), "image-decoder-of-the-shop");
    let begun = directory.signal();
    let release = directory.signal();
    let future = pool.submit_with(SubmitOptions::new().name("page 7"), call!(stay(begun.clone(), release.clone())));
    assert!(begun.wait(LIMIT));
    let queued: Vec<Future<bool>> =
        (0..3).map(|_| pool.submit(call!(stay(directory.signal(), release.clone())))).collect();
    eventually("both run", || pool.stats().running == 2);
    let workers = pool.workers();
    assert_eq!(workers.iter().map(|worker| worker.slot).collect::<Vec<_>>(), [0, 1]);
    assert!(workers.iter().all(|worker| worker.state == WorkerState::Running && worker.age.is_some()));
    let named: Vec<_> = workers.iter().filter_map(|worker| worker.task.as_deref()).collect();
    assert_eq!(named, ["page 7"]);
    let stats = pool.stats();
    assert_eq!((stats.running, stats.queued, stats.idle, stats.completed), (2, 2, 0, 2));
    release.raise();
    assert!(future.result(None).unwrap() && queued.iter().all(|future| future.result(None).unwrap()));
    eventually("all is quiet", || pool.stats().idle == 2);
    let stats = pool.stats();
    assert_eq!((stats.running, stats.queued, stats.completed), (0, 0, 6));
    assert_eq!(pool.workers().iter().map(|worker| worker.completed).sum::<u64>(), 6);
    assert!(format!("{pool:?}").contains("image-decoder-of-the-shop"));
    let other = self::pool(1);
    assert!(concurrent_futures::Executor::name(&other).starts_with("ProcessPoolExecutor-"));
    // A replacement has the number of the one that it replaces.
    let dead = other.submit(task!([] => if true { std::process::abort() }));
    assert!(dead.result(None).is_err());
    assert_eq!(other.submit(call!(task::slot())).result(None).unwrap(), Some(0));
}

#[test]
fn idle_workers_leave_and_come_back() {
    let _watchdog = watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(3).idle_timeout(Duration::from_millis(5)).build().unwrap();
    for _ in 0..5 {
        assert!(pool.broadcast(|_| ()).iter().all(|told| told.result(None).is_ok()));
        let there = pids(&pool);
        eventually("all have left", || pool.workers().is_empty());
        assert!(!there.iter().any(|pid| exists(*pid)), "not even as zombies");
    }
    // One that is busy stays.
    let directory = Directory::new().unwrap();
    let (release, future) = held(&pool, &directory);
    let told = pool.map(|n: u32| n, 0..100).filter(Result::is_ok).count();
    assert_eq!(told, 100);
    eventually("the others have left", || pool.workers().len() == 1);
    assert!(future.running());
    release.raise();
    assert!(future.result(None).unwrap());
}

// ---------------------------------------------------------------------------------------------- of the queue

#[test]
fn a_bounded_queue_pushes_back() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = ProcessPoolExecutor::builder().max_workers(1).queue_bound(2).build().unwrap();
    let (release, held) = held(&pool, &directory);
    let queued = [pool.submit(call!(same(1))), pool.submit(call!(same(2)))];
    let rejected = pool.try_submit(call!(same(3))).unwrap_err();
    assert_eq!(rejected.reason, RejectReason::QueueFull);
    let (limit, began) = (Duration::from_millis(20), Instant::now());
    let late = pool.submit_with(SubmitOptions::new().room_timeout(limit), call!(same(4)));
    assert!(began.elapsed() >= limit);
    assert!(matches!(late.result(None), Err(TaskError::Rejected(RejectReason::QueueFull))));
    // Whoever waits for room gets it when there is some: by a cancel, and by a worker.
    std::thread::scope(|threads| {
        let waits = threads.spawn(|| pool.submit(call!(same(5))));
        eventually("it waits, or is about to", || !waits.is_finished());
        assert!(queued[0].cancel());
        let fifth = waits.join().unwrap();
        let waits = threads.spawn(|| pool.submit(rejected.job));
        release.raise();
        assert_eq!(waits.join().unwrap().result(None).unwrap(), 3);
        assert_eq!(fifth.result(None).unwrap(), 5);
    });
    assert!(held.result(None).unwrap());
    assert_eq!(queued[1].result(None).unwrap(), 2);
    let sum: u32 = pool.map(same, 0..1000).map(Result::unwrap).sum();
    assert_eq!(sum, 499_500, "a map waits for room by itself");
}

#[test]
fn a_task_that_is_not_begun_in_time_never_is() {
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = pool(1);
    let (release, held) = held(&pool, &directory);
    let ran = directory.tally().unwrap();
    let soon = SubmitOptions::new().queue_timeout(Duration::from_millis(10));
    let late = pool.submit_with(soon, task!([ran = ran.clone()] => ran.add()));
    let patient = pool.submit_with(SubmitOptions::new().queue_timeout(LIMIT), call!(same(6)));
    assert!(late.result(None).unwrap_err().is_deadline_exceeded());
    release.raise();
    assert_eq!(patient.result(None).unwrap(), 6);
    assert!(held.result(None).unwrap());
    // Begun in time, it may take longer.
    let (begun, release) = (directory.signal(), directory.signal());
    let limit = SubmitOptions::new().queue_timeout(Duration::from_secs(20));
    let begins = pool.submit_with(limit, call!(stay(begun.clone(), release.clone())));
    assert!(begun.wait(LIMIT));
    release.raise();
    assert!(begins.result(None).unwrap());
    pool.shutdown(Shutdown::wait());
    assert_eq!(ran.count(), 0);
}

// ---------------------------------------------------------------------------------------------- of tasks

#[test]
fn a_task_that_runs_too_long_is_ended_with_its_worker() {
    let _watchdog = watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(2).term_grace(Duration::from_millis(50)).build().unwrap();
    let limit = Duration::from_millis(100);
    let began = Instant::now();
    let late = pool.submit_with(SubmitOptions::new().timeout(limit), call!(spin()));
    let others: Vec<Future<u32>> = (0..50).map(|n| pool.submit(call!(same(n)))).collect();
    assert!(late.result(None).unwrap_err().is_deadline_exceeded());
    assert!(began.elapsed() >= limit);
    assert!(others.iter().map(|other| other.result(None).unwrap()).eq(0..50));
    // The time in the queue does not count, nor that of the tasks before it.
    let naps = |millis: u64| {
        std::thread::sleep(Duration::from_millis(millis));
        std::process::id()
    };
    let limited = SubmitOptions::new().timeout(Duration::from_secs(5));
    let all: Vec<Future<u32>> = (0..8).map(|_| pool.submit_with(limited.clone(), call!(naps(30)))).collect();
    assert!(all.iter().all(|future| future.result(None).is_ok()));
    let unlimited = pool.submit_with(SubmitOptions::new().timeout(Duration::MAX), call!(naps(1)));
    assert!(unlimited.result(None).is_ok(), "beyond all clocks");
}

#[test]
fn retries_run_a_task_again_whose_worker_died_and_nothing_else() {
    fn dies_until(tries: Tally, lives_at: usize) -> usize {
        tries.add();
        let tried = tries.count();
        if tried < lives_at { std::process::abort() } else { tried }
    }
    let _watchdog = watchdog();
    let directory = Directory::new().unwrap();
    let pool = pool(2);
    let tries = || directory.tally().unwrap();
    let retries = |n| SubmitOptions::new().retries(n);
    let mine = tries();
    assert_eq!(pool.submit_with(retries(3), call!(dies_until(mine.clone(), 4))).result(None).unwrap(), 4);
    let mine = tries();
    assert!(
        pool.submit_with(retries(2), call!(dies_until(mine.clone(), 9))).result(None).unwrap_err().is_worker_died()
    );
    assert_eq!(mine.count(), 3, "once, and twice again");
    let mine = tries();
    assert!(pool.submit(call!(dies_until(mine.clone(), 2))).result(None).unwrap_err().is_worker_died());
    assert_eq!(mine.count(), 1, "never without being asked for");
    // Panics and limits are outcomes.
    let mine = tries();
    let panics: Future<()> =
        pool.submit_with(retries(5), task!([tries = mine.clone()] => { tries.add(); panic!("final") }));
    assert!(panics.result(None).unwrap_err().is_panicked());
    assert_eq!(mine.count(), 1);
    let mine = tries();
    let limits = retries(5).timeout(Duration::from_millis(50));
    let late = pool.submit_with(limits, task!([tries = mine.clone()] => { tries.add(); spin() }));
    assert!(late.result(None).unwrap_err().is_deadline_exceeded());
    assert_eq!(mine.count(), 1);
}

// ---------------------------------------------------------------------------------------------- of maps

#[test]
fn items_that_take_too_long_fail_alone() {
    let _watchdog = watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(2).term_grace(Duration::ZERO).build().unwrap();
    for chunk in [0, 1, 4] {
        let map = pool.map(|n: u32| if n % 5 == 2 { spin() } else { n }, 0..12).chunksize(chunk);
        let results: Vec<_> = map.item_timeout(Duration::from_millis(500)).collect();
        assert_eq!(results.len(), 12);
        for (n, result) in (0..).zip(results) {
            match result {
                Ok(value) => assert!(value == n && n % 5 != 2, "{n}"),
                Err(error) => assert!(error.is_deadline_exceeded() && n % 5 == 2, "chunks of {chunk}, {n}: {error}"),
            }
        }
    }
}

#[test]
fn maps_have_all_their_forms() {
    let _watchdog = watchdog();
    let pool = pool(2);
    // Options together, with what is shared, progress and deaths.
    let mut told: Vec<Progress> = Vec::new();
    let words: Vec<String> = ["a", "bb", "ccc"].map(str::to_owned).to_vec();
    let length = |words: &Vec<String>, n: usize| if n == 7 { std::process::abort() } else { words[n % 3].len() };
    let map = pool.map_with(words, length, 0..20).chunksize(3).buffersize(6).timeout(LIMIT);
    let mut died = 0;
    let (sender, progress) = std::sync::mpsc::channel();
    for (n, result) in map.progress(move |now| sender.send(now).unwrap()).enumerate() {
        match result {
            Ok(length) => assert_eq!(length, n % 3 + 1),
            Err(error) => {
                assert!(error.is_worker_died() && n == 7, "{n}: {error}");
                died += 1;
            }
        }
    }
    told.extend(progress.iter());
    assert_eq!((died, told.last().map(|now| now.done)), (1, Some(20)));
    assert!(told.windows(2).all(|pair| pair[0].done < pair[1].done), "{told:?}");
    // Without order.
    let mut squares: Vec<u32> = pool.map(|n: u32| n * n, 0..50).unordered().map(Result::unwrap).collect();
    squares.sort_unstable();
    assert!(squares.into_iter().eq((0..50).map(|n| n * n)));
    // A future for each, of which one can be cancelled and one killed.
    let futures = pool.map(|n: u32| if n == 3 { spin() } else { n }, 0..8).into_futures();
    eventually("the long one runs", || futures[3].running());
    assert_eq!(futures[3].kill(Duration::ZERO), concurrent_futures::CancelOutcome::Killed);
    for (n, future) in (0..).zip(&futures) {
        match future.result(None) {
            Ok(value) => assert!(value == n && n != 3),
            Err(error) => assert!(error.is_cancelled() && n == 3, "{n}: {error}"),
        }
    }
    // As a stream.
    let stream = pool.map(|n: u64| n + 1, 0..100).chunksize(7).stream();
    let sum = futures::executor::block_on(async {
        futures::StreamExt::fold(stream, 0, |sum, item| async move { sum + item.unwrap() }).await
    });
    assert_eq!(sum, 5050);
    // Fail-fast.
    let first: Result<Vec<u32>, TaskError> =
        pool.map(|n: u32| if n == 4 { panic!("the fourth") } else { n }, 0..).collect();
    assert!(first.unwrap_err().to_string().contains("the fourth"));
    // Out of time.
    let directory = Directory::new().unwrap();
    let never = directory.signal();
    let mut slow = pool.map_with(never.clone(), |never: &Signal, _: u32| never.wait(LIMIT), 0..2);
    slow = slow.timeout(Duration::from_millis(50));
    assert!(slow.next().unwrap().unwrap_err().is_timed_out() && slow.next().is_none());
    drop(slow);
    never.raise();
    // Before the directory of the signal goes.
    pool.shutdown(Shutdown::wait());
}
