//! Everything that can blow up, in every state of a task, under everything that can be done with its future.
//!
//! The idea is that of tokio's `task_combinations.rs`: a table, and one set of checks for all of it. For every entry:
//! there is one terminal state, and everybody who looks sees the same; every waiter is woken; callbacks are called
//! once; what was captured, returned or thrown is dropped once; no panic reaches a caller; and the only worker lives.

mod support;
#[path = "combinations/table.rs"]
mod table;
mod torture;

use concurrent_futures::{
    CancelOutcome, Future, ReturnWhen, Shutdown, TaskError, ThreadPoolExecutor, as_completed, wait,
};
use std::future::Future as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;
use support::Gate;
use table::{Action, Combination, End, Fault, State, table};
use torture::{Bell, Blast, LONG, Ledger, Tracked};

type Outcome = Result<Tracked, std::fmt::Error>;

/// The stage of one combination.
struct Stage {
    combination: Combination,
    ledger: Ledger,
    pool: ThreadPoolExecutor,
    /// Before it the task does not begin, or does not end.
    gate: Gate,
    /// What everybody saw, callbacks included.
    seen: Arc<Mutex<Vec<(&'static str, End)>>>,
    called: Arc<AtomicUsize>,
    callbacks: usize,
}

impl Stage {
    fn new(combination: Combination) -> Self {
        // A worker that was lost must not take the test with it.
        let builder = ThreadPoolExecutor::builder().max_workers(1).idle_timeout(None);
        let builder = builder.thread_name_prefix("torture").on_last_drop(Shutdown::no_wait());
        Stage {
            combination,
            ledger: Ledger::new(),
            pool: builder.build().unwrap(),
            gate: Gate::new(),
            seen: Arc::default(),
            called: Arc::default(),
            callbacks: 0,
        }
    }

    fn see<T>(&self, who: &'static str, outcome: Result<T, &TaskError>) {
        self.seen.lock().unwrap().push((who, End::of(outcome)));
    }

    /// Takes the value, which the test then drops without an explosion.
    fn take<T>(&self, who: &'static str, outcome: Result<T, TaskError>) {
        self.see(who, outcome.as_ref());
        self.ledger.defuse();
        drop(outcome);
    }

    fn add_callback(&mut self, future: &Future<Outcome>, who: &'static str, blast: Blast) {
        let (seen, called, ledger) = (Arc::clone(&self.seen), Arc::clone(&self.called), self.ledger.clone());
        let held = self.ledger.callback();
        self.callbacks += 1;
        future.add_done_callback(move |outcome| {
            let _held = &held;
            called.fetch_add(1, Ordering::SeqCst);
            seen.lock().unwrap().push((who, End::of(outcome)));
            ledger.blow(blast, "a callback");
        });
    }

    /// Submits the task and brings it to its state.
    fn submit(&mut self) -> Future<Outcome> {
        let Combination { state, watched, .. } = self.combination;
        let (ledger, gate) = (self.ledger.clone(), self.gate.clone());
        let blast = |of| self.combination.blast(of);
        let (job, value) = (blast(Fault::Job), blast(Fault::Value));
        let capture = self.ledger.capture(blast(Fault::Capture));
        // Callbacks are to be there before it ends, and so before it may go on at all.
        let (before, started) = (Gate::new(), Gate::new());
        let (ready, begun) = (before.clone(), started.clone());
        if state == State::Pending {
            let gate = self.gate.clone();
            drop(self.pool.submit(move || gate.wait()));
        }
        let future = self.pool.submit(move || {
            let _captured = &capture;
            begun.open();
            ready.wait();
            if state == State::Running {
                gate.wait();
            }
            ledger.blow(job, "a job");
            Ok(ledger.value(value))
        });
        if watched {
            self.add_callback(&future, "first callback", self.combination.blast(Fault::Callback));
            self.add_callback(&future, "second callback", Blast::Dud);
        }
        before.open();
        match state {
            State::Pending => {}
            State::Running => assert!(started.wait_for(LONG), "the task does not begin"),
            State::Done => {
                support::eventually("done", || future.done());
                self.settle();
            }
        }
        future
    }

    /// Whatever the worker was at has ended. Fails if the worker is lost.
    fn settle(&self) {
        let name = self.pool.submit(|| thread::current().name().map(str::to_owned));
        let name = name.result(LONG);
        assert_eq!(name.as_ref().ok().and_then(Option::as_deref), Some("torture_0"), "the worker is lost: {name:?}");
    }

    /// Runs what waits on a thread of its own, and lets the task go on when that is about to wait.
    fn while_waiting(&self, waits: impl FnOnce() + Send) {
        thread::scope(|scope| {
            let about_to_wait = Gate::new();
            let announce = about_to_wait.clone();
            let waiter = thread::Builder::new().name("torture waiter".to_owned()).spawn_scoped(scope, move || {
                announce.open();
                waits();
            });
            about_to_wait.wait();
            self.gate.open();
            assert!(waiter.unwrap().join().is_ok(), "a panic reached a waiter");
        });
    }

    fn act(&mut self, future: Future<Outcome>) {
        let Combination { state, action, .. } = self.combination;
        match action {
            Action::Cancel => {
                assert_eq!(future.cancel(), state == State::Pending);
                self.finish_by_hand(&future);
            }
            Action::RequestCancel => {
                let expected = match state {
                    State::Pending => CancelOutcome::NeverRan,
                    State::Running => CancelOutcome::Signalled,
                    State::Done => CancelOutcome::AlreadyDone,
                };
                assert_eq!(future.request_cancel(), expected);
                self.finish_by_hand(&future);
            }
            Action::CancelOnDrop => drop(future.cancel_on_drop()),
            Action::Drop => drop(future),
            Action::Result => self.while_waiting(|| self.take("result", future.result(LONG))),
            Action::Exception => self.while_waiting(|| {
                let error = future.exception(LONG).expect("in time");
                self.see("exception", error.as_ref().map_or(Ok(()), Err));
                self.take("result after it", future.result(LONG));
            }),
            Action::WaitAll => self.wait_for_many(&future, ReturnWhen::AllCompleted),
            Action::WaitFirst => self.wait_for_many(&future, ReturnWhen::FirstCompleted),
            Action::AsCompleted => self.while_waiting(|| {
                let yielded = as_completed([&future], LONG).map(|one| one.expect("in time").id());
                assert_eq!(yielded.collect::<Vec<_>>(), [future.id()]);
                self.take("result", future.result(LONG));
            }),
            Action::Await => self.while_waiting(|| self.take("await", futures::executor::block_on(future))),
            Action::PollAgain => self.poll_again(future),
            Action::PollAndDrop => self.poll_and_drop(future),
            Action::AddCallback => {
                self.add_callback(&future, "late callback", self.combination.blast(Fault::Callback));
                self.while_waiting(|| self.take("result", future.result(LONG)));
            }
            Action::Shared => {
                let shared = future.shared();
                let second = shared.clone();
                self.while_waiting(|| self.see("shared", second.result(LONG).as_ref()));
                self.see("shared again", shared.result(LONG).as_ref());
            }
            Action::Fallible => {
                let future = future.fallible();
                self.while_waiting(|| self.take("fallible", future.result(LONG)));
            }
            Action::FallibleCancel => {
                let future = future.fallible();
                assert_eq!(future.cancel(), state == State::Pending);
                self.while_waiting(|| self.take("fallible", future.result(LONG)));
            }
            Action::FallibleDrop => drop(future.fallible()),
            Action::Crowd | Action::CrowdCancel => self.crowd(future),
        }
    }

    /// After a cancel: what had not begun has let go of everything before the call returned.
    fn finish_by_hand(&self, future: &Future<Outcome>) {
        if self.combination.is_cancelled() {
            assert!(future.cancelled());
            assert_eq!(self.ledger.captures_dropped(), 1, "the canceller drops the job");
            assert!(future.cancel(), "a second time is as good");
        }
        self.gate.open();
        self.take("result", future.result(LONG));
    }

    fn wait_for_many(&self, future: &Future<Outcome>, when: ReturnWhen) {
        self.while_waiting(|| {
            let ended = wait([future, future], LONG, when);
            assert_eq!((ended.done.len(), ended.not_done.len()), (1, 0));
            self.take("result", future.result(LONG));
        });
    }

    /// Two polls with different wakers: the second one counts.
    fn poll_again(&self, future: Future<Outcome>) {
        let bells = [Blast::Dud, self.combination.blast(Fault::Waker)].map(|blast| Bell::new(&self.ledger, blast));
        let mut future = pin!(future);
        for bell in &bells {
            match future.as_mut().poll(&mut Context::from_waker(&bell.waker())) {
                Poll::Ready(outcome) => {
                    assert_eq!(self.combination.state, State::Done);
                    return self.take("poll", outcome);
                }
                Poll::Pending => assert_ne!(self.combination.state, State::Done),
            }
        }
        self.gate.open();
        support::eventually("woken", || bells[1].rung() == 1);
        let outcome = match future.as_mut().poll(&mut Context::from_waker(&bells[1].waker())) {
            Poll::Ready(outcome) => outcome,
            // A callback may still look at the value; then there is another wake-up.
            Poll::Pending => futures::executor::block_on(future),
        };
        self.take("poll", outcome);
        assert_eq!(bells[0].rung(), 0, "the waker that was replaced");
    }

    /// A future that is dropped takes its waker along.
    fn poll_and_drop(&self, future: Future<Outcome>) {
        let bell = Bell::new(&self.ledger, self.combination.blast(Fault::Waker));
        let mut future = Box::pin(future);
        // Not in the `match` itself, which would keep the test's own waker until its end.
        let looked = future.as_mut().poll(&mut Context::from_waker(&bell.waker()));
        match looked {
            Poll::Ready(outcome) => self.take("poll", outcome),
            Poll::Pending => {
                drop(future);
                assert_eq!(Arc::strong_count(&bell), 1, "nobody holds the waker");
                self.gate.open();
                self.settle();
                assert_eq!(bell.rung(), 0);
            }
        }
    }

    /// Many wait at once, in every way; then it ends, or is cancelled.
    fn crowd(&self, future: Future<Outcome>) {
        let blast = self.combination.blast(Fault::Waker);
        let bells = [blast, blast, Blast::Dud].map(|blast| Bell::new(&self.ledger, blast));
        let polled = bells.each_ref().map(|bell| {
            let looked = pin!(&future).poll(&mut Context::from_waker(&bell.waker()));
            looked.map(|outcome| self.take("poll", outcome)).is_ready()
        });
        let future = &future;
        let waits: [Box<dyn FnOnce() + Send + '_>; 3] = [
            Box::new(|| drop(future.exception(LONG).expect("in time"))),
            Box::new(|| drop(wait([future], LONG, ReturnWhen::AllCompleted))),
            Box::new(|| assert!(as_completed([future], None).all(|one| one.is_ok()))),
        ];
        thread::scope(|scope| {
            let mut waiters = Vec::new();
            for waits in waits {
                let about_to_wait = Gate::new();
                let announce = about_to_wait.clone();
                let builder = thread::Builder::new().name("torture waiter".to_owned());
                let waiter = builder.spawn_scoped(scope, move || {
                    announce.open();
                    waits();
                });
                about_to_wait.wait();
                waiters.push(waiter.unwrap());
            }
            if self.combination.action == Action::CrowdCancel {
                assert_eq!(future.cancel(), self.combination.state == State::Pending);
            }
            self.gate.open();
            waiters.into_iter().for_each(|waiter| assert!(waiter.join().is_ok(), "a panic reached a waiter"));
        });
        if self.combination.state != State::Done {
            for bell in &bells {
                support::eventually("woken", || bell.rung() == 1);
            }
            assert_eq!(polled, [false; 3]);
            self.take("result", future.result(LONG));
        }
    }

    /// What has to be true of every combination in the end.
    fn check(self) {
        let Combination { action, .. } = self.combination;
        let expected = self.combination.expected();
        self.gate.open();
        self.settle();
        let report = self.pool.shutdown(Shutdown::wait().deadline(LONG));
        assert_eq!(report.abandoned, 0, "something goes on for ever");

        let seen = self.seen.lock().unwrap().clone();
        let tells = self.combination.watched || !matches!(action, Action::Drop | Action::CancelOnDrop);
        assert!(!tells || !seen.is_empty() || matches!(action, Action::PollAndDrop | Action::FallibleDrop));
        for (who, end) in &seen {
            // The others in a crowd of polls come after the one who took the value.
            let late = action == Action::Crowd || action == Action::CrowdCancel;
            assert!(*end == expected || (late && *end == End::Other), "{who} saw {end:?}, not {expected:?}: {seen:?}");
        }
        assert_eq!(self.called.load(Ordering::SeqCst), self.callbacks, "callbacks called");
        assert_eq!(self.ledger.callbacks_dropped(), self.callbacks, "callbacks dropped");
        assert_eq!(self.ledger.captures_dropped(), 1, "captures dropped");
        let made = usize::from(!self.combination.is_cancelled() && !matches!(self.combination.fault, Fault::Job(_)));
        let dropped = self.ledger.values_dropped();
        // The language itself leaks a closure's return value where the drop of a capture unwinds
        // (rust-lang/rust#47949).
        let leaked = usize::from(matches!(self.combination.fault, Fault::Capture(_)) && dropped < made);
        assert_eq!(dropped + leaked, made, "values dropped");
        let (thrown, dropped) = self.ledger.payloads();
        assert_eq!(thrown, dropped, "payloads dropped");
    }
}

#[test]
fn every_combination_ends_as_it_should() {
    let _watchdog = support::watchdog();
    support::quiet_panics_of(&["torture"]);
    let table = table();
    // Miri takes a second or so for each.
    let step = if cfg!(miri) { 23 } else { 1 };
    let chosen: Vec<_> = table.iter().copied().step_by(step).collect();
    // On a thread of its own, whose panics are collected instead of printed.
    let runner = thread::Builder::new().name("torture".to_owned()).spawn(move || {
        let mut failures = Vec::new();
        for combination in &chosen {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let mut stage = Stage::new(*combination);
                let future = stage.submit();
                stage.act(future);
                stage.check();
            }));
            if let Err(payload) = outcome {
                let text = payload.downcast_ref::<String>().cloned();
                let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                failures
                    .push(format!("{combination:?}: {}", text.unwrap_or_else(|| "a payload that is no text".into())));
                std::mem::forget(payload);
            }
        }
        (chosen.len(), failures)
    });
    let (ran, failures) = runner.unwrap().join().unwrap();
    println!("{ran} combinations of {} ran", table.len());
    assert!(failures.is_empty(), "{} of {ran} combinations fail:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(table.len(), 966);
    assert_eq!(ran, table.len().div_ceil(step));
}
