//! Only a thread that was started can be joined.
use concurrent_futures::threading::Thread;

fn main() {
    let thread = Thread::new(|| 1);
    thread.join(None).ok(); //~ no method named `join`
}
