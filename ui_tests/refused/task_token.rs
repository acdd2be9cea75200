//! `task!` must not smuggle a token without size either.
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
    let _ = executor.submit(task!([] => library::read(token))); //~ `token` captured here
}

fn main() {}
