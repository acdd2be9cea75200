//! A job must be able to go to another thread.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) {
    let counted = std::rc::Rc::new(1);
    pool.submit(move || *counted); //~ `Rc<i32>` cannot be sent between threads safely
}

fn main() {}
