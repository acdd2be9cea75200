//! `SimpleQueue`, after CPython's `test_queue.py`.

mod support;

use concurrent_futures::queue::{GetError, SimpleQueue};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;
use support::watchdog;

const LONG: Duration = Duration::from_secs(60);

/// Several producers and consumers, who all get by `get`; everything arrives once.
fn everything_arrives_once(get: impl Fn(&SimpleQueue<Option<u64>>) -> Option<u64> + Sync) {
    const THREADS: u64 = 4;
    const EACH: u64 = if cfg!(miri) { 20 } else { 5_000 };
    let queue = SimpleQueue::new();
    let sum: u64 = thread::scope(|scope| {
        let consumers = [(); THREADS as usize].map(|()| {
            scope.spawn(|| {
                let mut sum = 0;
                while let Some(item) = get(&queue) {
                    sum += item;
                }
                sum
            })
        });
        let producers =
            [(); THREADS as usize].map(|()| scope.spawn(|| (0..EACH).for_each(|item| queue.put(Some(item)))));
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        (0..THREADS).for_each(|_| queue.put(None));
        consumers.map(|consumer| consumer.join().unwrap()).iter().sum()
    });
    assert_eq!(sum, THREADS * (0..EACH).sum::<u64>());
    assert!(queue.is_empty());
}

// case 168
#[test]
fn size_at_every_step() {
    let queue = SimpleQueue::new();
    assert!(queue.is_empty());
    for item in 0..4 {
        assert_eq!(queue.len(), item);
        queue.put(item);
    }
    assert_eq!((queue.len(), queue.is_empty()), (4, false));
    assert_eq!(queue.get(None), Ok(0));
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(queue.get(LONG), Ok(2));
    assert_eq!(queue.get(Duration::ZERO), Ok(3));
    assert_eq!(queue.try_get(), Err(GetError::Empty));
    assert_eq!(queue.get(Duration::ZERO), Err(GetError::TimedOut));
    assert_eq!(queue.get(Duration::from_millis(1)), Err(GetError::TimedOut));
    assert_eq!(queue.len(), 0);
}

// case 170
#[test]
fn one_producer_and_one_consumer_keep_the_order() {
    let _watchdog = watchdog();
    let queue = SimpleQueue::new();
    thread::scope(|scope| {
        let consumer = scope.spawn(|| (0..100).map(|_| queue.get(None).unwrap()).collect::<Vec<u32>>());
        for item in 0..100 {
            queue.put(item);
            if item % 7 == 0 {
                thread::yield_now();
            }
        }
        assert_eq!(consumer.join().unwrap(), (0..100).collect::<Vec<_>>());
    });
}

// beside case 172, which is the same without waiting
#[test]
fn many_threads_that_wait() {
    let _watchdog = watchdog();
    everything_arrives_once(|queue| queue.get(None).unwrap());
}

// case 172
#[test]
fn many_threads_that_ask_again_and_again() {
    let _watchdog = watchdog();
    everything_arrives_once(|queue| {
        loop {
            match queue.try_get() {
                Ok(item) => return item,
                Err(error) => assert_eq!(error, GetError::Empty),
            }
            thread::yield_now();
        }
    });
}

// case 173
#[test]
fn many_threads_whose_time_is_always_nearly_up() {
    let _watchdog = watchdog();
    everything_arrives_once(|queue| {
        loop {
            match queue.get(Duration::from_micros(10)) {
                Ok(item) => return item,
                Err(error) => assert_eq!(error, GetError::TimedOut),
            }
        }
    });
}

// case 174
#[test]
fn an_item_is_free_as_soon_as_its_consumer_drops_it() {
    let queue = SimpleQueue::new();
    let watched: Vec<Weak<u32>> = (0..20)
        .map(|number| {
            let item = Arc::new(number);
            let weak = Arc::downgrade(&item);
            queue.put(item);
            weak
        })
        .collect();
    for (number, weak) in watched.iter().enumerate() {
        let item = queue.get(None).unwrap();
        assert_eq!((weak.strong_count(), *item as usize), (1, number));
        drop(item);
        assert_eq!(weak.strong_count(), 0);
    }
}

/// Puts another one into its own queue when it is dropped, until there were enough.
struct Heir {
    left: u32,
    queue: Arc<SimpleQueue<Heir>>,
}

impl Drop for Heir {
    fn drop(&mut self) {
        if let Some(left) = self.left.checked_sub(1) {
            self.queue.put(Heir { left, queue: Arc::clone(&self.queue) });
        }
    }
}

// case 176
#[test]
fn an_item_puts_into_its_own_queue_while_it_is_dropped() {
    let _watchdog = watchdog();
    let queue = Arc::new(SimpleQueue::new());
    queue.put(Heir { left: 1_000, queue: Arc::clone(&queue) });
    for expected in (0..=1_000).rev() {
        assert_eq!(queue.get(None).unwrap().left, expected);
    }
    assert!(queue.is_empty());
}
