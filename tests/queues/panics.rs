//! Items whose own code panics, or uses the queue: counts and waiters stay intact, and no other item is lost.

use crate::support::{quiet_panics_of, watchdog};
use concurrent_futures::queue::{GetError, PriorityQueue, Queue};
use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{self, AtomicBool, AtomicUsize};
use std::sync::{Arc, Weak};
use std::thread;

fn quiet() {
    quiet_panics_of(&["panics::", "corners::"]);
}

fn panics<R>(f: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).err().expect("it panics");
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap()
}

/// Compares as its number, and panics where one of the two is 13, if that is switched on.
struct Touchy<'a>(u32, &'a AtomicBool);

impl PartialEq for Touchy<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Touchy<'_> {}

impl PartialOrd for Touchy<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Touchy<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        assert!(!self.1.load(atomic::Ordering::Relaxed) || (self.0 != 13 && other.0 != 13), "thirteen");
        self.0.cmp(&other.0)
    }
}

#[test]
fn a_put_whose_comparison_panics_changes_nothing() {
    quiet();
    let on = AtomicBool::new(true);
    let queue = PriorityQueue::bounded(8);
    for number in [5, 3, 9, 1] {
        queue.put(Touchy(number, &on), None).unwrap();
    }
    assert_eq!(panics(|| queue.put(Touchy(13, &on), None)), "thirteen");
    assert_eq!(panics(|| queue.try_put(Touchy(13, &on))), "thirteen");
    assert_eq!((queue.len(), queue.unfinished()), (4, 4));
    queue.shutdown(false);
    assert_eq!(queue.iter().map(|item| item.0).collect::<Vec<_>>(), [1, 3, 5, 9]);
    assert!(queue.join(None));
}

#[test]
fn a_get_whose_comparison_panics_loses_no_item() {
    let _watchdog = watchdog();
    quiet();
    let on = AtomicBool::new(false);
    let queue = PriorityQueue::unbounded();
    for number in [13, 3, 9, 1, 14, 7] {
        queue.put(Touchy(number, &on), None).unwrap();
    }
    on.store(true, atomic::Ordering::Relaxed);
    let mut survived = 0;
    for _ in 0..10 {
        match catch_unwind(AssertUnwindSafe(|| queue.try_get().map(|item| item.0))) {
            Ok(item) => survived += u32::from(item.is_ok()),
            Err(_) => assert_eq!(queue.len() + survived as usize, 6),
        }
    }
    assert!(!queue.is_empty(), "nothing was compared with thirteen");
    on.store(false, atomic::Ordering::Relaxed);
    queue.shutdown(false);
    let rest: Vec<u32> = queue.iter().map(|item| item.0).collect();
    assert!(rest.is_sorted() && rest.contains(&13) && rest.len() + survived as usize == 6, "{rest:?}");
    assert!(queue.join(None));
}

/// A getter that was woken for an item and panics in comparing leaves it to the next one.
#[test]
fn getters_that_panic_keep_nobody_waiting() {
    let _watchdog = watchdog();
    quiet();
    for _ in 0..if cfg!(miri) { 3 } else { 200 } {
        let on = AtomicBool::new(false);
        let queue = PriorityQueue::<Touchy<'_>>::unbounded();
        let got = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                let getter = || {
                    while let Ok(item) =
                        catch_unwind(AssertUnwindSafe(|| queue.get(None).map(|item| item.0))).or_else(|_| {
                            on.store(false, atomic::Ordering::Relaxed);
                            Ok::<_, GetError>(Ok(u32::MAX))
                        })
                    {
                        match item {
                            Ok(u32::MAX) => {}
                            Ok(_) => {
                                got.fetch_add(1, atomic::Ordering::Relaxed);
                            }
                            Err(_) => return,
                        }
                    }
                };
                let named = thread::Builder::new().name("panics::getter".to_owned());
                named.spawn_scoped(scope, getter).unwrap();
            }
            for number in [13, 1, 2] {
                queue.put(Touchy(number, &on), None).unwrap();
            }
            on.store(true, atomic::Ordering::Relaxed);
            assert!(queue.join(None));
            queue.shutdown(false);
        });
        assert_eq!(got.into_inner(), 3);
    }
}

/// Compares by looking into the queue that it is in.
struct Nosy(u32, Weak<PriorityQueue<Nosy>>);

impl PartialEq for Nosy {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Nosy {}

impl PartialOrd for Nosy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Nosy {
    fn cmp(&self, other: &Self) -> Ordering {
        let peeked = self.1.upgrade().map_or(0, |queue| queue.len() as u32);
        (self.0 + peeked).cmp(&(other.0 + peeked))
    }
}

#[test]
fn a_comparison_that_uses_its_own_queue_is_told_so_instead_of_hanging() {
    let _watchdog = watchdog();
    quiet();
    let queue = Arc::new(PriorityQueue::unbounded());
    queue.put(Nosy(1, Arc::downgrade(&queue)), None).ok().unwrap();
    let message = panics(|| queue.put(Nosy(2, Arc::downgrade(&queue)), None).is_ok());
    assert!(message.contains("uses the queue that the item is in"), "{message}");
    assert_eq!(queue.len(), 1);
    assert_eq!(queue.get(None).unwrap().0, 1);
}

/// Counts its drops, and panics in them.
struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, atomic::Ordering::Relaxed);
        if !thread::panicking() {
            panic!("a bomb");
        }
    }
}

#[test]
fn an_item_that_panics_while_it_is_dropped_is_done_all_the_same() {
    let _watchdog = watchdog();
    quiet();
    let drops = Arc::new(AtomicUsize::new(0));
    let queue = Queue::unbounded();
    queue.put(Bomb(Arc::clone(&drops)), None).unwrap();
    assert_eq!(panics(|| drop(queue.get(None))), "a bomb");
    assert_eq!(queue.unfinished(), 0);
    assert!(queue.join(None));
    assert_eq!(drops.load(atomic::Ordering::Relaxed), 1);
}

#[test]
fn a_shutdown_throws_away_items_that_panic_and_wakes_everybody() {
    let _watchdog = watchdog();
    quiet();
    let drops = Arc::new(AtomicUsize::new(0));
    let queue = Queue::bounded(3);
    for _ in 0..3 {
        queue.put(Bomb(Arc::clone(&drops)), None).unwrap();
    }
    thread::scope(|scope| {
        scope.spawn(|| assert!(queue.join(None)));
        queue.shutdown(true);
    });
    assert_eq!((drops.load(atomic::Ordering::Relaxed), queue.len()), (3, 0));
}

/// A consumer that panics at its item keeps nobody waiting in `join`.
#[test]
fn a_consumer_that_panics_has_done_its_item() {
    let _watchdog = watchdog();
    quiet();
    let queue = Queue::unbounded();
    queue.put(7, None).unwrap();
    thread::scope(|scope| {
        let named = thread::Builder::new().name("panics::consumer".to_owned());
        let consumer = named
            .spawn_scoped(scope, || {
                let item = queue.get(None).unwrap();
                panic!("at {item}");
            })
            .unwrap();
        assert!(queue.join(None));
        assert!(consumer.join().is_err());
    });
}

/// An item that puts another one into its own queue while it is thrown away.
struct Heir(Arc<Queue<Option<Heir>>>);

impl Drop for Heir {
    fn drop(&mut self) {
        assert!(self.0.try_put(None).unwrap_err().is_shut_down());
        assert_eq!(self.0.len(), 0);
    }
}

#[test]
fn items_are_thrown_away_with_the_queue_unlocked() {
    let _watchdog = watchdog();
    let queue = Arc::new(Queue::unbounded());
    queue.put(Some(Heir(Arc::clone(&queue))), None).unwrap();
    queue.shutdown(true);
    assert!(queue.join(None));
}
