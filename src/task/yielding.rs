//! Giving others a turn.

use std::future::{Future, poll_fn};
use std::task::Poll;

/// Lets what is queued have a turn before this future goes on: behind it in its pool's queue, on any other executor as
/// that one sees fit.
///
/// Python's `asyncio.sleep(0)`. A future that computes for long between two awaits keeps its worker from others; this
/// is how it gives way.
///
/// # Cancel safety
/// Dropping it loses nothing.
///
/// # Examples
/// ```
/// use concurrent_futures::{ThreadPoolExecutor, task};
///
/// let pool = ThreadPoolExecutor::new(1)?;
/// let sum = pool.spawn(async {
///     let mut sum = 0;
///     for n in 0..1_000 {
///         sum += n;
///         task::yield_now().await;
///     }
///     sum
/// });
/// assert_eq!(pool.submit(|| "not kept out").result(None)?, "not kept out");
/// assert_eq!(sum.result(None)?, 499_500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn yield_now() -> impl Future<Output = ()> + Send + Sync + Unpin {
    let mut yielded = false;
    poll_fn(move |cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}
