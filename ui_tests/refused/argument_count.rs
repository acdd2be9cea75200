//! Too few arguments in `call!` are reported as for any call.
use concurrent_futures::*;

fn count(text: String) -> usize {
    text.len()
}

fn program(executor: &dyn Executor) {
    executor.submit(call!(count())); //~ takes 1 argument but 0 arguments were supplied
}

fn main() {}
