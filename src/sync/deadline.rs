//! A point in time until which somebody waits, or never.

use std::time::{Duration, Instant};

/// When a wait ends without a result. A wait so long that the clock cannot express its end never ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) const NEVER: Deadline = Deadline(None);

    /// `None` waits for ever.
    pub(crate) fn after(wait: Option<Duration>) -> Self {
        Deadline(wait.and_then(|wait| Instant::now().checked_add(wait)))
    }

    pub(crate) fn at(self) -> Option<Instant> {
        self.0
    }

    #[inline]
    pub(crate) fn is_never(self) -> bool {
        self.0.is_none()
    }

    #[cfg(not(concurrent_futures_loom))]
    #[inline]
    pub(crate) fn is_past(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }

    /// Under loom every timed wait has had its one chance by the time anybody asks.
    #[cfg(concurrent_futures_loom)]
    pub(crate) fn is_past(self) -> bool {
        self.0.is_some()
    }

    /// How long is left; zero once it has passed, `None` for never.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }
}
