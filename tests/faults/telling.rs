//! Callbacks and wakers that wait by means that no crate knows of, for what others of them have yet to do: the pool goes
//! on telling, and everything comes to its end.

use crate::kit::gate::{Gate, wait_at};
use crate::kit::{double, pool};
use crate::support::{self, watchdog};
use concurrent_futures::{Future, ProcessPoolExecutor, Shutdown, call};
use futures::executor::block_on;
use std::sync::mpsc::{Receiver, channel};

/// A task that ends when it is let, and what its callback is to do.
fn told(pool: &ProcessPoolExecutor, callback: impl FnOnce() + Send + 'static) -> (Gate, Future<u64>) {
    let gate = Gate::new();
    let future = pool.submit(call!(wait_at(gate.path())));
    future.add_done_callback(move |_| callback());
    (gate, future)
}

/// By a callback, which has begun to wait, until something comes.
fn hold_up(pool: &ProcessPoolExecutor, awaited: Receiver<()>) {
    let begins = support::Gate::new();
    let begun = begins.clone();
    let (gate, _) = told(pool, move || {
        begun.open();
        awaited.recv().unwrap();
    });
    gate.open();
    begins.wait();
}

/// Each waits for the one that ends after it.
#[test]
fn callbacks_that_wait_for_later_ones_are_all_called() {
    const CHAIN: usize = 4;
    let _watchdog = watchdog();
    let pool = pool(CHAIN + 1);
    let (mut tell, last) = channel();
    let mut ends = Vec::new();
    for _ in 0..CHAIN {
        let (next, awaited) = channel::<()>();
        let begins = support::Gate::new();
        let (begun, before) = (begins.clone(), tell);
        let (gate, _) = told(&pool, move || {
            begun.open();
            awaited.recv().unwrap();
            before.send(()).unwrap();
        });
        ends.push((gate, begins));
        tell = next;
    }
    let (end, _) = told(&pool, move || tell.send(()).unwrap());
    // They come in the order in which their tasks end.
    for (gate, begins) in ends {
        gate.open();
        begins.wait();
        assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
    }
    end.open();
    last.recv().unwrap();
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}

#[test]
fn a_callback_that_waits_for_an_awaited_future_holds_it_up_for_a_moment_only() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let (tell, awaited) = channel();
    hold_up(&pool, awaited);
    let gate = Gate::new();
    let wait = pool.submit(call!(wait_at(gate.path())));
    let then = pool.clone();
    let awaits = std::thread::spawn(move || {
        let value = block_on(async {
            wait.await.unwrap();
            then.submit(call!(double(4))).await.unwrap()
        });
        assert_eq!(value, 8);
        tell.send(()).unwrap();
    });
    gate.open();
    awaits.join().unwrap();
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}

/// The end of the pool is near: nobody looks after its workers any more, when the callbacks are not through.
#[test]
fn the_end_of_a_pool_waits_for_callbacks_that_wait_for_each_other() {
    let _watchdog = watchdog();
    let pool = pool(2);
    let (tell, awaited) = channel();
    hold_up(&pool, awaited);
    let (second, _) = told(&pool, move || tell.send(()).unwrap());
    second.open();
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
}
