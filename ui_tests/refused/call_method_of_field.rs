//! A method call on a field is answered in the same way.
use concurrent_futures::*;

struct Page {
    title: String,
}

fn program(executor: &dyn Executor) {
    let page = Page { title: String::new() };
    executor.submit(call!(page.title.len())); //~ not `page.title.len()`
}

fn main() {}
