//! A closure must not smuggle a token without size, which a worker would conjure from nothing.
use concurrent_futures::*;

mod library {
    #[derive(Clone, Copy)]
    pub struct Initialised(());

    pub fn init() -> Initialised {
        Initialised(())
    }

    pub fn read(_: Initialised) -> u8 {
        3
    }
}

fn program(executor: &dyn Executor) {
    let token = library::init();
    let _ = executor.submit(move || library::read(token)); //~ this job cannot leave the process
}

fn main() {}
