//! A call that uses the worker's state must not capture either.
use concurrent_futures::*;

struct Database(u32);

fn program(pool: &ProcessPoolExecutor<Database>) {
    let extra = 3;
    pool.submit_with_state(call!((move |database: &Database, id: u32| database.0 + id + extra)(_, 1))); //~ `extra` captured here
}

fn main() {}
