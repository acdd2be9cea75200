//! The items of a portable map must be owned: string literals are not.
use concurrent_futures::*;

fn program(executor: &dyn Executor) {
    executor.map(|word| word.len(), ["one", "two"]); //~ `&str`
}

fn main() {}
