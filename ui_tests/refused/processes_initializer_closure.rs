//! Threads have closures for initializers; a process is sent a call.
use concurrent_futures::*;

fn program() {
    let _ = ProcessPoolExecutor::builder().initializer(|_slot| Ok::<_, TaskError>(3)); //~ expected `Call<_, _>`
}

fn main() {}
