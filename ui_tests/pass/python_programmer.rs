//! What somebody who knows Python's `concurrent.futures` writes first: submit, result, map, `as_completed`, shutdown.
#![forbid(unsafe_code)]
#![deny(unused)]

use concurrent_futures::*;
use std::iter::zip;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPoolExecutor::new(4)?;
    results(&pool)?;
    maps(&pool)?;
    let report = pool.shutdown(Shutdown::wait().cancel_pending());
    assert_eq!((report.abandoned, report.killed), (0, 0));
    Ok(())
}

fn results(pool: &ThreadPoolExecutor) -> Result<(), Box<dyn std::error::Error>> {
    let text = String::from("x");
    let future = pool.submit(move || text.len());
    let length = future.result(MINUTE)?;
    assert_eq!(length, 1);
    let again: Result<usize, TaskError> = future.result(Some(Duration::ZERO));
    assert!(again.unwrap_err().is_result_taken());
    let number: u64 = pool.submit(|| 7).result(None)?;
    assert_eq!(number, 7);
    Ok(())
}

fn maps(pool: &ThreadPoolExecutor) -> Result<(), Box<dyn std::error::Error>> {
    let mut sum = 0;
    for result in pool.map(|n| n * 2, 0..10).chunksize(64).timeout(MINUTE) {
        let double: i32 = result?;
        sum += double;
    }
    assert_eq!(sum, 90);
    let doubles: Vec<i32> = pool.map(|n| n * 2, vec![1, 2]).collect::<Result<_, _>>()?;
    assert_eq!(doubles, [2, 4]);
    let powers = pool.map(|(a, b)| power(a, b), zip([1, 2], [3, 4])).collect::<Result<Vec<_>, _>>()?;
    assert_eq!(powers, [1, 16]);
    let first: Vec<_> = pool.map(|n: u64| n, 0..).buffersize(2).take(3).collect();
    assert_eq!(first.len(), 3);

    let futures = pool.map(|n: i32| n, 0..3).into_futures();
    let mut borrowed = 0;
    for future in as_completed(&futures, None) {
        assert!(future?.done());
        borrowed += 1;
    }
    let mut owned = 0;
    for future in as_completed(futures, MINUTE) {
        owned += future?.result(None)?;
    }
    assert_eq!((borrowed, owned), (3, 3));
    Ok(())
}
