//! Whether a thread is a daemon is settled before it starts.
use concurrent_futures::threading::Thread;

fn program() -> std::io::Result<()> {
    let thread = Thread::new(|| 1).start()?;
    thread.daemon(true); //~ no method named `daemon`
    Ok(())
}

fn main() {
    program().ok();
}
