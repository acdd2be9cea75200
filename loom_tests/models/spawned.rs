//! Spawned futures: polling against waking, cancelling and letting go, on a double of a pool and on the pool itself.

use super::pool::{pool, pool_with, shut_down, submit};
use super::{Counted, Drops, bounded, exhaustively, sampled};
use crate::TaskError;
use crate::pool::Pool;
use crate::state::Stop;
use crate::sync::{Access, Deadline, Mutex};
use crate::task::{
    Awaited, Begun, CellRef, Future, Home, Owner, Residence, Residents, Runner, Task, as_completed, block_on, cell_for,
    promise, stop,
};
use futures_core::Stream;
use loom::thread;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A future and its handle, as a pool would get them.
fn spawned<F>(future: F) -> (Task, Future<F::Output>)
where
    F: std::future::Future<Output: Send + 'static> + Send + 'static,
{
    let cell = cell_for(future, None);
    // SAFETY: `cell_for` makes two references; this is the task's.
    let task = unsafe { CellRef::from_owned(cell) };
    // SAFETY: this is the handle's, and the value is the future's output.
    let handle = unsafe { Future::from_owned(cell) };
    (Task::new(task), handle)
}

/// A pool in which whoever likes polls what is queued.
struct Double {
    queue: Mutex<Vec<Task>>,
    residents: Residents,
}

impl Double {
    fn new() -> Arc<Self> {
        Arc::new(Double { queue: Mutex::new(Vec::new()), residents: Residents::new(1) })
    }

    /// Polls what is queued until there is nothing.
    fn drain(self: &Arc<Self>) {
        loop {
            let task = self.queue.lock().pop();
            let Some(task) = task else { return };
            if let Some(begun) = task.begin() {
                begun.run(&Polls(self));
            }
        }
    }

    fn poll(self: &Arc<Self>, task: Task) {
        if let Some(begun) = task.begin() {
            self.run(begun);
        }
    }

    fn run(self: &Arc<Self>, begun: Begun) {
        begun.run(&Polls(self));
    }
}

impl Home for Double {
    fn woken(&self, task: Task) {
        self.queue.lock().push(task);
    }

    fn leaves(&self, key: usize) {
        self.residents.remove(key);
    }

    fn begins_to_wait(&self, key: usize) {
        self.residents.begin_wait(key);
    }

    fn waits_no_more(&self, key: usize) {
        self.residents.end_wait(key);
    }

    fn broken(&self) -> TaskError {
        TaskError::Abandoned
    }
}

struct Polls<'p>(&'p Arc<Double>);

impl Runner for Polls<'_> {
    fn stops(&self) -> Option<Stop> {
        self.0.residents.closed()
    }

    fn house(&self, task: &CellRef) -> Result<Residence, Stop> {
        let key = self.0.residents.add(0, task)?;
        Ok(Residence { home: Arc::clone(self.0) as Arc<dyn Home>, key })
    }

    fn again(&self, task: Task) {
        self.0.woken(task);
    }
}

/// A future that leaves its waker once, and is ready when it is polled again. It owns something to be dropped once.
fn once(left: &Arc<Mutex<Option<Waker>>>, owned: Counted) -> impl std::future::Future<Output = u32> + Send + use<> {
    let left = Arc::clone(left);
    let mut polled = false;
    poll_fn(move |cx| {
        let _owned = &owned;
        if polled {
            return Poll::Ready(7);
        }
        polled = true;
        *left.lock() = Some(cx.waker().clone());
        Poll::Pending
    })
}

/// Would show: a wake that comes as the poll ends, and is seen neither by the poll nor by a queue.
#[test]
fn wake_during_poll() {
    exhaustively(|| {
        let double = Double::new();
        let (left, drops) = (Arc::new(Mutex::new(None)), Drops::new());
        let (task, handle) = spawned(once(&left, drops.item()));
        let waking = {
            let (double, left) = (Arc::clone(&double), Arc::clone(&left));
            thread::spawn(move || {
                let waker = left.lock().take();
                if let Some(waker) = waker {
                    waker.wake();
                    double.drain();
                    return true;
                }
                false
            })
        };
        double.poll(task);
        double.drain();
        if !waking.join().unwrap() {
            let waker = left.lock().take();
            waker.unwrap().wake();
        }
        double.drain();
        assert_eq!(handle.try_result().unwrap().unwrap(), 7);
        assert_eq!(drops.count(), 1);
        assert!(double.residents.is_empty() && double.residents.suspended() == 0);
    });
}

/// Would show: two wakes at once, for which it is queued twice and polled by two, or not at all.
#[test]
fn two_wakes_at_once() {
    exhaustively(|| {
        let double = Double::new();
        let (left, drops) = (Arc::new(Mutex::new(None)), Drops::new());
        let (task, handle) = spawned(once(&left, drops.item()));
        double.poll(task);
        let first = left.lock().take().unwrap();
        let second = first.clone();
        let other = Arc::clone(&double);
        let waking = thread::spawn(move || {
            first.wake();
            other.drain();
        });
        second.wake();
        double.drain();
        waking.join().unwrap();
        assert_eq!(handle.try_result().unwrap().unwrap(), 7);
        assert_eq!(drops.count(), 1);
    });
}

/// Would show: a poll out of turn that meets another poll of the same future, or for which a wake is lost.
#[test]
fn poll_out_of_turn_against_wake() {
    exhaustively(|| {
        let double = Double::new();
        let left = Arc::new(Mutex::new((0, None::<Waker>)));
        let seen = Arc::clone(&left);
        let drops = Drops::new();
        let owned = drops.item();
        let (task, handle) = spawned(poll_fn(move |cx| {
            let _owned = &owned;
            let mut seen = seen.lock();
            seen.1 = Some(cx.waker().clone());
            if seen.0 == 0 { Poll::Pending } else { Poll::Ready(seen.0) }
        }));
        double.poll(task);
        let waking = {
            let (double, left) = (Arc::clone(&double), Arc::clone(&left));
            thread::spawn(move || {
                let mut left = left.lock();
                left.0 = 7;
                let waker = left.1.take();
                drop(left);
                waker.unwrap().wake();
                double.drain();
            })
        };
        if let Some(begun) = Begun::of_suspended(CellRef::to(handle.header())) {
            double.run(begun);
        }
        double.drain();
        waking.join().unwrap();
        double.drain();
        assert_eq!(handle.try_result().unwrap().unwrap(), 7);
        let _ = left.lock().1.take();
        assert_eq!(drops.count(), 1);
        assert!(double.residents.is_empty() && double.residents.suspended() == 0);
    });
}

/// Would show: a note that outlives the handle which left it, so that a future is found that is gone; or one that is
/// dropped twice, or never, because it is found as its last handle goes.
#[test]
fn last_handle_against_a_poll_out_of_turn() {
    exhaustively(|| {
        let (double, drops) = (Double::new(), Drops::new());
        let owned = drops.item();
        let owner = Owner { withdrawn: Box::new(|| ()), left_behind: Box::new(|| ()) };
        let (task, mut handle) = spawned(async move {
            let _owned = owned;
            std::future::pending::<()>().await;
        });
        assert!(task.header().adopt(&owner));
        double.poll(task);
        let list = Awaited::new(Waker::noop());
        let poll = || Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
        assert!(list.during_poll(true, poll).is_pending());
        let letting_go = thread::spawn(move || drop(handle));
        list.ask(&owner, |begun| double.run(begun));
        double.drain();
        letting_go.join().unwrap();
        double.drain();
        assert!(!list.wants_a_thread(&owner));
        assert_eq!(drops.count(), 1);
        assert!(double.residents.is_empty() && double.residents.suspended() == 0);
    });
}

/// Would show: a cancelled future that is polled on, ends twice, or whose body is dropped by two or by nobody.
#[test]
fn cancel_against_poll() {
    exhaustively(|| {
        let double = Double::new();
        let (left, drops) = (Arc::new(Mutex::new(None)), Drops::new());
        let (task, handle) = spawned(once(&left, drops.item()));
        let polling = {
            let double = Arc::clone(&double);
            thread::spawn(move || {
                double.poll(task);
                double.drain();
            })
        };
        assert!(handle.cancel());
        polling.join().unwrap();
        assert!(handle.cancelled());
        assert_eq!(drops.count(), 1);
        assert!(double.residents.is_empty() && double.residents.suspended() == 0);
    });
}

/// As above, with a wake that queues it at the same moment.
#[test]
fn cancel_against_wake() {
    exhaustively(|| {
        let double = Double::new();
        let (left, drops) = (Arc::new(Mutex::new(None)), Drops::new());
        let (task, handle) = spawned(once(&left, drops.item()));
        double.poll(task);
        let waker = left.lock().take().unwrap();
        let other = Arc::clone(&double);
        let waking = thread::spawn(move || {
            waker.wake();
            other.drain();
        });
        let cancelled = handle.cancel();
        waking.join().unwrap();
        match handle.try_result().unwrap() {
            Ok(value) => assert!(value == 7 && !cancelled),
            Err(error) => assert!(error.is_cancelled() && cancelled),
        }
        assert_eq!(drops.count(), 1);
        assert!(double.residents.is_empty() && double.residents.suspended() == 0);
    });
}

/// Would show: a body that is dropped twice, or leaked, when the handle goes while it is polled and leaves no waker.
#[test]
fn drop_of_the_last_handle_during_poll() {
    exhaustively(|| {
        let double = Double::new();
        let drops = Drops::new();
        let owned = drops.item();
        let (task, handle) = spawned(async move {
            let _owned = owned;
            std::future::pending::<()>().await;
        });
        let polling = {
            let double = Arc::clone(&double);
            thread::spawn(move || double.poll(task))
        };
        drop(handle);
        polling.join().unwrap();
        double.drain();
        assert_eq!(drops.count(), 1);
        assert!(double.residents.is_empty() && double.residents.suspended() == 0);
    });
}

/// Would show: a pool that takes up a future whose last reference has just gone.
#[test]
fn last_waker_against_closing() {
    exhaustively(|| {
        let double = Double::new();
        let (left, drops) = (Arc::new(Mutex::new(None)), Drops::new());
        let (task, handle) = spawned(once(&left, drops.item()));
        double.poll(task);
        drop(handle);
        let waker: Option<Waker> = left.lock().take();
        let letting_go = thread::spawn(move || drop(waker));
        double.residents.close(Stop::Cancelled);
        for task in double.residents.living() {
            let _ = stop(&task, Stop::Cancelled);
        }
        letting_go.join().unwrap();
        double.drain();
        assert_eq!(drops.count(), 1);
        assert!(double.residents.is_empty() && double.residents.suspended() == 0);
    });
}

/// Memory that the waker writes and the poll reads.
struct Written(Access);

// SAFETY: there is nothing in it; loom says whether what it stands for is used as it should be.
unsafe impl Send for Written {}
// SAFETY: as above.
unsafe impl Sync for Written {}

/// Would show: a poll that does not see what came before the wake, because the queue's own copy is still on its way and
/// one that was left behind takes its turn.
#[test]
fn a_copy_left_behind_takes_the_turn() {
    exhaustively(|| {
        let double = Double::new();
        let (written, left) = (Arc::new(Written(Access::new())), Arc::new(Mutex::new(None::<Waker>)));
        let (looks_at, leaves) = (Arc::clone(&written), Arc::clone(&left));
        let mut polls = 0;
        let (left_behind, handle) = spawned(poll_fn(move |cx| {
            polls += 1;
            if polls == 1 {
                *leaves.lock() = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let Written(access) = &*looks_at;
            access.shared(|| Poll::Ready(()))
        }));
        // As a wait does that goes first: the queue keeps its copy.
        double.run(Begun::of(CellRef::to(left_behind.header())).unwrap());
        let waker = left.lock().take().unwrap();
        let other = Arc::clone(&double);
        let waking = thread::spawn(move || {
            let Written(access) = &*written;
            access.exclusive(|| ());
            waker.wake();
            other.drain();
        });
        double.poll(left_behind);
        waking.join().unwrap();
        double.drain();
        handle.try_result().unwrap().unwrap();
    });
}

pub(super) fn spawn<F>(pool: &Arc<Pool>, future: F) -> Future<F::Output>
where
    F: std::future::Future<Output: Send + 'static> + Send + 'static,
{
    let (task, handle) = spawned(future);
    if let Err(rejected) = pool.execute(task, Deadline::NEVER) {
        rejected.job.fail(TaskError::Rejected(rejected.reason));
    }
    handle
}

/// Would show: a wake from outside that a worker misses as it goes to sleep; a pool that ends before its futures.
#[test]
fn wake_against_sleep_and_shutdown() {
    bounded(2, || {
        let pool = pool(1, 0);
        let (promise, future) = promise::<u32>();
        let handle = spawn(&pool, async move { future.await.unwrap() });
        promise.set_result(5).unwrap();
        shut_down(&pool);
        assert_eq!(handle.try_result().unwrap().unwrap(), 5);
    });
}

/// Would show: a pool that waits for ever for a future that was cancelled from outside as it was closed.
#[test]
fn cancel_against_shutdown() {
    bounded(1, || {
        let pool = pool(1, 0);
        let handle = spawn(&pool, std::future::pending::<()>());
        let other = Arc::clone(&pool);
        let closing = thread::spawn(move || shut_down(&other));
        assert!(handle.cancel());
        closing.join().unwrap();
        assert!(handle.cancelled());
    });
}

/// Would show: a pool without threads, because they have left for idleness, that is taken for ended while a future
/// waits; or a wake that starts no thread then.
#[test]
fn a_pool_whose_threads_have_left_waits_for_its_futures() {
    sampled(2, 100_000, || {
        let pool = pool_with(1, 0, Some(std::time::Duration::ZERO));
        let (promise, future) = promise::<u32>();
        let handle = spawn(&pool, async move { future.await.unwrap() });
        let other = Arc::clone(&pool);
        let closing = thread::spawn(move || shut_down(&other));
        promise.set_result(5).unwrap();
        closing.join().unwrap();
        assert_eq!(handle.try_result().unwrap().unwrap(), 5);
    });
}

/// Would show: a wake between the poll and the sleep of `block_on` that is lost.
#[test]
fn block_on_against_completion() {
    bounded(3, || {
        let (promise, future) = promise::<u32>();
        let completing = thread::spawn(move || promise.set_result(3).unwrap());
        assert_eq!(block_on(future).unwrap(), 3);
        completing.join().unwrap();
    });
}

/// Would show: a stream that misses an end that comes between its look and its waker.
#[test]
fn stream_against_the_end() {
    bounded(3, || {
        let (task, future) = super::task(|| 7);
        let worker = thread::spawn(move || task.run());
        let mut stream = as_completed([future], None).stream();
        let first = block_on(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)));
        assert_eq!(first.unwrap().unwrap().result(None).unwrap(), 7);
        assert!(block_on(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx))).is_none());
        worker.join().unwrap();
    });
}

/// Would show: a stream that is dropped as its member ends, and is told, or woken, after that.
#[test]
fn dropping_a_stream_against_the_end() {
    bounded(3, || {
        let (task, future) = super::task(|| 7);
        let worker = thread::spawn(move || task.run());
        let (woken, waker) = super::wakers::waker();
        let mut stream = as_completed([future], None).stream();
        let _ = Pin::new(&mut stream).poll_next(&mut Context::from_waker(&waker));
        drop(stream);
        worker.join().unwrap();
        drop(waker);
        assert_eq!(Arc::strong_count(&woken), 1);
    });
}

/// Would show: a refusal and an end that merge into one wake, after which the waiter sleeps for ever. The only thread
/// of a pool waits for a future that is woken and cancelled at once.
#[test]
fn refusal_against_the_end() {
    sampled(1, 50_000, || {
        let pool = pool(1, 0);
        let (promise, future) = promise::<u32>();
        // Loom's own, so that it sees that one handle's last use comes after the other's.
        let awaited = loom::sync::Arc::new(spawn(&pool, async move { future.await.unwrap() }));
        let waited_for = loom::sync::Arc::clone(&awaited);
        let waiting = submit(&pool, move || waited_for.result(None));
        let cancelling = thread::spawn(move || awaited.cancel());
        promise.set_result(5).unwrap();
        match waiting.result(None).unwrap() {
            Ok(value) => assert_eq!(value, 5),
            Err(error) => assert!(error.is_cancelled() || error.is_deadlock(), "{error}"),
        }
        cancelling.join().unwrap();
        shut_down(&pool);
    });
}
