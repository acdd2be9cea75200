//! `blocking`: what a task says before it blocks for reasons of its own.

mod support;
mod torture;

use concurrent_futures::{Shutdown, ThreadPoolExecutor, WorkerState, blocking, task};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;
use support::Gate;
use torture::LastGate;

fn pool(workers: usize) -> ThreadPoolExecutor {
    let builder = ThreadPoolExecutor::builder().max_workers(workers).thread_name_prefix("blocking");
    builder.build().unwrap()
}

#[test]
fn the_only_worker_blocks_and_another_task_runs() {
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let (send, receive) = channel();
    let receiving = pool.submit(move || blocking(|| receive.recv()));
    let sending = pool.submit(move || send.send(7));
    assert_eq!(receiving.result(None).unwrap(), Ok(7));
    sending.result(None).unwrap().unwrap();
    assert_eq!(pool.stats().blocked, 0);
}

#[test]
fn anywhere_else_it_is_just_the_function() {
    assert_eq!(blocking(|| 3), 3);
    let text = String::from("borrowed");
    assert_eq!(blocking(|| &text).len(), 8);
    let caught = std::panic::catch_unwind(|| blocking(|| std::panic::resume_unwind(Box::new(5))));
    assert_eq!(*caught.unwrap_err().downcast::<i32>().unwrap(), 5);
}

/// A panic in it is the task's, and the place is taken back.
#[test]
fn a_panic_inside() {
    support::quiet_panics_of(&["blocking"]);
    let _watchdog = support::watchdog();
    let pool = pool(1);
    for _ in 0..10 {
        let failed = pool.submit(|| blocking(|| panic!("in the middle")));
        assert!(failed.result(None).unwrap_err().to_string().contains("in the middle"));
        let caught = pool.submit(|| std::panic::catch_unwind(|| blocking(|| panic!("in the middle"))).is_err());
        assert!(caught.result(None).unwrap());
    }
    assert_eq!(pool.stats().blocked, 0);
    assert_eq!(pool.submit(task::slot).result(None).unwrap(), Some(0));
}

/// While all are blocked, as many others run; and what is seen of it.
#[test]
fn blocked_tasks_do_not_count() {
    let _watchdog = support::watchdog();
    let pool = pool(2);
    let gate = LastGate::new();
    let blocked: Vec<_> = (0..10)
        .map(|_| {
            let closed = gate.clone();
            pool.submit(move || blocking(|| closed.wait()))
        })
        .collect();
    support::eventually("all ten are blocked", || pool.stats().blocked == 10);
    support::eventually("and are seen so", || {
        let states = pool.workers().into_iter().map(|worker| worker.state);
        states.filter(|state| *state == WorkerState::Blocked).count() == 10
    });
    // Two more run at the same time, and not three.
    let meet = Arc::new(Barrier::new(2));
    let met: Vec<_> = (0..2)
        .map(|_| {
            let meet = Arc::clone(&meet);
            pool.submit(move || {
                meet.wait();
            })
        })
        .collect();
    met.iter().for_each(|future| future.result(None).unwrap());
    gate.open();
    blocked.iter().for_each(|future| future.result(None).unwrap());
    assert_eq!(pool.stats().blocked, 0);
}

/// How many tasks are between their begin and their first `blocking` at the same time: never more than there are
/// workers.
#[test]
fn at_most_so_many_tasks_are_begun() {
    let _watchdog = support::watchdog();
    for workers in [1, 2, 3] {
        let pool = pool(workers);
        let active = Arc::new(Mutex::new((0_usize, 0_usize)));
        let futures: Vec<_> = (0..torture::scaled(300))
            .map(|number| {
                let active = Arc::clone(&active);
                pool.submit(move || {
                    {
                        let mut active = active.lock().unwrap();
                        active.0 += 1;
                        active.1 = active.1.max(active.0);
                    }
                    std::thread::yield_now();
                    active.lock().unwrap().0 -= 1;
                    if number % 3 == 0 {
                        blocking(std::thread::yield_now);
                    }
                })
            })
            .collect();
        futures.iter().for_each(|future| future.result(None).unwrap());
        // A task that comes back from `blocking` may be one too many until its thread's next task.
        let most = active.lock().unwrap().1;
        println!("{workers} workers: at most {most} at once");
        assert!(most <= 2 * workers, "{most} of {workers}");
    }
}

/// `blocking` in `blocking`, in a callback, in an initializer, and while unwinding.
#[test]
fn in_every_place() {
    support::quiet_panics_of(&["blocking"]);
    let _watchdog = support::watchdog();
    struct BlocksInDrop;
    impl Drop for BlocksInDrop {
        fn drop(&mut self) {
            blocking(std::thread::yield_now);
        }
    }
    let builder = ThreadPoolExecutor::builder().max_workers(1).thread_name_prefix("blocking");
    let builder = builder.on_thread_start(|_| blocking(std::thread::yield_now));
    let pool = builder.initializer(|_| Ok::<_, std::io::Error>(blocking(|| 5))).build().unwrap();
    assert_eq!(pool.submit_with_state(|state| blocking(|| blocking(|| *state))).result(None).unwrap(), 5);
    let failed = pool.submit(|| {
        let _guard = BlocksInDrop;
        panic!("unwinds through it");
    });
    assert!(failed.exception(None).unwrap().is_some());
    let (tell, told) = channel();
    pool.submit(|| ()).add_done_callback(move |_| tell.send(blocking(|| 6)).unwrap());
    assert_eq!(told.recv().unwrap(), 6);
    assert_eq!(pool.stats().blocked, 0);
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}

/// A task that comes back from `blocking` goes on at once, although its place is taken.
#[test]
fn coming_back_does_not_wait_for_a_place() {
    let _watchdog = support::watchdog();
    let pool = pool(1);
    let (first, second) = (Gate::new(), Gate::new());
    let (closed, opens) = (first.clone(), second.clone());
    let back = pool.submit(move || {
        blocking(|| closed.wait());
        opens.open();
    });
    support::eventually("it is blocked", || pool.stats().blocked == 1);
    let (opens, closed) = (first.clone(), second.clone());
    // It has the place, and goes on only after the other one came back.
    let taker = pool.submit(move || {
        opens.open();
        closed.wait_for(Duration::from_secs(60))
    });
    assert!(taker.result(None).unwrap());
    back.result(None).unwrap();
}

/// Surplus threads go when they have been idle for long enough.
#[test]
fn spare_threads_go_again() {
    let _watchdog = support::watchdog();
    let builder = ThreadPoolExecutor::builder().max_workers(1).idle_timeout(Duration::from_millis(5));
    let pool = builder.build().unwrap();
    let gate = LastGate::new();
    let blocked: Vec<_> = (0..20)
        .map(|_| {
            let closed = gate.clone();
            pool.submit(move || blocking(|| closed.wait()))
        })
        .collect();
    support::eventually("all are blocked", || pool.stats().blocked == 20);
    assert!(pool.workers().len() >= 20);
    gate.open();
    blocked.iter().for_each(|future| future.result(None).unwrap());
    support::eventually("all have gone", || pool.workers().is_empty());
    assert_eq!(pool.submit(|| 1).result(None).unwrap(), 1);
}
