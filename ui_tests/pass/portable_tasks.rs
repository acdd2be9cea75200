//! What `task!` lists and what the portable `map` and `map_with` take; generic code that submits to any executor.
#![forbid(unsafe_code)]
#![deny(unused)]

use concurrent_futures::*;
use std::error::Error;
use std::fmt::Debug;
use std::iter::zip;
use std::time::Duration;

fn same<T>(value: T) -> T {
    value
}

fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

#[derive(serde::Serialize, serde::Deserialize, Clone)]
struct Page {
    text: String,
}

impl Page {
    fn length(&self) -> usize {
        self.text.len()
    }

    fn into_length(self) -> usize {
        self.text.len()
    }

    fn longer(self, by: usize) -> usize {
        self.text.len() + by
    }
}

fn page(text: &str) -> Page {
    Page { text: text.to_owned() }
}

fn tasks(executor: &dyn Executor) -> Result<(), Box<dyn Error>> {
    let numbers = vec![1, 2];
    let number = 3;
    let text = String::from("q");
    let future = executor.submit(task!([numbers, number, t = text.len()] => numbers.len() + number + t));
    let sum: usize = future.result(None)?;
    assert_eq!(sum, 6);
    let pair = (1, 2);
    let added = executor.submit(task!([pair, _unused = 3u8] => {
        let (a, b) = pair;
        a + b
    }));
    assert_eq!(added.result(None)?, 3);
    let borrows_inside = page("");
    assert_eq!(executor.submit(task!([borrows_inside] => borrows_inside.length())).result(None)?, 0);
    let moves_inside = page("x");
    assert_eq!(executor.submit(task!([moves_inside] => moves_inside.longer(4))).result(None)?, 5);
    let three: Result<i32, TaskError> = executor.submit(task!([] => 3)).result(None);
    assert_eq!(three?, 3);
    Ok(())
}

fn maps(executor: &dyn Executor) -> Result<(), Box<dyn Error>> {
    let more: Vec<u32> = executor.map(|n| n + 1, vec![1u32]).collect::<Result<_, _>>()?;
    assert_eq!(more, [2]);
    let by_path: Vec<usize> = executor.map(Page::into_length, vec![page("")]).collect::<Result<_, _>>()?;
    let typed: Vec<usize> = executor.map(|page: Page| page.length(), vec![page("")]).collect::<Result<_, _>>()?;
    let inferred: Vec<usize> = executor
        .map(|page| page.text.len(), vec![page("")])
        .item_timeout(Duration::from_secs(60))
        .filter_map(|result| result.ok())
        .collect();
    assert_eq!((by_path, typed, inferred), (vec![0], vec![0], vec![0]));
    let powers: Vec<u64> = executor.map(|(a, b)| power(a, b), zip([1, 2], [3, 4])).collect::<Result<_, _>>()?;
    assert_eq!(powers, [1, 16]);
    let factor = 3u64;
    let products: Vec<u64> = executor.map_with(factor, |factor, n| n * factor, vec![1u64]).collect::<Result<_, _>>()?;
    assert_eq!(products, [3]);
    assert_eq!(executor.map_with(page(""), |page, n| page.text.len() + n, 0..3usize).count(), 3);
    Ok(())
}

fn generic_call<T: Portable + Clone>(executor: &dyn Executor, value: T) -> Result<T, Box<dyn Error>> {
    Ok(executor.submit(call!(same::<T>(value))).result(None)?)
}

fn generic_map<T, U>(executor: &dyn Executor, f: fn(T) -> U, items: Vec<T>) -> Result<Vec<U>, Box<dyn Error>>
where
    T: Portable,
    U: Portable,
{
    Ok(executor.map(f, items).collect::<Result<Vec<U>, _>>()?)
}

fn generic_task<T: Portable + Clone + Debug>(executor: &dyn Executor, value: T) -> Future<String> {
    executor.submit(task!([value] => format!("{value:?}")))
}

fn main() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPoolExecutor::new(2)?;
    tasks(&pool)?;
    maps(&pool)?;
    assert_eq!(generic_call(&pool, 5)?, 5);
    assert_eq!(generic_map(&pool, Page::into_length, vec![page("ab")])?, [2]);
    assert_eq!(generic_task(&pool, 5).result(None)?, "5");
    Ok(())
}
