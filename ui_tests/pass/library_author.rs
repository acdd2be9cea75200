//! Libraries that leave the choice of an executor to their callers: by `&dyn`, by generics, by `Arc`, with portable jobs
//! or with closures.
#![forbid(unsafe_code)]
#![deny(unused)]

use concurrent_futures::*;
use std::error::Error;
use std::sync::Arc;

fn add(a: i32, b: i32) -> i32 {
    a + b
}

mod outer {
    pub mod inner {
        pub fn negative(n: i32) -> i32 {
            -n
        }
    }
}

fn by_object(executor: &dyn Executor) -> Result<i32, Box<dyn Error>> {
    let sum = executor.submit(call!(add(1, 2)));
    let seven = executor.submit(task!([] => 7)).result(None)?;
    let results: Vec<Result<i32, _>> = executor.map(|n| n + 1, vec![1, 2, 3]).collect();
    assert_eq!(results.len(), 3);
    Ok(sum.result(None)? + seven)
}

fn by_generics<E: Executor + ?Sized>(executor: &E) -> Result<i32, Box<dyn Error>> {
    use concurrent_futures::ExecutorExt;
    let negative = executor.submit(call!(outer::inner::negative(5))).result(None)?;
    let sum: i32 = executor.map(|n| n + 1, [1, 2]).filter_map(Result::ok).sum();
    Ok(negative + sum)
}

fn by_impl(executor: &impl Executor) -> Result<i32, Box<dyn Error>> {
    Ok(executor.submit(call!(add(1, 2))).result(None)?)
}

fn by_pointer(executor: Arc<dyn Executor>, pool: Arc<ThreadPoolExecutor>) -> Result<i32, Box<dyn Error>> {
    let number = 1;
    // The pool's own `submit`, which takes closures, although `Arc<dyn Executor>` is an executor too.
    pool.submit(move || number).result(None)?;
    Ok(executor.submit(call!(add(1, 2,))).result(None)?)
}

fn closures_by_object(executor: &dyn InProcessExecutor, text: String) -> Result<usize, Box<dyn Error>> {
    let length = executor.submit(move || text.len()).result(None)?;
    let one = executor.try_submit(|| 1);
    match one {
        Ok(future) => Ok(length + future.result(None)?),
        Err(rejected) => {
            let job = rejected.job;
            Ok(job())
        }
    }
}

fn closures_by_generics<E: InProcessExecutor>(executor: &E, text: String) -> Result<(), Box<dyn Error>> {
    executor.submit_closure(move || text.len()).result(None)?;
    let number = 5;
    let mut six = 0;
    executor.scope(|s| {
        let _detached = s.submit(|| number + 1);
        let _detached = s.submit(|| six = number + 1);
    });
    assert_eq!(six, 6);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let pool = ThreadPoolExecutor::new(2)?;
    let inline = InlineExecutor::new();
    assert_eq!(by_object(&pool)?, 10);
    assert_eq!(by_object(&inline)?, 10);
    assert_eq!(by_generics(&pool)?, 0);
    assert_eq!(by_generics(&inline)?, 0);
    assert_eq!(by_generics(&pool as &dyn Executor)?, 0);
    assert_eq!(by_impl(&inline)?, 3);
    assert_eq!(closures_by_object(&pool, "text".into())?, 5);
    closures_by_generics(&pool, "text".into())?;

    let shared: Arc<dyn Executor> = Arc::new(pool.clone());
    assert_eq!(by_generics(&shared)?, 0);
    assert_eq!(shared.submit(task!([] => 1)).result(None)?, 1);
    let boxed: Box<dyn Executor> = Box::new(inline.clone());
    assert_eq!(by_impl(&boxed)?, 3);
    assert_eq!(by_pointer(Arc::new(inline), Arc::new(pool))?, 3);
    Ok(())
}
