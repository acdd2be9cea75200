//! The async forms, on the same queue as threads; and futures that are dropped before they are ready.

use crate::support::{Gate, watchdog};
use concurrent_futures::ThreadPoolExecutor;
use concurrent_futures::queue::{GetError, PriorityQueue, PutError, Queue, SimpleQueue};
use futures::executor::block_on;
use futures::future::{join, join_all};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

/// Opens when it is woken.
struct Ring(Gate);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.0.open();
    }
}

fn ring() -> (Gate, Waker) {
    let gate = Gate::new();
    (gate.clone(), Waker::from(Arc::new(Ring(gate))))
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

#[test]
fn a_future_gets_what_a_thread_puts() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    thread::scope(|scope| {
        let getter = scope.spawn(|| block_on(async { queue.get_async().await.map(|item| *item) }));
        queue.put(7, None).unwrap();
        assert_eq!(getter.join().unwrap(), Ok(7));
    });
}

#[test]
fn a_future_waits_for_room_and_a_thread_makes_it() {
    let _watchdog = watchdog();
    let queue = PriorityQueue::bounded(1);
    queue.put(1, None).unwrap();
    let (woken, waker) = ring();
    let mut put = pin!(queue.put_async(2));
    assert!(poll(put.as_mut(), &waker).is_pending());
    assert_eq!(*queue.get(None).unwrap(), 1);
    woken.wait();
    assert_eq!(poll(put.as_mut(), &waker), Poll::Ready(Ok(())));
    assert_eq!(*queue.get(None).unwrap(), 2);
}

#[test]
fn a_put_that_is_dropped_puts_nothing_and_leaves_the_room_to_the_next() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(1);
    let item = Arc::new(0);
    queue.put(Arc::clone(&item), None).unwrap();
    let (_, first) = ring();
    let (woken, second) = ring();
    let mut dropped = Box::pin(queue.put_async(Arc::clone(&item)));
    let mut next = Box::pin(queue.put_async(Arc::clone(&item)));
    assert!(poll(dropped.as_mut(), &first).is_pending());
    assert!(poll(next.as_mut(), &second).is_pending());
    // The room is announced to the first, which leaves without it.
    drop(queue.get(None).unwrap());
    drop(dropped);
    woken.wait();
    assert_eq!(poll(next.as_mut(), &second), Poll::Ready(Ok(())));
    assert_eq!((queue.len(), Arc::strong_count(&item)), (1, 2));
}

/// The item's own code runs when the room has been passed on: it may want what the next one does with it.
#[test]
fn a_put_that_is_dropped_is_out_of_the_line_before_its_item_is_dropped() {
    struct Looks<'a>(&'a Gate, bool);
    impl Drop for Looks<'_> {
        fn drop(&mut self) {
            assert!(!self.1 || self.0.is_open(), "the next one has not heard of the room");
        }
    }
    let _watchdog = watchdog();
    let (woken, second) = ring();
    let (_, first) = ring();
    let looks = |looks| Looks(&woken, looks);
    let queue = Queue::bounded(1);
    queue.put(looks(false), None).unwrap();
    let mut dropped = Box::pin(queue.put_async(looks(true)));
    let mut next = Box::pin(queue.put_async(looks(false)));
    assert!(poll(dropped.as_mut(), &first).is_pending());
    assert!(poll(next.as_mut(), &second).is_pending());
    drop(queue.get(None).unwrap());
    drop(dropped);
    assert!(poll(next.as_mut(), &second).is_ready());
}

#[test]
fn a_get_that_is_dropped_takes_nothing_and_passes_the_wake_on() {
    let _watchdog = watchdog();
    let queue = SimpleQueue::new();
    let (_, first) = ring();
    let (woken, second) = ring();
    let mut dropped = Box::pin(queue.get_async());
    let mut next = Box::pin(queue.get_async());
    assert!(poll(dropped.as_mut(), &first).is_pending());
    assert!(poll(next.as_mut(), &second).is_pending());
    queue.put(7);
    drop(dropped);
    woken.wait();
    assert_eq!(poll(next.as_mut(), &second), Poll::Ready(Ok(7)));
}

#[test]
fn futures_hear_of_a_shutdown() {
    let _watchdog = watchdog();
    let (full, empty) = (Queue::bounded(1), Queue::<u32>::unbounded());
    full.put(1, None).unwrap();
    let (put_woken, put_waker) = ring();
    let (get_woken, get_waker) = ring();
    let (mut put, mut get) = (pin!(full.put_async(2)), pin!(empty.get_async()));
    assert!(poll(put.as_mut(), &put_waker).is_pending());
    assert!(poll(get.as_mut(), &get_waker).is_pending());
    full.shutdown(false);
    empty.shutdown(false);
    put_woken.wait();
    get_woken.wait();
    assert_eq!(poll(put.as_mut(), &put_waker), Poll::Ready(Err(PutError::ShutDown(2))));
    assert!(matches!(poll(get.as_mut(), &get_waker), Poll::Ready(Err(GetError::ShutDown))));
}

#[test]
fn a_join_is_ready_when_the_last_item_is_done() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    block_on(queue.join_async());
    queue.put(1, None).unwrap();
    let (woken, waker) = ring();
    let mut join = pin!(queue.join_async());
    assert!(poll(join.as_mut(), &waker).is_pending());
    let item = queue.get(None).unwrap();
    assert!(poll(join.as_mut(), &waker).is_pending());
    drop(item);
    woken.wait();
    // There was a moment without unfinished items, which is what it waits for.
    queue.put(2, None).unwrap();
    assert!(poll(join.as_mut(), &waker).is_ready());
}

/// One that came after that moment waits for its own, also if it takes the place of one that has left.
#[test]
fn a_join_that_is_dropped_ends_no_later_one() {
    let queue = Queue::unbounded();
    queue.put(1, None).unwrap();
    let (_, waker) = ring();
    let mut early = Box::pin(queue.join_async());
    assert!(poll(early.as_mut(), &waker).is_pending());
    drop(queue.get(None).unwrap());
    queue.put(2, None).unwrap();
    let mut late = Box::pin(queue.join_async());
    assert!(poll(late.as_mut(), &waker).is_pending());
    drop(early);
    assert!(poll(late.as_mut(), &waker).is_pending());
}

/// A waker that panics when it is woken costs nobody else a wake.
#[test]
fn a_waker_that_panics_is_contained() {
    struct Bad;
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("a bad waker"));
        }
    }
    let _watchdog = watchdog();
    let queue = Queue::<u32>::unbounded();
    let bad = Waker::from(Arc::new(Bad));
    let (woken, waker) = ring();
    let (mut one, mut other) = (pin!(queue.get_async()), pin!(queue.get_async()));
    assert!(poll(one.as_mut(), &bad).is_pending());
    assert!(poll(other.as_mut(), &waker).is_pending());
    queue.shutdown(false);
    woken.wait();
}

#[test]
fn producers_and_consumers_on_a_pool() {
    const EACH: u64 = if cfg!(miri) { 5 } else { 500 };
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    let queue = Arc::new(Queue::bounded(3));
    let consumers: Vec<_> = (0..3)
        .map(|_| {
            let queue = Arc::clone(&queue);
            pool.spawn(async move {
                let mut sum = 0;
                while let Ok(item) = queue.get_async().await {
                    sum += *item;
                }
                sum
            })
        })
        .collect();
    let sum: u64 = pool.block_on(async {
        let producers = (0..3).map(|_| async {
            for number in 0..EACH {
                queue.put_async(number).await.unwrap();
            }
        });
        join(join_all(producers), async {}).await;
        queue.join_async().await;
        queue.shutdown(false);
        join_all(consumers).await.into_iter().map(Result::unwrap).sum()
    });
    assert_eq!(sum, 3 * (0..EACH).sum::<u64>());
}
