//! A tokio program that has heavy work to do and stays responsive: passwords are hashed on our pool, and awaited.
//!
//! Whatever runs on tokio's own thread has to come to its next await soon, for everything else there waits meanwhile. A
//! heartbeat shows by how much: first the hashes are computed right in the async code, then on the pool. At last a
//! limit of tokio's ends two hashes that would take for ever.
//!
//! (Tokio's `spawn_blocking` is made for work that waits, and has up to 512 threads for it; this is a pool for work that
//! computes, with as many as there are processors.)

use concurrent_futures::{Outcome, TaskError, ThreadPoolExecutor, task};
use futures::future::{join, try_join_all};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;

const PASSWORDS: [&str; 12] = [
    "correct horse",
    "battery staple",
    "hunter2",
    "letmein",
    "12345",
    "qwerty",
    "trustno1",
    "sesame",
    "swordfish",
    "monkey",
    "dragon",
    "abc123",
];
/// What makes a hash dear, to whoever tries a million passwords and to us.
const ROUNDS: u64 = if cfg!(debug_assertions) { 5_000 } else { 200_000 };
const BEAT: Duration = Duration::from_millis(5);
const LIMIT: Duration = Duration::from_millis(100);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPoolExecutor::builder().thread_name_prefix("hash").build()?;
    println!("{} passwords to hash, beside a heartbeat that is due every {BEAT:?}:", PASSWORDS.len());

    let in_place = async {
        let mut hashes = Vec::new();
        for password in PASSWORDS {
            hashes.push(hash(password, ROUNDS)?);
            // As much as async code can do for the others.
            tokio::task::yield_now().await;
        }
        Ok(hashes)
    };
    let expected = beside_a_heartbeat("on tokio's thread", in_place).await?;

    let offloaded = try_join_all(PASSWORDS.map(|password| pool.submit(move || hash(password, ROUNDS)).fallible()));
    let hashes = beside_a_heartbeat("on the pool", offloaded).await?;

    if hashes != expected {
        return Err("the hashes differ".into());
    }
    println!("The hashes are the same; the last begins with {:02x?}.", &hashes[PASSWORDS.len() - 1][..4]);
    give_up().await
}

/// One worker, two hashes with far too many rounds, and a limit.
async fn give_up() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPoolExecutor::new(1)?;
    let [first, second] = ["the first", "the second"].map(|which| {
        let endless = pool.submit(move || hash(which, u64::MAX));
        endless.add_done_callback(move |outcome| println!("    {which}: {}", fate(outcome)));
        endless.cancel_on_drop()
    });
    println!("Two endless hashes on one worker, for at most {LIMIT:?}:");
    // Tokio drops what took too long, and so both are cancelled.
    match tokio::time::timeout(LIMIT, join(first, second)).await {
        Ok(_) => return Err("an endless hash has ended".into()),
        Err(elapsed) => println!("    tokio: {elapsed}"),
    }
    let began = Instant::now();
    // On the same worker, behind them.
    pool.submit(|| ()).await?;
    println!("    the worker was free again {:.1?} later", began.elapsed());
    Ok(())
}

fn fate(outcome: Outcome<'_, Result<Hash, TaskError>>) -> String {
    match outcome {
        Ok(Ok(_)) => "has its hash".to_owned(),
        Ok(Err(_)) => "was being computed, and stopped when it was asked to".to_owned(),
        Err(error) if error.is_cancelled() => "had not begun, and now never will".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Runs some work, and says how late the latest beat of a heartbeat beside it was.
async fn beside_a_heartbeat<T>(what: &str, work: impl Future<Output = Result<T, TaskError>>) -> Result<T, TaskError> {
    let mut work = pin!(work);
    let mut beats = tokio::time::interval(BEAT);
    // Beats that were missed are not made up for: that would count one delay many times.
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (began, mut count, mut latest) = (Instant::now(), 0, Duration::ZERO);
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome,
            due = beats.tick() => (count, latest) = (count + 1, latest.max(due.elapsed())),
        }
    };
    let took = began.elapsed();
    // The beat after the work counts too: it may be the one that was held up.
    latest = latest.max(beats.tick().await.elapsed());
    println!("    {what:<18} {took:>8.1?}, {count:>4} beats meanwhile, the latest {latest:>8.1?} late");
    outcome
}

type Hash = [u8; 32];

/// Asks now and then whether the hash is still wanted; where it is called outside of a task, it is.
fn hash(password: &str, rounds: u64) -> Result<Hash, TaskError> {
    let mut hash: Hash = Sha256::digest(password).into();
    for round in 0..rounds {
        if round % 1_024 == 0 {
            task::check_cancelled()?;
        }
        hash = Sha256::new().chain_update(hash).chain_update(password).finalize().into();
    }
    Ok(hash)
}
