//! Whoever adds a `submit` of their own to every executor has to say which one is meant.
use concurrent_futures::*;

trait MyExt: Executor {
    fn submit<J: Job>(&self, _job: J) {}
}

impl<E: Executor + ?Sized> MyExt for E {}

fn program(executor: &impl Executor) {
    executor.submit(|| 1); //~ multiple applicable items in scope
}

fn main() {}
