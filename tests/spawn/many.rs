//! A hundred thousand futures that wait.

use crate::support::{eventually, watchdog};
use crate::tools::{assert_cancelled, builder, pool};
use crate::torture::{Blast, LONG, Ledger, scaled};
use concurrent_futures::{Shutdown, ThreadPoolExecutor};
use futures::channel::oneshot::{self, Canceled, Sender};

type Spawned = concurrent_futures::Future<Result<usize, Canceled>>;

/// As many as there are to be, each waiting for its own channel.
fn waiting(pool: &ThreadPoolExecutor, ledger: &Ledger) -> (Vec<Sender<usize>>, Vec<Spawned>) {
    let both = (0..scaled(100_000))
        .map(|_| {
            let (sender, receiver) = oneshot::channel();
            let capture = ledger.capture(Blast::Dud);
            let future = pool.spawn(async move {
                let _capture = capture;
                receiver.await
            });
            (sender, future)
        })
        .unzip::<_, _, Vec<_>, Vec<_>>();
    eventually("all of them wait", || both.1.iter().all(Spawned::running));
    both
}

#[test]
fn all_of_them_are_completed() {
    let _watchdog = watchdog();
    let (pool, ledger) = (pool(2), Ledger::new());
    let (senders, futures) = waiting(&pool, &ledger);
    let count = senders.len();
    // They cost no thread.
    assert!(pool.workers().len() <= 2);
    for (number, sender) in senders.into_iter().enumerate().rev() {
        sender.send(number).unwrap();
    }
    for (number, future) in futures.into_iter().enumerate() {
        assert_eq!(future.result(LONG).unwrap(), Ok(number));
    }
    assert_eq!(ledger.captures_dropped(), count);
    eventually("all are counted", || pool.stats().completed == count as u64);
}

#[test]
fn all_of_them_are_cancelled() {
    let _watchdog = watchdog();
    let (pool, ledger) = (pool(2), Ledger::new());
    let (senders, futures) = waiting(&pool, &ledger);
    assert!(futures.iter().all(Spawned::cancel));
    eventually("all are dropped", || ledger.captures_dropped() == senders.len());
    assert!(senders.iter().all(Sender::is_canceled));
    for future in futures {
        assert_cancelled(future.result(LONG));
    }
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}

#[test]
fn all_of_them_end_with_the_pool() {
    let _watchdog = watchdog();
    let (pool, ledger) = (builder(2).build().unwrap(), Ledger::new());
    let (senders, futures) = waiting(&pool, &ledger);
    let report = pool.shutdown(Shutdown::wait().cancel_pending());
    assert_eq!(report.abandoned, 0);
    assert_eq!(ledger.captures_dropped(), senders.len());
    assert!(futures.iter().all(Spawned::cancelled));
}

/// Their senders are all dropped, so that all are woken and none has a value.
#[test]
fn all_of_them_are_let_down() {
    let _watchdog = watchdog();
    let (pool, ledger) = (pool(4), Ledger::new());
    let (senders, futures) = waiting(&pool, &ledger);
    drop(senders);
    for future in futures {
        assert_eq!(future.result(LONG).unwrap(), Err(Canceled));
    }
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}
