//! Who uses the worker's state says so: `submit_with_state`.
use concurrent_futures::*;

struct Database(u32);

fn query(database: &Database, id: u32) -> u32 {
    database.0 + id
}

fn program(pool: &ProcessPoolExecutor<Database>) {
    pool.submit(call!(query(_, 3))); //~ this job cannot leave the process
}

fn main() {}
