//! Arguments and results that blow up: while they are written, read or dropped, on either side.

use crate::kit::trap::{Blast, Point, Recipe, Side, give, take};
use crate::kit::{SIGABRT, SIGSEGV, double, exit_at_once};
use crate::scene::{Fault, Says, Waiting, play, waiting};
use crate::support::watchdog;
use concurrent_futures::{ProcessPoolExecutor, SubmitOptions, TaskError, call};

/// An argument that is a trap.
fn argument(pool: &ProcessPoolExecutor, with: SubmitOptions, point: Point, side: Side, blast: Blast) -> Waiting {
    waiting(pool.submit_with(with, call!(take(Recipe::new(point, side, blast).set()))))
}

/// A result that is one.
fn result(pool: &ProcessPoolExecutor, with: SubmitOptions, point: Point, side: Side, blast: Blast) -> Waiting {
    waiting(pool.submit_with(with, call!(give(Recipe::new(point, side, blast)))))
}

use Blast::{Abort, Err as Errs, Exit, Panic, Segfault};
use Point::{Decode, Drop as Dropped, Encode};
use Side::{Parent, Worker};

pub(crate) const VALUES: &[Fault] = &[
    // On the way there.
    Fault("an argument whose Serialize errs", Says::Codec("a trap will not be written"), |pool, with| {
        argument(pool, with, Encode, Parent, Errs)
    }),
    Fault("an argument whose Serialize panics", Says::Codec("a trap goes off"), |pool, with| {
        argument(pool, with, Encode, Parent, Panic)
    }),
    Fault("an argument whose Deserialize errs", Says::Codec("a trap will not be read"), |pool, with| {
        argument(pool, with, Decode, Worker, Errs)
    }),
    Fault("an argument whose Deserialize panics", Says::Codec("a trap goes off"), |pool, with| {
        argument(pool, with, Decode, Worker, Panic)
    }),
    Fault("an argument whose Deserialize exits with 0", Says::Exit(0), |pool, with| {
        argument(pool, with, Decode, Worker, Exit(0))
    }),
    Fault("an argument whose Deserialize exits with 1", Says::Exit(1), |pool, with| {
        argument(pool, with, Decode, Worker, Exit(1))
    }),
    Fault("an argument whose Deserialize crashes", Says::Signal(SIGSEGV), |pool, with| {
        argument(pool, with, Decode, Worker, Segfault)
    }),
    Fault("an argument whose Drop panics", Says::Panicked("a trap goes off"), |pool, with| {
        argument(pool, with, Dropped, Worker, Panic)
    }),
    Fault("an argument whose Drop exits", Says::Exit(4), |pool, with| argument(pool, with, Dropped, Worker, Exit(4))),
    Fault("an argument whose Drop crashes", Says::Signal(SIGSEGV), |pool, with| {
        argument(pool, with, Dropped, Worker, Segfault)
    }),
    // On the way back.
    Fault("a result whose Serialize errs", Says::Codec("a trap will not be written"), |pool, with| {
        result(pool, with, Encode, Worker, Errs)
    }),
    Fault("a result whose Serialize panics", Says::Codec("a trap goes off"), |pool, with| {
        result(pool, with, Encode, Worker, Panic)
    }),
    Fault("a result whose Serialize exits with 0", Says::Exit(0), |pool, with| {
        result(pool, with, Encode, Worker, Exit(0))
    }),
    Fault("a result whose Serialize crashes", Says::Signal(SIGSEGV), |pool, with| {
        result(pool, with, Encode, Worker, Segfault)
    }),
    Fault("a result whose Drop panics in the worker", Says::Value, |pool, with| {
        result(pool, with, Dropped, Worker, Panic)
    }),
    Fault("a result whose Drop exits in the worker", Says::Exit(5), |pool, with| {
        result(pool, with, Dropped, Worker, Exit(5))
    }),
    Fault("a result whose Drop aborts in the worker", Says::Signal(SIGABRT), |pool, with| {
        result(pool, with, Dropped, Worker, Abort)
    }),
    Fault("a result whose Deserialize errs", Says::Codec("a trap will not be read"), |pool, with| {
        result(pool, with, Decode, Parent, Errs)
    }),
    Fault("a result whose Deserialize panics", Says::Codec("a trap goes off"), |pool, with| {
        result(pool, with, Decode, Parent, Panic)
    }),
];

// cases 29, 30, 34, 36, 37, 38, 444, 470, 472, 473, 474, 480, 481, 482, 484, 485, 496, 533, 534
#[test]
fn a_value_that_blows_up_costs_its_task() {
    let _watchdog = watchdog();
    play(VALUES);
}

#[test]
fn an_argument_that_is_dropped_in_the_parent_harms_nobody() {
    let _watchdog = watchdog();
    crate::support::quiet_panics_of(&["harms_nobody"]);
    let pool = crate::kit::pool(1);
    // Its job is dropped there once it has been written; what comes of it says so.
    let future = pool.submit(call!(take(Recipe::new(Dropped, Parent, Panic).set())));
    let outcome = future.result(None);
    assert!(matches!(&outcome, Err(TaskError::Panicked(report)) if report.message.contains("a trap")), "{outcome:?}");
    assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
    // One that is cancelled is dropped too, and its canceller does not hear of it.
    let busy = pool.submit(call!(crate::kit::stay()));
    crate::support::eventually("it has begun", || busy.running());
    let future = pool.submit(call!(take(Recipe::new(Dropped, Parent, Panic).set())));
    assert!(future.cancel() || future.done());
    busy.kill(std::time::Duration::ZERO);
    assert!(busy.result(None).unwrap_err().is_cancelled());
    assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
}

#[test]
fn a_result_that_nobody_wants_is_not_read() {
    let _watchdog = watchdog();
    let pool = crate::kit::pool(1);
    // It would end this process.
    drop(pool.submit(call!(give(Recipe::new(Decode, Parent, Exit(1))))));
    assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
    let panics = |point| pool.submit(call!(give(Recipe::new(point, Parent, Panic))));
    // A callback reads it, and is told; so is whoever asks later.
    let (sender, heard) = std::sync::mpsc::channel();
    let future = panics(Decode);
    future.add_done_callback(move |outcome| sender.send(outcome.is_err_and(|error| error.is_codec())).unwrap());
    assert!(heard.recv().unwrap());
    assert!(future.result(None).unwrap_err().is_codec());
    assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
}

// case 41
#[test]
fn crashes_with_large_arguments() {
    fn crash_with(data: Vec<u8>) -> u64 {
        exit_at_once(i32::from(data[0]))
    }
    let _watchdog = watchdog();
    let pool = crate::kit::pool(2);
    let crashes: Vec<_> = (0..10).map(|_| pool.submit(call!(crash_with(vec![9u8; 4 << 20])))).collect();
    for crash in crashes {
        assert_eq!(crate::kit::death(&crash.result(None).unwrap_err()).exit_code, Some(9));
    }
    assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
}
