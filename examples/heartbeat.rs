//! A daemon's heartbeat beside work: it tells how far the work is, and nobody has to stop it.
//!
//! Threads look for twin primes, each in its part of the numbers. `main` has nothing to do when they have been started,
//! and simply returns; the process waits for the searchers, because they are no daemons, and ends the heartbeat, which is
//! one, in the middle of its loop. When all of them are through, one of them prints the sum.

use concurrent_futures::threading::{Barrier, Event, Thread, active_count, current};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SEARCHERS: u64 = 3;
const LIMIT: u64 = 3_000_000;
/// So many pairs there are below that, as is known.
const TWINS: u64 = 20_932;

/// How far all of them are, and what they have found.
#[derive(Default)]
struct Progress {
    looked_at: AtomicU64,
    twins: AtomicU64,
}

fn main() -> io::Result<()> {
    let progress = Arc::new(Progress::default());
    let finish = Arc::new(Barrier::new(SEARCHERS as usize));
    let began = Instant::now();

    let seen = Arc::clone(&progress);
    let heartbeat = Thread::new(move || beat(&seen, began)).name("heartbeat").daemon(true).start()?;

    for part in 0..SEARCHERS {
        let (progress, finish) = (Arc::clone(&progress), Arc::clone(&finish));
        let search = move || {
            search(part, &progress);
            // Each gets a number; one of them says how it went.
            if finish.wait(None) == Ok(0) {
                let twins = progress.twins.load(Ordering::Relaxed);
                println!("{:>9}: {twins} twin primes below {LIMIT}, in {:.1?}", current().name(), began.elapsed());
                assert_eq!(twins, TWINS, "that is not how many there are");
            }
        };
        // Dropping the handle lets go of the thread, not of its work.
        drop(Thread::new(search).name(format!("search {part}")).start()?);
    }

    println!("{:>9}: {} threads, of which `{}` is a daemon; returns now", "main", active_count(), heartbeat.name());
    Ok(())
}

/// For ever, or as long as there is a process.
fn beat(progress: &Progress, began: Instant) {
    let pause = Event::new();
    loop {
        let done = progress.looked_at.load(Ordering::Relaxed) * 100 / LIMIT;
        let twins = progress.twins.load(Ordering::Relaxed);
        println!("{:>9}: {done:>3} % after {:>4} ms, {twins} found", current().name(), began.elapsed().as_millis());
        // Nobody sets it: a pause that could be cut short, where somebody wanted that.
        pause.wait(Duration::from_millis(200));
    }
}

/// The pairs whose smaller prime is in this searcher's part: every so many thousand.
fn search(part: u64, progress: &Progress) {
    const STRIDE: u64 = 1_000;
    for first in (0..LIMIT).step_by(STRIDE as usize).filter(|first| first / STRIDE % SEARCHERS == part) {
        let numbers = first..(first + STRIDE).min(LIMIT - 2);
        let twins = numbers.filter(|&number| is_prime(number) && is_prime(number + 2)).count() as u64;
        progress.twins.fetch_add(twins, Ordering::Relaxed);
        progress.looked_at.fetch_add(STRIDE, Ordering::Relaxed);
    }
}

fn is_prime(number: u64) -> bool {
    number > 1 && (2..).take_while(|divisor| divisor * divisor <= number).all(|divisor| number % divisor != 0)
}
