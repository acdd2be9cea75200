//! The other arguments of a call that uses the state travel like any other's.
use concurrent_futures::*;

struct Opaque;

fn look_up(_: &u32, _: Opaque) {}

fn program(pool: &ProcessPoolExecutor<u32>) {
    pool.submit_with_state(call!(look_up(_, Opaque))); //~ `Opaque` cannot cross a process boundary
}

fn main() {}
