//! Waiting for futures of different types and executors, borrowed or owned, listed or as keys of a map.
#![forbid(unsafe_code)]
#![deny(unused)]

use concurrent_futures::*;
use std::collections::HashMap;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn mixed(pool: &ThreadPoolExecutor, executor: &dyn Executor) -> Result<(), Box<dyn std::error::Error>> {
    let number = pool.submit(|| 1);
    let text = executor.submit(task!([] => String::new()));
    let shared = pool.submit(|| 1.5).shared();
    let ended = wait(futures![number, text, shared], None, ReturnWhen::FirstCompleted);
    assert!(ended.done.iter().any(|any| [number.id(), text.id(), shared.id()].contains(&any.id())));
    for any in as_completed(futures![number, text], MINUTE) {
        let any = any?;
        assert!(any.id() == number.id() || any.id() == text.id());
    }
    let boxed: Vec<Box<dyn Waitable>> = vec![Box::new(number), Box::new(text)];
    assert_eq!(wait(&boxed, None, ReturnWhen::AllCompleted).done.len(), 2);
    assert_eq!(wait(boxed, None, ReturnWhen::AllCompleted).done.len(), 2);
    Ok(())
}

fn futures_as_keys(pool: &ThreadPoolExecutor) -> Result<(), Box<dyn std::error::Error>> {
    let names: HashMap<Future<usize>, String> =
        ["a", "bb"].iter().map(|name| (pool.submit(move || name.len()), name.to_string())).collect();
    for future in as_completed(names.keys(), None) {
        let future = future?;
        assert_eq!(names[future].len(), future.result(None)?);
    }
    Ok(())
}

fn many_readers(pool: &ThreadPoolExecutor) -> Result<(), Box<dyn std::error::Error>> {
    let shared = pool.submit(|| 3).shared();
    let lent: &i32 = shared.result(None)?;
    assert_eq!(*lent, 3);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPoolExecutor::new(2)?;
    mixed(&pool, &InlineExecutor::new())?;
    futures_as_keys(&pool)?;
    many_readers(&pool)?;
    Ok(())
}
