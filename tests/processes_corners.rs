//! Corners of the process pool, where two things meet: a worker's death and a result with descriptors, a bound and a
//! task that is begun, a shutdown and a task that is still being packed, a long task and small ones behind it.
#![cfg(all(feature = "processes", target_os = "linux", not(miri)))]

mod kit;
mod support;

use concurrent_futures::shared_memory::SharedSlice;
use concurrent_futures::{
    CancelOutcome, Future, ProcessPoolExecutor, RejectReason, Shutdown, SubmitOptions, TaskError, WorkerStdio, call,
    task,
};
use kit::gate::{Gate, wait_at};
use kit::{SIGKILL, double, pool, scribble};
use serde::{Deserialize, Serialize, Serializer};
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use support::eventually;

const LONG: Duration = Duration::from_secs(60);

fn begun<T>(future: &Future<T>) {
    eventually("a worker begins the task", || future.running());
}

/// So that the pool knows its tasks to be short, and hands several to a worker at once.
fn teach_that_tasks_are_short(pool: &ProcessPoolExecutor) {
    let warm: Vec<_> = (0..2_000).map(|n| pool.submit(call!(double(n)))).collect();
    for (n, one) in warm.into_iter().enumerate() {
        assert_eq!(one.result(LONG).unwrap(), 2 * n as u64);
    }
}

/// Each worker counts what it sends from 1 on, and a chunk may have been with two.
#[test]
fn a_chunk_of_two_workers_keeps_apart_what_each_has_sent() {
    fn make(n: u32) -> SharedSlice<u32> {
        if n == 4 {
            std::process::abort();
        }
        SharedSlice::copy_from(&[n, 10 * n]).unwrap()
    }
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let results: Vec<_> = pool.map(make, 0..9).chunksize(9).collect();
    for (n, result) in (0..9).zip(results) {
        match result {
            Ok(slice) => assert_eq!(&*slice, &[n, 10 * n]),
            Err(error) => assert!(n == 4 && error.is_worker_died(), "{n}: {error}"),
        }
    }
}

/// How much processor time this process's thread of that name has had, in clock ticks.
fn ticks_of(thread: &str) -> u64 {
    let mut ticks = 0;
    for entry in std::fs::read_dir("/proc/self/task").unwrap() {
        let stat = std::fs::read_to_string(entry.unwrap().path().join("stat")).unwrap_or_default();
        let Some((name, rest)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else { continue };
        if name == thread {
            ticks += rest.split_whitespace().skip(11).take(2).map(|word| word.parse::<u64>().unwrap()).sum::<u64>();
        }
    }
    ticks
}

/// They were handed to the same worker ahead, as many as it may have.
#[test]
fn hundreds_of_short_tasks_behind_a_long_one_are_run_by_others() {
    let _watchdog = support::watchdog();
    let pool = pool(3);
    teach_that_tasks_are_short(&pool);
    let gates = [Gate::new(), Gate::new()];
    let long: Vec<_> = gates.iter().map(|gate| pool.submit(call!(wait_at(gate.path())))).collect();
    let short: Vec<_> = (0..600).map(|n| pool.submit(call!(double(n)))).collect();
    for (n, one) in short.into_iter().enumerate() {
        assert_eq!(one.result(LONG).unwrap(), 2 * n as u64);
    }
    long.iter().for_each(begun);
    assert!(long.iter().all(|one| !one.done()));
    gates.iter().for_each(Gate::open);
    for one in long {
        assert!(one.result(LONG).is_ok());
    }
}

/// Of the first of them that finds no room it is not known before it is handed out.
#[test]
fn tasks_that_fill_the_ring_wait_in_the_queue() {
    let _watchdog = support::watchdog();
    let pool = pool(1);
    teach_that_tasks_are_short(&pool);
    let bytes = |n: usize| vec![n as u8; 60_000];
    let sums = (0..200)
        .map(|n| pool.submit(task!([bytes = bytes(n)] => bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>())));
    for (n, sum) in sums.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(sum.result(LONG).unwrap(), 60_000 * n as u64);
    }
}

#[test]
fn while_tasks_are_queued_behind_a_long_one_the_pool_sleeps() {
    let _watchdog = support::watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(1).name("sleepy").build().unwrap();
    for n in 0..3 {
        assert_eq!(pool.submit(call!(double(n))).result(LONG).unwrap(), 2 * n);
    }
    let gate = Gate::new();
    let long = pool.submit(call!(wait_at(gate.path())));
    let age = || pool.workers().first().and_then(|worker| worker.age).unwrap_or_default();
    eventually("it is known to be long", || age() > Duration::from_millis(10));
    let queued: Vec<_> = (0..3).map(|n| pool.submit(call!(double(n)))).collect();
    assert!(!long.done());
    let (before, began) = (ticks_of("sleepy-super"), Instant::now());
    thread::sleep(Duration::from_millis(600));
    let spent = Duration::from_millis(10 * (ticks_of("sleepy-super") - before));
    assert!(spent * 6 < began.elapsed(), "{spent:?} of processor time in {:?}", began.elapsed());
    gate.open();
    for (n, one) in queued.into_iter().enumerate() {
        assert_eq!(one.result(LONG).unwrap(), 2 * n as u64);
    }
}

#[test]
fn there_is_room_once_the_task_that_filled_the_queue_is_begun() {
    let _watchdog = support::watchdog();
    let pool = ProcessPoolExecutor::builder().max_workers(1).queue_bound(1).build().unwrap();
    let gate = Gate::new();
    // No worker is there yet, so it is queued; and it does not end before the submit of the next one returns.
    let first = pool.submit(call!(wait_at(gate.path())));
    let second = pool.submit(call!(double(2)));
    begun(&first);
    assert!(matches!(pool.try_submit(call!(double(3))), Err(refused) if refused.reason == RejectReason::QueueFull));
    gate.open();
    assert_eq!((first.result(LONG).unwrap(), second.result(LONG).unwrap()), (0, 4));
}

#[test]
fn small_tasks_that_were_handed_out_with_a_long_one_do_not_wait_for_it() {
    let _watchdog = support::watchdog();
    let pool = pool(2);
    teach_that_tasks_are_short(&pool);
    for round in 0..20 {
        let gate = Gate::new();
        let long = pool.submit(call!(wait_at(gate.path())));
        let small: Vec<_> = (0..40).map(|n| pool.submit(call!(double(n)))).collect();
        for (n, one) in small.into_iter().enumerate() {
            let got = one.result(Duration::from_secs(20));
            assert_eq!(got.unwrap_or_else(|error| panic!("round {round}, task {n}: {error}")), 2 * n as u64);
        }
        assert!(!long.done());
        gate.open();
        assert_eq!(long.result(LONG).unwrap(), 0);
    }
}

#[test]
fn nor_for_what_was_submitted_after_them() {
    fn burn(micros: u64) -> u64 {
        let began = Instant::now();
        while began.elapsed() < Duration::from_micros(micros) {}
        micros
    }
    let _watchdog = support::watchdog();
    let pool = pool(2);
    teach_that_tasks_are_short(&pool);
    let gate = Gate::new();
    let long = pool.submit(call!(wait_at(gate.path())));
    let small: Vec<_> = (0..40).map(|n| pool.submit(call!(double(n)))).collect();
    let later: Vec<_> = (0..20_000).map(|_| pool.submit(call!(burn(100)))).collect();
    for (n, one) in small.into_iter().enumerate() {
        assert_eq!(one.result(LONG).unwrap(), 2 * n as u64);
    }
    assert!(!later[later.len() - 100].done(), "what came first was behind the long task until all else had ended");
    gate.open();
    assert_eq!(long.result(LONG).unwrap(), 0);
    pool.shutdown(Shutdown::wait().cancel_pending());
}

/// Not encoded before its gate is open.
#[derive(Deserialize)]
struct Slow(u64);

static PACKING: Mutex<Option<(support::Gate, support::Gate)>> = Mutex::new(None);

impl Serialize for Slow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let gates = PACKING.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((begun, open)) = gates {
            begun.open();
            open.wait();
        }
        serializer.serialize_u64(self.0)
    }
}

fn of_slow(slow: Slow) -> u64 {
    slow.0
}

/// One test at a time has the gates.
static TURN: Mutex<()> = Mutex::new(());

fn gates() -> (support::Gate, support::Gate) {
    let gates = (support::Gate::new(), support::Gate::new());
    *PACKING.lock().unwrap_or_else(PoisonError::into_inner) = Some(gates.clone());
    gates
}

#[test]
fn a_shutdown_waits_for_a_task_that_is_being_packed() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let (packing, open) = gates();
    let returned = support::Gate::new();
    thread::scope(|scope| {
        let submitting = scope.spawn(|| pool.submit(call!(of_slow(Slow(7)))));
        packing.wait();
        let shutting = scope.spawn(|| {
            let report = pool.shutdown(Shutdown::wait());
            returned.open();
            report
        });
        eventually("the pool is closed", || pool.try_submit(call!(double(1))).is_err());
        assert!(!returned.wait_for(Duration::from_millis(200)), "it has returned before the task was run");
        open.open();
        let future = submitting.join().unwrap();
        assert!(shutting.join().unwrap().finished > 0);
        assert_eq!(future.try_result().unwrap().unwrap(), 7);
    });
    assert!(pool.workers().is_empty());
}

#[test]
fn the_time_in_the_queue_may_pass_while_a_task_is_being_packed() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let gate = Gate::new();
    let long = pool.submit(call!(wait_at(gate.path())));
    begun(&long);
    let (packing, open) = gates();
    thread::scope(|scope| {
        let limited = SubmitOptions::new().queue_timeout(Duration::from_millis(20));
        let submitting = scope.spawn(|| pool.submit_with(limited, call!(of_slow(Slow(7)))));
        packing.wait();
        // Nothing tells that the time is up: this is ten times as long.
        thread::sleep(Duration::from_millis(200));
        open.open();
        let future = submitting.join().unwrap();
        assert!(future.result(Duration::from_secs(20)).unwrap_err().is_deadline_exceeded());
    });
    gate.open();
    assert_eq!(long.result(LONG).unwrap(), 0);
}

#[test]
fn a_chunk_that_a_shutdown_kills_is_counted_once() {
    fn item(path: String) -> u64 {
        if path.is_empty() { 1 } else { wait_at(path) }
    }
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let gate = Gate::new();
    let items = ["".to_owned(), gate.path(), "".to_owned(), "".to_owned()];
    let mut map = pool.map(item, items).chunksize(4).start();
    eventually("the chunk is at its second item", || pool.stats().running == 1);
    let report = pool.shutdown(Shutdown::wait().kill_after(Duration::from_millis(300)));
    assert_eq!((report.killed, report.cancelled, report.finished, report.abandoned), (1, 0, 0, 0), "{report:?}");
    assert_eq!(map.next().unwrap().unwrap(), 1);
    for result in map {
        assert!(result.unwrap_err().is_cancelled());
    }
}

#[test]
fn a_task_that_is_run_again_is_still_asked_to_stop() {
    fn stops(mark: String) -> bool {
        let first = std::fs::remove_file(mark).is_ok();
        while first && !task::cancel_requested() {
            thread::yield_now();
        }
        if first {
            std::process::abort();
        }
        task::cancel_requested()
    }
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let mark = std::env::temp_dir().join(format!("cf-stops-{}", std::process::id()));
    std::fs::write(&mark, "").unwrap();
    let again = SubmitOptions::new().retries(1);
    let future = pool.submit_with(again, call!(stops(mark.to_str().unwrap().to_owned())));
    eventually("it has begun", || !mark.exists());
    assert_eq!(future.request_cancel(), CancelOutcome::Signalled);
    assert!(future.result(LONG).unwrap());
}

#[test]
fn a_worker_that_has_written_over_the_ring_is_ended() {
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let mad = pool.submit(call!(scribble()));
    begun(&mad);
    // So that the pool looks.
    let mut sane = Vec::new();
    eventually("the pool has seen it", || {
        sane.push(pool.submit(call!(double(4))));
        mad.done()
    });
    let error = mad.result(LONG).unwrap_err();
    let TaskError::WorkerDied(report) = &error else { panic!("{error}") };
    assert_eq!((report.may_have_run, report.signal), (None, Some(SIGKILL)), "{report:?}");
    assert!(report.stderr_tail.contains("damaged"), "{report:?}");
    for one in sane {
        match one.result(LONG) {
            Ok(value) => assert_eq!(value, 8),
            Err(error) => assert!(error.is_worker_died(), "it may have been handed to the same worker: {error}"),
        }
    }
    assert_eq!(pool.submit(call!(double(5))).result(LONG).unwrap(), 10);
}

/// What items of a chunk return, so that they can be found again: read as results, each two bytes of it are one.
const RESULT: &str = "\u{1}\0\u{1}\0\u{1}\0\u{1}\0\u{1}\0\u{1}\0\u{1}\0\u{1}\0\u{1}\0\u{1}\0";

/// An item of a chunk; the last one changes the length that stands before the result of the second one.
fn forge((n, length): (u32, u8)) -> String {
    if n == 3 {
        let frame = [&[RESULT.len() as u8 + 2, 0, RESULT.len() as u8], RESULT.as_bytes()].concat();
        assert!(kit::write_over_first(&frame, length), "the second result is not where it should be");
    }
    RESULT.to_owned()
}

/// An item of a chunk whose results are too large for the ring; the last one cuts the file that they are in.
fn cut(n: u32) -> Vec<u8> {
    let mut files = 0;
    for entry in std::fs::read_dir("/proc/self/fd").unwrap().filter(|_| n == 19) {
        let path = entry.unwrap().path();
        let name = std::fs::read_link(&path).unwrap_or_default();
        if name.to_string_lossy().contains("memfd:concurrent-futures") {
            // The ring's do not let themselves be cut.
            let file = std::fs::File::options().write(true).open(path);
            files += u32::from(file.is_ok_and(|file| file.set_len(100).is_ok()));
        }
    }
    assert!(n != 19 || files == 1, "{files} files");
    vec![7; 100_000]
}

fn is_ended_for<T>(results: Vec<Result<T, TaskError>>, what: &str) {
    for result in results {
        let Err(error) = result else { panic!("what cannot be believed was taken for a result") };
        let TaskError::WorkerDied(report) = &error else { panic!("{error}") };
        assert_eq!((report.may_have_run, report.signal), (None, Some(SIGKILL)), "{report:?}");
        assert!(report.stderr_tail.contains(what), "{report:?}");
    }
}

/// Else the second result would end with the third, which would then be the fourth's; or there would be many more.
#[test]
fn a_worker_that_has_written_over_the_length_of_a_result_is_ended() {
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let frame = RESULT.len() as u8 + 2;
    for (length, what) in [(2 * frame + 1, "the number of results"), (4, "what follows the results"), (0, "the number")]
    {
        let results: Vec<_> = pool.map(forge, (0..4).map(move |n| (n, length))).chunksize(4).collect();
        is_ended_for(results, what);
        assert_eq!(pool.submit(call!(double(5))).result(LONG).unwrap(), 10);
    }
}

#[test]
fn a_worker_that_has_cut_the_file_with_its_results_is_ended() {
    let _watchdog = support::watchdog();
    let pool = pool(1);
    is_ended_for(pool.map(cut, 0..20).chunksize(20).collect(), "the number of results in a file");
    assert_eq!(pool.submit(call!(double(5))).result(LONG).unwrap(), 10);
}

/// One message takes 253 descriptors, and one of them may be for the bytes.
#[test]
fn more_shared_memory_than_one_message_takes_goes_there_and_back() {
    fn sum(slices: Vec<SharedSlice<u64>>, padding: Vec<u8>) -> (u64, Vec<SharedSlice<u64>>, Vec<u8>) {
        (slices.iter().map(|slice| slice[0]).sum(), slices, padding)
    }
    let _watchdog = support::watchdog();
    let pool = pool(1);
    for (count, padding) in [(252, 0), (252, 40_000), (253, 0), (253, 40_000), (254, 0), (400, 40_000)] {
        let slices: Vec<_> = (0..count).map(|n| SharedSlice::copy_from(&[n]).unwrap()).collect();
        let (total, back, rest) = pool.submit(call!(sum(slices.clone(), vec![7_u8; padding]))).result(LONG).unwrap();
        assert_eq!((total, rest.len()), (count * (count - 1) / 2, padding));
        assert_eq!(back, slices);
    }
}

/// Beside a message's 253 go the ring and a bell, and the standard input if there is one.
#[test]
fn an_initializer_may_have_as_much_shared_memory_as_a_task() {
    struct Kept(Vec<SharedSlice<u64>>);
    fn keep(slices: Vec<SharedSlice<u64>>) -> Result<Kept, Infallible> {
        Ok(Kept(slices))
    }
    fn sum(kept: &Kept) -> u64 {
        kept.0.iter().map(|slice| slice[0]).sum()
    }
    let _watchdog = support::watchdog();
    let all: Vec<_> = (0..400).map(|n| SharedSlice::copy_from(&[n]).unwrap()).collect();
    for count in [245, 246, 249, 250, 251, 253, 254, 400] {
        let initializer = call!(keep(all[..count].to_vec()));
        let pool = ProcessPoolExecutor::builder().max_workers(1).stdin(WorkerStdio::inherit()).initializer(initializer);
        let pool = pool.build().unwrap();
        let count = count as u64;
        assert_eq!(pool.submit_with_state(call!(sum(_))).result(LONG).unwrap(), count * (count - 1) / 2);
    }
}

#[test]
fn a_chunk_of_items_in_shared_memory_may_have_any_length() {
    let _watchdog = support::watchdog();
    let pool = pool(2);
    for chunk in [300, 260, 0] {
        let items = (0..300_u64).map(|n| SharedSlice::copy_from(&[n, n * n]).unwrap());
        let results: Vec<_> = pool.map(|slice: SharedSlice<u64>| slice[1] - slice[0], items).chunksize(chunk).collect();
        assert_eq!(results.len(), 300);
        for (n, result) in (0_u64..).zip(results) {
            assert_eq!(result.unwrap(), n * n - n);
        }
    }
}

#[test]
fn what_no_environment_can_hold_is_refused_at_once() {
    let refused = |name: &str, value: &str| {
        let error = ProcessPoolExecutor::builder().env(name, value).build().unwrap_err().to_string();
        assert!(error.contains(&format!("{name:?}")), "{error}");
    };
    refused("A=B", "c");
    refused("", "c");
    refused("A\0", "c");
    refused("A", "\0");
    assert!(ProcessPoolExecutor::builder().env_remove("A=B").build().is_err());
    let error = ProcessPoolExecutor::builder().current_dir("/tmp\0").build().unwrap_err().to_string();
    assert!(error.contains("/tmp"), "{error}");
}

#[test]
fn a_task_in_the_queue_does_not_say_that_it_runs() {
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let gate = Gate::new();
    let long = pool.submit(call!(wait_at(gate.path())));
    begun(&long);
    let queued = pool.submit(task!([] => 3));
    assert!(format!("{long:?}").contains("running"), "{long:?}");
    assert!(format!("{queued:?}").contains("pending"), "{queued:?}");
    gate.open();
    assert_eq!(queued.result(LONG).unwrap(), 3);
    let _: Result<_, TaskError> = long.result(LONG);
}

#[test]
fn workers_are_not_started_for_what_others_have_done_meanwhile() {
    let _watchdog = support::watchdog();
    let pool = pool(100);
    let all: Vec<_> = (0..100).map(|n| pool.submit(call!(double(n)))).collect();
    for (n, one) in all.into_iter().enumerate() {
        assert_eq!(one.result(LONG).unwrap(), 2 * n as u64);
    }
    let started = pool.workers().len();
    assert!(started < 60, "{started} workers were started for what takes a few milliseconds in all");
}
