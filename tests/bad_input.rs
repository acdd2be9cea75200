//! Values that cannot work are refused by name; extreme ones that can, do; and nothing is lost at a closed door.

mod support;
mod torture;

use concurrent_futures::{
    BuildError, CancelOutcome, Executor, Future, InlineExecutor, ManualExecutor, RejectReason, ReturnWhen,
    ScopeOptions, Shutdown, SubmitOptions, TaskError, ThreadPoolBuilder, ThreadPoolExecutor, Waitable, as_completed,
    call, wait,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use torture::{Blast, LastGate, Ledger};

fn pool(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(workers).unwrap()
}

#[test]
fn a_builder_names_the_option_and_its_value() {
    type Set = fn(ThreadPoolBuilder) -> ThreadPoolBuilder;
    let refused: [(Set, &str, &str); 9] = [
        (|builder| builder.max_workers(0), "max_workers", "0"),
        (|builder| builder.max_workers(1_000_000), "max_workers", "1000000"),
        (|builder| builder.max_workers(usize::MAX), "max_workers", &usize::MAX.to_string().leak()[..]),
        (|builder| builder.max_spares(usize::MAX), "max_spares", &usize::MAX.to_string().leak()[..]),
        (|builder| builder.queue_bound(0), "queue_bound", "0"),
        (|builder| builder.stack_size(0), "stack_size", "0"),
        (|builder| builder.stack_size(1_000), "stack_size", "1000"),
        (|builder| builder.stack_size(usize::MAX), "stack_size", &usize::MAX.to_string().leak()[..]),
        (|builder| builder.thread_name_prefix("a\0b"), "thread_name_prefix", "a\\0b"),
    ];
    for (set, option, value) in refused {
        let error: BuildError = set(ThreadPoolExecutor::builder()).build().unwrap_err();
        let text = error.to_string();
        assert!(text.contains(option) && text.contains(value), "{text}");
    }
    assert!(ThreadPoolExecutor::new(0).unwrap_err().to_string().contains("max_workers"));
}

/// The largest and the smallest values that can work.
#[test]
fn extreme_options_that_work() {
    type Set = fn(ThreadPoolBuilder) -> ThreadPoolBuilder;
    let _watchdog = support::watchdog();
    let fine: [Set; 10] = [
        |builder| builder.max_workers(16_000),
        |builder| builder.max_spares(16_000),
        |builder| builder.max_workers(1).max_spares(0),
        |builder| builder.queue_bound(1),
        |builder| builder.queue_bound(usize::MAX),
        |builder| builder.stack_size(64 * 1024),
        |builder| builder.stack_size(256 << 20),
        |builder| builder.idle_timeout(Duration::ZERO),
        |builder| builder.idle_timeout(Duration::MAX),
        |builder| builder.thread_name_prefix(""),
    ];
    for set in fine {
        let pool = set(ThreadPoolExecutor::builder()).build().unwrap();
        for number in 0..3 {
            assert_eq!(pool.submit(move || number).result(None).unwrap(), number);
        }
    }
    let long = "name ".repeat(100);
    let pool = ThreadPoolExecutor::builder().thread_name_prefix(long.clone()).build().unwrap();
    let name = pool.submit(|| std::thread::current().name().map(str::to_owned)).result(None).unwrap();
    assert!(name.unwrap().starts_with(&long));
    for name in ["", "with a \0 in it", &long] {
        assert_eq!(pool.submit_with(SubmitOptions::new().name(name), || 1).name(), Some(name));
    }
}

/// Something that is closed: every verb says so, and a job comes back as it was.
fn at_a_closed_door(
    executor: &impl Executor,
    try_submit: impl FnOnce(Box<dyn FnOnce() -> u32 + Send>) -> (u32, RejectReason),
) {
    let rejected =
        |outcome: &Result<u32, TaskError>| matches!(outcome, Err(TaskError::Rejected(RejectReason::ShutDown)));
    let executor: &dyn Executor = executor;
    let future = executor.submit(call!(u32::max(1, 2)));
    assert!(future.done() && !future.running() && !future.cancelled() && !future.cancel());
    assert_eq!(future.request_cancel(), CancelOutcome::AlreadyDone);
    assert!(rejected(&future.result(None)) && rejected(&future.result(Duration::ZERO)), "an error stays");
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    future.add_done_callback(move |outcome| {
        assert!(outcome.is_err_and(TaskError::is_rejected));
        counted.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    let named = executor.submit_with(SubmitOptions::new().name("late").timeout(Duration::MAX), call!(u32::max(1, 2)));
    assert!(rejected(&named.result(None)));
    assert_eq!(wait([&future, &named], None, ReturnWhen::FirstError).done.len(), 2);
    let items: Vec<_> = executor.map(|number: u32| number, vec![1, 2, 3]).collect();
    assert!(items.len() == 3 && items.iter().all(rejected), "{items:?}");
    assert!(futures::executor::block_on(future).is_err_and(|error| error.is_rejected()));

    let (ledger, ran) = (Ledger::new(), Arc::new(AtomicUsize::new(0)));
    let (capture, counted) = (ledger.capture(Blast::Dud), Arc::clone(&ran));
    let (unrun, reason) = try_submit(Box::new(move || {
        let _capture = &capture;
        counted.fetch_add(1, Ordering::SeqCst);
        7
    }));
    assert_eq!((unrun, reason, ran.load(Ordering::SeqCst)), (7, RejectReason::ShutDown, 1), "run by the caller, once");
    assert_eq!(ledger.captures_dropped(), 1);
}

/// What came back is the job itself, which the caller runs.
macro_rules! give_back {
    ($executor:ident) => {
        |job| match $executor.try_submit(job) {
            Ok(future) => panic!("taken: {future:?}"),
            Err(rejected) => {
                assert!(rejected.to_string().contains("shut down"), "{rejected}");
                ((rejected.job)(), rejected.reason)
            }
        }
    };
}

#[test]
fn a_submit_after_the_shutdown() {
    let _watchdog = support::watchdog();
    for how in [Shutdown::wait(), Shutdown::no_wait(), Shutdown::no_wait().cancel_pending()] {
        let pool = pool(2);
        pool.submit(|| ()).result(None).unwrap();
        pool.shutdown(how);
        at_a_closed_door(&pool, give_back!(pool));
        assert!(pool.broadcast(|()| ()).iter().all(|told| told.result(None).unwrap_err().is_rejected()));
        assert!(pool.submit_with_state(|()| ()).result(None).unwrap_err().is_rejected());
        pool.scope(|s| assert!(s.submit(|| ()).result(None).unwrap_err().is_rejected()));
        let futures = pool.map(|number: u32| number, 0..3).into_futures();
        assert!(futures.iter().all(|future| future.result(None).unwrap_err().is_rejected()));
    }
    // A pool that never had a thread.
    let never_used = pool(2);
    never_used.shutdown(Shutdown::wait());
    at_a_closed_door(&never_used, give_back!(never_used));
    let (inline, manual) = (InlineExecutor::new(), ManualExecutor::new());
    inline.shutdown(Shutdown::wait());
    at_a_closed_door(&inline, give_back!(inline));
    manual.shutdown(Shutdown::wait());
    at_a_closed_door(&manual, give_back!(manual));
}

/// A full queue gives a job back unrun; with a limit the submit says so after it, and the job is dropped once.
#[test]
fn a_full_queue() {
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_bound(1).build().unwrap();
    let gate = LastGate::new();
    let closed = gate.clone();
    let busy = pool.submit(move || closed.wait());
    support::eventually("it runs", || busy.running());
    let fills = pool.submit(|| 1);
    let ledger = Ledger::new();
    let capture = ledger.capture(Blast::Dud);
    let back = pool.try_submit(move || drop(capture)).unwrap_err();
    assert_eq!((back.reason, ledger.captures_dropped()), (RejectReason::QueueFull, 0));
    drop(back);
    assert_eq!(ledger.captures_dropped(), 1);
    for limit in [Duration::ZERO, Duration::from_millis(5)] {
        let late = pool.submit_with(SubmitOptions::new().room_timeout(limit), || 2);
        assert!(matches!(late.result(None), Err(TaskError::Rejected(RejectReason::QueueFull))));
    }
    gate.open();
    let patient = pool.submit_with(SubmitOptions::new().room_timeout(Duration::MAX), || 3);
    assert_eq!((fills.result(None).unwrap(), patient.result(None).unwrap()), (1, 3));
}

/// The shortest and the longest of all durations, wherever one can be given.
#[test]
fn extreme_durations() {
    let _watchdog = support::watchdog();
    let pool = pool(2);
    let (promise, pending) = concurrent_futures::promise::<u32>();
    assert!(matches!(pending.result(Duration::ZERO), Err(TaskError::TimedOut)));
    assert!(pending.exception(Duration::ZERO).is_err());
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstError, ReturnWhen::AllCompleted] {
        assert_eq!(wait([&pending], Duration::ZERO, when).not_done.len(), 1);
    }
    let late: Vec<_> = as_completed([&pending], Duration::ZERO).collect();
    assert!(late.len() == 1 && late[0].is_err());
    let shared = pending.shared();
    assert!(shared.result(Duration::ZERO).is_err_and(|error| error.is_timed_out()));
    promise.set_result(1).unwrap();
    assert_eq!(shared.result(Duration::ZERO).copied().unwrap(), 1);

    let max = Duration::MAX;
    for limit in [max, max - Duration::from_nanos(1), Duration::from_secs(u64::MAX / 4)] {
        assert_eq!(pool.submit(|| 1).result(limit).unwrap(), 1);
        assert!(pool.submit(|| 1).exception(limit).unwrap().is_none());
        assert_eq!(wait([pool.submit(|| 1)], limit, ReturnWhen::AllCompleted).done.len(), 1);
        assert_eq!(as_completed([pool.submit(|| 1)], limit).count(), 1);
        let options = SubmitOptions::new().timeout(limit).queue_timeout(limit).room_timeout(limit);
        assert_eq!(pool.submit_with(options, || 1).result(None).unwrap(), 1);
        let map = pool.map(|number: u32| number, 0..5).timeout(limit).item_timeout(limit);
        assert_eq!(map.collect::<Result<Vec<_>, _>>().unwrap().len(), 5);
        let scoped = pool.scope_with(ScopeOptions::new().cancel_after(limit), |s| s.submit(|| 1).result(limit));
        assert_eq!(scoped.unwrap().unwrap(), 1);
        let other = ThreadPoolExecutor::new(1).unwrap();
        let future = other.submit(|| 1);
        let report = other.shutdown(Shutdown::wait().deadline(limit).kill_after(limit));
        assert_eq!((report.abandoned, future.result(None).unwrap()), (0, 1));
    }
}

/// A limit of no time at all on a task: it may still be quick enough, and whatever comes of it is the future's.
#[test]
fn limits_of_no_time() {
    let _watchdog = support::watchdog();
    let pool = pool(1);
    for _ in 0..50 {
        let queued = pool.submit_with(SubmitOptions::new().queue_timeout(Duration::ZERO), || 1).result(None);
        assert!(queued.as_ref().err().is_none_or(TaskError::is_deadline_exceeded), "{queued:?}");
        let run = pool.submit_with(SubmitOptions::new().timeout(Duration::ZERO), || 1).result(None);
        assert_eq!(run.unwrap(), 1, "a thread's outcome is its own");
        let items: Vec<_> = pool.map(|number: u32| number, 0..3).timeout(Duration::ZERO).collect();
        assert!(items.len() <= 4 && items.iter().filter(|item| item.is_err()).count() <= 1, "{items:?}");
        let scoped = pool.scope_with(ScopeOptions::new().cancel_after(Duration::ZERO), |s| {
            (0..5).map(|_| s.submit(|| 1)).collect::<Vec<_>>().iter().filter(|f| f.result(None).is_ok()).count()
        });
        assert!(scoped.unwrap() <= 5);
        let other = ThreadPoolExecutor::new(1).unwrap();
        let gate = LastGate::new();
        let closed = gate.clone();
        let future = other.submit(move || closed.wait());
        let report = other.shutdown(Shutdown::wait().deadline(Duration::ZERO));
        gate.open();
        future.result(None).unwrap();
        assert_eq!(report.abandoned, 1, "it had not ended, whether or not it had begun");
    }
}

#[test]
fn extreme_sizes_of_a_map() {
    let _watchdog = support::watchdog();
    let pool = pool(2);
    let sizes = [0, 1, 7, usize::MAX / 2, usize::MAX];
    for chunksize in sizes {
        for buffersize in sizes {
            for count in [0, 1, 100] {
                let map = || pool.map(|number: u64| number, 0..count).chunksize(chunksize).buffersize(buffersize);
                let expected: Vec<u64> = (0..count).collect();
                let what = format!("chunks of {chunksize}, window of {buffersize}, {count} items");
                assert_eq!(map().collect::<Result<Vec<_>, _>>().unwrap(), expected, "{what}");
                assert_eq!(map().eager().collect::<Result<Vec<_>, _>>().unwrap(), expected, "{what}, eager");
                assert_eq!(map().start().collect::<Result<Vec<_>, _>>().unwrap(), expected, "{what}, started");
                let mut unordered = map().unordered().collect::<Result<Vec<_>, _>>().unwrap();
                unordered.sort_unstable();
                assert_eq!(unordered, expected, "{what}, unordered");
            }
        }
    }
}

/// An input that lies about how long it is.
#[test]
fn an_input_with_a_wrong_size() {
    struct Liar(u64, (usize, Option<usize>));
    impl Iterator for Liar {
        type Item = u64;

        fn next(&mut self) -> Option<u64> {
            self.0 = self.0.checked_sub(1)?;
            Some(self.0)
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            self.1
        }
    }
    let _watchdog = support::watchdog();
    let pool = pool(2);
    for hint in [(0, Some(0)), (usize::MAX, Some(usize::MAX)), (1_000, Some(1)), (5, None)] {
        for chunksize in [0, 3] {
            let map = || pool.map(|number: u64| number, Liar(50, hint)).chunksize(chunksize);
            assert_eq!(map().map(Result::unwrap).sum::<u64>(), 1_225, "{hint:?}");
            assert_eq!(map().eager().map(Result::unwrap).sum::<u64>(), 1_225, "{hint:?}");
            // A list is collected here, which std itself refuses to do for such a promise.
            if hint.0 == usize::MAX {
                continue;
            }
            assert_eq!(map().into_futures().iter().map(|f| f.result(None).unwrap()).sum::<u64>(), 1_225);
        }
    }
}

#[test]
fn nothing_at_all() {
    let _watchdog = support::watchdog();
    let pool = pool(1);
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstError, ReturnWhen::AllCompleted] {
        for limit in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
            let none = wait(Vec::<Future<u32>>::new(), limit, when);
            assert_eq!((none.done.len(), none.not_done.len()), (0, 0));
            let none: [&dyn Waitable; 0] = concurrent_futures::futures![];
            assert!(wait(none, limit, when).done.is_empty());
            assert!(as_completed(none, limit).next().is_none());
            // The same on a worker.
            let empty = pool.submit(move || wait(Vec::<Future<u32>>::new(), limit, when).done.len());
            assert_eq!(empty.result(None).unwrap(), 0);
        }
    }
    assert_eq!(pool.map(|number: u32| number, []).count(), 0);
    assert!(pool.map(|number: u32| number, []).into_futures().is_empty());
    assert_eq!(pool.scope(|_| 3), 3);
    let untouched = ThreadPoolExecutor::new(1).unwrap();
    assert_eq!(untouched.shutdown(Shutdown::wait().cancel_pending()), concurrent_futures::ShutdownReport::default());
}

/// Jobs and values of unusual sizes and alignments.
#[test]
fn unusual_types() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    #[repr(align(4096))]
    struct Aligned(u8);
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let aligned = Aligned(9);
    let future = pool.submit(move || {
        assert_eq!((&raw const aligned).addr() % 4096, 0);
        aligned
    });
    future.add_done_callback(|outcome| assert_eq!(std::ptr::from_ref(outcome.unwrap()).addr() % 4096, 0));
    assert_eq!(future.result(None).unwrap(), aligned);
    let small = 3_u8;
    let shared = pool.submit(move || Aligned(small)).shared();
    assert_eq!(std::ptr::from_ref(shared.result(None).unwrap()).addr() % 4096, 0);
    let large = [7_u8; 64 * 1024];
    assert_eq!(pool.submit(move || large).result(None).unwrap()[65_535], 7);
    pool.submit(|| ()).result(None).unwrap();
    let nothing: Result<[u8; 0], TaskError> = pool.submit(|| []).result(None);
    assert!(nothing.is_ok());
    // A value that is itself a future, or a result of one.
    let nested = pool.submit(|| Future::ready(5)).result(None).unwrap();
    assert_eq!(nested.result(None).unwrap(), 5);
}
