//! What can be submitted.

/// Something that can be run once, elsewhere: a closure, [`call!`](crate::call), or [`task!`](crate::task!).
///
/// Implemented for every `FnOnce() -> T + Send + 'static`; there is nothing to implement by hand.
///
/// # Examples
/// ```
/// use concurrent_futures::{Job, call};
///
/// fn run_here<J: Job>(job: J) -> J::Output {
///     job.run()
/// }
///
/// assert_eq!(run_here(|| 3), 3);
/// assert_eq!(run_here(call!(u32::max(3, 4))), 4);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a job",
    note = "a job is a closure `FnOnce() -> T + Send + 'static`, `call!(f(a, b))` or `task!([a, b] => ..)`"
)]
pub trait Job: Send + 'static {
    /// What the job makes.
    type Output: Send + 'static;

    /// Does it.
    fn run(self) -> Self::Output;
}

impl<F: FnOnce() -> T + Send + 'static, T: Send + 'static> Job for F {
    type Output = T;

    fn run(self) -> T {
        self()
    }
}
