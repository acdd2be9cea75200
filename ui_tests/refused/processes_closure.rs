//! A closure that captures is no job for worker processes, whatever it captures.
use concurrent_futures::*;

fn program(pool: &ProcessPoolExecutor) {
    let number = 3;
    pool.submit(move || number); //~ this job cannot leave the process
}

fn main() {}
