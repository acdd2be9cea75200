//! What must not pile up in a process that lives long: wakers of futures that are polled and dropped, what is left of
//! tasks that were cancelled, notes about waits that are over. Each test does a thing many times over, and counts what
//! is still alive: the wakers themselves, or the bytes that are allocated.
#![cfg(not(miri))]

mod support;
mod torture;

use concurrent_futures::{
    Future, Promise, ReturnWhen, SharedFuture, SubmitOptions, ThreadPoolExecutor, as_completed, promise, wait,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use torture::LastGate;

/// The system's allocator, with a count of what was allocated, and of what is.
struct Counting {
    ever: AtomicUsize,
    given_back: AtomicUsize,
}

#[global_allocator]
static ALLOCATOR: Counting = Counting { ever: AtomicUsize::new(0), given_back: AtomicUsize::new(0) };

#[expect(unsafe_code, reason = "an allocator is unsafe to write; this one only counts")]
// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.ever.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.given_back.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// How many bytes were allocated since the process began.
fn ever_allocated() -> usize {
    ALLOCATOR.ever.load(Ordering::Relaxed)
}

/// How many bytes are allocated now.
fn allocated() -> usize {
    ever_allocated().saturating_sub(ALLOCATOR.given_back.load(Ordering::Relaxed))
}

/// Held by tests that count bytes: the others of this file would count too.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

// ---------------------------------------------------------------------------------------------------------- wakers

/// A waker that does nothing, and can be seen to be alive.
struct Quiet;

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {}
}

/// Polls once with a waker of its own, which is noted.
fn poll_once<F: std::future::Future>(future: F, seen: &mut Vec<Weak<Quiet>>) {
    let quiet = Arc::new(Quiet);
    seen.push(Arc::downgrade(&quiet));
    let waker = Waker::from(quiet);
    let polled = pin!(future).poll(&mut Context::from_waker(&waker));
    assert!(matches!(polled, Poll::Pending), "nothing has ended");
}

fn alive(seen: &[Weak<Quiet>]) -> usize {
    seen.iter().filter(|waker| waker.strong_count() > 0).count()
}

const POLLS: usize = 1000;

#[test]
fn dropped_futures_take_their_wakers_with_them() {
    let _alone = alone();
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let (_promise, shared): (Promise<u8>, Future<u8>) = promise();
    let shared = shared.shared();
    let mut seen = Vec::new();
    for _ in 0..POLLS {
        poll_once(shared.clone(), &mut seen);
    }
    assert_eq!(alive(&seen), 0, "clones of a shared future");
    for _ in 0..POLLS {
        poll_once(pool.closed(), &mut seen);
    }
    assert_eq!(alive(&seen), 0, "the end of a pool");
    for _ in 0..POLLS {
        poll_once(async { shared.clone().await }, &mut seen);
        poll_once(futures::future::select(shared.clone(), shared.clone()), &mut seen);
    }
    assert_eq!(alive(&seen), 0, "combinations");
}

/// What is polled again and again, from one task after the other, has the last one's waker.
#[test]
fn a_future_that_is_polled_again_replaces_its_waker() {
    let _alone = alone();
    let (_promise, shared): (Promise<u8>, Future<u8>) = promise();
    let shared = shared.shared();
    let mut clones = [shared.clone(), shared.clone(), shared];
    let mut seen = Vec::new();
    for _ in 0..POLLS {
        clones.iter_mut().for_each(|clone| poll_once(clone, &mut seen));
    }
    assert_eq!(alive(&seen), clones.len(), "one for each handle");
    drop(clones);
    assert_eq!(alive(&seen), 0);
    let (_promise, mut future): (Promise<u8>, Future<u8>) = promise();
    for _ in 0..POLLS {
        poll_once(&mut future, &mut seen);
    }
    assert_eq!(alive(&seen), 1, "a future that is not shared");
}

/// The promise goes on, and has nobody to wake any more.
#[test]
fn a_future_takes_all_wakers_with_it_also_those_of_borrows() {
    let _alone = alone();
    let (_promise, future): (Promise<u8>, Future<u8>) = promise();
    let mut seen = Vec::new();
    for _ in 0..POLLS {
        poll_once(&future, &mut seen);
    }
    drop(future);
    assert_eq!(alive(&seen), 0, "awaited by reference");
    let (_promise, future): (Promise<u8>, Future<u8>) = promise();
    poll_once(&future, &mut seen);
    poll_once(future, &mut seen);
    assert_eq!(alive(&seen), 0, "in both ways");
    let (_source, future): (Promise<Result<u8, std::fmt::Error>>, _) = promise();
    poll_once(future.fallible(), &mut seen);
    assert_eq!(alive(&seen), 0, "one that comes from another");
    let (_promise, future): (Promise<u8>, Future<u8>) = promise();
    poll_once(future.cancel_on_drop(), &mut seen);
    assert_eq!(alive(&seen), 0, "one whose drop cancels");
}

// ----------------------------------------------------------------------------------------------------------- tasks

/// Leaves tasks behind that will never run.
type Litter = fn(&ThreadPoolExecutor);

const LITTER: [(&str, Litter); 5] = [
    ("cancelled", |pool| _ = pool.submit(|| ()).cancel()),
    ("cancelled with its handle", |pool| drop(pool.submit(|| ()).cancel_on_drop())),
    ("a map that is dropped", |pool| drop(pool.map(|n: u32| n, 0..4).chunksize(1).start())),
    ("a map without an order that is dropped", |pool| {
        drop(pool.map(|n: u32| n, 0..4).chunksize(1).unordered().start());
    }),
    ("a scope that is cancelled", |pool| {
        pool.scope(|s| {
            drop(s.submit(|| ()));
            s.cancel();
        });
    }),
];

/// What is left of tasks that ended elsewhere than where they stood does not pile up in a queue that stays busy.
#[test]
fn leftovers_of_a_busy_pool_do_not_pile_up() {
    // Kept, each part would come to this many cells of more than 100 bytes.
    const TIMES: usize = 50_000;
    const LIMIT: usize = 2 << 20;
    let _alone = alone();
    let _watchdog = support::watchdog();
    let pool = ThreadPoolExecutor::builder().max_workers(1).queue_bound(4).build().unwrap();
    let same = pool.clone();
    let grown = pool.submit(move || {
        let before = allocated();
        (0..TIMES).for_each(|_| same.submit(|| ()).result(None).unwrap());
        allocated().saturating_sub(before)
    });
    let grown = grown.result(None).unwrap();
    assert!(grown < LIMIT, "tasks run in place: {grown} bytes");
    let gate = LastGate::new();
    let closed = gate.clone();
    let busy = pool.submit(move || closed.wait());
    support::eventually("it runs", || busy.running());
    let before = allocated();
    (0..TIMES).for_each(|_| assert!(pool.submit(|| ()).cancel()));
    let grown = allocated().saturating_sub(before);
    assert!(grown < LIMIT, "cancelled tasks: {grown} bytes");
    gate.open();
    let before = allocated();
    let limit = || SubmitOptions::new().queue_timeout(Duration::from_secs(3600));
    (0..TIMES).for_each(|_| pool.submit_with(limit(), || ()).result(None).unwrap());
    let grown = allocated().saturating_sub(before);
    assert!(grown < LIMIT, "tasks with a far limit: {grown} bytes");
}

/// Every worker makes litter and takes nothing else, so that nobody has a reason to look into its queue.
#[test]
fn what_workers_submit_and_cancel_is_swept() {
    // Each would come to some megabytes.
    const TIMES: usize = 50_000;
    const LIMIT: usize = 3 << 20;
    let _alone = alone();
    let _watchdog = support::watchdog();
    for (what, litter) in LITTER {
        let pool = ThreadPoolExecutor::new(2).unwrap();
        let before = allocated();
        let together = Arc::new(Barrier::new(2));
        let both: Vec<Future<usize>> = (0..2)
            .map(|_| {
                let (same, together) = (pool.clone(), Arc::clone(&together));
                pool.submit(move || {
                    together.wait();
                    let seen = (0..TIMES).map(|_| {
                        litter(&same);
                        allocated()
                    });
                    // The least of the last ones: queues that were outgrown may live on for as long as somebody who
                    // was looking at them is held up.
                    let least = seen.skip(TIMES - TIMES / 10).min().unwrap_or(0);
                    together.wait();
                    least
                })
            })
            .collect();
        for worker in both {
            let grown = worker.result(None).unwrap().saturating_sub(before);
            assert!(grown < LIMIT, "{what}: {grown} bytes");
        }
    }
}

/// A task polls others with short waits while nobody can stand in for it; nothing stays behind of a wait that is over.
#[test]
fn waits_that_time_out_leave_nothing_behind() {
    type Look = fn(&[Future<()>], Duration);
    let looks: [(&str, Look); 4] = [
        ("all", |others, limit| drop(wait(others, limit, ReturnWhen::AllCompleted))),
        ("first", |others, limit| drop(wait(others, limit, ReturnWhen::FirstCompleted))),
        ("as completed", |others, limit| assert!(as_completed(others, limit).all(|one| one.is_err()))),
        ("result", |others, limit| assert!(others.iter().all(|other| other.result(limit / 50).is_err()))),
    ];
    let _alone = alone();
    let _watchdog = support::watchdog();
    let builder = || ThreadPoolExecutor::builder().max_workers(2).max_spares(0);
    for (way, look) in looks {
        let pool = builder().build().unwrap();
        let gate = LastGate::new();
        let closed = gate.clone();
        let busy = pool.submit(move || closed.wait());
        support::eventually("it is busy", || busy.running());
        let same = pool.clone();
        let grown = pool.submit(move || {
            let others: Vec<Future<()>> = (0..50).map(|_| same.submit(|| ())).collect();
            let round = || (0..20).for_each(|_| look(&others, Duration::from_micros(50)));
            // The first time everything comes to its usual size.
            round();
            let before = allocated();
            (0..5).for_each(|_| round());
            allocated().saturating_sub(before)
        });
        let grown = grown.result(None).unwrap();
        assert!(grown < 16 << 10, "{way}: {grown} bytes");
    }
}

/// How much is allocated while so many futures end one after the other, and each is waited for.
fn allocated_for_many(take: impl FnOnce(Vec<SharedFuture<()>>, &AtomicUsize), many: usize) -> usize {
    let (promises, futures): (Vec<Promise<()>>, Vec<Future<()>>) = (0..many).map(|_| promise()).unzip();
    let futures = futures.into_iter().map(Future::shared).collect();
    let taken = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        let (seen, before) = (&taken, ever_allocated());
        threads.spawn(move || {
            for (number, promise) in promises.into_iter().enumerate() {
                // So that the other side sleeps for nearly each of them.
                support::eventually("it was taken", || seen.load(Ordering::SeqCst) >= number);
                promise.set_result(()).unwrap();
            }
        });
        take(futures, &taken);
        assert_eq!(taken.load(Ordering::SeqCst), many);
        ever_allocated() - before
    })
}

/// In a task, too, the list of those that are still waited for is not made anew for each of them.
#[test]
fn a_task_takes_many_futures_as_they_end_at_the_usual_cost() {
    // Anew each time, some hundred megabytes.
    const MANY: usize = 3000;
    const LIMIT: usize = 32 << 20;
    let _alone = alone();
    let _watchdog = support::watchdog();
    let take = |futures: Vec<SharedFuture<()>>, taken: &AtomicUsize| {
        for ended in as_completed(futures, None) {
            assert!(ended.is_ok());
            taken.fetch_add(1, Ordering::SeqCst);
        }
    };
    let outside = allocated_for_many(take, MANY);
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let inside = allocated_for_many(
        |futures, taken| pool.scope(|s| s.submit(|| take(futures, taken)).result(None)).unwrap(),
        MANY,
    );
    assert!(outside < LIMIT && inside < LIMIT, "{outside} bytes outside, {inside} bytes in a task");
}

/// What may stay of a burst: some slabs, and what all of this needs besides.
const LITTLE: usize = 1 << 20;

/// Tens of megabytes of tasks at once. Who made them makes no more, so nothing can rely on that.
#[test]
fn what_a_burst_took_is_given_back() {
    const MANY: usize = 200_000;
    let _alone = alone();
    let before = allocated();
    let burst: Vec<(Promise<u64>, Future<u64>)> = (0..MANY).map(|_| promise()).collect();
    let most = allocated() - before;
    assert!(most > 64 * MANY, "tasks take {most} bytes, so this looks at something else");
    // Their handles alone are a few megabytes, which go with them.
    std::thread::scope(|threads| {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        for (number, pair) in burst.into_iter().enumerate() {
            if number % 3 == 0 { one.push(pair) } else { other.push(pair) }
        }
        threads.spawn(move || drop(one));
        threads.spawn(move || drop(other));
    });
    let left = allocated().saturating_sub(before);
    assert!(left < LITTLE, "{left} bytes");
}

/// Every thread leaves a task behind that goes on; what else it had serves the next ones.
#[test]
fn threads_that_come_and_go_leave_no_more_than_their_tasks() {
    const THREADS: usize = 1000;
    let _alone = alone();
    let before = allocated();
    let left: Vec<(Promise<u64>, Future<u64>)> = (0..THREADS)
        .map(|_| {
            let ended = std::thread::spawn(|| {
                let mut several: Vec<(Promise<u64>, Future<u64>)> = (0..20).map(|_| promise()).collect();
                several.swap_remove(7)
            });
            ended.join().unwrap()
        })
        .collect();
    let grown = allocated().saturating_sub(before);
    assert!(grown < LITTLE, "{grown} bytes for {THREADS} tasks");
    drop(left);
}

/// One task in ten stays, all over the slabs; new ones come where the others were.
#[test]
fn long_lived_tasks_among_short_ones_keep_only_what_they_need() {
    const MANY: usize = 20_000;
    let _alone = alone();
    let before = allocated();
    let mut stay: Vec<(Promise<u64>, Future<u64>)> = Vec::with_capacity(MANY);
    for _ in 0..MANY {
        let mut several: Vec<(Promise<u64>, Future<u64>)> = (0..10).map(|_| promise()).collect();
        stay.extend(several.pop());
    }
    let each = allocated().saturating_sub(before) / MANY;
    // The handles in the list, a cell, and as much again for the holes between.
    assert!(each < size_of_val(&stay[0]) + 2 * 64 + 16, "{each} bytes each");
}
