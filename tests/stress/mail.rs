//! What is broadcast while threads come and go, and while the pool ends: it runs before the end, or is refused.

use crate::support;
use crate::torture::{Chance, LastGate, scaled};
use concurrent_futures::{Future, RejectReason, Shutdown, TaskError, ThreadPoolExecutor};
use futures::FutureExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use support::Gate;

/// A thread leaves, with mail that came at its last moment, and the pool is closed meanwhile: nobody may believe that
/// the pool has ended before somebody else has run that.
#[test]
fn a_pool_has_not_ended_while_mail_is_sent_on() {
    let _watchdog = support::watchdog();
    for round in 0..scaled(300) {
        let (leaving, gate) = (Gate::new(), LastGate::new());
        let (announce, closed) = (leaving.clone(), gate.clone());
        let builder = ThreadPoolExecutor::builder().max_workers(1).idle_timeout(Duration::ZERO);
        let stop = move |_| {
            announce.open();
            closed.wait();
        };
        let pool = builder.on_thread_stop(stop).build().unwrap();
        pool.submit(|| ()).result(None).unwrap();
        leaving.wait();
        let mail = pool.broadcast(|()| ());
        pool.shutdown(Shutdown::no_wait());
        thread::scope(|scope| {
            scope.spawn(|| gate.open());
            // Asked for as often as possible, so that no moment is missed.
            while pool.closed().now_or_never().is_none() {
                pool.shutdown(Shutdown::no_wait());
            }
            assert!(mail[0].done(), "round {round}: the pool has ended, and what it had taken is {:?}", mail[0]);
        });
        mail[0].result(None).unwrap();
    }
}

/// After a shutdown that waits nothing begins any more, whoever was just about to broadcast something.
#[test]
fn a_broadcast_that_races_a_shutdown_starts_nothing_afterwards() {
    let _watchdog = support::watchdog();
    for seed in 0..scaled(2_000) as u64 {
        let mut chance = Chance::new(seed);
        let pool = ThreadPoolExecutor::new(1 + chance.below(4)).unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let spins = chance.below(3_000);
        let mail: Vec<Future<bool>> = thread::scope(|scope| {
            let broadcast = scope.spawn(|| {
                let seen = Arc::clone(&ended);
                pool.broadcast(move |()| seen.load(Ordering::SeqCst))
            });
            (0..spins).for_each(|_| std::hint::spin_loop());
            pool.shutdown(Shutdown::wait());
            ended.store(true, Ordering::SeqCst);
            broadcast.join().unwrap()
        });
        for (slot, one) in mail.iter().enumerate() {
            match one.result(None) {
                Ok(late) => assert!(!late, "seed {seed}: slot {slot} ran it after the shutdown"),
                Err(TaskError::Rejected(RejectReason::ShutDown)) => {}
                Err(other) => panic!("seed {seed}, slot {slot}: {other}"),
            }
        }
        assert!(pool.workers().is_empty(), "seed {seed}");
    }
}
