//! Tasks that borrow from the stack, nested and mapped, and a scope with a policy through the trait for generic code.
#![forbid(unsafe_code)]
#![deny(unused)]

use concurrent_futures::*;
use std::time::Duration;

fn borrows(pool: &ThreadPoolExecutor) -> Result<(), Box<dyn std::error::Error>> {
    let numbers = vec![1, 2, 3];
    let mut places = vec![0; 3];
    let sum = pool.scope(|s| {
        let sum = s.submit(|| numbers.iter().sum::<i32>());
        for place in &mut places {
            s.submit(move || *place += 1).cancel();
        }
        let same: Vec<usize> = s.map(|n| *n as usize, &numbers).filter_map(Result::ok).collect();
        assert_eq!(same, [1, 2, 3]);
        let nested = s.submit(|| s.submit(|| numbers.len()).result(None).unwrap()).result(None);
        assert_eq!(nested.unwrap(), 3);
        sum.result(None)
    })?;
    assert_eq!(sum, 6);
    assert!(places.iter().all(|place| *place <= 1));
    let largest: Result<&i32, _> = pool.scope(|s| s.submit(|| numbers.iter().max().unwrap()).result(None));
    assert_eq!(*largest?, 3);
    Ok(())
}

fn limits(pool: &ThreadPoolExecutor, executor: &dyn InProcessExecutor) -> Result<(), TaskError> {
    let options = ScopeOptions::new().policy(ScopePolicy::CancelOnError).cancel_after(Duration::ZERO);
    // The pool has the method itself, others by `InProcessExt`.
    let by_pool: Result<i32, TaskError> = pool.scope_with(options.clone(), |_scope| 3);
    let by_trait: Result<i32, TaskError> = executor.scope_with(options, |_scope| 3);
    assert_eq!((by_pool?, by_trait?), (3, 3));
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPoolExecutor::new(2)?;
    borrows(&pool)?;
    limits(&pool, &pool)?;
    Ok(())
}
