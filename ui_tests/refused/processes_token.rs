//! A token without size would be conjured by a worker, where what it stands for was never done.
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

fn program(pool: &ProcessPoolExecutor) {
    let token = library::init();
    let _ = pool.submit(call!((move |n: u8| n + library::read(token))(1))); //~ `token` captured here
}

fn main() {}
