//! A method call in `call!` is answered with how to write it.
use concurrent_futures::*;

struct Text;

impl Text {
    fn length(&self) -> usize {
        0
    }
}

fn program(executor: &dyn Executor) {
    let text = Text;
    executor.submit(call!(text.length())); //~ call!(Type::length(text
}

fn main() {}
