//! A broadcast sends a function; what it needs is in the workers' state.
use concurrent_futures::*;

fn program(pool: &ProcessPoolExecutor) {
    let extra = 3;
    pool.broadcast(move |()| extra); //~ `extra` captured here
}

fn main() {}
