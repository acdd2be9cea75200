//! What people do with worker processes. The program is executed again for each worker, and has nothing in `main` for it.
#![forbid(unsafe_code)]
#![deny(unused)]

use concurrent_futures::shared_memory::SharedSlice;
use concurrent_futures::*;
use std::cell::Cell;
use std::error::Error;
use std::fmt::Debug;
use std::iter::zip;
use std::time::Duration;

#[derive(serde::Serialize, serde::Deserialize, Clone)]
struct Document {
    text: String,
}

impl Document {
    fn length(self) -> usize {
        self.text.len()
    }
}

fn add(a: i32, b: i32) -> i32 {
    a + b
}

fn same<T>(value: T) -> T {
    value
}

fn read(path: String) -> Result<usize, PortableError> {
    Ok(std::fs::read_to_string(path)?.trim().parse()?)
}

fn calls(pool: &ProcessPoolExecutor) -> Result<(), Box<dyn Error>> {
    assert_eq!(pool.submit(call!(add(1, 2))).result(None)?, 3);
    assert_eq!(pool.submit(call!(same::<u32>(1))).result(None)?, 1);
    assert_eq!(pool.submit(call!((|n: i32| n + 1)(4))).result(None)?, 5);
    let (words, extra, text) = (vec!["a", "b"], 3, String::from("text"));
    let sum = pool.submit(task!([n = words.len(), extra, text] => n + extra + text.len())).result(None)?;
    assert_eq!(sum, 9);
    let document = Document { text: "x".into() };
    assert_eq!(pool.submit(task!([document] => document.length())).result(None)?, 1);
    assert_ne!(pool.submit(task!([] => std::process::id())).result(None)?, std::process::id());
    Ok(())
}

fn maps(pool: &ProcessPoolExecutor) -> Result<(), Box<dyn Error>> {
    assert_eq!(pool.map(|n| n + 1, vec![1u32]).collect::<Result<Vec<u32>, _>>()?, [2]);
    let lengths = pool.map(Document::length, vec![Document { text: "xy".into() }]).item_timeout(Duration::from_secs(60));
    assert_eq!(lengths.collect::<Result<Vec<usize>, _>>()?, [2]);
    let powers: Vec<u64> = pool.map(|(a, b)| u64::pow(a, b), zip([1, 2], [3, 4])).collect::<Result<_, _>>()?;
    assert_eq!(powers, [1, 16]);
    let factor = 3u64;
    let products: Vec<u64> = pool.map_with(factor, |factor, n| n * factor, 0..4u64).collect::<Result<_, _>>()?;
    assert_eq!(products, [0, 3, 6, 9]);
    Ok(())
}

fn generic<T: Portable + Clone + Debug>(pool: &ProcessPoolExecutor, value: T) -> Future<String> {
    pool.submit(task!([value] => format!("{value:?}")))
}

fn anywhere<T: Portable, U: Portable>(
    executor: &dyn Executor,
    f: fn(T) -> U,
    values: Vec<T>,
) -> Result<Vec<U>, TaskError> {
    executor.map(f, values).collect()
}

/// One question mark for what happened on the way, and one for what the function said.
fn errors(pool: &ProcessPoolExecutor) -> Result<usize, Box<dyn Error>> {
    let said = pool.submit(call!(read("no/such/file".into()))).fallible().result(None).unwrap_err();
    assert!(said.is_failed() && said.to_string().contains("No such file"), "{said}");
    let all: Result<Vec<usize>, TaskError> = pool.map(read, vec!["no/such/file".into()]).fallible().collect();
    assert!(all.is_err_and(|error| error.is_failed()));
    Ok(pool.submit(call!(read("no/such/file".into()))).result(None)??)
}

fn mixed(threads: &ThreadPoolExecutor, pool: &ProcessPoolExecutor) {
    let (here, there) = (threads.submit(|| 1), pool.submit(task!([] => String::new())));
    assert_eq!(wait(futures![here, there], None, ReturnWhen::AllCompleted).done.len(), 2);
    assert_eq!(as_completed(futures![here, there], Duration::from_secs(60)).count(), 2);
}

/// Neither serde nor `Sync` is asked of it.
struct Database {
    queries: Cell<u32>,
}

fn connect(first: u32) -> Result<Database, std::io::Error> {
    Ok(Database { queries: Cell::new(first) })
}

fn query(database: &Database, id: u32) -> String {
    database.queries.set(database.queries.get() + 1);
    format!("row {id}")
}

struct Holder {
    database: ProcessPoolExecutor<Database>,
}

fn state() -> Result<(), Box<dyn Error>> {
    let builder = ProcessPoolExecutor::builder().max_workers(1).initializer(call!(connect(10)));
    let Holder { database } = Holder { database: builder.build()? };
    assert_eq!(database.submit_with_state(call!(query(_, 3))).result(None)?, "row 3");
    assert_eq!(database.submit(task!([] => 2)).result(None)?, 2);
    let counts = database.broadcast(|database| database.queries.get());
    assert_eq!(counts[0].result(None)?, 11);
    Ok(())
}

fn shared(pool: &ProcessPoolExecutor) -> Result<(), Box<dyn Error>> {
    let numbers = SharedSlice::copy_from(&[1.0, 2.0])?;
    assert_eq!(pool.submit(task!([numbers] => numbers.iter().sum::<f64>())).result(None)?, 3.0);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let pool = ProcessPoolExecutor::new(2)?;
    calls(&pool)?;
    maps(&pool)?;
    assert_eq!(generic(&pool, Some(3)).result(None)?, "Some(3)");
    assert_eq!(anywhere(&pool, |text: String| text.len(), vec!["abc".to_string()])?, [3]);
    assert!(errors(&pool).is_err());
    mixed(&ThreadPoolExecutor::new(1)?, &pool);
    state()?;
    shared(&pool)?;
    assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    Ok(())
}
