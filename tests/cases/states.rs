//! Hand-made futures in every state that there is.

use concurrent_futures::{Future, Promise, promise};

/// What a failed future of these fails with.
pub(crate) const FAILURE: &str = "out of luck";
/// What one that succeeded holds.
pub(crate) const VALUE: u32 = 42;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Running,
    Cancelled,
    Failed,
    Finished,
}

pub(crate) const STATES: [State; 5] =
    [State::Pending, State::Running, State::Cancelled, State::Failed, State::Finished];

/// A future in that state. The promise is there if it can still be completed.
pub(crate) fn future_in(state: State) -> (Option<Promise<u32>>, Future<u32>) {
    let (mut promise, future) = promise();
    match state {
        State::Pending => {}
        State::Running => assert!(promise.set_running()),
        State::Cancelled => {
            assert!(future.cancel());
            return (None, future);
        }
        State::Failed => {
            assert!(promise.set_exception(FAILURE));
            return (None, future);
        }
        State::Finished => {
            promise.set_result(VALUE).unwrap();
            return (None, future);
        }
    }
    (Some(promise), future)
}
