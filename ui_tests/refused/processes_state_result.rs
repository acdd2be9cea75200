//! The state stays with the worker: it cannot be the result of a call.
use concurrent_futures::*;

struct Opaque;

fn look_up(_: &u32, _: u32) -> Opaque {
    Opaque
}

fn program(pool: &ProcessPoolExecutor<u32>) {
    pool.submit_with_state(call!(look_up(_, 3))); //~ `Opaque` cannot cross a process boundary
}

fn main() {}
