//! Many threads and futures on one queue, and exact sums in the end.

use crate::support::watchdog;
use concurrent_futures::queue::{LifoQueue, PriorityQueue, Queue};
use futures::executor::block_on;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const EACH: u64 = if cfg!(miri) { 10 } else { 3_000 };
const BOUNDS: [Option<usize>; 3] = [Some(1), Some(7), None];

/// Every way to put and to get, at once.
macro_rules! everything_at_once {
    ($name:ident, $queue:ident) => {
        #[test]
        fn $name() {
            let _watchdog = watchdog();
            for bound in BOUNDS {
                let queue = bound.map_or_else($queue::unbounded, $queue::bounded);
                let sum = AtomicU64::new(0);
                let add = |item: u64| {
                    sum.fetch_add(item, Ordering::Relaxed);
                };
                thread::scope(|scope| {
                    scope.spawn(|| queue.iter().for_each(|item| add(*item)));
                    scope.spawn(|| {
                        block_on(async {
                            while let Ok(item) = queue.get_async().await {
                                add(*item);
                            }
                        })
                    });
                    scope.spawn(|| {
                        loop {
                            match queue.get(Duration::from_micros(5)) {
                                // It is done when it is dropped, after that.
                                Ok(item) => add(*item),
                                Err(error) if error.is_shut_down() => return,
                                Err(error) => assert!(error.is_timed_out()),
                            }
                        }
                    });
                    // Gets that are begun and dropped, which must not cost anybody an item or a wake.
                    scope.spawn(|| {
                        while !queue.is_shut_down() {
                            let got = futures::FutureExt::now_or_never(queue.get_async());
                            if let Some(Ok(item)) = got {
                                add(*item);
                            }
                            thread::yield_now();
                        }
                    });
                    let producers = [
                        scope.spawn(|| (0..EACH).for_each(|item| queue.put(item, None).unwrap())),
                        scope.spawn(|| {
                            block_on(async {
                                for item in 0..EACH {
                                    queue.put_async(item).await.unwrap();
                                }
                            })
                        }),
                        scope.spawn(|| {
                            for mut item in 0..EACH {
                                while let Err(error) = queue.put(item, Duration::from_micros(5)) {
                                    item = error.into_inner();
                                }
                            }
                        }),
                    ];
                    producers.into_iter().for_each(|producer| producer.join().unwrap());
                    assert!(queue.join(None));
                    assert_eq!(sum.load(Ordering::Relaxed), 3 * (0..EACH).sum::<u64>());
                    queue.shutdown(false);
                });
                assert_eq!((queue.len(), queue.unfinished()), (0, 0));
            }
        }
    };
}

everything_at_once!(first_in_first_out, Queue);
everything_at_once!(last_in_first_out, LifoQueue);
everything_at_once!(smallest_first, PriorityQueue);

/// Items that make others, as the folders of a tree do; `join` ends with the last of them, in every round.
#[test]
fn a_join_sees_the_end_of_a_tree() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    let leaves = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for depth in queue.iter() {
                    if *depth == 0 {
                        leaves.fetch_add(1, Ordering::Relaxed);
                    } else {
                        (0..2).for_each(|_| queue.put(*depth - 1, None).unwrap());
                    }
                }
            });
        }
        for round in 1..=if cfg!(miri) { 2 } else { 50 } {
            queue.put(6, None).unwrap();
            assert!(queue.join(None));
            assert_eq!(leaves.load(Ordering::Relaxed), round * 64);
        }
        queue.shutdown(false);
    });
}

/// One producer's items come to one consumer in their order, however the two sides meet.
#[test]
fn the_order_of_one_producer_is_kept() {
    let _watchdog = watchdog();
    for bound in BOUNDS {
        let queue = bound.map_or_else(Queue::unbounded, Queue::bounded);
        thread::scope(|scope| {
            let consumer = scope.spawn(|| queue.iter().map(|item| *item).is_sorted());
            (0..EACH).for_each(|item| queue.put(item, None).unwrap());
            queue.shutdown(false);
            assert!(consumer.join().unwrap());
        });
    }
}
