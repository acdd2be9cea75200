//! A scoped task must not borrow what ends before the scope.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) {
    let mut kept = None;
    pool.scope(|s| {
        let inner = 1;
        kept = Some(s.submit(|| inner)); //~ it borrows `inner`
    });
}

fn main() {}
