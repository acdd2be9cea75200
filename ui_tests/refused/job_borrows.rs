//! A job for a pool owns what it uses; scopes are for borrowing.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) {
    let text = String::new();
    pool.submit(|| text.len()); //~ it borrows `text`
}

fn main() {}
