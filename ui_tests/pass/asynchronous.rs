//! Futures awaited on tokio, among the combinators of the `futures` crate, whose methods must not hide ours.
#![forbid(unsafe_code)]
#![deny(unused)]

use ::futures::{FutureExt, StreamExt};
use concurrent_futures::*;
use std::time::Duration;

fn one(pool: &ThreadPoolExecutor) -> Future<i32> {
    pool.submit(|| 1)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPoolExecutor::new(2)?;
    let text = String::new();
    assert_eq!(pool.submit(move || text.len()).await?, 0);

    let mut future = pool.submit(|| 1);
    tokio::select! {
        result = &mut future => assert_eq!(result?, 1),
        _ = tokio::time::sleep(Duration::ZERO) => { future.cancel(); }
    }

    // `shared` is the crate's own, although `FutureExt` has one too.
    let shared = pool.submit(|| 3).shared();
    let clone: SharedFuture<i32> = shared.clone();
    assert_eq!(clone.await?, 3);
    assert_eq!(pool.submit(|| 3).map(Result::unwrap_or_default).await, 3);

    let both = ::futures::future::join_all(vec![pool.submit(|| 1), pool.submit(|| 2)]).await;
    assert_eq!(both.into_iter().sum::<Result<i32, _>>()?, 3);

    let spawned = tokio::spawn({
        let pool = pool.clone();
        async move { pool.submit(|| 1).await }
    });
    assert_eq!(spawned.await??, 1);

    assert_eq!((&one(&pool)).await?, 1);
    assert_eq!(pool.submit(|| 4).cancel_on_drop().await?, 4);

    let mut squares = pool.map(|n: i32| n * n, 0..9).stream();
    while let Some(square) = squares.next().await {
        assert!(square? < 81);
    }
    tokio::spawn(pool.map(|n: i32| n, 0..9).stream().for_each(async |item| drop(item))).await?;
    let ended = wait_async([pool.submit(|| 1), pool.submit(|| 2)], ReturnWhen::AllCompleted).await.done;
    assert_eq!(as_completed(ended, None).stream().count().await, 2);

    assert_eq!(pool.spawn(async { 3 }).await?, 3);
    assert_eq!(pool.spawn_with(SubmitOptions::new().name("named"), async { task::name() }).await?, Some("named".into()));

    pool.shutdown(Shutdown::no_wait());
    let report = pool.closed().await;
    assert_eq!(report.abandoned, 0);
    Ok(())
}
