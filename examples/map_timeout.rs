//! A map with a limit for all of it, over work of which some takes far too long.
//!
//! Numbers are taken apart into their factors by trying divisors, which is quick for most, and takes many seconds for a
//! prime of twenty digits. What comes in time is handed out; at the limit comes one `TimedOut`, and then the end. A
//! thread cannot be stopped from outside: the search asks now and then whether it should go on.

use concurrent_futures::{Shutdown, ThreadPoolExecutor, task};
use std::error::Error;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_millis(500);
/// Two primes of twenty digits among numbers that fall apart at once.
const NUMBERS: [u64; 8] =
    [360_360, 1 << 40, 18_446_744_073_709_551_557, 600_851_475_143, 18_446_744_073_709_551_533, 987_654_321, 97, 1_001];

fn main() -> Result<(), Box<dyn Error>> {
    for unordered in [false, true] {
        let order = if unordered { "as they come" } else { "in the order of the inputs" };
        println!("Results {order}, for at most {LIMIT:?}:");
        // More workers than slow numbers, so that the others get their turn.
        let pool = ThreadPoolExecutor::new(3)?;
        let (given_up, heard) = mpsc::channel();
        let search = move |number| {
            let found = factors(number);
            if found.is_none() {
                // Nobody listens to this result any more; so that there is something to see:
                let _ = given_up.send(number);
            }
            found.map(|factors| (number, factors))
        };
        // One number a task: in a longer chunk a slow one would hold up its neighbours.
        let mut results = pool.map(search, NUMBERS).chunksize(1).timeout(LIMIT);
        if unordered {
            results = results.unordered();
        }
        let began = Instant::now();
        for result in results {
            let after = began.elapsed();
            match result {
                Ok(Some((number, factors))) => println!("{after:>9.1?}  {number} = {}", product(&factors)),
                Ok(None) => println!("{after:>9.1?}  a search was given up"),
                Err(error) if error.is_timed_out() => println!("{after:>9.1?}  {error}"),
                Err(error) => return Err(error.into()),
            }
        }
        // The map has asked what was running to stop, so this need not wait for the end of any search.
        let report = pool.shutdown(Shutdown::wait());
        println!("{:>9.1?}  the pool has ended; still running: {}", began.elapsed(), report.abandoned);
        for number in heard {
            println!("           given up when asked to: {number}");
        }
        println!();
    }
    Ok(())
}

/// By trying divisors; `None` if it was asked to stop before it was done.
fn factors(mut number: u64) -> Option<Vec<u64>> {
    let mut factors = Vec::new();
    let mut divisor = 2;
    while divisor <= number / divisor {
        if divisor % 0x1_0000 == 0 && task::cancel_requested() {
            return None;
        }
        if number % divisor == 0 {
            factors.push(divisor);
            number /= divisor;
        } else {
            divisor += 1;
        }
    }
    factors.push(number);
    Some(factors)
}

/// `2^3 * 5`
fn product(factors: &[u64]) -> String {
    let powers = factors.chunk_by(|one, next| one == next).map(|equal| match equal.len() {
        1 => equal[0].to_string(),
        power => format!("{}^{power}", equal[0]),
    });
    powers.collect::<Vec<_>>().join(" * ")
}
