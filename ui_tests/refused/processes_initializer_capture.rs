//! An initializer is a call, too, whose captures would be arguments.
use concurrent_futures::*;

fn program() {
    let size = 3;
    let _ = ProcessPoolExecutor::builder().initializer(call!((move || Ok::<_, TaskError>(vec![0; size]))())); //~ `size` captured here
}

fn main() {}
