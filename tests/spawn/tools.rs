//! Puppets: futures whose every step the test can see and decide. And workers that are kept busy.

use crate::support::{Gate, eventually, quiet_panics_of};
use crate::torture::LONG;
use concurrent_futures::{Shutdown, TaskError, ThreadPoolBuilder, ThreadPoolExecutor, WorkerInfo, WorkerState};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

/// What a puppet is ready with.
pub(crate) const SEVEN: u32 = 7;

/// A pool whose drop ends what a failed test has left in it, instead of waiting for it.
pub(crate) fn builder(workers: usize) -> ThreadPoolBuilder {
    ThreadPoolExecutor::builder().max_workers(workers).on_last_drop(Shutdown::wait().cancel_pending())
}

pub(crate) fn pool(workers: usize) -> ThreadPoolExecutor {
    builder(workers).build().unwrap()
}

/// So many threads and never more.
pub(crate) fn strict(workers: usize) -> ThreadPoolExecutor {
    builder(workers).max_spares(0).build().unwrap()
}

/// Returns once so many workers sleep in their tasks.
#[track_caller]
pub(crate) fn until_blocked(pool: &ThreadPoolExecutor, workers: usize) {
    let is_blocked = |worker: &WorkerInfo| worker.state == WorkerState::Blocked;
    eventually("they are blocked", || pool.workers().into_iter().filter(is_blocked).count() == workers);
}

/// The same future, and how often it was polled.
pub(crate) fn counted<F: Future + Send>(future: F) -> (Arc<AtomicUsize>, impl Future<Output = F::Output> + Send) {
    let polls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&polls);
    let counting = async move {
        let mut future = pin!(future);
        poll_fn(|cx| {
            count.fetch_add(1, Ordering::SeqCst);
            future.as_mut().poll(cx)
        })
        .await
    };
    (polls, counting)
}

/// Leaves a waker with it, if it is not ready, and goes on.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) {
    poll_fn(|cx| {
        let _ = Pin::new(&mut *future).poll(cx);
        Poll::Ready(())
    })
    .await;
}

/// Panics on purpose, on a worker or in the test's own thread, stay off the screen.
pub(crate) fn quiet() {
    quiet_panics_of(&["ThreadPoolExecutor", "panics::", "cf-timer"]);
}

/// Keeps one worker busy with a closure until it is dropped. To be made after the pool.
pub(crate) struct Held(Gate);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// Returns once the closure has begun.
pub(crate) fn hold(pool: &ThreadPoolExecutor) -> Held {
    let (begun, gate) = (Gate::new(), Gate::new());
    let (tell, closed) = (begun.clone(), gate.clone());
    drop(pool.submit(move || {
        tell.open();
        closed.wait();
    }));
    begun.wait();
    Held(gate)
}

/// Of a pool with one worker: whatever was queued before this has had its turn.
pub(crate) fn settle(pool: &ThreadPoolExecutor) {
    assert_eq!(pool.max_workers(), 1, "a closure comes after the others only where there is one worker");
    pool.submit(|| ()).result(LONG).unwrap();
}

/// The pool still runs closures and futures.
#[track_caller]
pub(crate) fn assert_works(pool: &ThreadPoolExecutor) {
    assert_eq!(pool.spawn(async { SEVEN }).result(LONG).unwrap(), SEVEN);
    assert_eq!(pool.submit(|| SEVEN).result(LONG).unwrap(), SEVEN);
}

#[track_caller]
pub(crate) fn assert_cancelled<T: std::fmt::Debug>(outcome: Result<T, TaskError>) {
    assert!(matches!(&outcome, Err(error) if error.is_cancelled()), "{outcome:?}");
}

#[track_caller]
pub(crate) fn assert_late<T: std::fmt::Debug>(outcome: Result<T, TaskError>) {
    assert!(matches!(&outcome, Err(error) if error.is_deadline_exceeded()), "{outcome:?}");
}

/// What moves a puppet, and sees what happens to it.
#[derive(Clone, Default)]
pub(crate) struct Strings(Arc<Seen>);

#[derive(Default)]
struct Seen {
    polls: AtomicUsize,
    drops: AtomicUsize,
    dropper: Mutex<Option<ThreadId>>,
    ready: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Strings {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The puppet. Ready with seven once it is told to be.
    pub(crate) fn puppet(&self) -> Puppet {
        Puppet { strings: self.clone(), act: Box::new(|_, _| ()) }
    }

    /// One that does `act` in every poll, after it has left its waker; it gets the number of the poll, from 1.
    pub(crate) fn acting(&self, act: impl FnMut(usize, &mut Context<'_>) + Send + 'static) -> Puppet {
        Puppet { strings: self.clone(), act: Box::new(act) }
    }

    /// How many polls have begun.
    pub(crate) fn polls(&self) -> usize {
        self.0.polls.load(Ordering::SeqCst)
    }

    #[track_caller]
    pub(crate) fn wait_for_polls(&self, polls: usize) {
        eventually("enough polls", || self.polls() >= polls);
    }

    /// Waits until the puppet was polled, and is not being polled. Its pool has one worker.
    #[track_caller]
    pub(crate) fn wait_until_idle(&self, pool: &ThreadPoolExecutor) {
        self.wait_for_polls(1);
        settle(pool);
    }

    /// A clone of the waker that it has left last.
    #[track_caller]
    pub(crate) fn waker(&self) -> Waker {
        self.0.waker.lock().unwrap().clone().expect("it was polled, and nobody has taken its waker")
    }

    pub(crate) fn try_take_waker(&self) -> Option<Waker> {
        self.0.waker.lock().unwrap().take()
    }

    #[track_caller]
    pub(crate) fn take_waker(&self) -> Waker {
        self.try_take_waker().expect("it was polled, and nobody has taken its waker")
    }

    pub(crate) fn wake(&self) {
        self.waker().wake();
    }

    /// Ready from the next poll on.
    pub(crate) fn make_ready(&self) {
        self.0.ready.store(true, Ordering::SeqCst);
    }

    /// Ready now.
    pub(crate) fn finish(&self) {
        self.make_ready();
        self.take_waker().wake();
    }

    pub(crate) fn drops(&self) -> usize {
        self.0.drops.load(Ordering::SeqCst)
    }

    /// Waits for the drop of the puppet, and says on which thread it was.
    #[track_caller]
    pub(crate) fn wait_for_drop(&self) -> ThreadId {
        eventually("the future is dropped", || self.0.dropper.lock().unwrap().is_some());
        assert_eq!(self.drops(), 1);
        self.0.dropper.lock().unwrap().expect("seen above")
    }

    /// It was dropped once, by the thread that asks.
    #[track_caller]
    pub(crate) fn assert_dropped_here(&self) {
        assert_eq!(self.drops(), 1);
        assert_eq!(*self.0.dropper.lock().unwrap(), Some(thread::current().id()));
    }
}

/// What it does in a poll, whose number it gets.
type Act = Box<dyn FnMut(usize, &mut Context<'_>) + Send>;

pub(crate) struct Puppet {
    strings: Strings,
    act: Act,
}

impl Future for Puppet {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
        let strings = self.strings.clone();
        let poll = {
            // The old waker is dropped outside the lock: it is foreign code.
            let old = strings.0.waker.lock().unwrap().replace(cx.waker().clone());
            drop(old);
            strings.0.polls.fetch_add(1, Ordering::SeqCst) + 1
        };
        (self.act)(poll, cx);
        if strings.0.ready.load(Ordering::SeqCst) { Poll::Ready(SEVEN) } else { Poll::Pending }
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        self.strings.0.drops.fetch_add(1, Ordering::SeqCst);
        *self.strings.0.dropper.lock().unwrap() = Some(thread::current().id());
    }
}
