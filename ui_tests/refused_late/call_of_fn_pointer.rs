//! Which function a `fn` pointer points to is nothing that the compiler knows, so there is nothing to send. Calls have no
//! other refusal that comes with `cargo build`, and not with `cargo check`.
use concurrent_futures::*;

fn twice(n: i32) -> i32 {
    2 * n
}

fn main() {
    let f: fn(i32) -> i32 = twice;
    let executor: &dyn Executor = &InlineExecutor::new();
    let _ = executor.submit(call!(f(3))); //~ is a fn item or a closure without captures; not a fn pointer
}
