//! A future that is spawned may be polled by another thread, so it has to be Send.
use concurrent_futures::*;
use std::rc::Rc;

fn program(pool: &ThreadPoolExecutor) {
    let count = Rc::new(1);
    let spawned = pool.spawn(async move { *count }); //~ cannot be sent between threads safely
    drop(spawned);
}

fn main() {}
