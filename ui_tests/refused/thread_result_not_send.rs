//! What a thread returns goes to whoever joins it.
use concurrent_futures::threading::Thread;
use std::rc::Rc;

fn main() {
    Thread::new(|| Rc::new(1)).start().ok(); //~ cannot be sent between threads safely
}
