//! `Queue`, `LifoQueue` and `PriorityQueue`, after CPython's `test_queue.py`: every case on each of the three.
//!
//! Not here: cases 146 and 169 (a negative limit, which `Duration` does not have) and 148 (a bound that is lowered, which
//! is not offered).

mod support;

use concurrent_futures::queue::{GetError, LifoQueue, PriorityQueue, PutError, Queue};
use concurrent_futures::{Shutdown, ThreadPoolExecutor};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;
use support::{eventually, watchdog};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(1);
const BOUND: usize = 5;

/// Runs the tests once with each type as `Tested`; `ORDER` is how 111, 333, 222 come out.
macro_rules! on_every_queue {
    ($($(#[$about:meta])* fn $name:ident() $body:block)*) => {
        mod fifo {
            use super::*;
            use concurrent_futures::queue::Queue as Tested;
            const ORDER: [u32; 3] = [111, 333, 222];
            $($(#[$about])* #[test] fn $name() $body)*
        }
        mod lifo {
            use super::*;
            use concurrent_futures::queue::LifoQueue as Tested;
            const ORDER: [u32; 3] = [222, 333, 111];
            $($(#[$about])* #[test] fn $name() $body)*
        }
        mod priority {
            use super::*;
            use concurrent_futures::queue::PriorityQueue as Tested;
            const ORDER: [u32; 3] = [111, 222, 333];
            $($(#[$about])* #[test] fn $name() $body)*
        }
    };
}

/// A pool whose blocked tasks can be counted, which is how a test knows that somebody waits.
fn pool() -> ThreadPoolExecutor {
    ThreadPoolExecutor::new(1).unwrap()
}

fn until_blocked(pool: &ThreadPoolExecutor, tasks: usize) {
    eventually("the tasks wait in the queue", || pool.stats().blocked == tasks);
}

on_every_queue! {
    /// case 144
    fn join_returns_after_the_last_task_done_and_again() {
        let _watchdog = watchdog();
        let queue = Tested::bounded(BOUND);
        let sum = AtomicU32::new(0);
        for _ in 0..2 {
            sum.store(0, Ordering::Relaxed);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| loop {
                        let item = queue.get(None).unwrap();
                        if *item == u32::MAX {
                            return;
                        }
                        sum.fetch_add(*item, Ordering::Relaxed);
                    });
                }
                (0..100).for_each(|number| queue.put(number, None).unwrap());
                assert!(queue.join(None));
                assert_eq!(sum.load(Ordering::Relaxed), 4950);
                (0..2).for_each(|_| queue.put(u32::MAX, None).unwrap());
                assert!(queue.join(None));
            });
        }
        let error = queue.task_done().unwrap_err();
        assert!(error.to_string().contains("too often"), "{error}");
    }

    /// case 145
    fn order_and_size_at_every_step() {
        let _watchdog = watchdog();
        let queue = Tested::bounded(3);
        for _ in 0..2 {
            assert!(queue.is_empty() && !queue.is_full());
            for (before, item) in [111, 333, 222].into_iter().enumerate() {
                assert_eq!(queue.len(), before);
                queue.put(item, None).unwrap();
                assert!(!queue.is_empty());
            }
            assert!(queue.is_full());
            assert_eq!((queue.len(), queue.bound()), (3, Some(3)));
            assert_eq!(queue.try_put(4), Err(PutError::Full(4)));
            assert_eq!(queue.put(5, SHORT), Err(PutError::TimedOut(5)));
            for expected in ORDER {
                assert_eq!(queue.get(None).unwrap().into_inner(), expected);
            }
            assert!(queue.is_empty());
            assert_eq!(queue.try_get().unwrap_err(), GetError::Empty);
            assert_eq!(queue.get(SHORT).unwrap_err(), GetError::TimedOut);
        }
        assert!(queue.join(Duration::ZERO));
    }

    /// case 145
    fn a_blocked_put_is_released_by_a_get() {
        let _watchdog = watchdog();
        for limit in [None, Some(LONG)] {
            let (pool, queue) = (pool(), Tested::bounded(1));
            queue.put(1, None).unwrap();
            pool.scope(|scope| {
                let put = scope.submit(|| queue.put(2, limit));
                until_blocked(&pool, 1);
                assert_eq!(*queue.get(None).unwrap(), 1);
                assert_eq!(put.result(None).unwrap(), Ok(()));
            });
            assert_eq!(*queue.try_get().unwrap(), 2);
        }
    }

    /// case 145
    fn a_blocked_get_is_released_by_a_put() {
        let _watchdog = watchdog();
        for limit in [None, Some(LONG)] {
            let (pool, queue) = (pool(), Tested::bounded(1));
            pool.scope(|scope| {
                let get = scope.submit(|| queue.get(limit).map(|item| *item));
                until_blocked(&pool, 1);
                queue.put(7, None).unwrap();
                assert_eq!(get.result(None).unwrap(), Ok(7));
            });
        }
    }

    /// case 146, as far as it exists: a limit that no clock can express is none
    fn the_longest_limit_is_none() {
        let _watchdog = watchdog();
        let (pool, queue) = (pool(), Tested::unbounded());
        pool.scope(|scope| {
            let get = scope.submit(|| queue.get(Duration::MAX).map(|item| *item));
            until_blocked(&pool, 1);
            queue.put(7, Duration::MAX).unwrap();
            assert_eq!(get.result(None).unwrap(), Ok(7));
        });
        assert!(queue.join(Duration::MAX));
    }

    /// case 149
    fn an_empty_queue_that_is_shut_down_gives_and_takes_nothing() {
        let queue = Tested::unbounded();
        queue.shutdown(false);
        assert_eq!(queue.put(1, None), Err(PutError::ShutDown(1)));
        assert_eq!(queue.get(None).unwrap_err(), GetError::ShutDown);
    }

    /// case 150
    fn what_is_in_it_comes_out_after_a_shutdown() {
        let queue = Tested::unbounded();
        queue.put(1, None).unwrap();
        queue.shutdown(false);
        assert_eq!(*queue.get(None).unwrap(), 1);
        assert_eq!(queue.get(None).unwrap_err(), GetError::ShutDown);
    }

    /// case 152
    fn shutdowns_of_both_kinds_may_follow_each_other() {
        let queue = Tested::<u32>::unbounded();
        assert!(!queue.is_shut_down());
        for immediate in [false, true, false] {
            queue.shutdown(immediate);
            assert!(queue.is_shut_down());
        }
    }

    /// case 153
    fn after_a_shutdown_in_one_thread() {
        let queue = Tested::bounded(2);
        queue.put(1, None).unwrap();
        queue.put(2, None).unwrap();
        queue.shutdown(false);
        // Not `Full`.
        assert_eq!(queue.try_put(3), Err(PutError::ShutDown(3)));
        assert_eq!(queue.put(3, LONG), Err(PutError::ShutDown(3)));
        let got = [queue.get(None).unwrap().detach(), queue.get(None).unwrap().detach()];
        assert_eq!(got.iter().sum::<u32>(), 3);
        queue.task_done().unwrap();
        assert!(!queue.join(SHORT));
        queue.task_done().unwrap();
        assert!(queue.join(None));
        // Not `Empty`, and not after a minute.
        assert_eq!(queue.get(None).unwrap_err(), GetError::ShutDown);
        assert_eq!(queue.try_get().unwrap_err(), GetError::ShutDown);
        assert_eq!(queue.get(LONG).unwrap_err(), GetError::ShutDown);
    }

    /// case 154
    fn after_an_immediate_shutdown_in_one_thread() {
        let queue = Tested::bounded(2);
        queue.put(1, None).unwrap();
        queue.put(2, None).unwrap();
        queue.shutdown(true);
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
        assert_eq!(queue.try_put(3), Err(PutError::ShutDown(3)));
        assert_eq!(queue.get(None).unwrap_err(), GetError::ShutDown);
        assert_eq!(queue.try_get().unwrap_err(), GetError::ShutDown);
        assert!(queue.task_done().is_err());
        assert!(queue.join(None));
    }

    /// case 156
    fn an_immediate_shutdown_against_many_threads() {
        let _watchdog = watchdog();
        for _ in 0..50 {
            let queue = Tested::bounded(2);
            thread::scope(|scope| {
                for producer in 0..2 {
                    let queue = &queue;
                    scope.spawn(move || (0..).take_while(|number| queue.put(producer + number, None).is_ok()).count());
                }
                for _ in 0..2 {
                    scope.spawn(|| queue.iter().count());
                    scope.spawn(|| assert!(queue.join(None) || queue.is_shut_down()));
                }
                queue.shutdown(true);
                assert_eq!(queue.len(), 0);
                assert_eq!(queue.try_put(9), Err(PutError::ShutDown(9)));
                assert!(queue.join(None));
                assert_eq!(queue.len(), 0);
            });
            assert_eq!((queue.len(), queue.unfinished()), (0, 0));
        }
    }

    /// case 157
    fn two_items_for_three_getters_after_a_shutdown() {
        let _watchdog = watchdog();
        let queue = Tested::unbounded();
        queue.put(1, None).unwrap();
        queue.put(2, None).unwrap();
        queue.shutdown(false);
        let got = thread::scope(|scope| {
            let getters = [(); 3].map(|()| scope.spawn(|| queue.get(None).map(|item| *item)));
            getters.map(|getter| getter.join().unwrap())
        });
        assert_eq!(got.iter().filter(|got| got.is_ok()).count(), 2);
        assert_eq!(got.iter().filter(|got| **got == Err(GetError::ShutDown)).count(), 1);
    }

    /// case 158
    fn getters_after_an_immediate_shutdown() {
        let _watchdog = watchdog();
        let queue = Tested::unbounded();
        queue.put(1, None).unwrap();
        queue.shutdown(true);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| assert_eq!(queue.get(None).unwrap_err(), GetError::ShutDown));
            }
        });
    }

    /// case 160
    fn putters_that_wait_hear_of_either_shutdown() {
        let _watchdog = watchdog();
        for immediate in [false, true] {
            let (pool, queue) = (pool(), Tested::bounded(1));
            queue.put(0, None).unwrap();
            pool.scope(|scope| {
                let puts = [1, 2].map(|item| {
                    let queue = &queue;
                    scope.submit(move || queue.put(item, None))
                });
                until_blocked(&pool, 2);
                queue.shutdown(immediate);
                for (item, put) in [1, 2].into_iter().zip(puts) {
                    assert_eq!(put.result(None).unwrap(), Err(PutError::ShutDown(item)));
                }
            });
            assert_eq!(queue.len(), usize::from(!immediate));
        }
    }

    /// case 161
    fn joiners_wait_on_through_a_shutdown() {
        let _watchdog = watchdog();
        let (pool, queue) = (pool(), Tested::unbounded());
        queue.put(1, None).unwrap();
        pool.scope(|scope| {
            let joins = [(); 2].map(|()| scope.submit(|| queue.join(None)));
            until_blocked(&pool, 2);
            queue.shutdown(false);
            assert!(!queue.join(SHORT));
            drop(queue.get(None).unwrap());
            joins.into_iter().for_each(|join| assert!(join.result(None).unwrap()));
        });
    }

    /// case 162
    fn joiners_are_let_go_by_an_immediate_shutdown() {
        let _watchdog = watchdog();
        let (pool, queue) = (pool(), Tested::unbounded());
        queue.put(1, None).unwrap();
        pool.scope(|scope| {
            let joins = [(); 2].map(|()| scope.submit(|| queue.join(None)));
            until_blocked(&pool, 2);
            queue.shutdown(true);
            joins.into_iter().for_each(|join| assert!(join.result(None).unwrap()));
        });
    }

    /// beside case 162: what somebody has is not thrown away
    fn joiners_wait_for_what_somebody_has_at_an_immediate_shutdown() {
        let _watchdog = watchdog();
        let (pool, queue) = (pool(), Tested::unbounded());
        queue.put(1, None).unwrap();
        queue.put(2, None).unwrap();
        let item = queue.get(None).unwrap();
        pool.scope(|scope| {
            let join = scope.submit(|| queue.join(None));
            until_blocked(&pool, 1);
            queue.shutdown(true);
            assert!(!join.done());
            drop(item);
            assert!(join.result(None).unwrap());
        });
    }

    /// case 164
    fn putting_and_joining_at_an_immediate_shutdown() {
        let _watchdog = watchdog();
        let queue = Tested::bounded(2);
        queue.put(1, None).unwrap();
        thread::scope(|scope| {
            let joiner = scope.spawn(|| queue.join(None));
            queue.shutdown(true);
            assert_eq!(queue.try_get().unwrap_err(), GetError::ShutDown);
            assert_eq!(queue.put(2, None), Err(PutError::ShutDown(2)));
            assert!(joiner.join().unwrap());
        });
    }

    /// case 165
    fn getting_and_joining_around_a_shutdown() {
        let _watchdog = watchdog();
        let queue = Tested::unbounded();
        queue.put(1, None).unwrap();
        queue.put(2, None).unwrap();
        assert_eq!(queue.unfinished(), 2);
        thread::scope(|scope| {
            let joiners = [(); 2].map(|()| scope.spawn(|| queue.join(None)));
            let getters = [(); 2].map(|()| scope.spawn(|| queue.get(None).unwrap().into_inner()));
            queue.shutdown(false);
            assert_eq!(getters.map(|getter| getter.join().unwrap()).iter().sum::<u32>(), 3);
            joiners.into_iter().for_each(|joiner| assert!(joiner.join().unwrap()));
        });
    }

    /// case 166
    fn getters_that_wait_hear_of_either_shutdown() {
        let _watchdog = watchdog();
        for immediate in [false, true] {
            let (pool, queue) = (pool(), Tested::<u32>::unbounded());
            pool.scope(|scope| {
                let gets = [(); 2].map(|()| scope.submit(|| queue.get(None).map(|item| *item)));
                until_blocked(&pool, 2);
                queue.shutdown(immediate);
                gets.into_iter().for_each(|get| assert_eq!(get.result(None).unwrap(), Err(GetError::ShutDown)));
            });
        }
    }
}

#[test]
fn equal_priorities_come_in_the_order_in_which_they_were_put() {
    /// Compared by the first half.
    #[derive(Debug)]
    struct Job(u32, usize);
    impl PartialEq for Job {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Job {}
    impl PartialOrd for Job {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Job {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            self.0.cmp(&other.0)
        }
    }

    let queue = PriorityQueue::unbounded();
    for number in 0..100 {
        queue.put(Job(u32::from(number % 3 == 0), number), None).unwrap();
    }
    queue.shutdown(false);
    let order: Vec<(u32, usize)> = queue.iter().map(|job| (job.0, job.1)).collect();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(order, sorted);
}

/// `Ord` decides, wherever items are compared, and nothing else; also for a type whose other order is finer.
#[test]
fn items_are_compared_by_ord_alone() {
    #[derive(Debug, PartialEq, Eq, PartialOrd)]
    struct Job(u32, usize);
    #[expect(clippy::derive_ord_xor_partial_ord, reason = "two orders are what this test is about")]
    impl Ord for Job {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            self.0.cmp(&other.0)
        }
    }

    let queue = PriorityQueue::unbounded();
    for number in (0..20).rev() {
        queue.put(Job(0, number), None).unwrap();
    }
    queue.shutdown(false);
    assert_eq!(queue.iter().map(|job| job.1).collect::<Vec<_>>(), (0..20).rev().collect::<Vec<_>>());
}

#[test]
#[should_panic(expected = "could hold nothing")]
fn a_bound_of_none_at_all_is_refused() {
    let _ = Queue::<u32>::bounded(0);
}

/// A worker that waits in a queue is not lost to its pool, also if there is only one.
#[test]
fn a_worker_lends_its_place_while_it_waits() {
    let _watchdog = watchdog();
    let (pool, queue) = (pool(), LifoQueue::bounded(1));
    pool.scope(|scope| {
        let get = scope.submit(|| *queue.get(None).unwrap() + *queue.get(None).unwrap());
        let puts = [1, 2].map(|item| {
            let queue = &queue;
            scope.submit(move || queue.put(item, None).unwrap())
        });
        assert_eq!(get.result(None).unwrap(), 3);
        puts.into_iter().for_each(|put| put.result(None).unwrap());
        assert!(scope.submit(|| queue.join(None)).result(None).unwrap());
    });
    assert!(pool.shutdown(Shutdown::wait()).abandoned == 0);
}
