//! Locks, events, conditions, semaphores and barriers, after CPython's `lock_tests.py`: each as what blocks, with limits,
//! and as what is awaited, on the same object.
//!
//! Not here, because Rust has nothing like it: weak references to locks (in 261), the arguments that make no sense
//! together (in 265), forks (269). What Python refuses at run time does not compile: a release without an acquire or by
//! another thread (in 270, 272), and a wait or a notification without the lock (277; a notification without it is fine).

mod support;

use concurrent_futures::threading::{
    Barrier, BoundedSemaphore, BrokenBarrier, Condition, Event, Local, Lock, RLock, Semaphore, Thread, ThreadHandle,
    TimedOut,
};
use concurrent_futures::{ThreadPoolExecutor, task};
use futures::FutureExt;
use futures::executor::block_on;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use support::{Gate, eventually, watchdog};

const SOON: Duration = Duration::from_millis(20);

/// So many threads that do the same.
fn bunch<T: Send + 'static>(count: usize, body: impl Fn(usize) -> T + Send + Sync + 'static) -> Vec<ThreadHandle<T>> {
    let body = Arc::new(body);
    let start = |number| {
        let body = Arc::clone(&body);
        Thread::new(move || body(number)).start().unwrap()
    };
    (0..count).map(start).collect()
}

fn join<T>(threads: Vec<ThreadHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join(None).unwrap()).collect()
}

/// It takes at least so long, and fails.
fn times_out<T>(wait: impl FnOnce(Duration) -> Result<T, TimedOut>) {
    let began = Instant::now();
    assert_eq!(wait(SOON).err(), Some(TimedOut));
    assert!(began.elapsed() >= SOON);
}

// ---------------------------------------------------------------------------------------------- Lock, RLock

// case 261
#[test]
fn locks_are_taken_and_released_and_say_so() {
    let lock = Lock::new(5);
    assert!(!lock.locked() && format!("{lock:?}").contains('5'));
    {
        let mut held = lock.acquire(None).unwrap();
        *held += 1;
        assert!(lock.locked() && format!("{lock:?}").contains("locked") && format!("{held:?}") == "6");
        assert!(lock.try_acquire().is_none());
    }
    assert_eq!(*lock.try_acquire().unwrap(), 6);
    assert_eq!(lock.into_inner(), 6);
    let lock = RLock::new(5);
    assert!(!lock.locked() && format!("{lock:?}").contains("locked: false"));
    let held = lock.try_acquire().unwrap();
    assert!(lock.locked() && format!("{lock:?}").contains("locked: true") && format!("{held:?}") == "5");
    drop(held);
    assert_eq!(lock.into_inner(), 5);
    // Held for ever, and dropped all the same.
    let lock = Lock::new(());
    std::mem::forget(lock.acquire(None).unwrap());
    drop(lock);
}

// case 262
#[test]
fn a_lock_that_is_held_is_waited_for_by_all() {
    let _watchdog = watchdog();
    let lock = Arc::new(Lock::new(Vec::new()));
    let held = lock.acquire(None).unwrap();
    let tries = Arc::clone(&lock);
    assert!(Thread::new(move || tries.try_acquire().is_none()).start().unwrap().join(None).unwrap());
    let waits = Arc::clone(&lock);
    let waiting = bunch(5, move |number| waits.acquire(None).unwrap().push(number));
    assert!(held.is_empty());
    drop(held);
    join(waiting);
    let mut seen = lock.acquire(None).unwrap().clone();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3, 4]);
    let lock = Arc::new(RLock::new(Cell::new(0)));
    let held = lock.acquire(None).unwrap();
    let tries = Arc::clone(&lock);
    assert!(Thread::new(move || tries.try_acquire().is_none()).start().unwrap().join(None).unwrap());
    let waits = Arc::clone(&lock);
    let waiting = bunch(5, move |_| {
        let count = waits.acquire(None).unwrap();
        count.set(count.get() + 1);
    });
    assert_eq!(held.get(), 0);
    drop(held);
    join(waiting);
    assert_eq!(lock.acquire(None).unwrap().get(), 5);
}

// case 264: threads that use locks are not kept by them
#[test]
fn foreign_threads_leave_nothing_in_a_lock() {
    let _watchdog = watchdog();
    let lock = Arc::new(RLock::new(()));
    let threads: Vec<_> = (0..15)
        .map(|_| {
            let lock = Arc::clone(&lock);
            std::thread::spawn(move || drop(lock.acquire(None).unwrap()))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(!lock.locked() && Arc::strong_count(&lock) == 1);
    let listed = concurrent_futures::threading::enumerate();
    assert!(!listed.iter().any(|thread| thread.name().starts_with("Dummy")), "{listed:?}");
}

// cases 265, 268
#[test]
fn limits_of_all_sizes_are_kept() {
    let _watchdog = watchdog();
    let lock = Arc::new(Lock::new(()));
    for limit in [Duration::ZERO, Duration::from_secs(5), Duration::MAX] {
        drop(lock.acquire(limit).unwrap());
        drop(lock.acquire(Some(limit)).unwrap());
    }
    let held = lock.acquire(None).unwrap();
    let other = Arc::clone(&lock);
    let late = Thread::new(move || {
        assert!(other.acquire(Duration::ZERO).is_err());
        times_out(|limit| other.acquire(limit));
    });
    late.start().unwrap().join(None).unwrap();
    drop(held);
    // case 268
    drop(lock.try_acquire().unwrap());
    let lock = Arc::new(RLock::new(()));
    let held = lock.acquire(Duration::MAX).unwrap();
    let other = Arc::clone(&lock);
    Thread::new(move || times_out(|limit| other.acquire(limit).map(drop))).start().unwrap().join(None).unwrap();
    drop(held);
    drop(lock.try_acquire().unwrap());
}

// case 266
#[test]
fn a_lock_is_not_reentrant() {
    let _watchdog = watchdog();
    let lock = Arc::new(Lock::new(()));
    let (held_by_all, reached) = (Arc::clone(&lock), Gate::new());
    let opens = reached.clone();
    let twice = Thread::new(move || {
        let first = held_by_all.acquire(None).unwrap();
        std::mem::forget(first);
        opens.open();
        drop(held_by_all.acquire(None).unwrap());
    });
    // It never ends, so nobody must wait for it.
    let twice = twice.daemon(true).start().unwrap();
    reached.wait();
    assert!(twice.join(SOON).is_err_and(|error| error.is_timed_out()));
    assert!(lock.locked());
}

// case 270
#[test]
fn an_rlock_counts_how_often_its_owner_has_it() {
    let _watchdog = watchdog();
    let lock = Arc::new(RLock::new(()));
    assert!(!lock.is_owned() && lock.depth() == 0);
    let guards = [(); 3].map(|()| lock.acquire(None).unwrap());
    assert!(lock.is_owned() && lock.depth() == 3);
    let other = Arc::clone(&lock);
    let seen = Thread::new(move || (other.is_owned(), other.depth(), other.locked(), other.try_acquire().is_some()));
    assert_eq!(seen.start().unwrap().join(None).unwrap(), (false, 0, true, false));
    for (left, guard) in guards.into_iter().enumerate() {
        assert_eq!(lock.depth(), 3 - left);
        drop(guard);
    }
    assert!(!lock.is_owned() && !lock.locked());
}

// beside case 272: it belongs to the next one from then on
#[test]
fn an_rlock_changes_hands() {
    let _watchdog = watchdog();
    static LOCK: RLock<Cell<usize>> = RLock::new(Cell::new(0));
    join(bunch(8, |_| {
        for _ in 0..200 {
            let outer = LOCK.acquire(None).unwrap();
            let inner = LOCK.acquire(None).unwrap();
            let before = outer.get();
            std::thread::yield_now();
            inner.set(before + 1);
        }
    }));
    assert_eq!(LOCK.acquire(None).unwrap().get(), 1_600);
}

#[test]
fn a_lock_is_fine_after_a_panic() {
    let lock = Lock::new(1);
    let broken = catch_unwind(AssertUnwindSafe(|| {
        *lock.acquire(None).unwrap() = 2;
        let _held = lock.acquire(None).unwrap();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(broken.is_err());
    assert_eq!(*lock.try_acquire().unwrap(), 2);
}

#[test]
fn a_lock_guards_also_over_an_await() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    let lock = Arc::new(Lock::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let lock = Arc::clone(&lock);
            pool.spawn(async move {
                for _ in 0..50 {
                    let mut held = lock.acquire_async().await;
                    let before = *held;
                    task::yield_now().await;
                    *held = before + 1;
                }
            })
        })
        .collect();
    for task in tasks {
        task.result(None).unwrap();
    }
    assert_eq!(*lock.acquire(None).unwrap(), 400);
    // One that gives up is not in the way.
    let held = lock.try_acquire().unwrap();
    {
        let mut gives_up = Box::pin(lock.acquire_async());
        assert!((&mut gives_up).now_or_never().is_none());
    }
    drop(held);
    assert!(lock.try_acquire().is_some());
}

// ---------------------------------------------------------------------------------------------- Event

// cases 273, 276
#[test]
fn an_event_releases_all_who_wait() {
    let _watchdog = watchdog();
    let event = Arc::new(Event::new());
    assert!(!event.is_set() && format!("{event:?}").contains("false"));
    for _ in 0..2 {
        let waits = Arc::clone(&event);
        let (arrived, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (arrives, sees) = (Arc::clone(&arrived), Arc::clone(&seen));
        let waiting = bunch(5, move |_| {
            arrives.fetch_add(1, Ordering::SeqCst);
            let set = waits.wait(None);
            sees.fetch_add(1, Ordering::SeqCst);
            set && waits.wait(Duration::ZERO) && block_on(waits.wait_async().map(|()| true))
        });
        eventually("all are there", || arrived.load(Ordering::SeqCst) == 5);
        assert_eq!(seen.load(Ordering::SeqCst), 0);
        event.set();
        event.set();
        assert!(join(waiting).into_iter().all(|set| set));
        assert!(event.is_set() && format!("{event:?}").contains("true"));
        event.clear();
        event.clear();
        assert!(!event.is_set());
    }
}

// case 274
#[test]
fn an_event_is_waited_for_as_long_as_was_said() {
    let event = Event::new();
    assert!(!event.wait(Duration::ZERO));
    times_out(|limit| event.wait(limit).then_some(()).ok_or(TimedOut));
    event.set();
    assert!(event.wait(Duration::ZERO) && event.wait(SOON) && event.wait(None));
}

// beside case 273: as in Python, who waits when it is set is released, although it is cleared at once
#[test]
fn a_short_pulse_reaches_all_who_wait_and_nobody_else() {
    let event = Event::new();
    let mut before = Box::pin(event.wait_async());
    let mut gives_up = Box::pin(event.wait_async());
    assert!((&mut gives_up).now_or_never().is_none() && (&mut before).now_or_never().is_none());
    event.set();
    event.clear();
    let mut after = Box::pin(event.wait_async());
    assert!((&mut after).now_or_never().is_none());
    // It was told, and did not look: that is not for others to have.
    drop(gives_up);
    assert!((&mut after).now_or_never().is_none());
    assert!((&mut before).now_or_never().is_some());
    event.set();
    assert!((&mut after).now_or_never().is_some());
}

// ---------------------------------------------------------------------------------------------- Condition

struct Turn {
    lock: Lock<usize>,
    changed: Condition,
    woken: AtomicUsize,
}

impl Turn {
    fn new() -> Arc<Self> {
        Arc::new(Turn { lock: Lock::new(0), changed: Condition::new(), woken: AtomicUsize::new(0) })
    }

    fn waiting(&self) -> String {
        format!("{:?}", self.changed)
    }

    /// So many wait, and have let go of the lock.
    fn until_waiting(&self, count: usize) {
        eventually("they wait", || self.waiting().contains(&format!("waiting: {count} ")));
        drop(self.lock.acquire(None).unwrap());
    }

    fn until_woken(&self, count: usize) {
        eventually("they woke", || self.woken.load(Ordering::SeqCst) == count);
    }
}

// case 278
#[test]
fn a_condition_wakes_as_many_as_it_is_told() {
    let _watchdog = watchdog();
    for _ in 0..2 {
        let turn = Turn::new();
        let waits = Arc::clone(&turn);
        // Each waits twice.
        let waiting = bunch(5, move |_| {
            let mut held = waits.lock.acquire(None).unwrap();
            for _ in 0..2 {
                assert!(waits.changed.wait(&mut held, None));
                waits.woken.fetch_add(1, Ordering::SeqCst);
                *held += 1;
            }
        });
        turn.until_waiting(5);
        turn.changed.notify(0);
        turn.changed.notify(3);
        turn.until_woken(3);
        // The three are back in line, behind the two.
        turn.until_waiting(5);
        turn.changed.notify(2);
        turn.until_woken(5);
        turn.until_waiting(5);
        assert_eq!(*turn.lock.acquire(None).unwrap(), 5);
        {
            // Under the lock they wake all the same, and wait for it.
            let held = turn.lock.acquire(None).unwrap();
            turn.changed.notify_all();
            assert_eq!(*held, 5);
        }
        turn.until_woken(10);
        join(waiting);
        turn.changed.notify_all();
        assert_eq!(*turn.lock.acquire(None).unwrap(), 10);
    }
}

// case 280
#[test]
fn a_condition_waits_for_what_was_asked() {
    let _watchdog = watchdog();
    let turn = Turn::new();
    let waits = Arc::clone(&turn);
    let waiting = Thread::new(move || {
        let mut held = waits.lock.acquire(None).unwrap();
        assert!(waits.changed.wait_for(&mut held, |count| *count == 4, None));
        *held
    });
    let waiting = waiting.start().unwrap();
    for _ in 0..4 {
        turn.until_waiting(1);
        *turn.lock.acquire(None).unwrap() += 1;
        turn.changed.notify(1);
    }
    assert_eq!(waiting.join(None).unwrap(), 4);
    // The limit is for the whole wait, however often it is woken.
    let began = Instant::now();
    let notifier = Arc::clone(&turn);
    let over = Gate::new();
    let ends = over.clone();
    let notifies = Thread::new(move || {
        while !ends.is_open() {
            notifier.changed.notify_all();
            std::thread::yield_now();
        }
    });
    let notifies = notifies.start().unwrap();
    let mut held = turn.lock.acquire(None).unwrap();
    assert!(!turn.changed.wait_for(&mut held, |count| *count == 18, SOON));
    assert!(began.elapsed() >= SOON);
    over.open();
    notifies.join(None).unwrap();
    // True at the last moment counts.
    assert!(turn.changed.wait_for(&mut held, |count| *count == 4, Duration::ZERO));
    times_out(|limit| turn.changed.wait(&mut held, limit).then_some(()).ok_or(TimedOut));
    *held = 5;
    assert!(turn.lock.locked(), "it is held again");
}

// beside case 280
#[test]
fn a_predicate_that_panics_leaves_lock_and_line_as_they_should_be() {
    let lock = Lock::new(3);
    let condition = Condition::new();
    let mut held = lock.acquire(None).unwrap();
    let mut asked = 0;
    let predicate = |_: &mut i32| {
        asked += 1;
        if asked == 2 {
            std::panic::resume_unwind(Box::new("asked too much"));
        }
        false
    };
    let broken = catch_unwind(AssertUnwindSafe(|| condition.wait_for(&mut held, predicate, Duration::from_millis(1))));
    assert!(broken.is_err() && lock.locked() && *held == 3);
    drop(held);
    assert!(!lock.locked() && format!("{condition:?}").contains("waiting: 0"));
}

// beside case 278
#[test]
fn a_condition_can_be_awaited() {
    let _watchdog = watchdog();
    let turn = Turn::new();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let waits = Arc::clone(&turn);
    let waiting = pool.spawn(async move {
        let held = waits.lock.acquire_async().await;
        let held = waits.changed.wait_for_async(held, |count| *count > 0).await;
        *held
    });
    turn.until_waiting(1);
    *turn.lock.acquire(None).unwrap() = 7;
    turn.changed.notify(1);
    assert_eq!(waiting.result(None).unwrap(), 7);
    // One that is dropped while it waits has let go of the lock; what it was told goes to the next, also if it was
    // about to take the lock again.
    for told_when in ["in line", "behind the lock"] {
        let mut first = Box::pin(turn.changed.wait_async(turn.lock.try_acquire().unwrap()));
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(turn.changed.wait_async(turn.lock.try_acquire().unwrap()));
        assert!((&mut second).now_or_never().is_none());
        turn.changed.notify(1);
        if told_when == "behind the lock" {
            let held = turn.lock.try_acquire().unwrap();
            assert!((&mut first).now_or_never().is_none());
            drop(held);
        }
        drop(first);
        let held = (&mut second).now_or_never();
        assert!(held.is_some_and(|held| *held == 7), "{told_when}");
        assert!(!turn.lock.locked());
    }
}

// ---------------------------------------------------------------------------------------------- semaphores

// case 281
#[test]
fn semaphores_count() {
    let _watchdog = watchdog();
    assert_eq!((Semaphore::default().available(), BoundedSemaphore::default().available()), (1, 1));
    let none = Semaphore::new(0);
    assert!(none.try_acquire().is_none() && none.acquire(Duration::ZERO).is_err());
    times_out(|limit| none.acquire(limit));
    let two = Semaphore::new(2);
    let bounded = BoundedSemaphore::new(2);
    for _ in 0..2 {
        let permits = (two.acquire(None).unwrap(), two.try_acquire().unwrap());
        assert!(two.try_acquire().is_none() && two.available() == 0);
        drop(permits);
        let permits = (bounded.acquire(Duration::MAX).unwrap(), bounded.try_acquire().unwrap());
        assert!(bounded.try_acquire().is_none() && bounded.available() == 0);
        times_out(|limit| bounded.acquire(limit));
        drop(permits);
    }
    assert_eq!((two.available(), bounded.available()), (2, 2));
    // Dropped while it is taken.
    let taken = Semaphore::new(1);
    taken.acquire(None).unwrap().forget();
    drop(taken);
    // On unwinding too.
    let broken = catch_unwind(AssertUnwindSafe(|| {
        let _permit = two.acquire(None).unwrap();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(broken.is_err() && two.available() == 2);
}

// case 282
#[test]
fn as_many_pass_as_there_are_permits() {
    let _watchdog = watchdog();
    let semaphore = Arc::new(Semaphore::new(7));
    let passed = Arc::new(AtomicUsize::new(0));
    let (waits, passes) = (Arc::clone(&semaphore), Arc::clone(&passed));
    let threads = bunch(10, move |_| {
        for _ in 0..2 {
            waits.acquire(None).unwrap().forget();
            passes.fetch_add(1, Ordering::SeqCst);
        }
    });
    let have_passed = |count: usize| {
        eventually("so many have passed", || passed.load(Ordering::SeqCst) == count);
        assert!(semaphore.available() == 0 && semaphore.try_acquire().is_none());
    };
    have_passed(7);
    semaphore.release(6);
    have_passed(13);
    semaphore.release(1);
    semaphore.release(0);
    have_passed(14);
    semaphore.release(6);
    join(threads);
    assert_eq!((passed.load(Ordering::SeqCst), semaphore.available()), (20, 0));
}

// cases 284, 285
#[test]
fn only_a_bounded_semaphore_minds_a_release_too_many() {
    let semaphore = Semaphore::new(1);
    semaphore.release(2);
    assert!(semaphore.available() == 3 && format!("{semaphore:?}").contains("available: 3"));
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.release(usize::MAX))).is_err());
    assert_eq!(semaphore.available(), 3);
    let bounded = BoundedSemaphore::new(3);
    assert!(bounded.release(1).is_err() && bounded.available() == 3);
    let permit = bounded.acquire(None).unwrap();
    assert!(format!("{bounded:?}").contains("available: 2, bound: 3"));
    let error = bounded.release(2).unwrap_err();
    assert!((error.released, error.acquired) == (2, 1) && bounded.available() == 2);
    // Released by hand, the guard has nothing left to release.
    bounded.release(1).unwrap();
    drop(permit);
    assert_eq!(bounded.available(), 3);
}

#[test]
fn a_permit_for_one_who_goes_away_goes_to_the_next() {
    let _watchdog = watchdog();
    let semaphore = Arc::new(Semaphore::new(0));
    let mut first = Box::pin(semaphore.acquire_async());
    assert!((&mut first).now_or_never().is_none());
    let waits = Arc::clone(&semaphore);
    let second = Thread::new(move || waits.acquire(None).unwrap().forget()).start().unwrap();
    semaphore.release(1);
    drop(first);
    second.join(None).unwrap();
    // And for one who looks, it is there.
    let mut third = Box::pin(semaphore.acquire_async());
    assert!((&mut third).now_or_never().is_none());
    semaphore.release(1);
    assert!((&mut third).now_or_never().is_some());
    assert_eq!(semaphore.available(), 1);
}

// ---------------------------------------------------------------------------------------------- Barrier

// case 286
#[test]
fn parties_go_in_lockstep_and_are_numbered() {
    let _watchdog = watchdog();
    for rounds in [1, 10] {
        let barrier = Arc::new(Barrier::new(5));
        let (waits, phases) = (Arc::clone(&barrier), Arc::new(AtomicUsize::new(0)));
        let counts = Arc::clone(&phases);
        let threads = bunch(5, move |_| {
            (0..rounds)
                .map(|round| {
                    counts.fetch_add(1, Ordering::SeqCst);
                    let number = waits.wait(None).unwrap();
                    // All have counted for this round, and nobody for the one after the next.
                    let counted = counts.load(Ordering::SeqCst);
                    assert!((5 * (round + 1)..=5 * (round + 2)).contains(&counted), "{counted} in {round}");
                    number
                })
                .collect::<Vec<usize>>()
        });
        let numbers = join(threads);
        for round in 0..rounds {
            let mut numbers: Vec<usize> = numbers.iter().map(|numbers| numbers[round]).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, [0, 1, 2, 3, 4]);
        }
        assert!(barrier.waiting() == 0 && !barrier.is_broken());
    }
    let alone = Barrier::new(1);
    assert_eq!((alone.wait(None), alone.wait(Duration::ZERO), block_on(alone.wait_async())), (Ok(0), Ok(0), Ok(0)));
    let refused = catch_unwind(|| Barrier::new(0)).unwrap_err();
    assert!(refused.downcast_ref::<&str>().is_some_and(|text| text.contains("0 parties")));
}

/// Threads that wait at a barrier which is one party short.
fn short_of_one(barrier: &Arc<Barrier>) -> Vec<ThreadHandle<Result<usize, BrokenBarrier>>> {
    let waits = Arc::clone(barrier);
    let threads = bunch(barrier.parties() - 1, move |_| waits.wait(None));
    eventually("they wait", || barrier.waiting() == barrier.parties() - 1);
    threads
}

// case 288
#[test]
fn an_abort_breaks_and_a_reset_mends() {
    let _watchdog = watchdog();
    let barrier = Arc::new(Barrier::new(5));
    let threads = short_of_one(&barrier);
    barrier.abort();
    assert!(join(threads).into_iter().all(|outcome| outcome == Err(BrokenBarrier::Aborted)));
    assert!(barrier.is_broken() && barrier.wait(None) == Err(BrokenBarrier::Aborted));
    assert_eq!(block_on(barrier.wait_async()), Err(BrokenBarrier::Aborted));
    barrier.reset();
    assert!(!barrier.is_broken());
    let threads = short_of_one(&barrier);
    barrier.reset();
    assert!(join(threads).into_iter().all(|outcome| outcome == Err(BrokenBarrier::Reset)));
    assert!(!barrier.is_broken() && barrier.waiting() == 0);
    // As good as new, also with futures among the parties.
    let threads = short_of_one(&barrier);
    let last = block_on(barrier.wait_async()).unwrap();
    let mut numbers: Vec<usize> = join(threads).into_iter().map(Result::unwrap).chain([last]).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}

// case 289
#[test]
fn one_who_waits_too_long_breaks_it_for_all() {
    let _watchdog = watchdog();
    for default in [None, Some(SOON)] {
        let barrier = Barrier::new(3);
        let barrier = Arc::new(if let Some(limit) = default { barrier.timeout(limit) } else { barrier });
        let waits = Arc::clone(&barrier);
        let began = Instant::now();
        let patient = Thread::new(move || waits.wait(Duration::from_secs(3600))).start().unwrap();
        eventually("it waits", || barrier.waiting() == 1);
        let hasty = if default.is_some() { barrier.wait(None) } else { barrier.wait(SOON) };
        assert_eq!(hasty, Err(BrokenBarrier::TimedOut));
        assert!(began.elapsed() >= SOON);
        assert!(patient.join(None).unwrap().unwrap_err().is_timed_out());
        assert!(barrier.is_broken() && barrier.wait(None).is_err());
    }
}

// beside case 286
#[test]
fn the_last_party_acts_before_any_goes_on() {
    let _watchdog = watchdog();
    let acted = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&acted);
    let barrier = Arc::new(Barrier::new(3).action(move || {
        counts.fetch_add(1, Ordering::SeqCst);
    }));
    let (waits, sees) = (Arc::clone(&barrier), Arc::clone(&acted));
    let threads = bunch(3, move |_| {
        for round in 1..5 {
            waits.wait(None).unwrap();
            assert!((round..=round + 1).contains(&sees.load(Ordering::SeqCst)));
        }
    });
    join(threads);
    assert_eq!(acted.load(Ordering::SeqCst), 4);
    let barrier = Arc::new(Barrier::new(3).action(|| std::panic::resume_unwind(Box::new("in the action"))));
    let threads = short_of_one(&barrier);
    assert!(catch_unwind(AssertUnwindSafe(|| barrier.wait(None))).is_err());
    assert!(join(threads).into_iter().all(|outcome| outcome == Err(BrokenBarrier::ActionPanicked)));
    assert_eq!(barrier.wait(None), Err(BrokenBarrier::ActionPanicked));
    barrier.reset();
    assert!(!barrier.is_broken() && barrier.waiting() == 0);
}

/// Whether an action that takes too long was begun before the limit of the first party passed.
fn is_broken_while_it_acts(limit: Duration) -> bool {
    let (acting, gate) = (Gate::new(), Gate::new());
    let (acts, waits) = (acting.clone(), gate.clone());
    let barrier = Arc::new(Barrier::new(2).action(move || {
        acts.open();
        waits.wait();
    }));
    let (first, last) = (Arc::clone(&barrier), Arc::clone(&barrier));
    let first = Thread::new(move || first.wait(limit)).start().unwrap();
    eventually("it waits", || barrier.waiting() == 1 || barrier.is_broken());
    let last = Thread::new(move || last.wait(None)).start().unwrap();
    // It comes back although the action runs.
    assert_eq!(first.join(None).unwrap(), Err(BrokenBarrier::TimedOut));
    assert!(barrier.is_broken());
    gate.open();
    assert_eq!(last.join(None).unwrap(), Err(BrokenBarrier::TimedOut));
    acting.is_open()
}

// beside case 289
#[test]
fn an_action_is_not_waited_for_longer_than_was_said() {
    let _watchdog = watchdog();
    let mut limits = (0..10).map(|doubled| SOON * (1 << doubled));
    assert!(limits.any(is_broken_while_it_acts));
}

// case 290
#[test]
fn a_barrier_says_how_it_is() {
    let _watchdog = watchdog();
    let barrier = Arc::new(Barrier::new(3));
    assert!(format!("{barrier:?}").contains("waiting: 0, parties: 3, broken: false"));
    let threads = short_of_one(&barrier);
    assert!(format!("{barrier:?}").contains("waiting: 2"));
    barrier.abort();
    join(threads).into_iter().for_each(|outcome| assert!(outcome.is_err()));
    assert!(format!("{barrier:?}").contains("broken: true"));
    assert!(BrokenBarrier::Aborted.to_string().contains("reset"));
}

#[test]
fn a_party_that_is_dropped_is_out_again() {
    let _watchdog = watchdog();
    let barrier = Barrier::new(2);
    let mut gone = Box::pin(barrier.wait_async());
    assert!((&mut gone).now_or_never().is_none() && barrier.waiting() == 1);
    drop(gone);
    assert!(barrier.waiting() == 0 && !barrier.is_broken());
    let mut first = Box::pin(barrier.wait_async());
    assert!((&mut first).now_or_never().is_none());
    let mut second = Box::pin(barrier.wait_async());
    let numbers = [(&mut second).now_or_never(), (&mut first).now_or_never()].map(|number| number.unwrap().unwrap());
    assert!(numbers == [0, 1] || numbers == [1, 0]);
}

// ---------------------------------------------------------------------------------------------- local

#[test]
fn each_thread_has_its_own_value() {
    let _watchdog = watchdog();
    let made = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&made);
    // Neither Send nor Sync.
    let local = Arc::new(Local::new(move || {
        counts.fetch_add(1, Ordering::SeqCst);
        Rc::new(RefCell::new(Vec::new()))
    }));
    local.with(|mine| mine.borrow_mut().push(0));
    let theirs = Arc::clone(&local);
    let threads = bunch(4, move |number| {
        assert!(theirs.with(|theirs| theirs.borrow().is_empty()));
        theirs.with(|theirs| theirs.borrow_mut().push(number));
        theirs.with(|theirs| theirs.borrow().clone())
    });
    assert_eq!(join(threads), [[0], [1], [2], [3]]);
    assert!(local.with(|mine| *mine.borrow() == [0]));
    assert_eq!(made.load(Ordering::SeqCst), 5);
    // Others of the same type are others.
    let other = Local::<Cell<u8>>::default();
    let third = Local::<Cell<u8>>::default();
    other.with(|value| {
        value.set(1);
        third.with(|third| assert_eq!(third.get(), 0));
    });
    assert_eq!(other.with(Cell::get), 1);
}

struct Tells(std::sync::mpsc::Sender<u64>, u64);

impl Drop for Tells {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

#[test]
fn values_end_with_their_thread_or_after_their_object() {
    let _watchdog = watchdog();
    let (tell, told) = channel();
    let local = Arc::new(Local::new(move || Tells(tell.clone(), concurrent_futures::threading::current().ident())));
    let theirs = Arc::clone(&local);
    let thread = Thread::new(move || theirs.with(|value| value.1)).start().unwrap();
    let ident = thread.join(None).unwrap();
    assert_eq!(told.try_recv().unwrap(), ident, "with the thread");
    local.with(|_| ());
    drop(local);
    assert!(told.try_recv().is_err());
    for _ in 0..16 {
        Local::new(|| 0).with(|_| ());
        let kept = Box::leak(Box::new(Local::new(|| 0)));
        kept.with(|_| ());
    }
    assert!(told.try_recv().is_ok(), "some time after the object");
}

#[test]
fn values_that_panic_while_they_are_dropped_end_there() {
    struct Bomb(Arc<AtomicUsize>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
            std::panic::resume_unwind(Box::new("a bomb"));
        }
    }
    let _watchdog = watchdog();
    let dropped = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&dropped);
    let body = move || {
        let locals = [(); 3].map(|()| {
            let counts = Arc::clone(&counts);
            Local::new(move || Bomb(Arc::clone(&counts)))
        });
        locals.iter().for_each(|local| local.with(|_| ()));
        drop(locals);
        // The fourth value: those of objects that are gone are dropped now, all of them.
        let seven = Local::new(|| 7).with(|seven| *seven);
        // And one at the end of the thread.
        let counts = Arc::clone(&counts);
        Local::new(move || Bomb(Arc::clone(&counts))).with(|_| seven)
    };
    assert_eq!(Thread::new(body).start().unwrap().join(None).unwrap(), 7);
    assert_eq!(dropped.load(Ordering::SeqCst), 4);
}

#[test]
fn making_a_value_may_look_at_it_or_panic() {
    fn next(local: &'static std::sync::OnceLock<Local<u32>>, depth: &'static AtomicUsize) -> u32 {
        if depth.fetch_add(1, Ordering::SeqCst) == 0 {
            return local.get().unwrap().with(|inner| inner + 10);
        }
        1
    }
    static LOCAL: std::sync::OnceLock<Local<u32>> = std::sync::OnceLock::new();
    static DEPTH: AtomicUsize = AtomicUsize::new(0);
    let local = LOCAL.get_or_init(|| Local::new(|| next(&LOCAL, &DEPTH)));
    assert_eq!(local.with(|value| *value), 1, "the first that was there stays");
    let tries = Cell::new(0);
    thread_local! {
        static TRIES: Cell<u32> = const { Cell::new(0) };
    }
    let local = Local::new(|| {
        TRIES.set(TRIES.get() + 1);
        if TRIES.get() == 1 {
            std::panic::resume_unwind(Box::new(()));
        }
        7
    });
    assert!(catch_unwind(AssertUnwindSafe(|| local.with(|_| tries.set(1)))).is_err());
    assert_eq!((local.with(|value| *value), tries.get()), (7, 0));
}

// ---------------------------------------------------------------------------------------------- on a pool

#[test]
fn workers_that_block_lend_their_places() {
    let _watchdog = watchdog();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let (event, semaphore, barrier) = (Arc::new(Event::new()), Arc::new(Semaphore::new(0)), Arc::new(Barrier::new(3)));
    let lock = Arc::new((Lock::new(0), Condition::new(), RLock::new(())));
    let held = lock.2.acquire(None).unwrap();
    let waits = {
        let (event, semaphore, barrier, lock) = (event.clone(), semaphore.clone(), barrier.clone(), lock.clone());
        let blocked: Vec<Box<dyn FnOnce() + Send>> = vec![
            Box::new(move || assert!(event.wait(None))),
            Box::new(move || semaphore.acquire(None).unwrap().forget()),
            Box::new({
                let barrier = Arc::clone(&barrier);
                move || assert!(barrier.wait(None).is_ok())
            }),
            Box::new(move || assert!(barrier.wait(None).is_ok())),
            Box::new({
                let lock = Arc::clone(&lock);
                move || assert!(lock.1.wait_for(&mut lock.0.acquire(None).unwrap(), |ready| *ready == 1, None))
            }),
            Box::new(move || drop(lock.2.acquire(None).unwrap())),
        ];
        blocked.into_iter().map(|blocked| pool.submit(blocked)).collect::<Vec<_>>()
    };
    // With the one worker blocked six times over, it still gets its turn.
    let last = {
        let (event, semaphore, barrier, lock) = (event, semaphore, barrier, Arc::clone(&lock));
        pool.submit(move || {
            event.set();
            semaphore.release(1);
            barrier.wait(None).unwrap();
            *lock.0.acquire(None).unwrap() = 1;
            lock.1.notify_all();
        })
    };
    last.result(None).unwrap();
    drop(held);
    for wait in waits {
        wait.result(None).unwrap();
    }
}
