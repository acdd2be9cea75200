//! Callbacks that see the outcome, promises kept by hand, options of one task, futures tied to their handle.
#![forbid(unsafe_code)]
#![deny(unused)]

use concurrent_futures::*;
use std::sync::mpsc;
use std::time::Duration;

fn callbacks(pool: &ThreadPoolExecutor) -> Result<(), Box<dyn std::error::Error>> {
    let (told, tells) = mpsc::channel();
    let future = pool.submit(|| String::from("text"));
    future.add_done_callback(move |outcome| {
        let said = match outcome {
            Ok(text) => text.len().to_string(),
            Err(error) => error.to_string(),
        };
        told.send(said).ok();
    });
    assert_eq!(tells.recv()?, "4");
    Ok(())
}

fn promises() -> Result<(), Box<dyn std::error::Error>> {
    let (kept, future) = promise::<i32>();
    kept.set_result(3).ok();
    assert_eq!(future.result(None)?, 3);
    let (broken, future) = promise();
    future.add_done_callback(|_outcome: Outcome<'_, u8>| {});
    broken.set_exception("boom");
    match future.exception(None)? {
        Some(error) if error.is_cancelled() => unreachable!(),
        Some(error) => assert!(error.is_failed()),
        None => unreachable!(),
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPoolExecutor::new(1)?;
    callbacks(&pool)?;
    promises()?;
    let named = pool.submit_with(SubmitOptions::new().name("x").timeout(Duration::from_secs(60)), || 3);
    assert_eq!(named.name(), Some("x"));
    assert_eq!(named.result(None)?, 3);
    let tied = pool.submit(|| 1).cancel_on_drop();
    assert_eq!(tied.result(None)?, 1);
    Ok(())
}
