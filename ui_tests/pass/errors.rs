//! Jobs that return a `Result`: `?` twice, `fallible`, `anyhow` around it all, and errors that could cross a process.
#![forbid(unsafe_code)]
#![deny(unused)]

use concurrent_futures::*;

fn read(path: String) -> Result<usize, PortableError> {
    let text = std::fs::read_to_string(&path)?;
    let number: usize = text.trim().parse()?;
    Ok(number)
}

fn no_file() -> String {
    "there is no such file".to_owned()
}

fn one_by_one(executor: &dyn Executor, pool: &ThreadPoolExecutor) -> anyhow::Result<usize> {
    let _number = executor.submit(call!(read(no_file()))).fallible().result(None)?;
    let _text = pool.submit(|| std::fs::read_to_string(no_file())).result(None)??;
    let _text = pool.submit(|| std::fs::read_to_string(no_file())).fallible().result(None)?;
    Ok(3)
}

fn future_inside_a_job(pool: &ThreadPoolExecutor) -> anyhow::Result<i32> {
    let future = pool.submit(|| 3);
    let number = pool
        .submit(move || {
            let number: i32 = future.result(None)?;
            Ok::<_, TaskError>(number)
        })
        .result(None)??;
    Ok(number)
}

fn maps(executor: &dyn Executor, pool: &ThreadPoolExecutor) -> anyhow::Result<Vec<usize>> {
    let sum: usize = pool
        .map(|text: String| text.parse::<usize>(), vec!["1".to_owned()])
        .fallible()
        .map(|result| result.unwrap())
        .sum();
    assert_eq!(sum, 1);
    Ok(executor.map(read, vec![no_file()]).fallible().collect::<Result<Vec<_>, _>>()?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPoolExecutor::new(1)?;
    let failed = one_by_one(&pool, &pool).unwrap_err();
    assert!(failed.downcast_ref::<TaskError>().is_some_and(TaskError::is_failed), "{failed:?}");
    assert_eq!(future_inside_a_job(&pool)?, 3);
    let failed = maps(&pool, &pool).unwrap_err();
    assert!(failed.downcast_ref::<TaskError>().is_some_and(TaskError::is_failed), "{failed:?}");
    Ok(())
}
