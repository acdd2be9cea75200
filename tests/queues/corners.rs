//! Bounds and items of unusual sizes, and what happens to items that nobody gets.

use crate::support::{quiet_panics_of, watchdog};
use concurrent_futures::queue::{GetError, PutError, Queue, SimpleQueue};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Counts its drops.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Through the queue several times over, so that each place has several items; and some stay in it.
fn laps<T: PartialEq + Send>(bound: usize, item: impl Fn(usize) -> T) {
    let queue = Queue::bounded(bound);
    assert_eq!(queue.bound(), Some(bound));
    let most = bound.min(9);
    for lap in 0..5 {
        for number in 0..most {
            assert!(queue.try_put(item(lap + number)).is_ok());
        }
        assert_eq!((queue.len(), queue.is_full(), queue.is_empty()), (most, most == bound, false));
        assert_eq!(queue.try_put(item(0)).is_err(), most == bound);
        if most < bound {
            assert!(queue.iter().nth(most - 1).is_some_and(|first| *first == item(lap + most - 1)));
            assert!(*queue.try_get().unwrap() == item(0));
        } else {
            for number in 0..most {
                assert!(*queue.try_get().unwrap() == item(lap + number));
            }
        }
        assert_eq!((queue.len(), queue.is_full(), queue.unfinished()), (0, false, 0));
        assert_eq!(queue.try_get().err(), Some(GetError::Empty));
    }
    queue.put(item(0), None).unwrap_or_else(|_| unreachable!("there is room"));
}

#[test]
fn bounds_of_all_sizes_are_kept() {
    for bound in [1, 2, 3, 4, 5, 7, 8, 9, 20_000, u32::MAX as usize, usize::MAX / 2 + 1, usize::MAX] {
        laps(bound, |number| number);
    }
}

#[test]
fn items_of_all_sizes_and_alignments_are_moved() {
    #[derive(PartialEq)]
    struct Nothing;
    #[derive(PartialEq)]
    #[repr(align(4096))]
    struct Aligned(u8);
    #[derive(PartialEq)]
    struct Large(Box<[u64; 16]>, [u8; 1000]);
    /// Sixteen of them are too large for a ring.
    #[derive(PartialEq)]
    struct Huge([u8; 17_000]);

    for bound in [1, 3, 4] {
        laps(bound, |_| Nothing);
        laps(bound, |number| Aligned(number as u8));
        laps(bound, |number| Large(Box::new([number as u64; 16]), [number as u8; 1000]));
    }
    laps(9, |number| Huge([number as u8; 17_000]));
    laps(usize::MAX, |_| Nothing);
    let aligned = Queue::bounded(3);
    (0..3).for_each(|number| aligned.put(Aligned(number), None).unwrap_or_else(|_| unreachable!("there is room")));
    for item in aligned.iter().take(3) {
        assert!(std::ptr::from_ref(&*item).addr() % 4096 == 0 && item.0 < 3);
    }
}

#[test]
fn what_is_in_a_queue_is_dropped_with_it_once() {
    for bound in [Some(1), Some(3), Some(4), Some(1 << 20), None] {
        let drops = AtomicUsize::new(0);
        let queue = bound.map_or_else(Queue::unbounded, Queue::bounded);
        // From the second place on, round the end of a ring.
        for _ in 0..2 {
            assert!(queue.put(Counted(&drops), None).is_ok());
            drop(queue.get(None).unwrap());
        }
        let kept = bound.map_or(3, |bound| bound.min(3));
        for _ in 0..kept {
            assert!(queue.put(Counted(&drops), None).is_ok());
        }
        assert_eq!(drops.load(Ordering::Relaxed), 2);
        drop(queue);
        assert_eq!(drops.load(Ordering::Relaxed), 2 + kept);
    }
}

/// One item that panics as it is dropped with its queue takes none of the others along.
#[test]
fn a_bomb_in_a_queue_that_is_dropped_is_one_panic() {
    struct Bomb<'a>(bool, Counted<'a>);
    impl Drop for Bomb<'_> {
        fn drop(&mut self) {
            assert!(!self.0, "a bomb, which {:?}", self.1.0);
        }
    }
    quiet_panics_of(&["panics::", "corners::"]);
    for bound in [Some(3), None] {
        let drops = AtomicUsize::new(0);
        let queue = bound.map_or_else(Queue::unbounded, Queue::bounded);
        for armed in [false, true, false] {
            assert!(queue.put(Bomb(armed, Counted(&drops)), None).is_ok());
        }
        assert!(catch_unwind(AssertUnwindSafe(|| drop(queue))).is_err());
        assert_eq!(drops.load(Ordering::Relaxed), 3);
    }
}

#[test]
fn no_time_at_all_is_one_attempt() {
    let queue = Queue::bounded(1);
    assert_eq!(queue.get(Duration::ZERO).err(), Some(GetError::TimedOut));
    assert_eq!(queue.put(1, Duration::ZERO), Ok(()));
    assert_eq!(queue.put(2, Duration::ZERO), Err(PutError::TimedOut(2)));
    assert!(!queue.join(Duration::ZERO));
    assert_eq!(queue.get(Duration::ZERO).unwrap().into_inner(), 1);
    assert!(queue.join(Duration::ZERO));
}

/// Waits that end at about the moment in which an item comes, or room; whatever they come to, nothing is lost or doubled,
/// and who waits without a limit beside them gets on.
#[test]
fn limits_that_pass_as_something_comes_lose_nothing() {
    const ROUNDS: usize = if cfg!(miri) { 10 } else { 1_000 };
    let _watchdog = watchdog();
    for bound in [1, 2, 3] {
        let queue = Queue::bounded(bound);
        let (put, got) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            let putters = [0, 20].map(|micros| {
                let (queue, put) = (&queue, &put);
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let limit = Duration::from_micros((round % 7 * micros) as u64);
                        put.fetch_add(usize::from(queue.put((), limit).is_ok()), Ordering::Relaxed);
                    }
                })
            });
            for micros in [0, 20] {
                let (queue, got) = (&queue, &got);
                scope.spawn(move || {
                    for round in 0.. {
                        match queue.get(Duration::from_micros(round % 7 * micros)) {
                            Ok(_item) => {
                                got.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(error) if error.is_shut_down() => return,
                            Err(_) => thread::yield_now(),
                        }
                    }
                });
            }
            scope.spawn(|| (0..ROUNDS).for_each(|_| queue.put((), None).unwrap()));
            scope.spawn(|| {
                for _item in queue.iter() {
                    got.fetch_add(1, Ordering::Relaxed);
                }
            });
            putters.into_iter().for_each(|putter| putter.join().unwrap());
            // Those without a limit have to come through; then everything is done.
            while put.load(Ordering::Relaxed) + ROUNDS != got.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            assert!(queue.join(None));
            queue.shutdown(false);
        });
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
    }
}

#[test]
fn a_simple_queue_is_as_long_as_it_is() {
    let queue = SimpleQueue::new();
    for length in 0..5_000 {
        assert_eq!(queue.len(), length);
        queue.put(length);
    }
    for expected in 0..5_000 {
        assert_eq!(queue.try_get(), Ok(expected));
    }
    // What such a crowd needed was given back meanwhile, or is; either way it goes on.
    queue.put(7);
    assert_eq!((queue.try_get(), queue.try_get()), (Ok(7), Err(GetError::Empty)));
}
