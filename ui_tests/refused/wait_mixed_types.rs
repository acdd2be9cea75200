//! Futures of different types wait together through `futures!`, not in an array.
use concurrent_futures::*;

fn program(pool: &ThreadPoolExecutor) {
    let number = pool.submit(|| 1);
    let text = pool.submit(|| "");
    wait([&number, &text], None, ReturnWhen::AllCompleted); //~ found `&Future<&str>`
}

fn main() {}
