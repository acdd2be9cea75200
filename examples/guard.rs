//! A guard that ends a pool on every way out of a function: the last line, a `?` in the middle, a panic.
//!
//! Receipts are written to files on a pool while the next line is being read. Whatever happens to the reader, what was
//! accepted is on disk when the function has been left.

use concurrent_futures::{Shutdown, ShutdownReport, ThreadPoolExecutor};
use std::error::Error;
use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

const GOOD: &str = "coffee 3\ncake 4\ntea 2\njuice 5";
const TYPO: &str = "coffee 3\ncake 4\ntea two\njuice 5";
const FREE: &str = "coffee 3\ncake 4\ntea 2\nwater 0";

fn main() -> Result<(), Box<dyn Error>> {
    for (what, orders, how) in [
        ("to the end", GOOD, Shutdown::wait()),
        ("left by `?`", TYPO, Shutdown::wait()),
        ("left by a panic", FREE, Shutdown::wait()),
        ("to the end, but what has not begun is not wanted any more", GOOD, Shutdown::wait().cancel_pending()),
    ] {
        let desk = Desk::open()?;
        // One worker: when the reader is done, most is still to be written.
        let pool = ThreadPoolExecutor::new(1)?;
        // Not a part of the pattern: only here to show what the guard does while a panic passes.
        let came_to = panic::catch_unwind(AssertUnwindSafe(|| write_receipts(orders, &desk, &pool, how)));
        println!("{what}:");
        match came_to {
            Ok(Ok(report)) => println!("    the reader is done; {report:?}"),
            Ok(Err(error)) => println!("    the reader gave up: {error}"),
            Err(_) => println!("    the reader panicked"),
        }
        println!("    receipts on disk: {}", desk.receipts()?.join(", "));
        println!("    tasks left in the pool: {}", pool.stats().queued + pool.stats().running);
    }
    Ok(())
}

/// Reads orders, and has a receipt written for each.
fn write_receipts(
    orders: &str,
    desk: &Desk,
    pool: &ThreadPoolExecutor,
    how: Shutdown,
) -> Result<ShutdownReport, Box<dyn Error>> {
    // From here on, every way out goes through the guard.
    let guard = pool.guard().on_drop(how);
    let mut receipts = Vec::new();
    for order in orders.lines() {
        let (what, price) = order.split_once(' ').ok_or("an order is a thing and its price")?;
        let price: u32 = price.parse().map_err(|error| format!("`{order}`: {error}"))?;
        assert_ne!(price, 0, "nothing is free");
        let file = desk.folder.join(format!("{what}.txt"));
        receipts.push(pool.submit(move || fs::write(file, receipt(price))));
    }
    // Where the report is wanted, the guard is used by hand.
    let report = guard.shutdown();
    for receipt in receipts.into_iter().filter(|receipt| !receipt.cancelled()) {
        receipt.fallible().result(None)?;
    }
    Ok(report)
}

/// A long one: every cent has its line.
fn receipt(price: u32) -> String {
    (1..=price * 10_000).map(|cents| format!("{cents:>8}\n")).collect()
}

/// A folder of its own, gone at the end.
struct Desk {
    folder: PathBuf,
}

impl Desk {
    fn open() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("receipts-{}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Desk { folder })
    }

    fn receipts(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            names.push(Path::new(&name).file_stem().unwrap_or(&name).to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // Nobody could do anything about it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
