//! Threads, after CPython's `test_threading.py`: `ThreadTests`, `ThreadingExceptionTests`, `ExceptHookTests`, timers and
//! names. How programs end is in `cases_threading_exit`.
//!
//! Not here, because Rust has nothing like it: 177 (lazy imports), 180, 181, 260 (constructors and subclasses of locks),
//! 189, 190, 204, 221 (an interpreter that ends), 196, 214 (deprecated names), 200, 201, 222 (forks), 206 (its
//! implementation), 209 (tracing), 212 (objects that are false), 232 and 234 (starting twice and joining too early do
//! not compile: `ui_tests/refused`), 237 (a stack overflow ends a Rust process), 241, 242, 244 (regressions of its own),
//! 253, 256 (simulated signals).

mod support;

use concurrent_futures::threading::{
    Barrier, BoundedSemaphore, Event, Semaphore, Thread, ThreadHandle, ThreadRef, Timer, active_count, current,
    enumerate, main_thread, set_excepthook, take_excepthook,
};
use concurrent_futures::{ReturnWhen, TaskError, ThreadPoolExecutor, as_completed, task, wait};
use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use support::{Gate, Watchdog, eventually};

/// Before anything is started, because the crate puts a hook of its own in place with the first thread.
fn watchdog() -> Watchdog {
    support::quiet_panics_of(&["panics on purpose"]);
    support::watchdog()
}

/// A thread that ends when the gate opens.
fn gated(gate: &Gate) -> ThreadHandle<()> {
    let gate = gate.clone();
    Thread::new(move || gate.wait()).start().unwrap()
}

/// Only one test at a time has a hook.
fn hook_is_mine() -> MutexGuard<'static, ()> {
    static HOOK: Mutex<()> = Mutex::new(());
    HOOK.lock().unwrap_or_else(PoisonError::into_inner)
}

// ---------------------------------------------------------------------------------------------- ThreadTests

fn some_function() {}

// case 178
#[test]
fn a_name_is_kept_and_a_missing_one_is_made() {
    let _watchdog = watchdog();
    let named = Thread::new(some_function).name("myname1").start().unwrap();
    assert_eq!(named.name(), "myname1");
    for unnamed in [Thread::new(some_function), Thread::new(some_function).name("")] {
        let unnamed = unnamed.start().unwrap();
        let number = unnamed.name().strip_prefix("Thread-").and_then(|rest| rest.strip_suffix(" (some_function)"));
        assert!(number.is_some_and(|number| number.parse::<u32>().is_ok()), "{}", unnamed.name());
        unnamed.join(None).unwrap();
    }
    let closures = [(); 2].map(|()| Thread::new(|| current().name().to_owned()).start().unwrap());
    let names = closures.map(|closure| {
        let name = closure.join(None).unwrap();
        assert_eq!(name, closure.name());
        assert!(name.strip_prefix("Thread-").is_some_and(|number| number.parse::<u32>().is_ok()), "{name}");
        name
    });
    assert_ne!(names[0], names[1]);
}

// cases 182, 184, 185
#[test]
fn ten_threads_share_three_places_whatever_their_stacks() {
    let _watchdog = watchdog();
    for stack_size in [None, Some(256 << 10), Some(1 << 20)] {
        let places = Arc::new(BoundedSemaphore::new(3));
        let inside = Arc::new(AtomicUsize::new(0));
        let all_alive = Gate::new();
        let threads: Vec<_> = (0..10)
            .map(|_| {
                let (places, inside, all_alive) = (Arc::clone(&places), Arc::clone(&inside), all_alive.clone());
                let body = move || {
                    {
                        let _place = places.acquire(None).unwrap();
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                    all_alive.wait();
                };
                let thread = Thread::new(body);
                let thread = if let Some(bytes) = stack_size { thread.stack_size(bytes) } else { thread };
                assert!(format!("{thread:?}").contains("initial"));
                thread.start().unwrap()
            })
            .collect();
        let idents: HashSet<u64> = threads.iter().map(|thread| thread.ident()).collect();
        assert!(idents.len() == 10 && !idents.contains(&0));
        if cfg!(target_os = "linux") && !cfg!(miri) {
            // While all of them are there, the system's numbers are distinct too.
            let native: HashSet<u64> = threads.iter().map(|thread| thread.native_id().unwrap()).collect();
            assert!(native.len() == 10 && !native.contains(&current().native_id().unwrap()));
        }
        assert!(threads.iter().all(|thread| thread.is_alive() && format!("{thread:?}").contains("started")));
        all_alive.open();
        for thread in threads {
            thread.join(None).unwrap();
            assert!(!thread.is_alive() && format!("{thread:?}").contains("stopped"));
        }
    }
}

// case 186
#[test]
fn a_foreign_thread_is_listed_while_it_lives() {
    let _watchdog = watchdog();
    let (tell, told) = channel();
    let gate = Gate::new();
    let open = gate.clone();
    let foreign = std::thread::Builder::new().name("foreign".into()).spawn(move || {
        assert!(!enumerate().iter().any(|thread| thread.name() == "foreign"), "it did not ask");
        tell.send(current()).unwrap();
        open.wait();
    });
    let thread: ThreadRef = told.recv().unwrap();
    assert!(thread.is_alive() && thread.is_daemon() && enumerate().contains(&thread));
    assert_eq!(thread.name(), "foreign");
    // Unlike in Python it can be waited for.
    assert!(thread.join(Duration::from_millis(1)).is_err_and(|error| error.is_timed_out()));
    gate.open();
    thread.join(None).unwrap();
    foreign.unwrap().join().unwrap();
    assert!(!thread.is_alive() && !enumerate().contains(&thread));
}

/// Tells when it is dropped.
struct Tells(Gate);

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.open();
    }
}

// case 188
#[test]
fn a_thread_that_cannot_start_leaves_nothing() {
    let _watchdog = watchdog();
    type Refuse<F> = fn(Thread<F>) -> Thread<F>;
    fn check<F: FnOnce() + Send + 'static>(refuse: Refuse<F>, function: F, option: &str, value: &str) {
        let error = refuse(Thread::new(function)).start().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains(option) && text.contains(value), "{text}");
    }
    macro_rules! refused {
        ($refuse:expr, $option:literal, $value:expr) => {
            let dropped = Gate::new();
            let tells = Tells(dropped.clone());
            check($refuse, move || drop(tells), $option, $value);
            assert!(dropped.is_open());
        };
    }
    refused!(|thread| thread.stack_size(0), "stack_size", "0");
    refused!(|thread| thread.stack_size(1_000), "stack_size", "1000");
    refused!(|thread| thread.stack_size(usize::MAX), "stack_size", &usize::MAX.to_string());
    refused!(|thread| thread.name("refused\0name"), "name", "refused\\0name");
    assert!(!enumerate().iter().any(|thread| thread.name().starts_with("refused")));
}

// case 188: what the system itself refuses
#[cfg(all(target_os = "linux", target_pointer_width = "64", not(miri)))]
#[test]
fn a_stack_that_the_system_has_no_room_for_is_an_error() {
    let _watchdog = watchdog();
    let dropped = Gate::new();
    let tells = Tells(dropped.clone());
    let error = Thread::new(move || drop(tells)).name("no room").stack_size(1 << 46).start().unwrap_err();
    assert_ne!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}");
    assert!(dropped.is_open());
    assert!(!enumerate().iter().any(|thread| thread.name() == "no room"));
}

// case 192
#[test]
fn a_joined_thread_is_not_listed() {
    let _watchdog = watchdog();
    for _ in 0..100 {
        let thread = Thread::new(|| ()).start().unwrap();
        thread.join(None).unwrap();
        assert!(!enumerate().contains(&thread));
    }
}

// case 193
#[test]
fn many_may_join_the_same_thread() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let thread = Arc::new(gated(&gate));
    let joiners: Vec<_> = (0..19)
        .map(|_| {
            let thread = thread.thread().clone();
            Thread::new(move || thread.join(None).is_ok()).start().unwrap()
        })
        .collect();
    gate.open();
    assert!(joiners.into_iter().all(|joiner| joiner.join(None).unwrap()));
    // The result is taken once.
    thread.join(None).unwrap();
    assert!(thread.join(None).is_err_and(|error| error.is_result_taken()));
    thread.thread().join(None).unwrap();
}

// case 194
#[test]
fn a_join_with_a_limit_says_that_it_passed() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let thread = gated(&gate);
    assert!(thread.join(Duration::from_millis(10)).is_err_and(|error| error.is_timed_out()));
    assert!(thread.thread().join(Duration::ZERO).is_err_and(|error| error.is_timed_out()));
    assert!(thread.is_alive());
    gate.open();
    thread.join(Duration::MAX).unwrap();
    assert!(!thread.is_alive());
}

// cases 197, 198
#[test]
fn a_thread_is_a_daemon_if_told_so_or_if_a_daemon_starts_it() {
    let _watchdog = watchdog();
    let start = |daemon: Option<bool>| {
        let thread = Thread::new(|| {
            let same = Thread::new(|| ()).start().unwrap();
            let other = Thread::new(|| ()).daemon(!current().is_daemon()).start().unwrap();
            same.join(None).unwrap();
            other.join(None).unwrap();
            (same.is_daemon(), other.is_daemon())
        });
        let thread = if let Some(daemon) = daemon { thread.daemon(daemon) } else { thread };
        let thread = thread.start().unwrap();
        assert_eq!(format!("{thread:?}").contains("daemon"), thread.is_daemon());
        (thread.is_daemon(), thread.join(None).unwrap())
    };
    assert_eq!(start(None), (false, (false, true)));
    assert_eq!(start(Some(false)), (false, (false, true)));
    assert_eq!(start(Some(true)), (true, (true, false)));
    // A foreign thread counts as a daemon, but what it starts is waited for: it was not asked to be less.
    let by_foreign = std::thread::spawn(|| {
        assert!(current().is_daemon());
        Thread::new(|| ()).start().unwrap().is_daemon()
    });
    assert!(!by_foreign.join().unwrap());
}

// case 202
#[test]
fn the_main_thread_is_known_from_everywhere() {
    let _watchdog = watchdog();
    let main = main_thread();
    assert!(main.ident() == 1 && main.is_alive() && !main.is_daemon() && main.name() == "main");
    // Tests have threads of their own.
    assert_ne!(current(), main);
    assert!(enumerate().contains(&main));
    let seen = Thread::new(|| (main_thread(), current())).start().unwrap();
    let (seen, other) = seen.join(None).unwrap();
    assert!(seen == main && other != main);
    if cfg!(target_os = "linux") && !cfg!(miri) {
        assert_eq!(main.native_id(), Some(std::process::id().into()));
    }
}

// case 205: a join waits for thread-locals too
#[test]
fn a_join_sees_the_end_of_thread_locals() {
    let _watchdog = watchdog();
    struct Slow(Gate, Arc<AtomicUsize>);
    impl Drop for Slow {
        fn drop(&mut self) {
            self.0.wait();
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
    thread_local! {
        static FIRST: RefCell<Option<Slow>> = const { RefCell::new(None) };
        static SECOND: RefCell<Option<Slow>> = const { RefCell::new(None) };
    }
    let (gate, dropped) = (Gate::new(), Arc::new(AtomicUsize::new(0)));
    let slow = || Slow(gate.clone(), Arc::clone(&dropped));
    let (first, second) = (slow(), slow());
    let thread = Thread::new(move || {
        current();
        FIRST.set(Some(first));
        SECOND.set(Some(second));
        7
    });
    let thread = thread.start().unwrap();
    eventually("its function ends", || thread.future().done());
    assert!(!thread.is_alive(), "nothing of it runs but destructors");
    assert!(thread.join(Duration::from_millis(20)).is_err_and(|error| error.is_timed_out()));
    gate.open();
    assert_eq!(thread.join(None).unwrap(), 7);
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
}

// case 208
#[test]
fn a_bounded_semaphore_takes_no_more_than_it_gave() {
    let _watchdog = watchdog();
    for limit in 1..10 {
        let semaphore = Arc::new(BoundedSemaphore::new(limit));
        let run = |body: fn(&BoundedSemaphore)| {
            let threads: Vec<_> = (0..limit)
                .map(|_| {
                    let semaphore = Arc::clone(&semaphore);
                    Thread::new(move || body(&semaphore)).start().unwrap()
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join(None).unwrap());
        };
        run(|semaphore| semaphore.acquire(None).unwrap().forget());
        run(|semaphore| semaphore.release(1).unwrap());
        let error = semaphore.release(1).unwrap_err();
        assert_eq!((error.released, error.acquired), (1, 0));
        assert!(error.to_string().contains("1 permits released where 0"));
    }
}

// case 213
#[test]
fn a_thread_that_nobody_joins_leaves_nothing() {
    let _watchdog = watchdog();
    let value = Arc::new(());
    for number in 0..500 {
        let value = Arc::clone(&value);
        let function = move || {
            assert!(Arc::strong_count(&value) > 0);
            value
        };
        drop(Thread::new(function).name(format!("nobody joins {number}")).start().unwrap());
    }
    eventually("all have ended", || Arc::strong_count(&value) == 1);
    eventually("none is listed", || !enumerate().iter().any(|thread| thread.name().starts_with("nobody joins")));
}

// ---------------------------------------------------------------------------------------------- exceptions

// case 233
#[test]
fn nobody_can_join_oneself() {
    let _watchdog = watchdog();
    let myself = Thread::new(|| current().join(None));
    let error = myself.name("narcissus").start().unwrap().join(None).unwrap().unwrap_err();
    assert!(error.is_deadlock() && error.to_string().contains("narcissus"), "{error}");
    assert!(current().join(Duration::from_secs(3600)).is_err_and(|error| error.is_deadlock()));
    // By its own handle, too.
    let (give, given) = channel::<ThreadHandle<bool>>();
    let thread = Thread::new(move || given.recv().unwrap().join(None).is_err_and(|error| error.is_deadlock()));
    let thread = thread.start().unwrap();
    let end = thread.thread().clone();
    give.send(thread).unwrap();
    end.join(None).unwrap();
}

// beside case 233
#[test]
fn of_threads_that_join_each_other_one_is_told() {
    let _watchdog = watchdog();
    let ready = Arc::new(Barrier::new(3));
    let threads_by_name = Arc::new(Mutex::new(Vec::<ThreadRef>::new()));
    let threads = [0, 1].map(|own| {
        let (ready, threads) = (Arc::clone(&ready), Arc::clone(&threads_by_name));
        let body = move || {
            ready.wait(None).unwrap();
            let other = threads.lock().unwrap()[1 - own].clone();
            other.join(None)
        };
        Thread::new(body).name(format!("circle {own}")).start().unwrap()
    });
    threads_by_name.lock().unwrap().extend(threads.iter().map(|thread| thread.thread().clone()));
    ready.wait(None).unwrap();
    let outcomes = threads.map(|thread| thread.join(None).unwrap());
    let refused: Vec<&TaskError> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(refused.len() == 1 && refused[0].is_deadlock(), "{outcomes:?}");
    let text = refused[0].to_string();
    assert!(text.contains("circle 0") && text.contains("circle 1"), "{text}");
}

// cases 236, 272: a release without an acquire, or by another thread, does not compile: guards release.

// cases 238, 246: what is printed is in `cases_threading_exit`
#[test]
fn a_panic_is_the_outcome_of_its_thread() {
    let _watchdog = watchdog();
    let _mine = hook_is_mine();
    let thread = Thread::new(|| -> u8 { panic!("no input") }).name("panics on purpose").start().unwrap();
    let error = thread.join(None).unwrap_err();
    let TaskError::Panicked(report) = &error else { panic!("{error}") };
    assert_eq!(report.message, "no input");
    assert!(report.location.as_ref().is_some_and(|place| place.contains("cases_threading.rs")));
    // For who does not want its result the thread has just ended, any number of times.
    thread.thread().join(None).unwrap();
    assert!(thread.join(None).is_err_and(|error| error.is_panicked()));
}

// ---------------------------------------------------------------------------------------------- excepthook

struct Code(i32);

// case 249
#[test]
fn a_hook_gets_message_payload_place_and_thread() {
    let _watchdog = watchdog();
    let _mine = hook_is_mine();
    let (tell, told) = channel();
    set_excepthook(move |args| {
        assert_eq!(*args.thread, current());
        assert!(args.thread.is_alive(), "it is told before the end");
        let code = args.payload.downcast_ref::<Code>().map(|code| code.0);
        let location = args.panic.location.clone().unwrap_or_default();
        tell.send((args.thread.ident(), args.panic.message.clone(), location, code)).unwrap();
    });
    let text = Thread::new(|| panic!("threading {}", "text")).name("panics on purpose").start::<()>().unwrap();
    assert!(text.join(None).is_err_and(|error| error.is_panicked()));
    // Told before the join returned.
    let (ident, message, location, code) = told.try_recv().unwrap();
    assert_eq!((ident, message.as_str(), code), (text.ident(), "threading text", None));
    assert!(location.contains("cases_threading.rs"));
    let other = Thread::new(|| panic_any(Code(7))).name("panics on purpose").start::<()>().unwrap();
    other.thread().join(None).unwrap();
    assert_eq!(told.try_recv().unwrap().3, Some(7));
    // A panic that is caught inside is nobody's business.
    let caught = Thread::new(|| std::panic::catch_unwind(|| panic!("caught")).is_err()).name("panics on purpose");
    assert!(caught.start().unwrap().join(None).unwrap());
    assert!(told.try_recv().is_err());
    // Taken away, it is told of nothing more; what it was is given back.
    assert!(take_excepthook().is_some() && take_excepthook().is_none());
    let last = Thread::new(|| panic!("nobody hears")).name("panics on purpose").start::<()>().unwrap();
    last.thread().join(None).unwrap();
    assert!(told.try_recv().is_err());
}

// case 250
#[test]
fn a_hook_that_panics_changes_nothing() {
    let _watchdog = watchdog();
    let _mine = hook_is_mine();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    set_excepthook(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        panic!("in the hook");
    });
    let thread = Thread::new(|| panic!("the first")).name("panics on purpose").start::<()>().unwrap();
    let error = thread.join(None).unwrap_err();
    assert!(error.to_string().contains("the first") && !error.to_string().contains("in the hook"), "{error}");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    take_excepthook();
}

// case 248: as silent as Python's `SystemExit` is `resume_unwind`, which no panic hook is told of
#[test]
fn a_thread_may_end_itself_quietly() {
    let _watchdog = watchdog();
    let _mine = hook_is_mine();
    let thread = Thread::new(|| std::panic::resume_unwind(Box::new(Code(1)))).start::<()>().unwrap();
    let error = thread.join(None).unwrap_err();
    let TaskError::Panicked(report) = &error else { panic!("{error}") };
    assert!(report.location.is_none());
}

// beside case 250: the drop of what the function has captured, and of a result that nobody wants
#[test]
fn a_panicking_drop_costs_nothing_else() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a bomb");
        }
    }
    let _watchdog = watchdog();
    let _mine = hook_is_mine();
    let bomb = Bomb;
    let thread = Thread::new(move || drop(bomb)).name("panics on purpose").start().unwrap();
    assert!(thread.join(None).is_err_and(|error| error.to_string().contains("a bomb")));
    let gate = Gate::new();
    let waits = gate.clone();
    let body = move || {
        waits.wait();
        Bomb
    };
    let thread = Thread::new(body).name("panics on purpose").start().unwrap();
    let end = thread.thread().clone();
    drop(thread);
    gate.open();
    end.join(None).unwrap();
}

// ---------------------------------------------------------------------------------------------- timers and names

// case 252
#[test]
fn a_timer_calls_once_and_after_its_time() {
    let _watchdog = watchdog();
    let (tell, told) = channel();
    let began = Instant::now();
    let timers = [20, 10].map(|wait| {
        let tell = tell.clone();
        Timer::new(Duration::from_millis(wait), move || tell.send(wait).unwrap()).start().unwrap()
    });
    for timer in &timers {
        timer.join(None).unwrap();
        assert!(!timer.cancel(), "it is too late");
    }
    assert!(began.elapsed() >= Duration::from_millis(20));
    drop((tell, timers));
    let mut called: Vec<u64> = told.iter().collect();
    called.sort_unstable();
    assert_eq!(called, [10, 20]);
}

// beside case 252
#[test]
fn a_cancelled_timer_calls_nothing_and_ends_at_once() {
    let _watchdog = watchdog();
    let dropped = Gate::new();
    let tells = Tells(dropped.clone());
    let timer = Timer::new(Duration::MAX, move || drop(tells)).name("never").start().unwrap();
    assert!(timer.is_alive() && timer.name() == "never");
    assert!(timer.cancel() && timer.cancel());
    assert!(timer.join(None).is_err_and(|error| error.is_cancelled()));
    assert!(dropped.is_open() && !timer.is_alive());
}

/// Its thread has nothing left to wait for, and the end of the process would wait for that.
#[test]
fn a_timer_whose_future_is_cancelled_ends_at_once_too() {
    let _watchdog = watchdog();
    let timer = Timer::new(Duration::MAX, || ()).start().unwrap();
    assert!(timer.future().cancel());
    timer.thread().join(Duration::from_secs(60)).unwrap();
    assert!(timer.cancel() && timer.join(None).is_err_and(|error| error.is_cancelled()));
}

// case 254
#[test]
fn a_name_of_any_length_and_script_will_do() {
    let _watchdog = watchdog();
    for name in
        ["x", "a name that is longer than what the system keeps", "übergroße Straße", "日本語の名前です", "🦀🦀🦀🦀🦀"]
    {
        let thread = Thread::new(|| (current().name().to_owned(), shown())).name(name).start().unwrap();
        let (own, shown) = thread.join(None).unwrap();
        assert!(own == name && thread.name() == name);
        if let Some(shown) = shown {
            assert!(name.starts_with(&shown) && shown.len() <= 15 && shown.len() >= name.len().min(12), "{shown}");
        }
    }
}

/// What the system shows.
fn shown() -> Option<String> {
    #[cfg(all(target_os = "linux", not(miri)))]
    return Some(std::fs::read_to_string("/proc/thread-self/comm").unwrap().trim_end_matches('\n').to_owned());
    #[cfg(not(all(target_os = "linux", not(miri))))]
    return None;
}

// ---------------------------------------------------------------------------------------------- beside the cases

#[test]
fn a_thread_is_a_future_among_others() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let gate = Gate::new();
    let waits = gate.clone();
    let slow = Thread::new(move || {
        waits.wait();
        1
    });
    let slow = slow.start().unwrap();
    let quick = pool.submit(|| 2);
    let first = wait([slow.future(), &quick], None, ReturnWhen::FirstCompleted);
    assert_eq!(first.done.len(), 1);
    gate.open();
    assert_eq!(futures::executor::block_on(slow.join_async()).unwrap(), 1);
    let threads = (0..3).map(|n| Thread::new(move || n).start().unwrap().into_future());
    let sum: i32 = as_completed(threads, None).map(|future| future.unwrap().result(None).unwrap()).sum();
    assert_eq!(sum, 3);
    let spins = Thread::new(|| {
        while !task::cancel_requested() {
            std::thread::yield_now();
        }
    });
    let spins = spins.start().unwrap();
    eventually("it runs", || spins.future().running());
    spins.future().request_cancel();
    spins.join(None).unwrap();
}

#[test]
fn a_worker_that_joins_a_thread_lends_its_place() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let gate = Gate::new();
    let thread = gated(&gate);
    let joins = pool.submit(move || thread.join(None).is_ok());
    let opens = pool.submit(move || gate.open());
    opens.result(None).unwrap();
    assert!(joins.result(None).unwrap());
}

#[test]
fn what_is_counted_is_what_is_listed() {
    let _watchdog = watchdog();
    let gate = Gate::new();
    let threads: Vec<_> = (0..5).map(|_| gated(&gate)).collect();
    let listed = enumerate();
    assert!(threads.iter().all(|thread| listed.iter().filter(|listed| *listed == thread.thread()).count() == 1));
    assert!(active_count() > 5);
    gate.open();
    for thread in threads {
        thread.join(None).unwrap();
    }
}

#[test]
fn a_thread_started_in_a_destructor_at_the_end_of_a_thread_is_a_thread() {
    let _watchdog = watchdog();
    struct Starts(Arc<Event>, Arc<Semaphore>);
    impl Drop for Starts {
        fn drop(&mut self) {
            let (event, ended) = (Arc::clone(&self.0), Arc::clone(&self.1));
            assert!(!current().is_alive());
            let body = move || {
                event.wait(None);
                ended.release(1);
            };
            drop(Thread::new(body).start().unwrap());
        }
    }
    thread_local! {
        static STARTS: RefCell<Option<Starts>> = const { RefCell::new(None) };
    }
    let (event, ended) = (Arc::new(Event::new()), Arc::new(Semaphore::new(0)));
    let starts = Starts(Arc::clone(&event), Arc::clone(&ended));
    Thread::new(|| STARTS.set(Some(starts))).start().unwrap().join(None).unwrap();
    event.set();
    ended.acquire(None).unwrap().forget();
}
