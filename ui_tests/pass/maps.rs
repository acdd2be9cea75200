//! Maps with closures that capture, borrowed items, options in a row, and a map kept in a struct.
#![forbid(unsafe_code)]
#![deny(unused)]

use concurrent_futures::*;
use std::iter::zip;

fn lengths(pool: &ThreadPoolExecutor) -> Vec<usize> {
    let more = 3;
    pool.map(move |text: String| text.len() + more, vec![String::new()]).unordered().eager().flatten().collect()
}

/// The type of a map can be written down.
struct Keep<'e> {
    map: Map<'e, std::vec::IntoIter<i32>, i32>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPoolExecutor::new(2)?;
    assert_eq!(lengths(&pool), [3]);
    assert_eq!(pool.map(|(text, _): (&str, u8)| text.len(), zip(["a"], [1])).count(), 1);
    let keep = Keep { map: pool.map(|n| n, vec![1]) };
    assert_eq!(keep.map.collect::<Result<Vec<_>, _>>()?, [1]);
    // The map keeps the pool that it runs on.
    let outlives = {
        let short_lived = ThreadPoolExecutor::new(1)?;
        short_lived.map(|n| n, 0..3)
    };
    assert_eq!(outlives.count(), 3);
    Ok(())
}
