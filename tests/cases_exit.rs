//! How programs end that have pools, after the child programs of CPython's `test_shutdown.py` and of `Pool`'s tests.
//!
//! Each test runs a program of its own, which is this test binary once more, and judges its exit status and output.

#[path = "cases/child.rs"]
mod child;
mod support;

use child::say;
use concurrent_futures::{Future, Shutdown, ThreadPoolExecutor};
use std::cell::RefCell;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;
use support::watchdog;

/// Work that is not over at once. No order depends on it: it gives a wrong end of the program the time to come first.
fn work() {
    thread::sleep(Duration::from_millis(100));
}

/// A pool that is never dropped.
fn in_a_static() -> &'static ThreadPoolExecutor {
    static POOL: OnceLock<ThreadPoolExecutor> = OnceLock::new();
    POOL.get_or_init(|| ThreadPoolExecutor::new(2).unwrap())
}

// case 97
#[test]
fn the_end_of_main_waits_for_a_pool_that_it_owns() {
    let _watchdog = watchdog();
    let ended = child::run("the_end_of_main_waits_for_a_pool_that_it_owns", || {
        let pool = ThreadPoolExecutor::new(5).unwrap();
        drop(pool.submit(|| {
            work();
            say("apple");
        }));
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["apple"]);
}

// beside case 97
#[test]
fn a_pool_in_a_static_ends_with_the_program() {
    let _watchdog = watchdog();
    let ended = child::run("a_pool_in_a_static_ends_with_the_program", || {
        in_a_static().submit(|| say("begun")).result(None).unwrap();
        // Nobody waits for this one, and nothing is there to make it hang.
        drop(in_a_static().submit(|| thread::sleep(Duration::from_secs(3600))));
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["begun"]);
}

// beside case 97
#[test]
fn a_guard_makes_the_program_wait_for_a_pool_in_a_static() {
    let _watchdog = watchdog();
    let ended = child::run("a_guard_makes_the_program_wait_for_a_pool_in_a_static", || {
        let _guard = in_a_static().guard();
        drop(in_a_static().submit(|| {
            work();
            say("apple");
        }));
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["apple"]);
}

/// What the handler below does: a pool that is open serves also now, and one that was shut down says so.
#[cfg(unix)]
extern "C" fn submit_at_exit() {
    static SHUT: OnceLock<ThreadPoolExecutor> = OnceLock::new();
    let shut = SHUT.get_or_init(|| ThreadPoolExecutor::new(1).unwrap());
    shut.shutdown(Shutdown::wait());
    let late = shut.submit(|| ()).result(Duration::from_secs(30));
    say(&format!("rejected: {}", late.is_err_and(|error| error.is_rejected())));
    let future = in_a_static().submit(|| 6 * 7);
    say(&format!("{:?}", future.result(Duration::from_secs(30))));
}

// case 98
#[cfg(unix)]
#[test]
#[expect(unsafe_code, reason = "std has no way to register an exit handler")]
fn a_submit_from_an_exit_handler_is_harmless() {
    // SAFETY: this is the C library's own signature, to which std links on every unix.
    unsafe extern "C" {
        safe fn atexit(handler: extern "C" fn()) -> std::ffi::c_int;
    }
    let _watchdog = watchdog();
    let ended = child::run("a_submit_from_an_exit_handler_is_harmless", || {
        in_a_static().submit(|| ()).result(None).unwrap();
        assert_eq!(atexit(submit_at_exit), 0);
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["rejected: true", "Ok(42)"]);
}

// beside case 98
#[test]
fn a_submit_from_a_thread_locals_destructor_is_harmless() {
    struct SubmitsLate;
    impl Drop for SubmitsLate {
        fn drop(&mut self) {
            let outer = in_a_static().submit(|| 41).result(Duration::from_secs(30));
            say(&format!("{outer:?}"));
        }
    }
    thread_local! {
        static LATE: RefCell<Option<SubmitsLate>> = const { RefCell::new(None) };
    }
    let _watchdog = watchdog();
    let ended = child::run("a_submit_from_a_thread_locals_destructor_is_harmless", || {
        let plain = thread::spawn(|| {
            // Used before and after: the crate's own thread locals are there, or gone, or neither.
            in_a_static().submit(|| ()).result(None).unwrap();
            LATE.set(Some(SubmitsLate));
        });
        plain.join().unwrap();
        let worker = ThreadPoolExecutor::new(1).unwrap();
        worker.submit(|| LATE.set(Some(SubmitsLate))).result(None).unwrap();
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["Ok(41)", "Ok(41)"]);
}

// case 101
#[test]
fn a_shutdown_that_does_not_wait_does_not_hang_the_end() {
    let _watchdog = watchdog();
    let ended = child::run("a_shutdown_that_does_not_wait_does_not_hang_the_end", || {
        let pool = ThreadPoolExecutor::new(5).unwrap();
        drop(pool.submit(|| {
            work();
            say("apple");
        }));
        pool.shutdown(Shutdown::no_wait());
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["apple"], "the drop of the last handle waited");
}

// case 109
#[test]
fn a_shutdown_that_cancels_and_does_not_wait_ends_well() {
    let _watchdog = watchdog();
    for _ in 0..5 {
        let ended = child::run("a_shutdown_that_cancels_and_does_not_wait_ends_well", || {
            let pool = ThreadPoolExecutor::new(1).unwrap();
            let future = pool.submit(|| say("apple"));
            pool.shutdown(Shutdown::no_wait().cancel_pending());
            drop(pool);
            assert!(future.done());
            say(if future.cancelled() { "cancelled" } else { "finished" });
        });
        ended.assert_quiet();
        let whole = [vec!["cancelled"], vec!["apple", "finished"]];
        assert!(whole.iter().any(|lines| ended.said == *lines), "{ended:?}");
    }
}

// beside case 109
#[test]
fn a_process_may_exit_in_the_middle_of_everything() {
    let _watchdog = watchdog();
    for _ in 0..5 {
        let ended = child::run("a_process_may_exit_in_the_middle_of_everything", || {
            let pool = ThreadPoolExecutor::new(4).unwrap();
            let futures: Vec<Future<()>> = (0..1000).map(|_| pool.submit(thread::yield_now)).collect();
            let mut map = pool.map(|n: u64| n, 0..).buffersize(100).start();
            assert!(map.next().is_some() && !futures.is_empty());
            say("leaving");
            std::process::exit(0);
        });
        ended.assert_quiet();
        assert_eq!(ended.said, ["leaving"]);
    }
}

// case 406
#[test]
fn a_busy_pool_in_a_global_object_does_not_hang_the_program() {
    let _watchdog = watchdog();
    let ended = child::run("a_busy_pool_in_a_global_object_does_not_hang_the_program", || {
        let squares: Vec<u64> = in_a_static().map(|n| n * n, 0..100).map(Result::unwrap).collect();
        say(&squares.iter().sum::<u64>().to_string());
        in_a_static().map(|n: u64| n, 0..10_000).eager().for_each(drop);
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["328350"]);
}

// beside case 406
#[test]
fn a_panic_in_main_lets_accepted_work_end() {
    let _watchdog = watchdog();
    let ended = child::run("a_panic_in_main_lets_accepted_work_end", || {
        let main = thread::Builder::new().name("a panicking main".to_owned()).spawn(|| {
            let pool = ThreadPoolExecutor::new(1).unwrap();
            drop(pool.submit(|| {
                work();
                say("apple");
            }));
            panic!("out of main");
        });
        assert!(main.unwrap().join().is_err());
    });
    assert!(ended.status.success() && ended.stderr.contains("out of main"), "{ended:?}");
    assert_eq!(ended.said, ["apple"]);
}
