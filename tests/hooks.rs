//! Hooks, initializers and destructors of worker states that wait for their own pool. They run where no task can: such
//! a wait is refused, whatever kind of wait it is, and the pool goes on as if nothing had been.

mod support;

use concurrent_futures::{
    Future, RejectReason, ReturnWhen, Shutdown, TaskError, ThreadPoolBuilder, ThreadPoolExecutor, as_completed, wait,
};
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use support::{eventually, watchdog};

/// A state that asks something when it is dropped.
struct State(Option<Hook>);

impl Drop for State {
    fn drop(&mut self) {
        if let Some(hook) = &self.0 {
            hook.run();
        }
    }
}

/// Where on a worker's thread the question is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    Start,
    Initializer,
    StateDrop,
    Stop,
}

const MOMENTS: [Moment; 4] = [Moment::Start, Moment::Initializer, Moment::StateDrop, Moment::Stop];

/// A question to the pool, and what it came to.
type Ask = fn(&ThreadPoolExecutor<State>) -> Answer;

#[derive(Debug, PartialEq)]
enum Answer {
    /// It waited no longer, because that would have been for ever.
    Refused,
    /// It had its limit.
    Late,
    Done,
}

fn answer<T>(outcome: Result<T, TaskError>) -> Answer {
    match outcome {
        Ok(_) => Answer::Done,
        Err(TaskError::TimedOut) => Answer::Late,
        Err(TaskError::Deadlock(_) | TaskError::Rejected(RejectReason::QueueFull)) => Answer::Refused,
        Err(other) => panic!("unexpected: {other}"),
    }
}

fn all_or_refused(done: bool) -> Answer {
    if done { Answer::Done } else { Answer::Refused }
}

/// Asks once in the life of its pool.
#[derive(Clone)]
struct Hook {
    pool: Arc<OnceLock<ThreadPoolExecutor<State>>>,
    ask: Ask,
    told: Arc<Mutex<Option<Sender<Answer>>>>,
}

impl Hook {
    fn run(&self) {
        let first = self.told.lock().unwrap().take();
        if let Some(told) = first {
            let pool = self.pool.wait().clone();
            // Whatever else comes of it, the test hears of it.
            told.send((self.ask)(&pool)).unwrap();
        }
    }
}

/// A pool with one worker that asks at this moment of its life.
fn pool_that_asks(
    moment: Moment,
    ask: Ask,
    options: impl FnOnce(ThreadPoolBuilder) -> ThreadPoolBuilder,
) -> (ThreadPoolExecutor<State>, Receiver<Answer>) {
    let (told, tells) = channel();
    let hook = Hook { pool: Arc::default(), ask, told: Arc::new(Mutex::new(Some(told))) };
    let (at_start, at_init, at_stop, cell) = (hook.clone(), hook.clone(), hook.clone(), Arc::clone(&hook.pool));
    let builder = ThreadPoolExecutor::builder().max_workers(1).idle_timeout(Duration::from_millis(1));
    let builder = options(builder.on_last_drop(Shutdown::no_wait()));
    let builder = match moment {
        Moment::Start => builder.on_thread_start(move |_| at_start.run()),
        Moment::Stop => builder.on_thread_stop(move |_| at_stop.run()),
        Moment::Initializer | Moment::StateDrop => builder,
    };
    let builder = builder.initializer(move |_| {
        if moment == Moment::Initializer {
            at_init.run();
        }
        Ok::<_, io::Error>(State((moment == Moment::StateDrop).then(|| at_init.clone())))
    });
    let pool = builder.build().unwrap();
    cell.set(pool.clone()).unwrap();
    (pool, tells)
}

/// Asks at every moment, with and without a thread that could stand in, and sees the pool go on each time.
#[track_caller]
fn ask_everywhere(way: &str, ask: Ask, expected: &[Answer]) {
    for moment in MOMENTS {
        for spares in [0, 4] {
            let (pool, told) = pool_that_asks(moment, ask, |builder| builder.max_spares(spares));
            assert_eq!(pool.submit(|| 1).result(None).unwrap(), 1, "{way} at {moment:?}, {spares} spares: the task");
            let answer = told.recv().unwrap();
            // A thread that is past its last task has given up its place: another one may have been quicker.
            let by_another =
                answer == Answer::Done && spares > 0 && [Moment::StateDrop, Moment::Stop].contains(&moment);
            assert!(by_another || expected.contains(&answer), "{way} at {moment:?}, {spares} spares: {answer:?}");
            assert_eq!(pool.submit(|| 2).result(None).unwrap(), 2, "{way} at {moment:?}, {spares} spares: afterwards");
            let report = pool.shutdown(Shutdown::wait());
            assert_eq!(report.abandoned, 0, "{way} at {moment:?}, {spares} spares");
            assert!(pool.workers().is_empty());
        }
    }
}

#[test]
fn a_wait_for_a_task_of_ones_own_pool_is_refused() {
    let _watchdog = watchdog();
    let waits: [(&str, Ask); 5] = [
        ("result", |pool| answer(pool.submit(|| 1).result(None))),
        ("exception", |pool| all_or_refused(pool.submit(|| 1).exception(None).is_ok())),
        ("all", |pool| all_or_refused(wait([pool.submit(|| 1)], None, ReturnWhen::AllCompleted).not_done.is_empty())),
        ("as completed", |pool| all_or_refused(as_completed([pool.submit(|| 1)], None).all(|one| one.is_ok()))),
        ("map", |pool| answer(pool.map(|n: u32| n, 0..3).collect::<Result<Vec<_>, _>>())),
    ];
    for (way, ask) in waits {
        ask_everywhere(way, ask, &[Answer::Refused]);
    }
}

/// With a limit it may also just take that long.
#[test]
fn a_wait_with_a_limit_comes_to_an_end() {
    let _watchdog = watchdog();
    let ask: Ask = |pool| answer(pool.submit(|| 1).result(Duration::from_millis(20)));
    ask_everywhere("result with a limit", ask, &[Answer::Refused, Answer::Late]);
}

/// What is sent to this very thread is run by nobody else.
#[test]
fn a_wait_for_what_is_broadcast_is_refused() {
    let _watchdog = watchdog();
    let ask: Ask = |pool| {
        let mail: Vec<Future<u32>> = pool.broadcast(|_| 1);
        answer(mail[0].result(None))
    };
    ask_everywhere("broadcast", ask, &[Answer::Refused]);
}

/// A join cannot be refused, but what nobody may run is cancelled.
#[test]
fn a_scope_is_left() {
    let _watchdog = watchdog();
    let ask: Ask = |pool| {
        let mut ran = false;
        pool.scope(|s| drop(s.submit(|| ran = true)));
        all_or_refused(ran)
    };
    ask_everywhere("scope", ask, &[Answer::Refused]);
}

/// The queue has room for one, which the hook's first submit takes; nobody makes room for the second.
#[test]
fn a_wait_for_room_in_ones_own_queue_is_refused() {
    let _watchdog = watchdog();
    let ask: Ask = |pool| {
        let submitted: Vec<Future<()>> = (0..2).map(|_| pool.submit(|| ())).collect();
        submitted.iter().filter_map(Future::try_result).map(answer).next().unwrap_or(Answer::Done)
    };
    for moment in MOMENTS {
        let (pool, told) = pool_that_asks(moment, ask, |builder| builder.max_spares(0).queue_bound(1));
        assert_eq!(pool.submit(|| 1).result(None).unwrap(), 1, "{moment:?}");
        assert_eq!(told.recv().unwrap(), Answer::Refused, "{moment:?}");
        eventually("there is room again", || pool.try_submit(|| ()).is_ok());
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0, "{moment:?}");
    }
}

/// What a hook submits without waiting for it is run like anything else.
#[test]
fn what_a_hook_submits_is_run() {
    let _watchdog = watchdog();
    for moment in MOMENTS {
        let (ran, runs) = channel();
        static SENDER: Mutex<Option<Sender<()>>> = Mutex::new(None);
        *SENDER.lock().unwrap() = Some(ran);
        let ask: Ask = |pool| {
            let sender = SENDER.lock().unwrap().take().unwrap();
            drop(pool.submit(move || sender.send(()).unwrap()));
            Answer::Done
        };
        let (pool, told) = pool_that_asks(moment, ask, |builder| builder.max_spares(0));
        assert_eq!(pool.submit(|| 1).result(None).unwrap(), 1, "{moment:?}");
        assert_eq!(told.recv().unwrap(), Answer::Done, "{moment:?}");
        runs.recv().unwrap();
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0, "{moment:?}");
    }
}
