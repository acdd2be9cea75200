//! Queues: putting, getting, closing and joining against each other, with threads that sleep and futures that leave.
#![expect(clippy::unwrap_used, reason = "a model fails where anything does")]

use super::wakers::waker;
use super::{Drops, bounded, exhaustively};
use crate::queue::{GetError, LifoQueue, Queue};
use loom::thread;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

const SOON: Duration = Duration::from_millis(1);

fn got(queue: &Queue<u32>) -> Result<u32, GetError> {
    queue.get(None).map(|item| *item)
}

/// Would show: a put between a getter's last look and its sleep, of which nobody hears; a mark that is taken away from
/// under a getter that is about to sleep. Twice, so that the second meets one that has slept.
#[test]
fn getting_against_putting() {
    exhaustively(|| {
        let queue = Arc::new(Queue::unbounded());
        let getting = Arc::clone(&queue);
        let getter = thread::spawn(move || assert_eq!((got(&getting), got(&getting)), (Ok(1), Ok(2))));
        queue.put(1, None).unwrap();
        queue.put(2, None).unwrap();
        getter.join().unwrap();
        assert_eq!(queue.unfinished(), 0);
    });
}

/// As above, with one lock.
#[test]
fn getting_against_putting_on_a_stack() {
    bounded(3, || {
        let queue = Arc::new(LifoQueue::unbounded());
        let getting = Arc::clone(&queue);
        let getter = thread::spawn(move || *getting.get(None).unwrap() + *getting.get(None).unwrap());
        queue.put(1, None).unwrap();
        queue.put(2, None).unwrap();
        assert_eq!(getter.join().unwrap(), 3);
    });
}

/// Would show: room that comes between a putter's last look and its sleep, of which nobody hears; more items than there
/// is room for.
#[test]
fn waiting_for_room_against_getting() {
    bounded(4, || waiting_for_room(1, 2));
}

/// As above, with two places.
#[test]
fn waiting_for_room_against_getting_from_two_places() {
    bounded(2, || waiting_for_room(2, 3));
}

/// As above, with a place more than there may be items.
#[test]
fn waiting_for_room_against_getting_with_a_place_to_spare() {
    bounded(2, || waiting_for_room(3, 4));
}

fn waiting_for_room(bound: usize, items: u32) {
    let queue = Arc::new(Queue::bounded(bound));
    let putting = Arc::clone(&queue);
    let putter = thread::spawn(move || (0..items).for_each(|item| putting.put(item, None).unwrap()));
    for item in 0..items {
        assert_eq!(got(&queue), Ok(item));
        assert!(queue.len() <= bound);
    }
    putter.join().unwrap();
}

/// Too large for a ring, in a model.
struct Large([u32; 256]);

/// As above, with two locks.
#[test]
fn waiting_for_room_against_getting_with_two_locks() {
    bounded(3, || {
        let queue = Arc::new(Queue::bounded(2));
        let putting = Arc::clone(&queue);
        let putter = thread::spawn(move || (0..3).for_each(|item| putting.put(Large([item; 256]), None).unwrap()));
        for item in 0..3 {
            assert_eq!(queue.get(None).unwrap().0[255], item);
            assert!(queue.len() <= 2);
        }
        putter.join().unwrap();
    });
}

/// Would show: more items than there is room for, where a place is to spare; or no room seen where there is some, by who
/// goes by what others have seen.
#[test]
fn two_putters_where_a_place_is_to_spare() {
    bounded(3, || {
        let queue = Arc::new(Queue::bounded(3));
        queue.put(0, None).unwrap();
        queue.put(1, None).unwrap();
        let putters = [2, 3].map(|item| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.try_put(item).is_ok())
        });
        let put = putters.map(|putter| putter.join().unwrap());
        assert!(put[0] != put[1], "there was room for one");
        assert_eq!(got(&queue), Ok(0));
        queue.try_put(4).unwrap();
        assert!(queue.try_put(5).is_err());
        assert_eq!(queue.len(), 3);
    });
}

/// Would show: a length, or a number of unfinished items, that was never true, because things came and went between two
/// looks.
#[test]
fn looking_at_a_ring_against_coming_and_going() {
    exhaustively(|| looking_against_coming_and_going(Queue::bounded(2)));
}

/// As above, with two locks.
#[test]
fn looking_against_coming_and_going_with_two_locks() {
    exhaustively(|| looking_against_coming_and_going(Queue::unbounded()));
}

fn looking_against_coming_and_going(queue: Queue<u32>) {
    let queue = Arc::new(queue);
    let looking = Arc::clone(&queue);
    // Who looks comes second, because loom puts a look between steps that came before it only.
    let looker = thread::spawn(move || {
        assert!(looking.len() <= 1 && !looking.is_full());
        assert!(looking.unfinished() <= 1);
    });
    for item in 0..2 {
        queue.try_put(item).unwrap();
        assert_eq!(*queue.try_get().unwrap(), item);
    }
    looker.join().unwrap();
}

/// Would show: room that goes with a future that is dropped as it is woken, beside a thread that waits for room too.
#[test]
fn a_cancelled_put_against_getting() {
    bounded(3, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.put(0, None).unwrap();
        let (_, noted) = waker();
        let mut cancelled = Box::pin(queue.put_async(1));
        assert!(cancelled.as_mut().poll(&mut Context::from_waker(&noted)).is_pending());
        let (putting, getting) = (Arc::clone(&queue), Arc::clone(&queue));
        let putter = thread::spawn(move || putting.put(2, None).unwrap());
        let getter = thread::spawn(move || assert_eq!(got(&getting), Ok(0)));
        drop(cancelled);
        putter.join().unwrap();
        getter.join().unwrap();
        assert_eq!(got(&queue), Ok(2));
    });
}

/// Would show: an item of a ring that two have, one who gets it and one who throws it away, or nobody; a joiner of whom
/// neither knows.
#[test]
fn emptying_a_ring_against_getting_and_joining() {
    bounded(2, || {
        let drops = Drops::new();
        let queue = Arc::new(Queue::bounded(2));
        assert!(queue.try_put(drops.item()).is_ok() && queue.try_put(drops.item()).is_ok());
        let (getting, emptying) = (Arc::clone(&queue), Arc::clone(&queue));
        let getter = thread::spawn(move || drop(getting.get(None)));
        let emptier = thread::spawn(move || emptying.shutdown(true));
        assert!(queue.join(None));
        getter.join().unwrap();
        emptier.join().unwrap();
        assert_eq!((queue.len(), queue.unfinished(), drops.count()), (0, 0, 2));
    });
}

/// Would show: a mark that is lost while somebody is still in line, after which nobody hears of the next room.
#[test]
fn two_putters_behind_an_item() {
    bounded(1, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.put(0, None).unwrap();
        let putters = [1, 2].map(|item| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.put(item, None).unwrap())
        });
        assert_eq!(got(&queue), Ok(0));
        assert_eq!(got(&queue).unwrap() + got(&queue).unwrap(), 3);
        for putter in putters {
            putter.join().unwrap();
        }
    });
}

/// Would show: two who have the same item, or one that is taken out before it is there.
#[test]
fn two_getters_from_a_ring() {
    bounded(1, || {
        let queue = Arc::new(Queue::bounded(1));
        let getters = [(); 2].map(|()| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || got(&queue).unwrap())
        });
        queue.put(1, None).unwrap();
        queue.put(2, None).unwrap();
        let sum: u32 = getters.into_iter().map(|getter| getter.join().unwrap()).sum();
        assert_eq!((sum, queue.len(), queue.unfinished()), (3, 0, 0));
    });
}

/// Would show: an item that is neither put nor given back, or put behind the end, where the room for it comes at the end.
#[test]
fn closing_against_waiting_for_room() {
    bounded(3, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.put(1, None).unwrap();
        let putting = Arc::clone(&queue);
        let putter = thread::spawn(move || putting.put(2, None).is_ok());
        let closing = Arc::clone(&queue);
        let closer = thread::spawn(move || closing.shutdown(false));
        let sum = queue.iter().map(|item| *item).sum::<u32>();
        assert_eq!(sum, if putter.join().unwrap() { 3 } else { 1 });
        closer.join().unwrap();
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
    });
}

/// Would show: a putter that a ring which is emptied for good leaves asleep, or an item that stays in it.
#[test]
fn emptying_against_waiting_for_room() {
    bounded(3, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.put(1, None).unwrap();
        let putting = Arc::clone(&queue);
        let putter = thread::spawn(move || putting.put(2, None).is_err());
        queue.shutdown(true);
        assert!(putter.join().unwrap());
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
    });
}

/// Would show: room that one putter was told of and another one took, after which one of them sleeps beside room.
#[test]
fn two_putters_and_room_for_one() {
    bounded(2, || {
        let queue = Arc::new(Queue::bounded(1));
        let putters = [1, 2].map(|item| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.put(item, None).unwrap())
        });
        assert_eq!(got(&queue).unwrap() + got(&queue).unwrap(), 3);
        for putter in putters {
            putter.join().unwrap();
        }
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
    });
}

/// Would show: an item that one getter was told of and another one took, after which one of them sleeps beside an item.
#[test]
fn two_getters_and_two_items() {
    bounded(3, || {
        let queue = Arc::new(Queue::unbounded());
        let getters = [(); 2].map(|()| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || got(&queue).unwrap())
        });
        queue.put(1, None).unwrap();
        queue.put(2, None).unwrap();
        let sum: u32 = getters.into_iter().map(|getter| getter.join().unwrap()).sum();
        assert_eq!((sum, queue.len()), (3, 0));
    });
}

/// Would show: an item that goes with a getter whose time is up, or a getter that sleeps beside it.
#[test]
fn a_time_that_is_up_against_putting() {
    bounded(3, || {
        let queue = Arc::new(Queue::<u32>::unbounded());
        let (short, long) = (Arc::clone(&queue), Arc::clone(&queue));
        let short = thread::spawn(move || {
            // What it gets, it gives to the other.
            if let Ok(item) = short.get(SOON) {
                short.put(item.into_inner(), None).unwrap();
            }
        });
        let long = thread::spawn(move || assert_eq!(got(&long), Ok(1)));
        queue.put(1, None).unwrap();
        short.join().unwrap();
        long.join().unwrap();
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
    });
}

/// Would show: a future that is dropped with the only notification there is, or with the item.
#[test]
fn a_cancelled_get_against_putting() {
    exhaustively(|| {
        let queue = Arc::new(Queue::unbounded());
        let (_, noted) = waker();
        let mut cancelled = Box::pin(queue.get_async());
        assert!(cancelled.as_mut().poll(&mut Context::from_waker(&noted)).is_pending());
        let (putting, getting) = (Arc::clone(&queue), Arc::clone(&queue));
        let putter = thread::spawn(move || putting.put(1, None).unwrap());
        let getter = thread::spawn(move || assert_eq!(got(&getting), Ok(1)));
        drop(cancelled);
        putter.join().unwrap();
        getter.join().unwrap();
    });
}

/// Would show: a future that is not woken, or finds nothing when it is.
#[test]
fn an_awaited_get_against_putting() {
    exhaustively(|| {
        let queue = Arc::new(Queue::unbounded());
        let putting = Arc::clone(&queue);
        let putter = thread::spawn(move || putting.put(1, None).unwrap());
        let (woken, waker) = waker();
        let mut get = pin!(queue.get_async());
        let early = get.as_mut().poll(&mut Context::from_waker(&waker));
        putter.join().unwrap();
        let item = match early {
            Poll::Ready(item) => item,
            Poll::Pending => {
                assert_eq!(woken.times(), 1);
                match get.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(item) => item,
                    Poll::Pending => panic!("woken for nothing"),
                }
            }
        };
        assert_eq!(*item.unwrap(), 1);
    });
}

/// Would show: an item that was taken in and that no getter ever sees, or a getter that sleeps after the end.
#[test]
fn closing_against_putting_and_getting() {
    bounded(3, || {
        let queue = Arc::new(Queue::unbounded());
        let (putting, getting) = (Arc::clone(&queue), Arc::clone(&queue));
        let putter = thread::spawn(move || putting.put(1, None).is_ok());
        let getter = thread::spawn(move || getting.iter().map(|item| *item).sum::<u32>());
        queue.shutdown(false);
        let put = putter.join().unwrap();
        assert_eq!(getter.join().unwrap(), u32::from(put));
        assert_eq!(queue.unfinished(), 0);
    });
}

/// Would show: an item in a queue that was emptied for good, or a count that its end does not bring to nothing.
#[test]
fn emptying_against_putting() {
    exhaustively(|| {
        let queue = Arc::new(Queue::bounded(1));
        let putting = Arc::clone(&queue);
        let putter = thread::spawn(move || {
            let first = putting.put(1, None).is_ok();
            let second = putting.put(2, None).is_ok();
            assert!(first || !second);
        });
        queue.shutdown(true);
        assert_eq!(queue.len(), 0);
        putter.join().unwrap();
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
        assert!(queue.join(None));
    });
}

/// Would show: a joiner of whom the last one to finish does not know.
#[test]
fn joining_against_the_last_task() {
    exhaustively(|| {
        let queue = Arc::new(Queue::unbounded());
        queue.put(1, None).unwrap();
        let getting = Arc::clone(&queue);
        let getter = thread::spawn(move || assert_eq!(got(&getting), Ok(1)));
        assert!(queue.join(None));
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
        getter.join().unwrap();
    });
}

/// Would show: a join that ends between a task and the one that this one has put, or never.
#[test]
fn joining_against_a_task_that_puts_another_one() {
    bounded(3, || {
        let queue = Arc::new(Queue::unbounded());
        queue.put(1, None).unwrap();
        let working = Arc::clone(&queue);
        let worker = thread::spawn(move || {
            let first = working.get(None).unwrap();
            working.put(2, None).unwrap();
            drop(first);
            assert_eq!(got(&working), Ok(2));
        });
        let joining = Arc::clone(&queue);
        let joiner = thread::spawn(move || {
            assert!(joining.join(None));
            assert_eq!((joining.len(), joining.unfinished()), (0, 0));
        });
        worker.join().unwrap();
        joiner.join().unwrap();
    });
}

/// Would show: two who finish at once, each of whom takes the other for the last.
#[test]
fn joining_against_two_who_finish() {
    bounded(3, || {
        let queue = Arc::new(Queue::unbounded());
        queue.put(1, None).unwrap();
        queue.put(2, None).unwrap();
        let workers = [(); 2].map(|()| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || drop(queue.get(None).unwrap()))
        });
        assert!(queue.join(None));
        for worker in workers {
            worker.join().unwrap();
        }
        assert!(queue.task_done().is_err());
    });
}

/// Would show: more finished than have arrived, in the eyes of somebody who finishes what others have got.
#[test]
fn finishing_by_hand_against_getting() {
    bounded(3, || {
        let queue = Arc::new(Queue::unbounded());
        let getting = Arc::clone(&queue);
        let getter = thread::spawn(move || {
            getting.put(1, None).unwrap();
            getting.put(2, None).unwrap();
            // Which tells everybody how many have arrived, without a look.
            getting.get(None).unwrap().detach()
        });
        let early = u64::from(queue.task_done().is_ok());
        assert!(queue.unfinished() <= 2 - early);
        assert_eq!(getter.join().unwrap(), 1);
        assert_eq!(queue.unfinished(), 2 - early);
    });
}

/// Would show: a joiner that an emptied queue leaves asleep.
#[test]
fn joining_against_emptying() {
    exhaustively(|| {
        let queue = Arc::new(Queue::unbounded());
        queue.put(1, None).unwrap();
        let joining = Arc::clone(&queue);
        let joiner = thread::spawn(move || assert!(joining.join(None)));
        queue.shutdown(true);
        joiner.join().unwrap();
    });
}
