//! A thread is used up by its start, and its handle has no start.
use concurrent_futures::threading::Thread;

fn program() -> std::io::Result<()> {
    let thread = Thread::new(|| 1);
    let first = thread.start()?;
    let second = thread.start()?; //~ use of moved value
    drop((first, second));
    Ok(())
}

fn main() {
    program().ok();
}
