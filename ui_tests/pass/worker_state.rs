//! Pools whose threads have a state of their own: neither serde, nor `Clone`, nor `Sync` is asked of it.
#![forbid(unsafe_code)]
#![deny(unused)]

use concurrent_futures::*;
use std::cell::Cell;
use std::io;

struct Database {
    queries: Cell<u32>,
}

fn query(database: &Database, id: u32) -> String {
    database.queries.set(database.queries.get() + 1);
    format!("row {id}")
}

/// A pool with a state can be named in a type, and is a clone of itself whatever the state.
struct Holder {
    plain: ThreadPoolExecutor,
    with_state: ThreadPoolExecutor<Database>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .initializer(|_slot| Ok::<_, io::Error>(Database { queries: Cell::new(0) }))
        .build()?;
    let row: String = pool.submit_with_state(|database| query(database, 3)).result(None)?;
    assert_eq!(row, "row 3");
    assert_eq!(pool.submit(|| 3).result(None)?, 3);
    let counts = pool.broadcast(|database| database.queries.get());
    assert_eq!(counts.iter().map(|count| count.result(None)).sum::<Result<u32, _>>()?, 1);

    let holder = Holder { plain: ThreadPoolExecutor::new(1)?, with_state: pool.clone() };
    assert_eq!(holder.plain.max_workers() + holder.with_state.max_workers(), 3);
    let portable: &dyn Executor = &holder.with_state;
    assert_eq!(portable.submit(task!([] => 2)).result(None)?, 2);
    Ok(())
}
