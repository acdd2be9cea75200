//! An engine of one's own: a rayon pool as an executor, and everything that then works on it.
//!
//! The adapter implements the three methods that `Executor` asks for, and `InProcessExecutor`, which says that closures
//! are welcome; futures, `map`, scopes, cancelling and reports come with that.

mod adapter;

use adapter::RayonExecutor;
use concurrent_futures::{Executor, InProcessExt, ReturnWhen, Shutdown, as_completed, call, wait};
use rayon::prelude::*;
use std::error::Error;
use std::sync::{Arc, mpsc};
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).thread_name(|index| format!("rayon-{index}")).build()?;
    let pool = Arc::new(pool);
    let executor = RayonExecutor::new(Arc::clone(&pool));

    let greeting = String::from("hello");
    let where_it_ran = executor.submit_closure(move || (greeting, thread_name()));
    let (greeting, thread) = where_it_ran.result(Duration::from_secs(10))?;
    println!("submit_closure   {greeting} from {thread}");

    // Rayon's own work goes on beside it, and inside of it.
    let sum = executor.submit_closure(|| (1..=1_000_000_u64).into_par_iter().sum::<u64>());
    println!("par_iter inside  {}", sum.result(None)?);

    let lengths = executor.map_closure(|word: &str| word.len(), ["one", "two", "three"]);
    println!("map_closure      {:?}", lengths.collect::<Result<Vec<_>, _>>()?);

    let text = String::from("the scope's tasks borrow this text");
    let longest = executor.scope(|scope| {
        let lengths: Vec<_> = text.split(' ').map(|word| scope.submit(move || word.len())).collect();
        let mut longest = 0;
        for length in as_completed(&lengths, None) {
            longest = longest.max(length?.result(None)?);
        }
        Ok::<_, Box<dyn Error>>(longest)
    })?;
    println!("scope            the longest word has {longest} letters");

    // As any engine: behind the object-safe trait, for a library that does not know it.
    let anywhere: &dyn Executor = &executor;
    println!("call! on dyn     {}", anywhere.submit(call!(u32::max(6, 7))).result(None)?);

    // A task's own error becomes its future's, so that one `?` serves.
    let broken = executor.submit_closure(|| "seven".parse::<u32>()).fallible().result(None);
    println!("an error         {}", broken.err().map(|error| error.to_string()).unwrap_or_default());

    // Two tasks hold both threads, so what comes behind them is pending for certain.
    let (releases, held): (Vec<_>, Vec<_>) = (0..2).map(|_| hold_a_thread(&executor)).unzip();
    let pending: Vec<_> = (0..5).map(|n| executor.submit_closure(move || n)).collect();
    println!("cancel           {} (it had not begun)", pending[0].cancel());
    let report = executor.shutdown(Shutdown::wait().cancel_pending().deadline(Duration::from_millis(20)));
    println!("shutdown         {report:?}");
    println!("                 {} of {} pending tasks cancelled", pending.iter().filter(|f| f.cancelled()).count(), 5);
    drop(releases);
    let ended = wait(&held, Duration::from_secs(10), ReturnWhen::AllCompleted);
    println!("abandoned tasks  {} have ended later, by themselves", ended.done.len());
    let late = executor.submit_closure(|| ()).result(None);
    println!("too late         {}", late.err().map(|error| error.to_string()).unwrap_or_default());
    Ok(())
}

/// A task that has begun and goes on until the sender is dropped.
fn hold_a_thread(executor: &RayonExecutor) -> (mpsc::Sender<()>, concurrent_futures::Future<()>) {
    let (release, released) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let held = executor.submit_closure(move || {
        let _ = begun.send(());
        let _ = released.recv();
    });
    let _ = has_begun.recv();
    (release, held)
}

fn thread_name() -> String {
    std::thread::current().name().unwrap_or("a thread without a name").to_owned()
}
