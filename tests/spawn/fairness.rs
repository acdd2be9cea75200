//! Nobody is kept out: not by futures that never wait, not by futures that wake each other, not by closures that go on
//! for ever.

use crate::support::{Gate, eventually, watchdog};
use crate::tools::{SEVEN, Strings, hold, pool};
use crate::torture::{LONG, LastGate, scaled};
use concurrent_futures::{Future, ThreadPoolExecutor, task};
use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Opened when it is dropped; what goes on for ever looks at it. To be made after the pool.
#[derive(Clone, Default)]
struct Until(Arc<AtomicBool>);

impl Until {
    fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The test's own end of it.
struct Over(Until);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

fn for_ever() -> (Until, Over) {
    let until = Until::default();
    (until.clone(), Over(until))
}

/// Closures and futures, in some number, all come to their end beside whatever else goes on in the pool.
#[track_caller]
fn assert_open(pool: &ThreadPoolExecutor) {
    for _ in 0..scaled(200) {
        assert_eq!(pool.submit(|| SEVEN).result(LONG).unwrap(), SEVEN);
        let (sender, receiver) = oneshot::channel();
        let future = pool.spawn(async move {
            task::yield_now().await;
            receiver.await
        });
        sender.send(SEVEN).unwrap();
        assert_eq!(future.result(LONG).unwrap(), Ok(SEVEN));
    }
}

/// A future, and one that has woken it and then keeps its worker until the gate opens.
fn woken_by_a_greedy_one(pool: &ThreadPoolExecutor) -> (Future<Result<u32, oneshot::Canceled>>, LastGate, Future<()>) {
    let gate = LastGate::new();
    let (sender, receiver) = oneshot::channel();
    let (begun, closed) = (Gate::new(), gate.clone());
    let tell = begun.clone();
    let woken = pool.spawn(receiver);
    eventually("it waits", || woken.running());
    let greedy = pool.spawn(async move {
        // It would be polled by this very worker next.
        sender.send(SEVEN).unwrap();
        tell.open();
        closed.wait();
    });
    begun.wait();
    (woken, gate, greedy)
}

/// A future that computes for ever has one worker; whoever it wakes before is for the other.
#[test]
fn one_that_never_waits_has_one_worker_only() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for _ in 0..scaled(200) {
        let (woken, gate, greedy) = woken_by_a_greedy_one(&pool);
        assert_eq!(woken.result(LONG).unwrap(), Ok(SEVEN));
        assert_eq!(pool.submit(|| SEVEN).result(LONG).unwrap(), SEVEN);
        assert_eq!(pool.spawn(async { SEVEN }).result(LONG).unwrap(), SEVEN);
        gate.open();
        greedy.result(LONG).unwrap();
    }
}

/// The same where it wakes several, spawns some, and has a closure queued too, all from its one poll.
#[test]
fn what_one_that_never_waits_has_queued_is_taken_by_the_other_worker() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for _ in 0..scaled(100) {
        let gate = LastGate::new();
        let (senders, woken): (Vec<_>, Vec<_>) = (0..5)
            .map(|_| {
                let (sender, receiver) = oneshot::channel();
                (sender, pool.spawn(receiver))
            })
            .unzip();
        eventually("they wait", || woken.iter().all(Future::running));
        let (same, closed) = (pool.clone(), gate.clone());
        let (tx, rx) = std::sync::mpsc::channel();
        let greedy = pool.spawn(async move {
            senders.into_iter().for_each(|sender| sender.send(SEVEN).unwrap());
            tx.send((same.spawn(async { SEVEN }), same.submit(|| SEVEN))).unwrap();
            closed.wait();
        });
        let (spawned, submitted) = rx.recv().unwrap();
        for future in woken {
            assert_eq!(future.result(LONG).unwrap(), Ok(SEVEN));
        }
        assert_eq!((spawned.result(LONG).unwrap(), submitted.result(LONG).unwrap()), (SEVEN, SEVEN));
        gate.open();
        greedy.result(LONG).unwrap();
    }
}

/// The same where the other worker never runs out of what is its own.
#[test]
fn what_one_that_never_waits_has_woken_is_taken_by_a_worker_that_is_never_idle() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for _ in 0..scaled(50) {
        let (until, over) = for_ever();
        let busy = pool.spawn(async move {
            while !until.is_over() {
                task::yield_now().await;
            }
        });
        let (woken, gate, greedy) = woken_by_a_greedy_one(&pool);
        assert_eq!(woken.result(LONG).unwrap(), Ok(SEVEN));
        gate.open();
        drop(over);
        greedy.result(LONG).unwrap();
        busy.result(LONG).unwrap();
    }
}

/// async-executor's and tokio's "LIFO slot" question: two that always have each other next.
#[test]
fn two_that_wake_each_other_for_ever_keep_nobody_out() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        let pool = pool(workers);
        let (until, over) = for_ever();
        let throws = Arc::new(AtomicUsize::new(0));
        let (to_right, right) = mpsc::unbounded::<()>();
        let (to_left, left) = mpsc::unbounded::<()>();
        to_right.unbounded_send(()).unwrap();
        let play = |to: mpsc::UnboundedSender<()>, mut from: mpsc::UnboundedReceiver<()>| {
            let (until, throws) = (until.clone(), Arc::clone(&throws));
            async move {
                while from.next().await.is_some() && !until.is_over() {
                    throws.fetch_add(1, Ordering::Relaxed);
                    let _ = to.unbounded_send(());
                }
            }
        };
        let players = [pool.spawn(play(to_left, right)), pool.spawn(play(to_right, left))];
        for _ in 0..3 {
            let before = throws.load(Ordering::Relaxed);
            assert_open(&pool);
            eventually("the two go on too", || throws.load(Ordering::Relaxed) > before);
        }
        drop(over);
        players.into_iter().for_each(|player| player.result(LONG).unwrap());
    }
}

/// tokio's `yield_now`: on one worker, those that yield take turns.
#[test]
fn those_that_yield_take_turns() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let turns = Arc::new(Mutex::new(Vec::new()));
    let held = hold(&pool);
    let futures: Vec<_> = (0..3)
        .map(|number| {
            let turns = Arc::clone(&turns);
            pool.spawn(async move {
                for _ in 0..100 {
                    turns.lock().unwrap().push(number);
                    task::yield_now().await;
                }
            })
        })
        .collect();
    drop(held);
    futures.into_iter().for_each(|future| future.result(LONG).unwrap());
    let turns = turns.lock().unwrap();
    assert_eq!(turns.len(), 300);
    assert!(turns.chunks(3).all(|turn| turn == [0, 1, 2]), "{turns:?}");
}

/// What is queued when a future yields comes before its next poll: a closure, and a future.
#[test]
fn one_that_yields_lets_what_is_queued_go_first() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    let say = |what: &'static str| {
        let order = Arc::clone(&order);
        move || order.lock().unwrap().push(what)
    };
    let (first, second, closure, future) = (say("first"), say("second"), say("closure"), say("future"));
    let same = pool.clone();
    let yielding = pool.spawn(async move {
        first();
        drop(same.submit(closure));
        drop(same.spawn(async move { future() }));
        task::yield_now().await;
        second();
    });
    yielding.result(LONG).unwrap();
    assert_eq!(*order.lock().unwrap(), ["first", "closure", "future", "second"]);
}

/// Several that yield for ever, as many as there are workers and more.
#[test]
fn those_that_yield_for_ever_keep_nobody_out() {
    let _watchdog = watchdog();
    for workers in [1, 2] {
        let pool = pool(workers);
        let (until, over) = for_ever();
        let yielding: Vec<_> = (0..2 * workers)
            .map(|_| {
                let until = until.clone();
                pool.spawn(async move {
                    while !until.is_over() {
                        task::yield_now().await;
                    }
                })
            })
            .collect();
        assert_open(&pool);
        drop(over);
        yielding.into_iter().for_each(|future| future.result(LONG).unwrap());
    }
}

/// Each submits its successor, so that the queue is never empty.
#[test]
fn closures_that_submit_for_ever_keep_no_future_out() {
    fn again(pool: &ThreadPoolExecutor, until: &Until, runs: &Arc<AtomicUsize>) {
        runs.fetch_add(1, Ordering::Relaxed);
        if until.is_over() {
            return;
        }
        let (same, until, runs) = (pool.clone(), until.clone(), Arc::clone(runs));
        drop(pool.submit(move || again(&same, &until, &runs)));
    }

    let _watchdog = watchdog();
    for workers in [1, 2] {
        let pool = pool(workers);
        let (until, over) = for_ever();
        let runs = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 * workers {
            again(&pool, &until, &runs);
        }
        for _ in 0..3 {
            let before = runs.load(Ordering::Relaxed);
            assert_open(&pool);
            eventually("the closures go on too", || runs.load(Ordering::Relaxed) > before);
        }
        drop(over);
    }
}

/// A future that yields is left in its worker's own queue without anybody being told. If that worker then gets a task
/// that is for it alone, and that waits for the future, the other worker has to find it.
#[test]
fn one_that_yields_is_not_left_behind_a_task_for_its_own_worker() {
    let _watchdog = watchdog();
    let pool = pool(2);
    for _ in 0..scaled(100) {
        let (done, same) = (LastGate::new(), pool.clone());
        let (open, closed) = (done.clone(), done.clone());
        let yielding = pool.spawn(async move {
            let own = task::slot();
            let for_all = same.broadcast(move |()| task::slot() != own || closed.wait_for(LONG / 4));
            // The other worker has done its part, and has the time to lie down; whether it does is not to matter.
            let other = for_all.iter().enumerate().find(|(slot, _)| Some(*slot) != own).unwrap().1;
            while !other.done() {
                std::hint::spin_loop();
            }
            (0..100_000).for_each(|_| std::hint::spin_loop());
            task::yield_now().await;
            open.open();
            for_all
        });
        for part in yielding.result(2 * LONG).unwrap() {
            assert!(part.result(LONG).unwrap(), "it was left in the queue of the worker that waits for it");
        }
    }
}

/// Woken by a closure that goes on for ever, while the other worker's queue is never empty.
#[test]
fn what_a_busy_worker_has_woken_is_taken_by_one_that_has_enough_to_do() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let (until, over) = for_ever();
    let gate = LastGate::new();
    let strings = Strings::new();
    let future = pool.spawn(strings.puppet());
    strings.wait_for_polls(1);
    eventually("it waits", || future.running());
    let yielding = until.clone();
    let busy = pool.spawn(async move {
        while !yielding.is_over() {
            task::yield_now().await;
        }
    });
    let (closed, waking) = (gate.clone(), strings.clone());
    let stuck = pool.submit(move || {
        waking.finish();
        closed.wait();
    });
    assert_eq!(future.result(LONG).unwrap(), SEVEN);
    gate.open();
    drop(over);
    busy.result(LONG).unwrap();
    stuck.result(LONG).unwrap();
}
