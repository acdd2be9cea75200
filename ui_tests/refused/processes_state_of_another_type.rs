//! A call that uses the worker's state is for pools with such a state.
use concurrent_futures::*;

struct Database(u32);

fn query(database: &Database, id: u32) -> u32 {
    database.0 + id
}

struct Cache;

fn program(pool: &ProcessPoolExecutor<Cache>) {
    pool.submit_with_state(call!(query(_, 3))); //~ expected function signature `for<'a> fn(&'a Cache
}

fn main() {}
