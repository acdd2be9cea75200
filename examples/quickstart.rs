//! The lines that the README begins with.

use concurrent_futures::{ThreadPoolExecutor, as_completed};
use std::{collections::HashMap, error::Error, fs, time::Duration};

fn main() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPoolExecutor::new(4)?;
    println!("the answer is {}", pool.submit(|| 6 * 7).result(Duration::from_secs(5))?);

    let sizes: HashMap<_, _> =
        ["README.md", "Cargo.toml"].map(|file| (pool.submit(move || fs::read(file)), file)).into();
    for size in as_completed(sizes.keys(), Duration::from_secs(5)) {
        let size = size?;
        println!("{} has {} bytes", sizes[size], size.result(None)??.len());
    }
    let cubes: Vec<u64> = pool.map(|n: u64| n.pow(3), 1..=4).collect::<Result<_, _>>()?;
    println!("cubes: {cubes:?}");
    Ok(())
}
