//! A result must be able to come back from another thread.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) {
    pool.submit(|| std::rc::Rc::new(1)); //~ `Rc<{integer}>` cannot be sent between threads safely
}

fn main() {}
